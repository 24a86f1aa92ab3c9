using AiChat.Data.Traces;
using AiChat.Endpoints.Secrets;

namespace AiChat.Endpoints.Traces;

/// <summary>
/// One recorded request: its events wait here until they are stored. <see cref="RunTracing"/> lists the events. Safe for any thread.
/// </summary>
internal sealed class RunTrace : ITraceQueueEntry
{
    /// <summary>Events that may wait for a slow or failing store.</summary>
    private const int MaxWaiting = 512;

    private readonly Lock _gate = new();
    private readonly TaskTraces _owner;
    private readonly Redactor _redactor;
    private readonly TimeProvider _clock;
    private readonly TraceHead _head;
    private readonly int _maxEvents;
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

    /// <summary>0 until the trace is stored; only <see cref="TaskTraces"/> uses it.</summary>
    public long Id { get; set; }

    /// <summary>A provider's error text may quote the question, so it is recorded only when an administrator asked.</summary>
    public bool ShowsDetail { get; }

    /// <summary>Milliseconds without a new character after which an idle event is recorded.</summary>
    public int IdleMs { get; }

    /// <summary>An error was recorded.</summary>
    public bool HasFailed { get; set; }

    /// <summary>Attempts to get an answer so far.</summary>
    public int Attempts { get; set; }

    /// <summary>Sets the chat and, once it exists, the answer that the trace belongs to.</summary>
    public void Place(long sessionId, long? messageId)
    {
        lock (_gate)
        {
            (_sessionId, _messageId) = (sessionId, messageId ?? _messageId);
        }
    }

    /// <summary>Records an event. Past the limit it is dropped and the trace is marked as truncated.</summary>
    public void Add(string type, Action<TracePayload>? fill = null) => Add(type, fill, status: null);

    /// <summary>Records the outcome, which is never dropped. Later events, such as a reader who leaves, are still recorded.</summary>
    /// <param name="status">completed, failed or stopped.</param>
    public void End(string status, Action<TracePayload>? fill) => Add("end", fill, status);

    /// <summary>Called a few times a second; records an event when the text has grown or has become idle.</summary>
    public void Progress(int contentChars, int reasoningChars)
    {
        lock (_gate)
        {
            if (contentChars == _contentChars && reasoningChars == _reasoningChars)
            {
                if (_idle || _endedAt is not null || _clock.GetElapsedTime(_movedAt).TotalMilliseconds < IdleMs)
                {
                    return;
                }

                _idle = true;
            }
            else
            {
                _idle = false;
                _movedAt = _clock.GetTimestamp();
            }

            (_contentChars, _reasoningChars) = (contentChars, reasoningChars);
        }

        Add(
            _idle ? "stream.idle" : "stream.flush",
            json => json.Number("contentChars", contentChars).Number("reasoningChars", reasoningChars));
    }

    /// <summary>Takes the waiting events, with the present state of the trace.</summary>
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

    /// <summary>Events that were taken could not be stored.</summary>
    public void Lose()
    {
        lock (_gate)
        {
            _truncated = true;
        }
    }

    private void Add(string type, Action<TracePayload>? fill, string? status)
    {
        using var payload = new TracePayload(_redactor);
        fill?.Invoke(payload);
        var text = payload.Finish();
        var at = _clock.GetUtcNow().ToUnixTimeMilliseconds();
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
