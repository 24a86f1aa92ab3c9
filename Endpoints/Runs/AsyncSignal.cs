using System.Threading.Tasks.Sources;

namespace AiChat.Endpoints.Runs;

/// <summary>
/// Wakes one waiting reader; sets that come while nobody waits are remembered as one. Any thread may set,
/// only one at a time may wait. Waiting again allocates nothing.
/// </summary>
internal sealed class AsyncSignal : IValueTaskSource
{
    private readonly Lock _gate = new();
    private ManualResetValueTaskSourceCore<bool> _source;
    private bool _set;
    private bool _waiting;

    /// <param name="here">A waiting reader goes on inside this call instead of on another thread: cheaper, so hold no lock then.</param>
    public void Set(bool here = false)
    {
        lock (_gate)
        {
            if (!_waiting)
            {
                _set = true;
                return;
            }

            _waiting = false;
        }

        // Only the one call that found the reader waiting comes here.
        _source.RunContinuationsAsynchronously = !here;
        _source.SetResult(true);
    }

    public ValueTask WaitAsync()
    {
        lock (_gate)
        {
            if (_set)
            {
                _set = false;
                return ValueTask.CompletedTask;
            }

            _source.Reset();
            _waiting = true;
            return new ValueTask(this, _source.Version);
        }
    }

    void IValueTaskSource.GetResult(short token) => _source.GetResult(token);

    ValueTaskSourceStatus IValueTaskSource.GetStatus(short token) => _source.GetStatus(token);

    void IValueTaskSource.OnCompleted(Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags) =>
        _source.OnCompleted(continuation, state, token, flags);
}
