using AiChat.Data.Nodes;
using AiChat.Data.Postgres;
using AiChat.Data.Runs;
using AiChat.Data.Traces;
using AiChat.Endpoints.Calls;
using AiChat.Endpoints.Http;

namespace AiChat.Endpoints.Nodes;

/// <summary>
/// Finds out which of the other processes are gone, and ends what those had begun: answers with the text that they had stored, and what
/// they held of the limits. A process is gone when its address refuses connections or another answers there, else when it has not been
/// heard of for a lease.
/// </summary>
internal sealed partial class NodeWatch(
    NodeStore nodes, NodeCalls calls, RunStore runs, TraceStore traces, BackgroundWork background, TimeProvider clock,
    ILogger<NodeWatch> logger, NodeLink? link = null) : IDisposable
{
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(1);

    /// <summary>What nobody has ended because a process failed while it did so.</summary>
    private const int TurnsBetweenSweeps = 10;

    private readonly SemaphoreSlim _judging = new(1);
    private int _turns;

    /// <summary>Before the server listens: what is gone by now is ended.</summary>
    public async Task Begin()
    {
        await Judge(_ => true);
        await Sweep();
    }

    public Task Run(CancellationToken stop) => background.Every("watching other nodes", Interval, Turn, stop);

    /// <summary>A process did not answer as it should: judges it now. True when it is gone and what it had begun is ended.</summary>
    public async Task<bool> Suspect(string bootId)
    {
        await Judge(node => node.BootId == bootId);
        if (bootId == nodes.BootId || (await nodes.Others()).Exists(node => node.BootId == bootId))
        {
            return false;
        }

        await Sweep(); // another process may have declared it gone, and be at it still
        return true;
    }

    public void Dispose() => _judging.Dispose();

    private async Task Turn()
    {
        await Judge(node => node.IsLate);
        if (++_turns % TurnsBetweenSweeps == 0)
        {
            await Sweep();
            await nodes.Forget(clock.GetUtcNow());
        }
    }

    private async Task Judge(Predicate<NodeRow> which)
    {
        await _judging.WaitAsync();
        try
        {
            var removed = false;
            foreach (var node in (await nodes.Others()).FindAll(which))
            {
                removed |= await IsGone(node) && await nodes.Remove(node.BootId, null);
                removed |= node.Age > NodeTable.Lease.TotalMilliseconds && link?.SteadyFor > NodeTable.Lease
                    && await nodes.Remove(node.BootId, NodeTable.Lease);
            }

            if (removed)
            {
                await Sweep();
            }
        }
        finally
        {
            _judging.Release();
        }
    }

    private async Task<bool> IsGone(NodeRow node)
    {
        if (node.Draining || node.Address is null)
        {
            return false; // it does not listen, which proves nothing
        }

        return node.Address == link?.Address || await calls.Ask(node, CancellationToken.None) == NodeState.Gone;
    }

    private async Task Sweep()
    {
        var ended = await runs.SweepGone(text => TokenEstimate.Estimate(text), clock.GetUtcNow());
        await nodes.ReleaseHeld();
        await traces.EndGone();
        if (ended > 0)
        {
            LogSwept(logger, ended);
        }
    }

    [LoggerMessage(LogLevel.Warning, "{Count} answers were interrupted by the end of another node")]
    private static partial void LogSwept(ILogger logger, int count);
}
