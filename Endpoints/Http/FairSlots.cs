namespace AiChat.Endpoints.Http;

/// <summary>
/// A semaphore that is fair between keys: waiters are admitted round robin by key, so that a crowd under one key delays every other key by
/// one place only. The wait is limited in time, and the number of waiters is limited in all and for each key.
/// Safe for any number of threads.
/// </summary>
internal sealed class FairSlots(int slots, int maxWaiting, int maxWaitingPerKey, TimeSpan patience, TimeProvider clock)
{
    private readonly Lock _gate = new();
    private readonly Dictionary<string, LinkedList<TaskCompletionSource>> _waiting = [];

    /// <summary>The keys of <see cref="_waiting"/>; the next to be admitted is first.</summary>
    private readonly LinkedList<string> _turns = new();
    private int _free = slots;
    private int _inside;
    private int _count;

    /// <summary>Whether anybody else waits for a slot or has one.</summary>
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

    /// <summary>True when the caller has a slot and must <see cref="Leave"/>; false when too many wait or the wait took too long.</summary>
    /// <exception cref="OperationCanceledException">The wait was cancelled.</exception>
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
                Leave(); // the slot was granted at the same moment
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
