namespace AiChat.Providers.Transport;

/// <summary>
/// The deadlines of one call. One timer serves them all: content only records the time, which the timer checks when it fires, so a fast
/// stream costs no timer work.
/// </summary>
internal sealed class CallClock : IDisposable
{
    // A provider that takes no piece of the request for this long is given up.
    private static readonly TimeSpan WriteTimeout = TimeSpan.FromSeconds(30);

    // After the finish reason only the usage and the end marker can come; servers that leave the connection open get no more time.
    private static readonly TimeSpan FinishGrace = TimeSpan.FromSeconds(10);

    // How long the rest of a finished reply may take before its connection is closed instead of reused.
    private static readonly TimeSpan DrainTime = TimeSpan.FromMilliseconds(250);

    private readonly ChatTimeouts _limits;
    private readonly TimeProvider _time;
    private readonly CancellationToken _cancel;
    private readonly CancellationTokenSource _source;
    private readonly ITimer _timer;
    private readonly long _started;
    private long _since;
    private Phase _phase = Phase.Waiting;
    private ProviderFailure? _expired;

    public CallClock(ChatTimeouts limits, TimeProvider time, CancellationToken cancel)
    {
        _limits = limits;
        _time = time;
        _cancel = cancel;
        Work = new ReplyWork(time);
        _source = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        _started = _since = time.GetTimestamp();
        _timer = time.CreateTimer(static state => ((CallClock)state!).Check(), this, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
        Check();
    }

    private enum Phase
    {
        Sending,
        Waiting,
        Thinking,
        Answering,
        Finishing,
        Draining,
    }

    /// <summary>Fires when the caller cancels and when a deadline passes; <see cref="Translate"/> tells which.</summary>
    public CancellationToken Token => _source.Token;

    /// <summary>The work of reading the reply so far.</summary>
    public ReplyWork Work { get; }

    /// <summary>The model had finished when the time ran out, so the silence is the end of the reply.</summary>
    public bool EndedQuietly => _phase >= Phase.Finishing && _source.IsCancellationRequested && !_cancel.IsCancellationRequested
        && _expired is not ProviderFailure.TotalTimeout;

    public void Sending()
    {
        _since = _time.GetTimestamp();
        Enter(Phase.Sending);
    }

    public void Sent()
    {
        _since = _started;
        Enter(Phase.Waiting);
    }

    /// <summary>A data frame without content: the model responds, and may reason for long.</summary>
    public void Frame()
    {
        if (_phase == Phase.Waiting)
        {
            Content(visible: false);
        }
    }

    /// <summary>Text, reasoning or a piece of a tool call arrived.</summary>
    public void Content(bool visible)
    {
        _since = _time.GetTimestamp();
        var phase = visible ? Phase.Answering : Phase.Thinking;
        if (_phase != phase && _phase < Phase.Finishing)
        {
            Enter(phase);
        }
    }

    public void Finishing()
    {
        if (_phase < Phase.Finishing)
        {
            _since = _time.GetTimestamp();
            Enter(Phase.Finishing);
        }
    }

    public void Draining()
    {
        _since = _time.GetTimestamp();
        Enter(Phase.Draining);
    }

    /// <summary>
    /// Yields the thread, so that other work proceeds however fast the reply comes. Checks the deadlines and the data without content,
    /// because nothing else does while a reply is read without waits.
    /// </summary>
    public async ValueTask PauseAsync()
    {
        await Task.Yield(); // queues behind all other work
        Work.Waited();
        Check();
        if (Token.IsCancellationRequested && !EndedQuietly)
        {
            throw Translate(new OperationCanceledException());
        }

        Work.Check();
    }

    /// <summary>What a cancellation of <see cref="Token"/> means: the caller's own, or a timeout.</summary>
    public Exception Translate(Exception exception)
    {
        if (_cancel.IsCancellationRequested)
        {
            return new OperationCanceledException(exception.Message, exception, _cancel);
        }

        return _expired is { } failure ? new ProviderException(failure, Explain(failure), inner: exception)
            : new ProviderException(ProviderFailure.ConnectTimeout, "The connection could not be made in time.", inner: exception);
    }

    public void Dispose()
    {
        _timer.Dispose();
        _source.Dispose();
    }

    private void Enter(Phase phase)
    {
        _phase = phase;
        Check();
    }

    private void Check()
    {
        var (failure, left) = Left();
        try
        {
            if (left > TimeSpan.Zero)
            {
                // Whole milliseconds, rounded up: a timer that fires early would only have to be set again.
                _timer.Change(TimeSpan.FromMilliseconds(Math.Ceiling(left.TotalMilliseconds)), Timeout.InfiniteTimeSpan);
                return;
            }

            _expired = failure;
            _source.Cancel();
        }
        catch (Exception error) when (error is ObjectDisposedException or AggregateException)
        {
            // The call ended while the timer fired, or a callback of the cancellation threw. All callbacks have run, and the deadline ends
            // the call.
        }
    }

    private (ProviderFailure Failure, TimeSpan Left) Left()
    {
        var now = _time.GetTimestamp();
        var (failure, limit) = _phase switch
        {
            Phase.Sending => (ProviderFailure.WriteTimeout, WriteTimeout),
            Phase.Waiting => (ProviderFailure.FirstByteTimeout, _limits.FirstByte),
            Phase.Thinking => (ProviderFailure.IdleTimeout, _limits.ReasoningIdle),
            Phase.Answering => (ProviderFailure.IdleTimeout, _limits.Idle),
            Phase.Finishing => (ProviderFailure.IdleTimeout, FinishGrace),
            Phase.Draining => (ProviderFailure.IdleTimeout, DrainTime),
        };
        var left = limit - _time.GetElapsedTime(_since, now);
        var total = _limits.Total - _time.GetElapsedTime(_started, now);
        return total < left ? (ProviderFailure.TotalTimeout, total) : (failure, left);
    }

    private string Explain(ProviderFailure failure) => failure switch
    {
        ProviderFailure.WriteTimeout => $"The provider did not take the request within {WriteTimeout.TotalSeconds:0} s.",
        ProviderFailure.FirstByteTimeout => $"The provider sent nothing for {_limits.FirstByte.TotalSeconds:0} s.",
        ProviderFailure.TotalTimeout => $"The answer took longer than {_limits.Total.TotalSeconds:0} s.",
        _ => "The provider stopped sending content.",
    };
}
