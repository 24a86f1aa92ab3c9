namespace AiChat.Endpoints.Http;

/// <summary>
/// Lets a few callers in at once; the others wait in turn, one of each key after the other, so that a crowd under one key delays
/// everybody else by one place only. The wait ends after a time, and only so many may wait, in all and under one key.
/// Safe for any number of threads.
/// </summary>
internal sealed class FairSlots(int slots, int maxWaiting, int maxWaitingPerKey, TimeSpan patience, TimeProvider clock)
{
    private readonly Lock _gate = new();
    private readonly Dictionary<string, LinkedList<TaskCompletionSource>> _waiting = [];

    /// <summary>The keys of <see cref="_waiting"/>, the next one first.</summary>
    private readonly LinkedList<string> _turns = new();
    private int _free = slots;
    private int _inside;
    private int _count;

    /// <summary>Whether others wait for a slot or have one besides the caller's own.</summary>
    public bool Crowded
    {
        get
        {
            lock (_gate)
            {
                return _count > 0 || _inside > 1;
            }
        }
    }

    /// <summary>True when the caller is in and must <see cref="Leave"/>; false when too many wait or it took too long.</summary>
    /// <exception cref="OperationCanceledException">The caller gave up.</exception>
    public async Task<bool> Enter(string key, CancellationToken cancellationToken)
    {
        var turn = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        lock (_gate)
        {
            if (_free > 0)
            {
                _free--;
                _inside++;
                return true;
            }

            if (!Queue(key, turn))
            {
                return false;
            }
        }

        try
        {
            await turn.Task.WaitAsync(patience, clock, cancellationToken);
            return true;
        }
        catch (TimeoutException)
        {
            GiveUp(key, turn);
            return false;
        }
        catch (OperationCanceledException)
        {
            GiveUp(key, turn);
            throw;
        }
    }

    public void Leave()
    {
        lock (_gate)
        {
            if (_turns.First is not { } first)
            {
                _free++;
                _inside--;
                return;
            }

            var queue = _waiting[first.Value];
            var next = queue.First!.Value;
            _turns.RemoveFirst();
            _turns.AddLast(first);
            Remove(first.Value, queue, next);
            next.SetResult();
        }
    }

    private bool Queue(string key, TaskCompletionSource turn)
    {
        if (_count >= maxWaiting)
        {
            return false;
        }

        if (!_waiting.TryGetValue(key, out var queue))
        {
            _waiting[key] = queue = new LinkedList<TaskCompletionSource>();
            _turns.AddLast(key);
        }
        else if (queue.Count >= maxWaitingPerKey)
        {
            return false;
        }

        queue.AddLast(turn);
        _count++;
        return true;
    }

    private void GiveUp(string key, TaskCompletionSource turn)
    {
        lock (_gate)
        {
            if (!_waiting.TryGetValue(key, out var queue) || !Remove(key, queue, turn))
            {
                Leave(); // its turn came at the same moment
            }
        }
    }

    private bool Remove(string key, LinkedList<TaskCompletionSource> queue, TaskCompletionSource turn)
    {
        if (!queue.Remove(turn))
        {
            return false;
        }

        _count--;
        if (queue.Count == 0)
        {
            _waiting.Remove(key);
            _turns.Remove(key);
        }

        return true;
    }
}
