namespace AiChat.Endpoints.Chat;

/// <summary>
/// Whether there is memory for another answer. Near the limit (of the container, of DOTNET_GCHeapHardLimit, else of the machine) new
/// ones are refused, so that those being written are not lost with the process. Safe for any number of threads.
/// </summary>
internal sealed class MemoryRoom(Func<long> used, long limit)
{
    /// <summary>The rest is for what is running already: answers grow, and uploads and exports come on top.</summary>
    private const double Full = 0.7;

    /// <summary>Of this process: what the collector counts, against what it may take.</summary>
    public static MemoryRoom OfProcess() => new(() => GC.GetTotalMemory(forceFullCollection: false), GC.GetGCMemoryInfo().TotalAvailableMemoryBytes);

    public bool IsShort => used() > limit * Full;
}
