namespace AiChat.Endpoints.Chat;

/// <summary>
/// Whether there is memory for another answer, or for one to become longer. Near the limit (of the container, of
/// DOTNET_GCHeapHardLimit, else of the machine) new ones are refused and long ones are ended, so that those being written are not lost
/// with the process. Safe for any number of threads.
/// </summary>
/// <param name="used">Bytes in use; true asks to collect what nobody uses any more before counting.</param>
internal sealed class MemoryRoom(Func<bool, long> used, long limit, TimeProvider clock)
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

    /// <summary>Collecting stops every thread for a moment; refusing meanwhile is cheaper.</summary>
    private static readonly TimeSpan BetweenCollections = TimeSpan.FromSeconds(2);

    /// <summary>When was collected last; 0 = never.</summary>
    private long _collected;

    /// <summary>Pieces that answers have.</summary>
    private long _taken;

    /// <summary>Of this process: what the collector counts, against what it may take.</summary>
    public static MemoryRoom OfProcess(TimeProvider clock) => new(InUse, GC.GetGCMemoryInfo().TotalAvailableMemoryBytes, clock);

    /// <summary>The first piece of another answer, given back with <see cref="GiveBack"/>; false when there is no room.</summary>
    public bool TryBegin()
    {
        var most = Most - ((Interlocked.Increment(ref _taken) - 1) * ForPiece);
        if (used(false) <= most || (MayCollect() && used(true) <= most))
        {
            return true;
        }

        GiveBack(1);
        return false;
    }

    /// <summary>
    /// Another piece for an answer that goes on. Only what is promised is counted, not what is in use, so that no answer ends because of
    /// garbage: together they never hold more than their part of the limit.
    /// </summary>
    public bool TryGrow()
    {
        if (Interlocked.Increment(ref _taken) * ForPiece <= Most)
        {
            return true;
        }

        GiveBack(1);
        return false;
    }

    public void GiveBack(int pieces) => Interlocked.Add(ref _taken, -pieces);

    private long Most => limit / 10 * Full;

    private static long InUse(bool collect)
    {
        if (collect)
        {
            GC.Collect(GC.MaxGeneration, GCCollectionMode.Forced, blocking: true);
        }

        return GC.GetTotalMemory(forceFullCollection: false);
    }

    /// <summary>A server that has become idle does not collect by itself, and would refuse for what is garbage.</summary>
    private bool MayCollect()
    {
        var last = Volatile.Read(ref _collected);
        return (last == 0 || clock.GetElapsedTime(last) >= BetweenCollections)
            && Interlocked.CompareExchange(ref _collected, clock.GetTimestamp(), last) == last;
    }
}
