using AiChat.Data.Chats;
using AiChat.Data.Runs;
using AiChat.Endpoints.Catalog;
using AiChat.Endpoints.Traces;
using AiChat.Providers.Protocol;

namespace AiChat.Endpoints.Runs;

/// <summary>The options of one request; null follows the session's or the server's setting.</summary>
internal sealed record RunOptions
{
    public bool ContextEnabled { get; init; } = true;

    public bool? ReasoningEnabled { get; init; }

    public ReasoningEffort? Effort { get; init; }

    public bool SaveReasoning { get; init; } = true;

    /// <summary>The model may search the web.</summary>
    public bool? WebSearch { get; init; }

    /// <summary>Whether to record a task trace, where the settings allow it.</summary>
    public bool? Trace { get; init; }
}

/// <summary>
/// One generation while it lives. It belongs to the server, not to a request: readers come and go, only <see cref="Stop"/> ends it
/// early.
/// </summary>
internal sealed class Run(
    NewRun request, StartedRun started, SessionRow session, IReadOnlyList<ResolvedModel> models, RunOptions options, DateTimeOffset now)
    : IDisposable
{
    private readonly CancellationTokenSource _stop = new();
    private readonly TaskCompletionSource _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private volatile string? _modelTitle;
    private string? _stoppedAs;

    public NewRun Request { get; } = request;

    public StartedRun Started { get; } = started;

    public SessionRow Session { get; } = session;

    /// <summary>The model that was chosen.</summary>
    public ResolvedModel Model => Models[0];

    /// <summary>The model that was chosen, then its fallbacks in order.</summary>
    public IReadOnlyList<ResolvedModel> Models { get; } = models;

    public RunOptions Options { get; } = options;

    public DateTimeOffset StartedAt { get; } = now;

    /// <summary>An administrator asked, who may use more models.</summary>
    public bool IsAdmin { get; init; }

    /// <summary>The task trace of the run; null when none is recorded.</summary>
    public RunTrace? Trace { get; init; }

    public long UserId => Request.UserId;

    public long MessageId => Started.MessageId;

    public RunLog Log { get; } = new();

    /// <summary>The title that a model gave the session meanwhile; sent to readers before the last event.</summary>
    public string? ModelTitle
    {
        get => _modelTitle;
        set => _modelTitle = value;
    }

    /// <summary>Cancelled when the run has to end early; the provider's connection closes with it.</summary>
    public CancellationToken Stopping => _stop.Token;

    /// <summary>The status the run ends with when it was ended early, else null.</summary>
    public string? StoppedAs => Volatile.Read(ref _stoppedAs);

    /// <summary>Completes when the final row is durable and the last event is in the log.</summary>
    public Task Ended => _ended.Task;

    /// <summary>Asks the run to end; the first status counts. Safe at any time, also after the end.</summary>
    /// <param name="status">stopped (a person) or interrupted (the server).</param>
    public void Stop(string status)
    {
        if (Interlocked.CompareExchange(ref _stoppedAs, status, null) is null)
        {
            Trace?.StopAsked(status);
        }

        try
        {
            _stop.Cancel();
        }
        catch (ObjectDisposedException)
        {
            // The run has ended meanwhile.
        }
    }

    /// <summary>Completes the log and <see cref="Ended"/>; call once, by whoever executes the run.</summary>
    public void MarkEnded()
    {
        _ended.TrySetResult();
        Log.Complete();
    }

    public void Dispose() => _stop.Dispose();
}
