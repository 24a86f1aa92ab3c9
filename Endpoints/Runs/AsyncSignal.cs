using System.Threading.Tasks.Sources;

namespace AiChat.Endpoints.Runs;

/// <summary>
/// Wakes one waiting reader. Sets while nobody waits are remembered as one. Any thread may set; only one at a time may wait. Waiting
/// again allocates nothing.
/// </summary>
internal sealed class AsyncSignal : IValueTaskSource
{
    private readonly Lock _gate = new();
    private ManualResetValueTaskSourceCore<bool> _source;
    private bool _set;
    private bool _waiting;

    /// <summary>Wakes the reader that waits, or the next one that will.</summary>
    /// <param name="inline">The reader continues inside this call, not on another thread, which is cheaper; hold no lock then.</param>
    public void Set(bool inline = false)
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

        // Only the call that found the reader waiting gets here.
        _source.RunContinuationsAsynchronously = !inline;
        _source.SetResult(true);
    }

    /// <summary>Completes at the next set, or at once when there was one since the last wait.</summary>
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
