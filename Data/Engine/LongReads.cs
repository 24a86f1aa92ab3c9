using System.Data.Common;
using System.Diagnostics;

namespace AiChat.Data.Engine;

/// <summary>
/// Schedules reads whose cost grows with a user's data. They run on threads of their own, so that short reads never wait behind them.
/// Users take turns, each with one read at a time, so that one user's many reads do not delay another's. Thread-safe.
/// </summary>
internal sealed class LongReads(Readers readers, TimeSpan limit) : IDisposable
{
    /// <summary>Concurrent long reads. Each may use a whole core.</summary>
    private static readonly int MaxThreads = Math.Clamp(Environment.ProcessorCount, 2, 4);

    private const int MaxWaiting = 256;

    /// <summary>Waiting reads of one user.</summary>
    private const int MaxWaitingEach = 16;

    /// <summary>A read that has waited longer fails instead of running: the page has given up by then.</summary>
    private static readonly TimeSpan MaxWait = TimeSpan.FromSeconds(20);

    private readonly Lock _gate = new();
    private readonly Dictionary<long, Person> _people = [];
    private readonly Queue<Person> _turns = new();
    private readonly CancellationTokenSource _closing = new();
    private readonly ManualResetEventSlim _quiet = new(true);
    private int _waiting;
    private int _threads;
    private bool _isClosed;

    public async Task<T> Run<T>(long userId, Func<DbConnection, T> work, CancellationToken cancel)
    {
        cancel.ThrowIfCancellationRequested();
        using var either = CancellationTokenSource.CreateLinkedTokenSource(cancel, _closing.Token);
        var item = new Item<T>(work, limit, either.Token);
        Enqueue(userId, item);
        await using var registration = either.Token.UnsafeRegister(_ => Remove(userId, item), null);
        try
        {
            return await item.Task;
        }
        catch (OperationCanceledException) when (!cancel.IsCancellationRequested)
        {
            throw new StoreException(StoreFailure.Unavailable, "The store is closed.");
        }
    }

    /// <summary>Cancels running and waiting reads and waits until no connection is in use.</summary>
    public void Dispose()
    {
        lock (_gate)
        {
            _isClosed = true;
        }

        _closing.Cancel();
        _quiet.Wait();
        _closing.Dispose();
    }

    private void Enqueue(long userId, Item item)
    {
        lock (_gate)
        {
            if (_isClosed)
            {
                throw new StoreException(StoreFailure.Unavailable, "The store is closed.");
            }

            if (!_people.TryGetValue(userId, out var person))
            {
                person = _people[userId] = new Person(userId);
            }

            if (_waiting >= MaxWaiting || person.Waiting.Count >= MaxWaitingEach)
            {
                throw new StoreException(StoreFailure.Busy, "Too many long reads are waiting.");
            }

            _waiting++;
            person.Waiting.AddLast(item);
            GiveTurn(person);
            if (_threads < MaxThreads && _turns.Count > 0)
            {
                _threads++;
                _quiet.Reset();
                new Thread(Serve) { IsBackground = true, Name = "db-long-read" }.Start();
            }
        }
    }

    /// <summary>Removes a cancelled read from its queue at once, so that it takes no place. A running read ends by its token.</summary>
    private void Remove(long userId, Item item)
    {
        lock (_gate)
        {
            if (!_people.TryGetValue(userId, out var person) || !person.Waiting.Remove(item))
            {
                return;
            }

            _waiting--;
        }

        item.Cancel();
    }

    private void GiveTurn(Person person)
    {
        if (!person.HasTurn && !person.IsRunning && person.Waiting.Count > 0)
        {
            person.HasTurn = true;
            _turns.Enqueue(person);
        }
    }

    /// <summary>The loop of a thread: serves turns until none is left.</summary>
    private void Serve()
    {
        Person? served = null;
        while (Next(ref served) is { } item)
        {
            if (Stopwatch.GetElapsedTime(item.QueuedAt) > MaxWait)
            {
                item.Fail(new StoreException(StoreFailure.Busy, "The long read waited too long for its turn."));
            }
            else
            {
                item.Run(readers);
            }
        }
    }

    private Item? Next(ref Person? served)
    {
        lock (_gate)
        {
            if (served is not null)
            {
                served.IsRunning = false;
                GiveTurn(served);
                Forget(served);
            }

            while (_turns.TryDequeue(out served))
            {
                served.HasTurn = false;
                if (served.Waiting.First is { Value: var item })
                {
                    served.Waiting.RemoveFirst();
                    served.IsRunning = true;
                    _waiting--;
                    return item;
                }

                Forget(served);
            }

            if (--_threads == 0)
            {
                _quiet.Set();
            }

            return null;
        }
    }

    private void Forget(Person person)
    {
        if (!person.HasTurn && !person.IsRunning && person.Waiting.Count == 0)
        {
            _people.Remove(person.Id);
        }
    }

    private sealed class Person(long id)
    {
        public long Id { get; } = id;

        public LinkedList<Item> Waiting { get; } = new();

        public bool HasTurn { get; set; }

        public bool IsRunning { get; set; }
    }

    private abstract class Item
    {
        public long QueuedAt { get; } = Stopwatch.GetTimestamp();

        public abstract void Run(Readers readers);

        public abstract void Fail(Exception error);

        public abstract void Cancel();
    }

    private sealed class Item<T>(Func<DbConnection, T> work, TimeSpan limit, CancellationToken cancel) : Item
    {
        // Continuations run elsewhere: this thread serves the next read.
        private readonly TaskCompletionSource<T> _completion = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public Task<T> Task => _completion.Task;

        public override void Run(Readers readers)
        {
            try
            {
                _completion.TrySetResult(readers.Use(reader => reader.Run(work, limit, cancel)));
            }
            catch (OperationCanceledException)
            {
                Cancel();
            }
            catch (Exception error)
            {
                _completion.TrySetException(error);
            }
        }

        public override void Fail(Exception error) => _completion.TrySetException(error);

        public override void Cancel() => _completion.TrySetCanceled(cancel);
    }
}
