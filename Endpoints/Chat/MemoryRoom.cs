namespace AiChat.Endpoints.Chat;

/// <summary>
/// Whether there is memory for another answer. Near the limit (of the container, of DOTNET_GCHeapHardLimit, else of the machine) new
/// ones are refused, so that those being written are not lost with the process. Safe for any number of threads.
/// </summary>
/// <param name="used">Bytes in use; true asks to collect what nobody uses any more before counting.</param>
internal sealed class MemoryRoom(Func<bool, long> used, long limit, TimeProvider clock)
{
    /// <summary>Tenths of the limit; the rest is for what comes on top: uploads, exports, answers that grow past the usual.</summary>
    private const int Full = 7;

    /// <summary>
    /// What an answer that has begun may still need: a crowd that is let in at once is counted by what it will hold, not by what it
    /// holds yet. A long answer of 256,000 characters, held twice while it is stored.
    /// </summary>
    private const long ForOne = 1024 * 1024;

    /// <summary>Collecting stops every thread for a moment; refusing meanwhile is cheaper.</summary>
    private static readonly TimeSpan BetweenCollections = TimeSpan.FromSeconds(2);

    /// <summary>When was collected last; 0 = never.</summary>
    private long _collected;

    /// <summary>Of this process: what the collector counts, against what it may take.</summary>
    public static MemoryRoom OfProcess(TimeProvider clock) => new(InUse, GC.GetGCMemoryInfo().TotalAvailableMemoryBytes, clock);

    /// <param name="running">Answers that are being written.</param>
    public bool IsShort(int running)
    {
        var most = (limit / 10 * Full) - (running * ForOne);
        return used(false) > most && (!MayCollect() || used(true) > most);
    }

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
