using System.Diagnostics;

namespace AiChat.Data.Engine;

/// <summary>
/// What waits for the writer: first what a person waits for most (<see cref="WriteOrder.First"/>), then the rest, each in its order. An
/// item that has waited <see cref="MaxWait"/> fails with Busy. Thread-safe; one thread takes groups, or several take one item each.
/// </summary>
internal sealed class WriteQueue : IDisposable
{
    /// <summary>Together with <see cref="BetweenRounds"/> at most five seconds.</summary>
    private static readonly TimeSpan MaxWait = TimeSpan.FromSeconds(4.5);

    /// <summary>Interval of the checks for items that have waited too long.</summary>
    private static readonly TimeSpan BetweenRounds = TimeSpan.FromMilliseconds(250);

    private readonly Lock _gate = new();
    private readonly AutoResetEvent _added = new(false);
    private readonly Queue<WriteItem> _first = new();
    private readonly Queue<WriteItem> _rest = new();
    private readonly WriteItem?[] _taken;
    private readonly Timer _rounds;
    private readonly int _max;
    private bool _isWatched;
    private bool _isClosed;

    /// <param name="max">Items that may wait.</param>
    /// <param name="maxGroup">Items that are taken at once.</param>
    public WriteQueue(int max, int maxGroup)
    {
        (_max, _taken) = (max, new WriteItem?[maxGroup]);
        _rounds = new Timer(static queue => ((WriteQueue)queue!).FailExpired(), this, Timeout.Infinite, Timeout.Infinite);
    }

    public int Count
    {
        get
        {
            lock (_gate)
            {
                return _first.Count + _rest.Count;
            }
        }
    }

    /// <summary>Whether nothing waits and nothing more will be added.</summary>
    public bool IsCompleted => Volatile.Read(ref _isClosed) && Count == 0;

    /// <summary>Adds the item, or fails it when the queue is full or closed.</summary>
    public void Add(WriteItem item)
    {
        var watch = false;
        StoreException? error = null;
        lock (_gate)
        {
            if (_isClosed)
            {
                error = new StoreException(StoreFailure.Unavailable, "The store is closed.");
            }
            else if (_first.Count + _rest.Count >= _max)
            {
                error = new StoreException(StoreFailure.Busy, "more writes are waiting than the database accepts.");
            }
            else
            {
                (item.Order == WriteOrder.First ? _first : _rest).Enqueue(item);
                watch = !_isWatched;
                _isWatched = true;
            }
        }

        if (error is not null)
        {
            item.Fail(error);
            return;
        }

        _added.Set();
        if (watch)
        {
            _rounds.Change(BetweenRounds, Timeout.InfiniteTimeSpan);
        }
    }

    /// <summary>Waits for an item, this long at most.</summary>
    /// <returns>False when nothing came.</returns>
    public bool Wait(TimeSpan time)
    {
        var begun = Stopwatch.GetTimestamp();
        while (Count == 0 && !_isClosed)
        {
            var left = time - Stopwatch.GetElapsedTime(begun);
            if (left <= TimeSpan.Zero || !_added.WaitOne(left))
            {
                break;
            }
        }

        return Count > 0;
    }

    /// <summary>The next items; they count as taken until <see cref="Release"/>.</summary>
    public ReadOnlySpan<WriteItem> Take()
    {
        lock (_gate)
        {
            var count = 0;
            while (count < _taken.Length && (_first.TryDequeue(out var item) || _rest.TryDequeue(out item)))
            {
                _taken[count++] = item;
            }

            return _taken.AsSpan(0, count)!;
        }
    }

    /// <summary>The next item alone, for one of several threads that take; it does not count as taken. Null when none is there.</summary>
    public WriteItem? TakeOne()
    {
        lock (_gate)
        {
            var item = _first.TryDequeue(out var first) ? first : _rest.TryDequeue(out var other) ? other : null;
            if (_first.Count + _rest.Count > 0 || _isClosed)
            {
                _added.Set(); // wakes the next thread
            }

            return item;
        }
    }

    /// <summary>What was taken is done with.</summary>
    public void Release()
    {
        lock (_gate)
        {
            Array.Clear(_taken);
        }
    }

    /// <summary>Fails what was taken and is not done with.</summary>
    public void FailTaken(Exception error)
    {
        foreach (var item in _taken)
        {
            item?.Fail(error);
        }
    }

    /// <summary>Accepts nothing more; what waits may still be taken.</summary>
    public void Close()
    {
        lock (_gate)
        {
            _isClosed = true;
        }

        _added.Set();
    }

    /// <summary>Call when the thread that takes has ended.</summary>
    public void Dispose()
    {
        using (var ended = new ManualResetEvent(false))
        {
            if (_rounds.Dispose(ended))
            {
                ended.WaitOne();
            }
        }

        _added.Dispose();
    }

    /// <summary>Fails items that have waited too long behind a slow item or another program's lock.</summary>
    private void FailExpired()
    {
        List<WriteItem> expired;
        bool goesOn;
        lock (_gate)
        {
            expired = [.. _taken.Concat(_first).Concat(_rest).OfType<WriteItem>()
                .Where(item => Stopwatch.GetElapsedTime(item.QueuedAt) > MaxWait && item.TryTakeOut())];
            goesOn = _isWatched = _first.Count + _rest.Count > 0 || _taken[0] is not null;
        }

        foreach (var item in expired)
        {
            item.Fail(new StoreException(StoreFailure.Busy, "the database was busy for too long."));
        }

        if (goesOn)
        {
            _rounds.Change(BetweenRounds, Timeout.InfiniteTimeSpan);
        }
    }
}
