using System.Runtime.CompilerServices;
using System.Threading.Channels;
using AiChat.Data.Traces;
using AiChat.Endpoints.Auth;
using AiChat.Endpoints.Http;
using AiChat.Endpoints.Secrets;
using AiChat.Endpoints.Settings;

namespace AiChat.Endpoints.Traces;

/// <summary>
/// Decides which requests are recorded and stores what they gather, off the path of the answers: whatever the file does, a chat
/// notices nothing. While nobody traces, nothing is opened and nothing waits. Safe for any thread.
/// </summary>
internal sealed partial class TaskTraces(
    TraceStore store, SystemSettings settings, Redactor redactor, BackgroundWork background, TimeProvider clock, ILogger<TaskTraces> logger)
    : IAsyncDisposable
{
    /// <summary>Traces with something to store, taken together into one transaction.</summary>
    private const int MaxGroup = 64;

    private readonly Lock _gate = new();
    private Channel<RunTrace>? _due;
    private Task _storing = Task.CompletedTask;
    private bool _failing;
    private bool _closed;

    /// <summary>Whether this user's requests may be recorded at all.</summary>
    public bool Allowed(CurrentUser me) =>
        settings.TaskTraceEnabled && (me.IsAdmin || !settings.TaskTraceAdminOnly) && IsEnvironment(settings.TaskTraceEnv);

    /// <summary>Begins to record a request; null when it is not to be recorded.</summary>
    /// <param name="asked">What the request says of it; null follows the setting.</param>
    public RunTrace? Begin(CurrentUser me, bool? asked, string kind, string? clientMessageId, string provider, string model)
    {
        if (!Allowed(me) || !(asked ?? settings.TaskTraceDefaultOn))
        {
            return null;
        }

        var head = new TraceHead
        {
            UserId = me.Id,
            Actor = me.Username ?? $"guest-{me.Id}",
            Kind = kind,
            ClientMessageId = clientMessageId,
            Provider = provider,
            Model = model,
            StartedAt = clock.GetUtcNow().ToUnixTimeMilliseconds(),
        };
        return new RunTrace(this, redactor, clock, head, me.IsAdmin, settings.TaskTraceMaxEvents, settings.TaskTraceIdleTimeoutMs);
    }

    /// <summary>This trace has something to store. False: nothing is stored any more.</summary>
    public bool Enqueue(RunTrace trace)
    {
        lock (_gate)
        {
            if (_closed)
            {
                return false;
            }

            if (_due is null)
            {
                _due = Channel.CreateUnbounded<RunTrace>(new UnboundedChannelOptions { SingleReader = true });
                var (due, group) = (_due.Reader, new List<RunTrace>(MaxGroup));
                _storing = background.Repeat("storing task traces", () => StoreNext(due, group), CancellationToken.None);
            }

            return _due.Writer.TryWrite(trace);
        }
    }

    /// <summary>Completes when all that was recorded before is stored or given up.</summary>
    public Task Stored()
    {
        lock (_gate)
        {
            if (_due is null || _closed)
            {
                return Task.CompletedTask;
            }
        }

        var marker = new RunTrace(this);
        return Enqueue(marker) ? marker.Reached : Task.CompletedTask; // it may have been closed in between
    }

    public async ValueTask DisposeAsync()
    {
        lock (_gate)
        {
            _closed = true;
            _due?.Writer.Complete();
        }

        await _storing; // the file is closed after this by whoever made it
    }

    /// <summary>False when no more will come.</summary>
    private async Task<bool> StoreNext(ChannelReader<RunTrace> due, List<RunTrace> group)
    {
        await Task.CompletedTask.ConfigureAwait(ConfigureAwaitOptions.ForceYielding); // never on the thread of whoever is recorded
        if (!await due.WaitToReadAsync())
        {
            return false;
        }

        while (group.Count < MaxGroup && due.TryRead(out var next))
        {
            group.Add(next);
        }

        try
        {
            await Store(group);
        }
        finally
        {
            group.ForEach(trace => trace.Pass());
            group.Clear();
        }

        return true;
    }

    private async Task Store(List<RunTrace> group)
    {
        List<(RunTrace Trace, TraceBatch Batch)> taken = [.. group.Where(trace => !trace.IsMarker).Select(trace => (trace, trace.Take()))];
        if (taken.Count == 0)
        {
            return;
        }

        try
        {
            var ids = await store.Write([.. taken.Select(pair => pair.Batch)]);
            foreach (var ((trace, _), id) in taken.Zip(ids))
            {
                trace.Id = id;
            }

            _failing = false;
        }
        catch (Exception error)
        {
            // Lost for good: a trace says so, and nobody waits for it.
            taken.ForEach(pair => pair.Trace.Lose());
            if (!_failing)
            {
                _failing = true;
                LogNotStored(logger, error);
            }
        }
    }

    /// <summary>The released executable is compiled ahead of time; whoever develops runs on the JIT.</summary>
    private static bool IsEnvironment(string wanted) => wanted == "both" || wanted == (RuntimeFeature.IsDynamicCodeSupported ? "dev" : "prod");

    [LoggerMessage(LogLevel.Warning, "Task traces cannot be stored; chats go on without them")]
    private static partial void LogNotStored(ILogger logger, Exception error);
}
