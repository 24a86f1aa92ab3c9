using System.Diagnostics;

namespace AiChat.Data.Engine;

/// <summary>
/// What waits for the writer: first what a person waits for most (<see cref="WriteOrder.First"/>), then the rest, each in its order. An
/// item that has waited <see cref="MaxWait"/> fails with Busy. Thread-safe; one thread takes groups (<see cref="Take"/>), or several take
/// one item each (<see cref="TakeOne"/>), and then those that came meanwhile for the same owner (<see cref="TakeBehind"/>).
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

    /// <summary>Of the owners for whom a thread is at work, or for whom one of several items waits for a thread.</summary>
    private readonly Dictionary<long, Turn> _turns = [];

    private readonly WriteItem?[] _taken;
    private readonly Timer _rounds;
    private readonly int _max;
    private int _behindCount;
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
        var (watch, wake) = (false, false);
        StoreException? error = null;
        lock (_gate)
        {
            if (_isClosed)
            {
                error = new StoreException(StoreFailure.Unavailable, "The store is closed.");
            }
            else if (_first.Count + _rest.Count + _behindCount >= _max)
            {
                error = new StoreException(StoreFailure.Busy, "more writes are waiting than the database accepts.");
            }
            else
            {
                if (item.Owner is { } owner && _turns.TryGetValue(owner, out var turn))
                {
                    PutBehind(turn, item);
                }
                else
                {
                    Put(item);
                    wake = true;
                }

                watch = !_isWatched;
                _isWatched = true;
            }
        }

        if (error is not null)
        {
            item.Fail(error);
            return;
        }

        if (wake)
        {
            _added.Set();
        }

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

    /// <summary>
    /// For one of several threads that take: the next item, and those that wait behind it for the same owner. They do not count as taken;
    /// when they have an owner, call <see cref="TakeBehind"/> when they are done, until nothing comes.
    /// </summary>
    /// <param name="items">Gets them, this many at most; none when nothing waits.</param>
    public void TakeOne(List<WriteItem> items, int max)
    {
        items.Clear();
        lock (_gate)
        {
            while (items.Count == 0 && (_first.TryDequeue(out var item) || _rest.TryDequeue(out item)))
            {
                if (item.Owner is { } owner && !_turns.TryAdd(owner, new Turn()))
                {
                    var turn = _turns[owner];
                    if (turn.IsTaken)
                    {
                        PutBehind(turn, item);
                        continue;
                    }

                    turn.IsTaken = true;
                    items.Add(item);
                    Fill(items, turn, max);
                }
                else
                {
                    items.Add(item);
                }
            }

            if (_first.Count + _rest.Count > 0 || _isClosed)
            {
                _added.Set(); // wakes the next thread
            }
        }
    }

    /// <summary>
    /// What came for the owner meanwhile. Nothing when others wait, after whom the owner's turn comes again.
    /// </summary>
    /// <param name="owner">That of the items that were taken.</param>
    /// <param name="items">Gets them, this many at most.</param>
    public void TakeBehind(long? owner, List<WriteItem> items, int max)
    {
        items.Clear();
        if (owner is not { } user)
        {
            return;
        }

        lock (_gate)
        {
            var turn = _turns[user];
            if (_first.Count + _rest.Count > 0 && turn.Behind.TryDequeue(out var next))
            {
                _behindCount--;
                Put(next);
                turn.IsTaken = false;
            }
            else
            {
                Fill(items, turn, max);
            }

            if (items.Count + turn.Behind.Count == 0)
            {
                _turns.Remove(user);
            }
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

    private void Put(WriteItem item) => (item.Order == WriteOrder.First ? _first : _rest).Enqueue(item);

    private void PutBehind(Turn turn, WriteItem item)
    {
        turn.Behind.Enqueue(item);
        _behindCount++;
    }

    private void Fill(List<WriteItem> items, Turn turn, int max)
    {
        while (items.Count < max && turn.Behind.TryDequeue(out var item))
        {
            items.Add(item);
            _behindCount--;
        }
    }

    /// <summary>Fails items that have waited too long behind a slow item or another program's lock.</summary>
    private void FailExpired()
    {
        List<WriteItem> expired;
        bool goesOn;
        lock (_gate)
        {
            expired = [.. _taken.Concat(_first).Concat(_rest).Concat(_turns.Values.SelectMany(turn => turn.Behind)).OfType<WriteItem>()
                .Where(item => Stopwatch.GetElapsedTime(item.QueuedAt) > MaxWait && item.TryTakeOut())];
            goesOn = _isWatched = _first.Count + _rest.Count + _behindCount > 0 || _taken[0] is not null;
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

    private sealed class Turn
    {
        /// <summary>A thread is at work for the owner; else the first of the items waits for one.</summary>
        public bool IsTaken { get; set; } = true;

        public Queue<WriteItem> Behind { get; } = new();
    }
}
