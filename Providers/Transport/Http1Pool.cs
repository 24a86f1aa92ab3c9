namespace AiChat.Providers.Transport;

/// <summary>The idle connections to one host, the most recently used first. Safe for parallel use.</summary>
internal sealed class Http1Pool(TimeProvider time) : IDisposable
{
    /// <summary>An idle connection is closed after this.</summary>
    private static readonly TimeSpan MaxIdle = TimeSpan.FromMinutes(1);

    /// <summary>An older connection is not used again, so that its host's name is resolved again.</summary>
    private static readonly TimeSpan MaxAge = TimeSpan.FromMinutes(2);

    private readonly Stack<Http1Connection> _idle = [];
    private bool _isClosed;

    /// <summary>A usable connection; null when a new one must be made.</summary>
    public Http1Connection? TryTake()
    {
        while (true)
        {
            Http1Connection? connection;
            lock (_idle)
            {
                if (!_idle.TryPop(out connection))
                {
                    return null;
                }
            }

            if (!IsExpired(connection))
            {
                return connection;
            }

            connection.Dispose();
        }
    }

    public void Return(Http1Connection connection)
    {
        connection.IdleSince = time.GetTimestamp();
        lock (_idle)
        {
            if (!_isClosed)
            {
                _idle.Push(connection);
                return;
            }
        }

        connection.Dispose();
    }

    /// <summary>Closes the connections that are too old or idle for too long, and those that the provider has closed.</summary>
    public void Sweep()
    {
        lock (_idle)
        {
            var kept = _idle.Where(connection => !IsExpired(connection)).Reverse().ToList();
            foreach (var connection in _idle.Except(kept))
            {
                connection.Dispose();
            }

            _idle.Clear();
            kept.ForEach(_idle.Push);
        }
    }

    /// <summary>Closes the idle connections, and every connection that is returned later.</summary>
    public void Dispose()
    {
        lock (_idle)
        {
            _isClosed = true;
            while (_idle.TryPop(out var connection))
            {
                connection.Dispose();
            }
        }
    }

    private bool IsExpired(Http1Connection connection)
    {
        var idle = time.GetElapsedTime(connection.IdleSince);
        return idle > MaxIdle || idle >= connection.MaxIdle || time.GetElapsedTime(connection.Made) > MaxAge || connection.IsSpent;
    }
}
