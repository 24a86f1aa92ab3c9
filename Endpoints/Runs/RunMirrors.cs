using AiChat.Data;
using AiChat.Data.Chats;
using AiChat.Data.Nodes;
using AiChat.Data.Postgres;
using AiChat.Data.Runs;
using AiChat.Endpoints.Auth;
using AiChat.Endpoints.Http;
using AiChat.Endpoints.Nodes;
using AiChat.Providers.Transport;

namespace AiChat.Endpoints.Runs;

/// <summary>
/// Answers that other processes write, as logs of this one while somebody here reads them: one stream from the process that writes it for
/// each, however many read. When that process cannot be reached, the pieces that it stores are followed, and when it is gone, the answer is
/// ended and told to its end. Safe for any number of threads.
/// </summary>
internal sealed class RunMirrors(
    NodeStore nodes, NodeCalls others, NodeWatch watch, RunStore store, StoredAnswers answers, Messages messages,
    BackgroundWork background, TimeProvider clock)
{
    /// <summary>Between two looks at what is stored.</summary>
    private static readonly TimeSpan BetweenLooks = TimeSpan.FromMilliseconds(500);

    /// <summary>Looks for each attempt to reach the process.</summary>
    private const int LooksPerAttempt = 4;

    private readonly Lock _gate = new();
    private readonly Dictionary<long, Mirror> _mirrors = [];

    /// <summary>The log of an answer that another process writes now; null when none does. Dispose it when nobody reads it here.</summary>
    public async Task<RunMirrorReader?> Open(CurrentUser me, long messageId)
    {
        if (nodes.IsAlone || await nodes.Running(me.Id, messageId) is null)
        {
            return null;
        }

        lock (_gate)
        {
            if (!_mirrors.TryGetValue(messageId, out var mirror))
            {
                mirror = new Mirror();
                _mirrors.Add(messageId, mirror);
                background.Forget("following an answer of another node", Fill(mirror, me, messageId));
            }

            mirror.Readers++;
            return new RunMirrorReader(mirror.Log, mirror.CaughtUp.Task, () => Leave(messageId, mirror));
        }
    }

    /// <summary>What is stored of an answer that another process writes now; null when none does.</summary>
    public async Task<RunLog?> Peek(CurrentUser me, long messageId)
    {
        if (nodes.IsAlone || await nodes.Running(me.Id, messageId) is not { } run)
        {
            return null;
        }

        var log = new RunLog();
        new MirrorFrames(log).Pieces(await store.Chunks(run.RunId, 0));
        return log;
    }

    private void Leave(long messageId, Mirror mirror)
    {
        lock (_gate)
        {
            if (--mirror.Readers == 0)
            {
                Remove(messageId, mirror);
                mirror.Stop.Cancel();
            }
        }
    }

    private void Remove(long messageId, Mirror mirror)
    {
        if (_mirrors.TryGetValue(messageId, out var current) && current == mirror)
        {
            _mirrors.Remove(messageId);
        }
    }

    private async Task Fill(Mirror mirror, CurrentUser me, long messageId)
    {
        await Task.Yield(); // the caller holds the lock
        try
        {
            await Fill(mirror.Log, mirror.CaughtUp, me, messageId, mirror.Stop.Token);
        }
        catch (OperationCanceledException) when (mirror.Stop.IsCancellationRequested)
        {
            // Nobody reads it any more.
        }
        finally
        {
            lock (_gate)
            {
                Remove(messageId, mirror);
            }

            mirror.CaughtUp.TrySetResult();
            mirror.Log.Complete();
        }
    }

    private async Task Fill(RunLog log, TaskCompletionSource caughtUp, CurrentUser me, long messageId, CancellationToken stop)
    {
        var frames = new MirrorFrames(log);
        for (var looks = 0; !log.Completed; looks++)
        {
            stop.ThrowIfCancellationRequested();
            var waits = true;
            try
            {
                waits = await Step(frames, log, caughtUp, me, messageId, looks % LooksPerAttempt == 0, stop);
            }
            catch (StoreException)
            {
                // The database is away; what is here stays.
            }

            if (waits && !log.Completed)
            {
                await Task.Delay(BetweenLooks, clock, stop);
            }
        }
    }

    /// <summary>Takes what there is now; true when there is no more at once.</summary>
    /// <param name="calls">Whether to call the process that writes the answer.</param>
    private async Task<bool> Step(
        MirrorFrames frames, RunLog log, TaskCompletionSource caughtUp, CurrentUser me, long messageId, bool calls, CancellationToken stop)
    {
        if (await nodes.Running(me.Id, messageId) is not { } run)
        {
            if (await messages.Find(me.Id, messageId) is { } row)
            {
                frames.Rest(await answers.Log(me, row));
            }

            log.Complete();
            return false;
        }

        if (calls && await Relay(frames, log, caughtUp, run, me, stop))
        {
            return false;
        }

        // A reader gets what is stored before it is known whether that process is gone, which may take its whole lease.
        await Look(frames, log, caughtUp, run, me);
        return !calls || !await watch.Suspect(run.BootId);
    }

    /// <summary>Reads the stream of the process that writes the answer; false when it ended before the answer did.</summary>
    private async Task<bool> Relay(
        MirrorFrames frames, RunLog log, TaskCompletionSource caughtUp, RunningRow run, CurrentUser me, CancellationToken stop)
    {
        if (run.BootId == nodes.BootId || run.Address is not { } address)
        {
            return false;
        }

        try
        {
            await others.Read(address, NodeRequests.PathOf(me.Id, run.MessageId, log.Position), me.Id, Take, stop);
        }
        catch (ProviderException)
        {
            // Its process, or the way to it, is gone.
        }

        return log.Completed;

        void Take(ReadOnlySpan<byte> line)
        {
            frames.Line(line);
            if (frames.IsCaughtUp)
            {
                caughtUp.TrySetResult();
            }
        }
    }

    private async Task Look(MirrorFrames frames, RunLog log, TaskCompletionSource caughtUp, RunningRow run, CurrentUser me)
    {
        if (log.Position == 0 && await messages.Find(me.Id, run.MessageId) is { } row)
        {
            await answers.Open(me, row, log);
        }

        frames.Pieces(await store.Chunks(run.RunId, log.Position));
        caughtUp.TrySetResult();
    }

    private sealed class Mirror
    {
        public RunLog Log { get; } = new();

        /// <summary>Everything is there that was there when somebody began to read.</summary>
        public TaskCompletionSource CaughtUp { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public CancellationTokenSource Stop { get; } = new();

        public int Readers { get; set; }
    }
}

/// <summary>A reader of an answer that another process writes.</summary>
internal sealed class RunMirrorReader(RunLog log, Task caughtUp, Action leave) : IDisposable
{
    private bool _left;

    public RunLog Log => log;

    /// <summary>Completes when the log is as far as the answer was when it was opened.</summary>
    public Task CaughtUp => caughtUp;

    public void Dispose()
    {
        if (!Interlocked.Exchange(ref _left, true))
        {
            leave();
        }
    }
}
