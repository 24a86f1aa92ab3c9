using System.Runtime.CompilerServices;
using System.Threading.Channels;
using AiChat.Data.Traces;
using AiChat.Endpoints.Auth;
using AiChat.Endpoints.Http;
using AiChat.Endpoints.Secrets;
using AiChat.Endpoints.Settings;

namespace AiChat.Endpoints.Traces;

/// <summary>
/// Decides which requests are recorded and stores their events in the background, so that a slow or broken trace file does not affect
/// answers. The file is opened with the first recorded request. Safe for any thread.
/// </summary>
internal sealed partial class TaskTraces(
    TraceStore store, SystemSettings settings, Redactor redactor, BackgroundWork background, TimeProvider clock, ILogger<TaskTraces> logger)
    : IAsyncDisposable
{
    /// <summary>Traces stored in one transaction.</summary>
    private const int MaxGroup = 64;

    private readonly Lock _gate = new();
    private Channel<ITraceQueueEntry>? _due;
    private Task _storing = Task.CompletedTask;
    private bool _failing;
    private bool _closed;

    /// <summary>Whether this user's requests may be recorded at all.</summary>
    public bool Allowed(CurrentUser me) =>
        settings.TaskTraceEnabled && (me.IsAdmin || !settings.TaskTraceAdminOnly) && IsEnvironment(settings.TaskTraceEnv);

    /// <summary>Begins to record a request; null when it is not to be recorded.</summary>
    /// <param name="me">The user who asks.</param>
    /// <param name="asked">Whether the request asks to be recorded; null follows the setting.</param>
    /// <param name="kind">The kind of run, or the dialect of the compatible API.</param>
    /// <param name="clientMessageId">The client's own id of the request, if it has one.</param>
    /// <param name="provider">The kind of provider of the chosen model.</param>
    /// <param name="model">The chosen model.</param>
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

    /// <summary>Queues a trace with events to store, or a marker; false once closed.</summary>
    public bool Enqueue(ITraceQueueEntry entry)
    {
        lock (_gate)
        {
            if (_closed)
            {
                return false;
            }

            if (_due is null)
            {
                _due = Channel.CreateUnbounded<ITraceQueueEntry>(new UnboundedChannelOptions { SingleReader = true });
                var (due, group) = (_due.Reader, new List<ITraceQueueEntry>(MaxGroup));
                _storing = background.Repeat("storing task traces", () => StoreNext(due, group), CancellationToken.None);
            }

            return _due.Writer.TryWrite(entry);
        }
    }

    /// <summary>Completes once all events recorded before the call are stored or given up.</summary>
    public Task Stored()
    {
        lock (_gate)
        {
            if (_due is null || _closed)
            {
                return Task.CompletedTask;
            }
        }

        var marker = new TraceQueueMarker();
        return Enqueue(marker) ? marker.Passed : Task.CompletedTask; // it may have been closed in between
    }

    public async ValueTask DisposeAsync()
    {
        lock (_gate)
        {
            _closed = true;
            _due?.Writer.Complete();
        }

        await _storing; // the container closes the file afterwards
    }

    /// <summary>False when the queue is closed.</summary>
    private async Task<bool> StoreNext(ChannelReader<ITraceQueueEntry> due, List<ITraceQueueEntry> group)
    {
        await Task.CompletedTask.ConfigureAwait(ConfigureAwaitOptions.ForceYielding); // never on the thread of the recorded request
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
            await Store([.. group.OfType<RunTrace>().Select(trace => (trace, trace.Take()))]);
        }
        finally
        {
            foreach (var marker in group.OfType<TraceQueueMarker>())
            {
                marker.Pass();
            }

            group.Clear();
        }

        return true;
    }

    private async Task Store(List<(RunTrace Trace, TraceBatch Batch)> taken)
    {
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
            // The events are lost. The trace is marked as truncated, and only the first failure of a series is logged.
            taken.ForEach(pair => pair.Trace.Lose());
            if (!_failing)
            {
                _failing = true;
                LogNotStored(logger, error);
            }
        }
    }

    /// <summary>The released executable is compiled ahead of time; development builds run on the JIT.</summary>
    private static bool IsEnvironment(string wanted) =>
        wanted == "both" || wanted == (RuntimeFeature.IsDynamicCodeSupported ? "dev" : "prod");

    [LoggerMessage(LogLevel.Warning, "Could not store task traces; their events are lost, answers are not affected")]
    private static partial void LogNotStored(ILogger logger, Exception error);
}
