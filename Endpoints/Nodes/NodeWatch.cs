using AiChat.Data.Nodes;
using AiChat.Data.Postgres;
using AiChat.Data.Runs;
using AiChat.Data.Traces;
using AiChat.Endpoints.Calls;
using AiChat.Endpoints.Http;

namespace AiChat.Endpoints.Nodes;

/// <summary>
/// Finds out which of the other processes are gone, and ends what those had begun: answers with the text that they had stored, and what
/// they held of the limits. A process is gone when the address at which it has answered refuses connections or another answers there, else
/// when it has not been heard of for a lease.
/// </summary>
internal sealed partial class NodeWatch(
    NodeStore nodes, NodeCalls calls, RunStore runs, TraceStore traces, BackgroundWork background, TimeProvider clock,
    ILogger<NodeWatch> logger, NodeLink? link = null) : IDisposable
{
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(1);

    /// <summary>What nobody has ended because a process failed while it did so.</summary>
    private const int TurnsBetweenSweeps = 10;

    /// <summary>A process that did not answer where it says that it listens is asked again.</summary>
    private const int TurnsBetweenCalls = 3;

    private readonly SemaphoreSlim _judging = new(1);

    /// <summary>
    /// Processes that have answered at the address they give. Another address says nothing of them: it may be that of a balancer, or mean
    /// each machine itself.
    /// </summary>
    private readonly HashSet<string> _met = new(StringComparer.Ordinal);

    /// <summary>How often those did not that have not yet.</summary>
    private readonly Dictionary<string, int> _missed = new(StringComparer.Ordinal);

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
        await Judge(node => node.IsLate || IsToMeet(node));
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
            var others = await nodes.Others();
            Forget(others);
            foreach (var node in others.FindAll(which))
            {
                removed |= await IsGone(node, others) && await nodes.Remove(node.BootId, null);
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

    /// <summary>
    /// Whether its address proves that a process is gone. Where it never answered, or where two say that they listen, its row must have
    /// been left for a lease as well: a wrong NODE_URL must not end the answers of a process that lives.
    /// </summary>
    private async Task<bool> IsGone(NodeRow node, List<NodeRow> others)
    {
        if (node.Draining || node.Address is not { } address)
        {
            return false; // it does not listen, which proves nothing
        }

        var isShared = address == link?.Address || others.Exists(other => other.Address == address && other.BootId != node.BootId);
        var state = isShared ? NodeState.Gone : await calls.Ask(node, CancellationToken.None);
        if (state == NodeState.Alive)
        {
            _met.Add(node.BootId);
            return false;
        }

        if (!isShared && _met.Contains(node.BootId))
        {
            return state == NodeState.Gone;
        }

        var isLeft = node.Age > NodeTable.Lease.TotalMilliseconds;
        if (!isLeft)
        {
            Note(node.BootId, address, isShared ? "another server gives the same"
                : state == NodeState.Gone ? "nothing listens for this server, or another one answers"
                : "it does not answer this server, or their clocks differ by more than half a minute");
        }

        return state == NodeState.Gone && isLeft;
    }

    private bool IsToMeet(NodeRow node) => node is { Address: not null, Draining: false } && !_met.Contains(node.BootId)
        && (_turns % TurnsBetweenCalls == 0 || !_missed.ContainsKey(node.BootId));

    /// <summary>Tells it when it is no accident, once.</summary>
    private void Note(string bootId, string address, string reason)
    {
        var times = _missed.GetValueOrDefault(bootId) + 1;
        _missed[bootId] = times;
        if (times == 2)
        {
            LogUnreachable(logger, address, reason);
        }
    }

    private void Forget(List<NodeRow> others)
    {
        var there = others.Select(node => node.BootId).ToHashSet(StringComparer.Ordinal);
        _met.IntersectWith(there);
        foreach (var bootId in _missed.Keys.Where(bootId => !there.Contains(bootId)).ToList())
        {
            _missed.Remove(bootId);
        }
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

    [LoggerMessage(LogLevel.Warning, "A server on the same database is to be reached at {Address} (its NODE_URL), but {Reason}. Give each "
        + "server an address that leads to it alone; until then its answers are followed a second late here")]
    private static partial void LogUnreachable(ILogger logger, string address, string reason);

    [LoggerMessage(LogLevel.Warning, "{Count} answers were interrupted by the end of another node")]
    private static partial void LogSwept(ILogger logger, int count);
}
