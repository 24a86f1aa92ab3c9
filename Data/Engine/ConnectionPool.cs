using System.Data.Common;
using System.Diagnostics;

namespace AiChat.Data.Engine;

/// <summary>
/// Connections that serve one thread at a time, opened on demand; the one that was used last comes first. Where the database has none left
/// to give, one that is in use is waited for. Thread-safe.
/// </summary>
internal sealed class ConnectionPool<T> : IDisposable
    where T : class, IDisposable
{
    /// <summary>Below the time after which a client gives up.</summary>
    private static readonly TimeSpan MaxWait = TimeSpan.FromSeconds(4);

    /// <summary>Those of other processes may become free without a word.</summary>
    private static readonly TimeSpan BetweenAttempts = TimeSpan.FromMilliseconds(250);

    private readonly Func<T> _open;
    private readonly TimeSpan _keep;
    private readonly Timer? _closing;
    private readonly List<(T Connection, long Since)> _idle = [];

    /// <param name="open">Too many open files or a database that is briefly missing may fail it; a later call may succeed.</param>
    /// <param name="keep">How long one may be idle before it is closed; null keeps it.</param>
    public ConnectionPool(Func<T> open, TimeSpan? keep)
    {
        _open = open;
        if (keep is { } time)
        {
            _keep = time;
            _closing = new Timer(static pool => ((ConnectionPool<T>)pool!).CloseOld(), this, time, time);
        }
    }

    /// <summary>A connection, until it is given back or dropped.</summary>
    /// <param name="isNew">It was opened just now; else it may have been cut since.</param>
    /// <exception cref="StoreException">None can be opened now.</exception>
    public T Take(out bool isNew)
    {
        for (var begun = Stopwatch.GetTimestamp(); ;)
        {
            if (TryTakeIdle(TimeSpan.Zero) is { } idle)
            {
                isNew = false;
                return idle;
            }

            try
            {
                isNew = true;
                return _open();
            }
            catch (StoreException error) when (error.Failure == StoreFailure.Busy && Stopwatch.GetElapsedTime(begun) < MaxWait)
            {
                if (TryTakeIdle(BetweenAttempts) is { } returned)
                {
                    isNew = false;
                    return returned;
                }
            }
        }
    }

    public void Return(T connection)
    {
        lock (_idle)
        {
            _idle.Add((connection, Stopwatch.GetTimestamp()));
            Monitor.Pulse(_idle);
        }
    }

    /// <summary>Closes those that are idle.</summary>
    public void Clear() => Close(TakeAll(_ => true));

    public void Dispose()
    {
        _closing?.Dispose();
        Clear();
    }

    private T? TryTakeIdle(TimeSpan wait)
    {
        lock (_idle)
        {
            if (_idle.Count == 0 && wait > TimeSpan.Zero)
            {
                Monitor.Wait(_idle, wait);
            }

            if (_idle.Count == 0)
            {
                return null;
            }

            var last = _idle[^1].Connection;
            _idle.RemoveAt(_idle.Count - 1);
            return last;
        }
    }

    private void CloseOld()
    {
        try
        {
            Close(TakeAll(since => Stopwatch.GetElapsedTime(since) > _keep));
        }
        catch (Exception error) when (error is DbException or IOException)
        {
            // What cannot be closed properly is gone.
        }
    }

    private List<(T Connection, long Since)> TakeAll(Predicate<long> which)
    {
        lock (_idle)
        {
            var taken = _idle.FindAll(one => which(one.Since));
            _idle.RemoveAll(taken.Contains);
            return taken;
        }
    }

    private static void Close(List<(T Connection, long Since)> taken) => taken.ForEach(one => one.Connection.Dispose());
}
