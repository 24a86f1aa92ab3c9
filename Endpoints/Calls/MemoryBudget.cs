using AiChat.Endpoints.Http;

namespace AiChat.Endpoints.Calls;

/// <summary>
/// Decides whether there is memory for another answer, or for an answer to grow. Near the limit (of the container, of
/// DOTNET_GCHeapHardLimit, else of the machine) new answers are refused and long ones are ended, so that the process does not run out of
/// memory and lose all of them. Memory is given in pieces. Safe for any number of threads.
/// </summary>
/// <param name="used">Returns the bytes in use; true collects garbage before counting.</param>
/// <param name="limit">Bytes that the process may use.</param>
/// <param name="clock">Measures waits and the time between collections.</param>
internal sealed class MemoryBudget(Func<bool, long> used, long limit, TimeProvider clock)
{
    /// <summary>Characters of an answer in one piece of memory, enough for most answers.</summary>
    public const int Piece = 8 * 1024;

    /// <summary>Tenths of the limit that answers may take; the rest is for uploads, exports and readers.</summary>
    private const int MaxTenths = 7;

    /// <summary>Tenths that may be promised when an answer begins, so that those that turn out long find room.</summary>
    private const int MaxTenthsToBegin = 6;

    /// <summary>
    /// Bytes that a full piece needs: its text exists in the log, on its way to the table, and as one string at the end. Pieces count in
    /// full from the start, so that answers that begin together are not all admitted while each is still short.
    /// </summary>
    private const long BytesPerPiece = 3 * sizeof(char) * Piece;

    /// <summary>What an answer takes beside its text: its connections, buffers and tasks.</summary>
    private const long BytesPerAnswer = 32 * 1024;

    /// <summary>
    /// Pieces for one line of a reply at its usual greatest length, 48 MB: its bytes, its text twice as long, once more while it is taken
    /// apart, and the picture in it.
    /// </summary>
    private const int PiecesPerLine = 1_020;

    /// <summary>Pieces beside these for a line four times as long.</summary>
    private const int PiecesPerLongestLine = 3 * PiecesPerLine;

    /// <summary>
    /// The pause after a collection, in multiples of its length: a collection stops every thread, so it may take at most about a twentieth
    /// of the time. A small heap is collected in milliseconds and fills with garbage as fast.
    /// </summary>
    private const int PausePerCollection = 20;

    private static readonly TimeSpan MinBetweenCollections = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan MaxBetweenCollections = TimeSpan.FromSeconds(2);

    /// <summary>How long an answer waits for the memory of another, whose end may wait for the disk.</summary>
    private static readonly TimeSpan MaxWait = TimeSpan.FromSeconds(10);

    /// <summary>How long a line waits for the memory of others, which takes as long as their clients take to read it.</summary>
    private static readonly TimeSpan MaxLineWait = TimeSpan.FromSeconds(60);

    private readonly Lock _gate = new();

    /// <summary>When the next collection may begin, as a timestamp of the clock; long.MaxValue while one runs.</summary>
    private long _nextCollection = long.MinValue;

    /// <summary>Pieces held by answers.</summary>
    private long _taken;

    /// <summary>Answers that wait for another piece.</summary>
    private int _waiting;

    /// <summary>Lines that hold memory.</summary>
    private int _lines;

    /// <summary>Those of them that wait for the memory of the longest.</summary>
    private int _longestWaiting;

    /// <summary>Those of them that have it.</summary>
    private int _longest;

    /// <summary>An answer was told to end; its pieces come back soon.</summary>
    private bool _oneEnds;

    /// <summary>Completes when pieces come back.</summary>
    private TaskCompletionSource _cameBack = NewSignal();

    /// <summary>The budget of this process: the bytes that the garbage collector counts, against those it may use.</summary>
    public static MemoryBudget OfProcess(TimeProvider clock) => new(InUse, GC.GetGCMemoryInfo().TotalAvailableMemoryBytes, clock);

    /// <summary>About how many answers of usual length have room at once.</summary>
    public long MaxAnswers => limit / 10 * MaxTenthsToBegin / (BytesPerPiece + BytesPerAnswer);

    /// <summary>The limit in bytes.</summary>
    public long Limit => limit;

    /// <summary>
    /// Takes the first piece for another answer, returned with <see cref="GiveBack"/>; false when there is no memory, or when running
    /// answers wait for it.
    /// </summary>
    public bool TryBegin()
    {
        var promised = (Interlocked.Increment(ref _taken) - 1) * BytesPerPiece;
        var max = MaxBytes - promised;
        if (Volatile.Read(ref _waiting) == 0 && promised <= limit / 10 * MaxTenthsToBegin
            && (used(false) <= max || (MayCollect() && Collect() <= max)))
        {
            return true;
        }

        GiveBack(1);
        return false;
    }

    /// <summary>
    /// Takes another piece for a running answer; false when the answer has to end. Counts the pieces held, not the bytes in use, so that no
    /// answer ends because of garbage. When many answers have grown evenly up to the limit, one of them is ended at a time and the others
    /// wait for its pieces; ending them all would finish none.
    /// </summary>
    public ValueTask<bool> Grow(CancellationToken cancellationToken) => TryGrow() ? new(true) : new(GrowOrWait(cancellationToken));

    /// <summary>Takes another piece without waiting; false when there is no memory.</summary>
    public bool TryGrow() => TryTake(1);

    /// <summary>
    /// Takes the memory for one line of a reply at its usual greatest length, until it is disposed of; null when none becomes free in time.
    /// All of it at once, and before the line has come, so that lines that arrive together never wait for one another. What one of them
    /// takes beside when it turns out to be the longest stays free.
    /// </summary>
    /// <param name="isLongest">
    /// What the longest line takes beside, for a line that has its memory already. When all lines wait for it, because answers have grown
    /// into it, the last one ends, so that the others can go on.
    /// </param>
    /// <param name="cancellationToken">Ends the wait.</param>
    public async ValueTask<IDisposable?> TakeLine(bool isLongest, CancellationToken cancellationToken)
    {
        var most = MaxBytes / BytesPerPiece;
        var beside = (int)Math.Clamp(most / 4, 1, PiecesPerLongestLine);
        var pieces = isLongest ? beside : (int)Math.Clamp(most / 2, 1, PiecesPerLine);
        var begun = clock.GetTimestamp();
        while (true)
        {
            Task cameBack;
            lock (_gate)
            {
                if ((isLongest || _longestWaiting == 0) && TryTake(pieces, leaving: isLongest || _longest > 0 ? 0 : beside))
                {
                    _lines += isLongest ? 0 : 1;
                    _longest += isLongest ? 1 : 0;
                    return new LineLease(this, pieces, isLongest);
                }

                if (isLongest && _lines > 1 && _longestWaiting + 1 >= _lines)
                {
                    return null;
                }

                _longestWaiting += isLongest ? 1 : 0;
                cameBack = _cameBack.Task;
                Interlocked.Increment(ref _waiting);
            }

            try
            {
                var left = MaxLineWait - clock.GetElapsedTime(begun);
                await cameBack.WaitAsync(left > TimeSpan.Zero ? left : TimeSpan.Zero, clock, cancellationToken);
            }
            catch (TimeoutException)
            {
                return null;
            }
            finally
            {
                lock (_gate)
                {
                    _longestWaiting -= isLongest ? 1 : 0;
                    Interlocked.Decrement(ref _waiting);
                }
            }
        }
    }

    /// <summary>Returns the pieces of an answer.</summary>
    /// <param name="pieces">The number of pieces.</param>
    /// <param name="ended">Whether the answer was ended because there was no memory for it.</param>
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

    private bool TryTake(int pieces, int leaving = 0)
    {
        if ((Interlocked.Add(ref _taken, pieces) + leaving) * BytesPerPiece <= MaxBytes)
        {
            return true;
        }

        Interlocked.Add(ref _taken, -pieces);
        return false;
    }

    private static TaskCompletionSource NewSignal() => new(TaskCreationOptions.RunContinuationsAsynchronously);

    private long MaxBytes => limit / 10 * MaxTenths;

    private static long InUse(bool collect)
    {
        if (collect)
        {
            MemoryAtRest.CollectBeforeRefusal();
        }

        return GC.GetTotalMemory(forceFullCollection: false);
    }

    /// <summary>An idle server does not collect by itself, and would refuse answers because of garbage.</summary>
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
            pause = TimeSpan.FromTicks(
                Math.Clamp(length.Ticks * PausePerCollection, MinBetweenCollections.Ticks, MaxBetweenCollections.Ticks));
            return left;
        }
        finally
        {
            Volatile.Write(ref _nextCollection, clock.GetTimestamp() + (long)(pause.TotalSeconds * clock.TimestampFrequency));
        }
    }

    private void EndLine(bool isLongest)
    {
        lock (_gate)
        {
            _lines -= isLongest ? 0 : 1;
            _longest -= isLongest ? 1 : 0;
        }
    }

    private sealed class LineLease(MemoryBudget budget, int pieces, bool isLongest) : IDisposable
    {
        private bool _ended;

        public void Dispose()
        {
            if (!Interlocked.Exchange(ref _ended, true))
            {
                budget.EndLine(isLongest);
                budget.GiveBack(pieces);
            }
        }
    }
}
