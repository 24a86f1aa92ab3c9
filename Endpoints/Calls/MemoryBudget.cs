using AiChat.Endpoints.Http;

namespace AiChat.Endpoints.Calls;

/// <summary>
/// Whether there is memory for another answer, or for one to become longer. Near the limit (of the container, of
/// DOTNET_GCHeapHardLimit, else of the machine) new ones are refused and long ones are ended, so that those being written are not lost
/// with the process. Safe for any number of threads.
/// </summary>
/// <param name="used">Bytes in use; true asks to collect what nobody uses any more before counting.</param>
internal sealed class MemoryBudget(Func<bool, long> used, long limit, TimeProvider clock)
{
    /// <summary>Characters of an answer that one piece of the room is for; it grows by whole pieces.</summary>
    public const int Piece = 160 * 1024;

    /// <summary>Tenths of the limit; the rest is for what comes on top: uploads, exports, readers.</summary>
    private const int Full = 7;

    /// <summary>
    /// What a piece may need: a crowd that is let in at once is counted by what it will hold, not by what it holds yet. The text is held
    /// as it is written, on its way to the table, and whole at its end.
    /// </summary>
    private const long ForPiece = 3 * sizeof(char) * Piece;

    /// <summary>
    /// Collecting stops every thread, so that refusing meanwhile is cheaper: it takes at most a twentieth of the time. A small heap is
    /// collected in milliseconds, and with so little memory garbage fills it as fast.
    /// </summary>
    private const int TimesItsLength = 20;

    private static readonly TimeSpan MinBetweenCollections = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan MaxBetweenCollections = TimeSpan.FromSeconds(2);

    /// <summary>How long an answer waits for what another leaves; that one may wait for the disk.</summary>
    private static readonly TimeSpan MaxWait = TimeSpan.FromSeconds(10);

    private readonly Lock _gate = new();

    /// <summary>When a collection may begin next, as a timestamp of the clock; long.MaxValue while one goes on.</summary>
    private long _nextCollection = long.MinValue;

    /// <summary>Pieces that answers have.</summary>
    private long _taken;

    /// <summary>Answers that wait to become longer.</summary>
    private int _waiting;

    /// <summary>An answer ends for the others, and what it has comes back soon.</summary>
    private bool _oneEnds;

    /// <summary>Completes when pieces come back.</summary>
    private TaskCompletionSource _cameBack = NewSignal();

    /// <summary>Of this process: what the collector counts, against what it may take.</summary>
    public static MemoryBudget OfProcess(TimeProvider clock) => new(InUse, GC.GetGCMemoryInfo().TotalAvailableMemoryBytes, clock);

    /// <summary>
    /// The first piece of another answer, given back with <see cref="GiveBack"/>; false when there is no room, or when answers that are
    /// being written wait for it.
    /// </summary>
    public bool TryBegin()
    {
        var max = Most - ((Interlocked.Increment(ref _taken) - 1) * ForPiece);
        if (Volatile.Read(ref _waiting) == 0 && (used(false) <= max || (MayCollect() && Collect() <= max)))
        {
            return true;
        }

        GiveBack(1);
        return false;
    }

    /// <summary>
    /// Another piece for an answer that goes on; false when the answer has to end. Only what is promised is counted, not what is in use,
    /// so that no answer ends because of garbage: together they never hold more than their part of the limit. When a crowd has grown
    /// into it evenly, one answer ends at a time and the others wait for what it leaves; ending them all would finish none.
    /// </summary>
    public ValueTask<bool> Grow(CancellationToken cancellationToken) => TryGrow() ? new(true) : new(GrowOrWait(cancellationToken));

    /// <summary>Another piece at once; false when there is no room.</summary>
    public bool TryGrow()
    {
        if (Interlocked.Increment(ref _taken) * ForPiece <= Most)
        {
            return true;
        }

        Interlocked.Decrement(ref _taken);
        return false;
    }

    /// <param name="pieces">How many.</param>
    /// <param name="ended">They are of an answer for which there was no room.</param>
    public void GiveBack(int pieces, bool ended = false)
    {
        TaskCompletionSource cameBack;
        lock (_gate)
        {
            Interlocked.Add(ref _taken, -pieces);
            _oneEnds &= !ended;
            if (_waiting == 0)
            {
                return;
            }

            (cameBack, _cameBack) = (_cameBack, NewSignal());
        }

        cameBack.SetResult();
    }

    private async Task<bool> GrowOrWait(CancellationToken cancellationToken)
    {
        while (true)
        {
            Task cameBack;
            lock (_gate)
            {
                if (TryGrow())
                {
                    return true;
                }

                if (!_oneEnds)
                {
                    _oneEnds = true;
                    return false;
                }

                cameBack = _cameBack.Task;
                Interlocked.Increment(ref _waiting);
            }

            try
            {
                await cameBack.WaitAsync(MaxWait, clock, cancellationToken);
            }
            catch (TimeoutException)
            {
                return false;
            }
            finally
            {
                Interlocked.Decrement(ref _waiting);
            }
        }
    }

    private static TaskCompletionSource NewSignal() => new(TaskCreationOptions.RunContinuationsAsynchronously);

    private long Most => limit / 10 * Full;

    private static long InUse(bool collect)
    {
        if (collect)
        {
            MemoryAtRest.CollectBeforeRefusal();
        }

        return GC.GetTotalMemory(forceFullCollection: false);
    }

    /// <summary>A server that has become idle does not collect by itself, and would refuse for what is garbage.</summary>
    private bool MayCollect()
    {
        var next = Volatile.Read(ref _nextCollection);
        return clock.GetTimestamp() >= next && Interlocked.CompareExchange(ref _nextCollection, long.MaxValue, next) == next;
    }

    private long Collect()
    {
        var began = clock.GetTimestamp();
        var pause = MaxBetweenCollections;
        try
        {
            var left = used(true);
            var length = clock.GetElapsedTime(began);
            pause = TimeSpan.FromTicks(Math.Clamp(length.Ticks * TimesItsLength, MinBetweenCollections.Ticks, MaxBetweenCollections.Ticks));
            return left;
        }
        finally
        {
            Volatile.Write(ref _nextCollection, clock.GetTimestamp() + (long)(pause.TotalSeconds * clock.TimestampFrequency));
        }
    }
}
