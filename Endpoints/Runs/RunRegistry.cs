using System.Collections.Concurrent;
using AiChat.Data.Accounts;
using AiChat.Data.Runs;
using AiChat.Endpoints.Calls;
using AiChat.Endpoints.Http;
using AiChat.Endpoints.Settings;

namespace AiChat.Endpoints.Runs;

/// <summary>
/// All live runs. Starts them, finds them for readers, stores their text a few times a second in one transaction for all, and
/// ends them when the process stops. Safe for any thread.
/// </summary>
internal sealed partial class RunRegistry(
    RunStore store, RunExecutor executor, MemoryBudget memory, SystemSettings settings, BackgroundWork background, TimeProvider clock,
    ILogger<RunRegistry> logger)
    : IAsyncDisposable
{
    /// <summary>With the commit that follows, at most half a second of text is lost when the process is killed.</summary>
    private static readonly TimeSpan FlushInterval = TimeSpan.FromMilliseconds(400);

    private readonly ConcurrentDictionary<long, Run> _live = new();
    private readonly ConcurrentDictionary<StartKey, TaskCompletionSource<Run?>> _starting = new();
    private readonly ConcurrentDictionary<long, int> _byUser = new();
    private readonly CancellationTokenSource _abandon = new();
    private readonly CancellationTokenSource _closing = new();
    private int _count;
    private volatile bool _draining;
    private Task _flushing = Task.CompletedTask;

    /// <summary>Names this process in the rows of its runs.</summary>
    public string BootId { get; } = Guid.NewGuid().ToString("N");

    /// <summary>The process is about to end: no new runs, readers are told.</summary>
    public bool Draining => _draining;

    public int Count => Volatile.Read(ref _count);

    /// <summary>Ends what an earlier process left running and begins to store; call once, before listening.</summary>
    public async Task Open()
    {
        var swept = await store.Sweep(BootId, text => TokenEstimate.Estimate(text), clock.GetUtcNow());
        if (swept > 0)
        {
            LogSwept(logger, swept);
        }

        var chunks = new List<RunChunk>();
        _flushing = background.Every("storing running answers", FlushInterval, () => Flush(chunks), _closing.Token);
    }

    public Run? Find(long userId, long messageId) => _live.TryGetValue(messageId, out var run) && run.UserId == userId ? run : null;

    /// <summary>A user's answers that are being written; one whose end was told is none of them any more.</summary>
    public IReadOnlyList<Run> Find(long userId) => _byUser.ContainsKey(userId)
        ? [.. _live.Select(entry => entry.Value).Where(run => run.UserId == userId && !run.Log.Completed)]
        : [];

    /// <summary>
    /// Starts a run, or finds the one that the same request started before. The run's start is durable when this returns it.
    /// </summary>
    /// <param name="request">What is asked, of whom.</param>
    /// <param name="admission">What it asks for at the gate.</param>
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

            // The same request is being started by another call this very moment.
            if (_starting.TryGetValue(key, out var other) && await other.Task is { } run)
            {
                return run.Request.RequestHash == request.RequestHash ? new RunStart(StartOutcome.Known) { Run = run, MessageId = run.MessageId } : new RunStart(StartOutcome.Conflict);
            }
        }
    }

    /// <summary>Ends the live runs of a session and waits for their last row; before the session is removed.</summary>
    public Task StopSession(long userId, long sessionId) =>
        StopAll([.. _live.Values.Where(run => run.UserId == userId && run.Session.Id == sessionId)]);

    /// <summary>Ends the live runs of a user who is gone or may do nothing any more; all of them before it waits for their last rows.</summary>
    public Task StopUser(long userId) => StopAll(Find(userId));

    /// <summary>Wakes all readers, so that those who have been silent for long send a heartbeat.</summary>
    public void WakeReaders()
    {
        foreach (var run in _live.Values)
        {
            run.Log.Wake();
        }
    }

    /// <summary>No new runs; waits for the live ones up to the grace, then ends them as interrupted. Returns when all are stored.</summary>
    public async Task Drain(TimeSpan grace)
    {
        _draining = true;
        WakeReaders();
        var all = Task.WhenAll(_live.Values.Select(run => run.Ended));
        await Task.WhenAny(all, Task.Delay(grace, clock, _closing.Token));
        Interrupt();
        await all;
    }

    /// <summary>Ends all live runs now.</summary>
    public void Interrupt()
    {
        foreach (var run in _live.Values)
        {
            run.Stop("interrupted");
        }
    }

    public async ValueTask DisposeAsync()
    {
        _draining = true;
        await _closing.CancelAsync();
        await _abandon.CancelAsync();
        Interrupt();
        await Task.WhenAll(_live.Values.Select(run => run.Ended));
        await _flushing;
        _abandon.Dispose();
        _closing.Dispose();
    }

    /// <summary>Takes a place among the answers that are written at once; null when there is none.</summary>
    public RunSlot? Enter(long userId, out RunRefusal refused)
    {
        refused = RunRefusal.Overloaded;
        if (_draining || !memory.TryBegin())
        {
            return null;
        }

        var all = Interlocked.Increment(ref _count);
        var own = _byUser.AddOrUpdate(userId, 1, (_, count) => count + 1);
        var slot = new RunSlot(this, userId, new MemoryLease(memory));
        var tooMany = settings.MaxRuns > 0 && all > settings.MaxRuns;
        if (!tooMany && (settings.MaxRunsPerUser == 0 || own <= settings.MaxRunsPerUser))
        {
            return slot;
        }

        refused = tooMany ? RunRefusal.Overloaded : RunRefusal.TooManyRuns;
        slot.Dispose();
        return null;
    }

    internal void Leave(long userId)
    {
        Interlocked.Decrement(ref _count);
        if (_byUser.AddOrUpdate(userId, 0, (_, count) => count - 1) == 0)
        {
            _byUser.TryRemove(new KeyValuePair<long, int>(userId, 0));
        }
    }

    private static Task StopAll(IReadOnlyList<Run> ending)
    {
        foreach (var run in ending)
        {
            run.Stop("stopped");
        }

        return Task.WhenAll(ending.Select(run => run.Ended));
    }

    private async Task<RunStart> Begin(NewRun request, Admission admission, Func<StartedRun, Run> create)
    {
        if (Enter(request.UserId, out var refused) is not { } slot)
        {
            return new RunStart(StartOutcome.NotNow) { Refused = refused };
        }

        Run? run = null;
        try
        {
            var started = await store.Start(request, admission, clock.GetUtcNow());
            if (started.Outcome != StartOutcome.Started)
            {
                return new RunStart(started.Outcome) { MessageId = started.MessageId, Limit = started.Limit };
            }

            run = create(started);
            _live[run.MessageId] = run;
            background.Forget("an answer", Carry(run, slot));
            return new RunStart(StartOutcome.Started) { Run = run, MessageId = run.MessageId };
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
        await Task.Yield(); // the caller streams from the log meanwhile
        try
        {
            await executor.Execute(run, slot.Memory, _abandon.Token);
        }
        finally
        {
            _live.TryRemove(new KeyValuePair<long, Run>(run.MessageId, run)); // a continued answer may have taken the place
            slot.Dispose();
            run.Dispose();
        }
    }

    /// <param name="chunks">
    /// What is to be stored. After a failure they are tried again together with what comes next, so that no gap can arise; when the
    /// process ends, each run stores its whole text by itself.
    /// </param>
    private async Task Flush(List<RunChunk> chunks)
    {
        foreach (var run in _live.Values)
        {
            // One run's trouble keeps no other's text from being stored.
            background.Try("taking an answer's text", () => run.Log.TakeUnstored(run.Started.RunId, chunks));
            run.Trace?.Progress(run.Log.ContentLength, run.Log.ReasoningLength);
        }

        if (chunks.Count == 0)
        {
            return;
        }

        try
        {
            await store.Append([.. chunks]);
            chunks.Clear();
        }
        catch (Exception error)
        {
            LogNotFlushed(logger, chunks.Count, error);
        }
    }

    [LoggerMessage(LogLevel.Warning, "{Count} answers were interrupted by the end of the last process")]
    private static partial void LogSwept(ILogger logger, int count);

    [LoggerMessage(LogLevel.Warning, "{Count} pieces of running answers could not be stored")]
    private static partial void LogNotFlushed(ILogger logger, int count, Exception error);

    private readonly record struct StartKey(long UserId, long SessionId, string ClientMessageId);
}

/// <summary>A place among the answers that are written at once, with the memory of the one that has it. Given back once, by any thread.</summary>
internal sealed class RunSlot(RunRegistry registry, long userId, MemoryLease memory) : IDisposable
{
    private bool _left;

    public MemoryLease Memory => memory;

    public void Dispose()
    {
        if (!Interlocked.Exchange(ref _left, true))
        {
            memory.Dispose();
            registry.Leave(userId);
        }
    }
}

internal enum RunRefusal
{
    Overloaded,
    TooManyRuns,
}

internal sealed record RunStart(StartOutcome Outcome)
{
    /// <summary>The live run, when there is one in memory.</summary>
    public Run? Run { get; init; }

    public long MessageId { get; init; }

    public RunRefusal? Refused { get; init; }

    /// <summary>With <see cref="StartOutcome.Refused"/>: what is used up.</summary>
    public LimitResult Limit { get; init; }
}
