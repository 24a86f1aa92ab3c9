using AiChat.Data;
using AiChat.Data.Nodes;
using AiChat.Data.Runs;
using AiChat.Endpoints.Calls;
using AiChat.Endpoints.Nodes;

namespace AiChat.Endpoints.Runs;

/// <summary>Ends the runs that an earlier process left, with the text that it stored.</summary>
internal sealed partial class RunSweeper(
    RunStore store, RunRegistry registry, NodeStore nodes, NodeWatch watch, ILiveText text, DataFolder folder, TimeProvider clock,
    ILogger<RunSweeper> logger)
{
    /// <summary>Call once, before the server listens.</summary>
    public async Task Sweep()
    {
        if (!nodes.IsAlone)
        {
            await watch.Begin(); // ends those of processes that are gone
            text.Begin(registry.BootId);
            return;
        }

        var swept = await store.Sweep(
            registry.BootId, folder.DatabasePath, answer => TokenEstimate.Estimate(answer), clock.GetUtcNow());
        text.Begin(registry.BootId);
        if (swept > 0)
        {
            LogSwept(logger, swept);
        }
    }

    [LoggerMessage(LogLevel.Warning, "{Count} answers were interrupted by the end of the last process")]
    private static partial void LogSwept(ILogger logger, int count);
}
