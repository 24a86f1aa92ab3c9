namespace AiChat.Endpoints.Http;

/// <summary>
/// The forced collections, all of them, and what else is given back. The collector works only while something is allocated and decides by
/// the size of the heap, so it keeps large blocks that the process needed for a moment. Each method says which memory it returns and why
/// the collector would not.
/// </summary>
internal static class MemoryAtRest
{
    /// <summary>
    /// After a password hash, before the next one may begin. A hash leaves 19 MiB of large objects, which would pile up to hundreds in a
    /// crowd of logins; collected at once they stay at one block for each slot.
    /// </summary>
    /// <param name="crowded">
    /// Others hash or wait: then the memory also goes back to the system, because a block that one heap of the collector retains is of no
    /// use to another. A single block is retained for the next hash or for streams.
    /// </param>
    public static void CollectAfterHash(bool crowded)
    {
        if (crowded)
        {
            ReturnToSystem();
        }
        else
        {
            Collect();
        }
    }

    /// <summary>Before a request is refused for want of memory: only live objects count against the budget, not garbage.</summary>
    public static void CollectBeforeRefusal() => Collect();

    /// <summary>
    /// When the process is idle: without allocations no collection would ever begin, and memory of the last crowd would stay, as would
    /// the code that only the start and that crowd used.
    /// </summary>
    public static void CollectWhenIdle()
    {
        ReturnToSystem();
        CodePages.Release();
    }

    private static void Collect() => GC.Collect(GC.MaxGeneration, GCCollectionMode.Forced, blocking: true);

    private static void ReturnToSystem() => GC.Collect(GC.MaxGeneration, GCCollectionMode.Aggressive, blocking: true, compacting: true);
}
