using System.Collections.Concurrent;
using System.Globalization;
using AiChat.Data.Accounts;
using AiChat.Data.Nodes;
using AiChat.Data.Postgres;
using AiChat.Data.Runs;
using AiChat.Endpoints.Calls;
using AiChat.Endpoints.Http;

namespace AiChat.Endpoints.Runs;

/// <summary>
/// All live runs of this process: starts each once, finds them for readers and stops them, also those of other processes on the same
/// database. Safe for any number of threads.
/// </summary>
internal sealed class RunRegistry(
    RunStore store, RunExecutor executor, RunSlots slots, NodeStore nodes, BackgroundWork background, TimeProvider clock) : IDisposable
{
    /// <summary>A run elsewhere is told to stop, and looked at as often, until it has ended.</summary>
    private const int MaxLooks = 50;

    private static readonly TimeSpan BetweenLooks = TimeSpan.FromMilliseconds(100);

    private readonly ConcurrentDictionary<long, Run> _live = new();
    private readonly ConcurrentDictionary<StartKey, TaskCompletionSource<Run?>> _starting = new();
    private readonly CancellationTokenSource _abandon = new();

    /// <summary>Names this process in the rows of its runs.</summary>
    public string BootId => nodes.BootId;

    /// <summary>The runs that live now.</summary>
    public ICollection<Run> List() => _live.Values;

    /// <summary>The live run of an answer, if it is this user's.</summary>
    public Run? Find(long userId, long messageId) => _live.TryGetValue(messageId, out var run) && run.UserId == userId ? run : null;

    /// <summary>The live runs of a user, without those whose end readers were already told.</summary>
    public IReadOnlyList<Run> Find(long userId) => slots.IsTakenBy(userId)
        ? [.. _live.Select(entry => entry.Value).Where(run => run.UserId == userId && !run.Log.Completed)]
        : [];

    /// <summary>The running answers of a user, whichever process writes them, in the order of their messages.</summary>
    public async Task<IReadOnlyList<RunningAnswer>> Running(long userId)
    {
        if (nodes.IsAlone)
        {
            return [.. Find(userId).OrderBy(run => run.MessageId)
                .Select(run => new RunningAnswer(run.Session.Id, run.MessageId, run.StartedAt))];
        }

        return [.. (await nodes.Running(userId))
            .Select(row => new RunningAnswer(row.SessionId, row.MessageId, DateTimeOffset.FromUnixTimeMilliseconds(row.StartedAt)))];
    }

    /// <summary>
    /// Starts a run, or finds the one that the same request started before. The run's start is durable when this returns it.
    /// </summary>
    /// <param name="request">What is asked, of whom.</param>
    /// <param name="admission">What it reserves of the account's limits.</param>
    /// <param name="create">Makes the run from its stored start.</param>
    public async Task<RunStart> Start(NewRun request, Admission admission, Func<StartedRun, Run> create)
    {
        var key = new StartKey(request.UserId, request.SessionId, request.ClientMessageId);
        while (true)
        {
            var mine = new TaskCompletionSource<Run?>(TaskCreationOptions.RunContinuationsAsynchronously);
            if (_starting.TryAdd(key, mine))
            {
                Run? started = null;
                try
                {
                    var result = await Begin(request, admission, create);
                    started = result.Run;
                    return result;
                }
                finally
                {
                    _starting.TryRemove(key, out _);
                    mine.SetResult(started);
                }
            }

            // Another call is starting the same request now.
            if (_starting.TryGetValue(key, out var other) && await other.Task is { } run)
            {
                return run.Request.RequestHash == request.RequestHash
                    ? new RunStart { MessageId = run.MessageId, Run = run, Repeated = true }
                    : RunStart.IdIsTaken();
            }
        }
    }

    /// <summary>Stops the run of an answer; false when nobody writes it.</summary>
    public async Task<bool> Stop(long userId, long messageId)
    {
        if (Find(userId, messageId) is { } run)
        {
            run.Stop("stopped");
            return true;
        }

        if (nodes.IsAlone || await nodes.Running(userId, messageId) is not { } elsewhere)
        {
            return false;
        }

        await Tell(elsewhere);
        return true;
    }

    /// <summary>Stops the live runs of a session and waits until their ends are stored; call it before the session is removed.</summary>
    public Task StopSession(long userId, long sessionId) => Task.WhenAll(
        StopAll([.. _live.Values.Where(run => run.UserId == userId && run.Session.Id == sessionId)]),
        StopElsewhere(userId, row => row.SessionId == sessionId));

    /// <summary>Stops all live runs of a user who was removed or blocked, then waits until their ends are stored.</summary>
    public Task StopUser(long userId) => Task.WhenAll(StopUserHere(userId), StopElsewhere(userId, _ => true));

    /// <summary>As <see cref="StopUser"/>, of this process alone.</summary>
    public Task StopUserHere(long userId) => StopAll(Find(userId));

    /// <summary>Another process asks for the end of a run.</summary>
    public void StopTold(long runId)
    {
        foreach (var run in _live.Values.Where(run => run.Started.RunId == runId))
        {
            run.Stop("stopped");
        }
    }

    /// <summary>Stops all live runs as interrupted.</summary>
    public void Interrupt()
    {
        foreach (var run in _live.Values)
        {
            run.Stop("interrupted");
        }
    }

    /// <summary>This process was declared gone and goes on under another name: what it had begun before is ended by others.</summary>
    public void InterruptLost()
    {
        foreach (var run in _live.Values.Where(run => run.Request.BootId != BootId))
        {
            run.Stop("interrupted");
        }
    }

    /// <summary>Interrupts all live runs and waits for them; an end that cannot be stored now is left to the next start's sweep.</summary>
    public async Task Abandon()
    {
        await _abandon.CancelAsync();
        Interrupt();
        await WhenAllEnded();
    }

    /// <summary>Completes when the runs that live now have ended.</summary>
    public Task WhenAllEnded() => Task.WhenAll(_live.Values.Select(run => run.Ended));

    /// <summary>Wakes the readers of all live runs, so that each can send a heartbeat or notice that the process is about to end.</summary>
    public void WakeReaders()
    {
        foreach (var run in _live.Values)
        {
            run.Log.Wake();
        }
    }

    public void Dispose() => _abandon.Dispose();

    private static Task StopAll(IReadOnlyList<Run> ending)
    {
        foreach (var run in ending)
        {
            run.Stop("stopped");
        }

        return Task.WhenAll(ending.Select(run => run.Ended));
    }

    private Task Tell(RunningRow run) => nodes.Tell("stop", run.RunId.ToString(CultureInfo.InvariantCulture));

    private async Task StopElsewhere(long userId, Predicate<RunningRow> which)
    {
        if (nodes.IsAlone)
        {
            return;
        }

        var told = new HashSet<long>();
        for (var look = 0; look < MaxLooks; look++)
        {
            var running = (await nodes.Running(userId)).FindAll(row => which(row) && row.BootId != BootId);
            foreach (var run in running.Where(run => told.Add(run.RunId)))
            {
                await Tell(run);
            }

            if (running.Count == 0)
            {
                return;
            }

            await Task.Delay(BetweenLooks, clock, _abandon.Token);
        }
    }

    private async Task<RunStart> Begin(NewRun request, Admission admission, Func<StartedRun, Run> create)
    {
        if (slots.Enter(request.UserId, out var refused) is not { } slot)
        {
            return refused;
        }

        Run? run = null;
        try
        {
            var stored = await store.Start(request, admission, clock.GetUtcNow());
            if (stored.Outcome == StartOutcome.Started)
            {
                run = create(stored);
                _live[run.MessageId] = run;
                background.Forget("an answer", Carry(run, slot));
            }

            return RunStart.From(stored, run, clock.GetUtcNow());
        }
        finally
        {
            if (run is null)
            {
                slot.Dispose();
            }
        }
    }

    private async Task Carry(Run run, RunSlot slot)
    {
        try
        {
            await executor.Execute(run, slot.Memory, _abandon.Token);
        }
        finally
        {
            _live.TryRemove(new KeyValuePair<long, Run>(run.MessageId, run)); // a continued answer may have taken the place
            slot.Dispose();
            run.MarkEnded(); // last: who is told of the end may ask again at once
            run.Dispose();
        }
    }

    private readonly record struct StartKey(long UserId, long SessionId, string ClientMessageId);
}

/// <summary>An answer that is being written, in this process or another.</summary>
internal sealed record RunningAnswer(long SessionId, long MessageId, DateTimeOffset StartedAt);
