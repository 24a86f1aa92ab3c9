using AiChat.Data.Traces;
using AiChat.Endpoints.Secrets;

namespace AiChat.Endpoints.Traces;

/// <summary>
/// One recorded request: its events wait here until they are stored. What happened is told by the verbs of
/// <see cref="RunTracing"/>. Safe for any thread.
/// </summary>
internal sealed class RunTrace
{
    /// <summary>Events that may wait for a store that is slow or gone.</summary>
    private const int MaxWaiting = 512;

    private static readonly TraceHead NoHead = new() { UserId = 0, Actor = "", Kind = "" };

    private readonly Lock _gate = new();
    private readonly TaskTraces _owner;
    private readonly Redactor? _redactor;
    private readonly TimeProvider? _clock;
    private readonly TraceHead _head;
    private readonly int _maxEvents;
    private readonly TaskCompletionSource? _reached;
    private List<TraceEventRow> _waiting = [];
    private long _count;
    private bool _truncated;
    private bool _queued;
    private string _status = "running";
    private long? _endedAt;
    private long? _sessionId;
    private long? _messageId;
    private int _contentChars;
    private int _reasoningChars;
    private long _movedAt;
    private bool _idle;

    public RunTrace(TaskTraces owner, Redactor redactor, TimeProvider clock, TraceHead head, bool showsDetail, int maxEvents, int idleMs)
    {
        (_owner, _redactor, _clock, _head, _maxEvents) = (owner, redactor, clock, head, maxEvents);
        (ShowsDetail, IdleMs, _movedAt) = (showsDetail, idleMs, clock.GetTimestamp());
    }

    /// <summary>Not a trace: a place in the queue.</summary>
    public RunTrace(TaskTraces owner)
    {
        (_owner, _head) = (owner, NoHead);
        _reached = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
    }

    public bool IsMarker => _reached is not null;

    /// <summary>A marker's turn has come.</summary>
    public Task Reached => _reached?.Task ?? Task.CompletedTask;

    /// <summary>0 until it is stored; only the one who stores touches it.</summary>
    public long Id { get; set; }

    /// <summary>A provider's own words may quote the question; they are kept only where the asker is an administrator.</summary>
    public bool ShowsDetail { get; }

    /// <summary>After this long without a new character the trace says so.</summary>
    public int IdleMs { get; }

    /// <summary>An error was recorded.</summary>
    public bool HasFailed { get; set; }

    /// <summary>Attempts to get an answer, so far.</summary>
    public int Attempts { get; set; }

    public void Place(long sessionId, long? messageId)
    {
        lock (_gate)
        {
            (_sessionId, _messageId) = (sessionId, messageId ?? _messageId);
        }
    }

    /// <summary>Records an event; past the limit it is only counted as missing.</summary>
    public void Add(string type, Action<TracePayload>? fill = null) => Add(type, fill, status: null);

    /// <summary>Records the last word on the request; always kept. What comes after it, such as a reader who leaves, is still recorded.</summary>
    /// <param name="status">completed, failed or stopped.</param>
    public void End(string status, Action<TracePayload>? fill) => Add("end", fill, status);

    /// <summary>Tells of the text's growth; called a few times a second, says something only when there is something to say.</summary>
    public void Progress(int contentChars, int reasoningChars)
    {
        lock (_gate)
        {
            if (contentChars == _contentChars && reasoningChars == _reasoningChars)
            {
                if (_idle || _endedAt is not null || _clock!.GetElapsedTime(_movedAt).TotalMilliseconds < IdleMs)
                {
                    return;
                }

                _idle = true;
            }
            else
            {
                _idle = false;
                _movedAt = _clock!.GetTimestamp();
            }

            (_contentChars, _reasoningChars) = (contentChars, reasoningChars);
        }

        Add(_idle ? "stream.idle" : "stream.flush", json => json.Number("contentChars", contentChars).Number("reasoningChars", reasoningChars));
    }

    /// <summary>What waits, and how the trace stands.</summary>
    public TraceBatch Take()
    {
        lock (_gate)
        {
            _queued = false;
            var events = _waiting;
            _waiting = [];
            return new TraceBatch
            {
                Id = Id,
                Head = _head,
                Events = events,
                SessionId = _sessionId,
                MessageId = _messageId,
                Status = _status,
                EndedAt = _endedAt,
                EventCount = _count,
                Truncated = _truncated,
            };
        }
    }

    /// <summary>What was taken is lost.</summary>
    public void Lose()
    {
        lock (_gate)
        {
            _truncated = true;
        }
    }

    public void Pass() => _reached?.TrySetResult();

    private void Add(string type, Action<TracePayload>? fill, string? status)
    {
        using var payload = new TracePayload(_redactor!);
        fill?.Invoke(payload);
        var text = payload.Finish();
        var at = _clock!.GetUtcNow().ToUnixTimeMilliseconds();
        bool first;
        lock (_gate)
        {
            if (status is not null)
            {
                (_status, _endedAt) = (status, at);
            }
            else if (_count >= _maxEvents || _waiting.Count >= MaxWaiting)
            {
                _truncated = true;
                return;
            }

            _waiting.Add(new TraceEventRow { Seq = ++_count, Type = type, At = at, Payload = text });
            first = !_queued;
            _queued = true;
        }

        if (first)
        {
            _owner.Enqueue(this);
        }
    }
}
