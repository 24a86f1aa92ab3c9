using System.Diagnostics;
using AiChat.Data.Postgres;

namespace AiChat.Data.Nodes;

/// <summary>
/// This process among those on one PostgreSQL database: a thread with a connection of its own renews its row every two seconds and reads
/// every second what others have told, sooner when one of them wakes it, for which another thread listens. A store in a file has none.
/// Events are raised on the first thread; handlers are quick and do not throw. Thread-safe.
/// </summary>
internal sealed class NodeLink : IDisposable
{
    private static readonly TimeSpan Poll = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan RenewEvery = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan BeforeRetry = TimeSpan.FromMilliseconds(250);

    /// <summary>Changes are kept for longer than this; who has missed more reads everything anew.</summary>
    private static readonly TimeSpan MaxGap = TimeSpan.FromMinutes(2);

    /// <summary>Below the lease, so that a connection that answers nothing is given up in time.</summary>
    private const int CommandLimit = 4;

    private readonly PostgresServers _servers;
    private readonly string _place;
    private readonly string _version;
    private readonly CancellationTokenSource _closing = new();
    private readonly Thread _thread;
    private readonly Thread _listener;
    private readonly AutoResetEvent _woken = new(false);
    private readonly TaskCompletionSource _joined = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly HashSet<long> _seen = [];
    private readonly Queue<(long Id, long At)> _seenOrder = new();
    private TaskCompletionSource _nextRead = NewRead();
    private PostgresConnection? _connection;
    private volatile string? _address;
    private volatile string? _images;
    private volatile bool _draining;
    private volatile bool _isTold = true;
    private volatile bool _hasRead;
    private long _newest;
    private long _readAt;
    private long _renewedAt;
    private long _connectedAt;
    private bool _isClosed;

    /// <param name="servers">Whose database it is; disposed later than this.</param>
    /// <param name="place">Names the data folder that this process holds, among all.</param>
    /// <param name="version">Of this program.</param>
    public NodeLink(PostgresServers servers, string place, string version)
    {
        (_servers, _place, _version) = (servers, place, version);
        _thread = new Thread(Loop) { IsBackground = true, Name = "nodes" };
        _listener = new Thread(Hear) { IsBackground = true, Name = "nodes-listen" };
    }

    /// <summary>Told by others, each once.</summary>
    public event Action<ChangeRow>? Changed;

    /// <summary>Something may have been missed: everything in memory is to be read anew.</summary>
    public event Action? Missed;

    /// <summary>This process was declared gone and has begun anew under another name: what it had begun is no longer its own.</summary>
    public event Action? Lost;

    /// <summary>The process as its rows name it; another after <see cref="Lost"/>.</summary>
    public string BootId => _servers.BootId;

    /// <summary>Names the data folder of this process.</summary>
    public string Place => _place;

    /// <summary>How often this process has told the others of something.</summary>
    public long Told => _servers.Told;

    /// <summary>How long nothing could be read; null before the first time.</summary>
    public TimeSpan SilentFor => _hasRead ? Stopwatch.GetElapsedTime(Interlocked.Read(ref _readAt)) : TimeSpan.Zero;

    /// <summary>
    /// How long the database has been there without a break. After an outage all leases are over at once, so nobody judges by them before
    /// this is longer than a lease.
    /// </summary>
    public TimeSpan SteadyFor =>
        Interlocked.Read(ref _connectedAt) is > 0 and var since ? Stopwatch.GetElapsedTime(since) : TimeSpan.Zero;

    /// <summary>Where this process keeps images, told again when it has to begin anew.</summary>
    public string? Images
    {
        get => _images;
        set => _images = value;
    }

    /// <summary>Where this process can be reached, as others see it.</summary>
    public string? Address => _address;

    /// <summary>Joins; call once. Completes when the row is there.</summary>
    public Task Join()
    {
        _thread.Start();
        if (_servers.Url.CanListen)
        {
            _listener.Start();
        }

        return _joined.Task;
    }

    /// <summary>Says where this process can be reached; null where nobody knows.</summary>
    public void Listen(string? address)
    {
        _address = address;
        _isTold = false;
        _woken.Set();
    }

    /// <summary>
    /// Completes when what others told before the call has been read, and <see cref="Changed"/> raised for it; cancelled when it could not
    /// be read.
    /// </summary>
    public Task CatchUp()
    {
        if (Volatile.Read(ref _isClosed))
        {
            return Task.FromCanceled(new CancellationToken(canceled: true));
        }

        var read = Volatile.Read(ref _nextRead).Task;
        _woken.Set();
        return read;
    }

    /// <summary>Says that this process ends: that nothing listens at its address any more proves nothing.</summary>
    public void Drain()
    {
        _draining = true;
        _isTold = false;
        _woken.Set();
    }

    /// <summary>Ends the thread. The row stays; <see cref="NodeTable.Remove"/> takes it away.</summary>
    public void Dispose()
    {
        if (Interlocked.Exchange(ref _isClosed, true))
        {
            return;
        }

        _closing.Cancel();
        foreach (var thread in new[] { _thread, _listener }.Where(thread => thread.IsAlive))
        {
            thread.Join();
        }

        _closing.Dispose();
        _woken.Dispose();
    }

    private void Loop()
    {
        while (!_closing.IsCancellationRequested)
        {
            var read = Interlocked.Exchange(ref _nextRead, NewRead());
            try
            {
                _connection ??= _servers.Open("default_transaction_read_only = off", CommandLimit);
                Turn(_connection);
                read.SetResult();
                WaitHandle.WaitAny([_closing.Token.WaitHandle, _woken], Poll);
            }
            catch (Exception)
            {
                // Whatever it was, the next connection begins anew; who asks sees how long this has lasted.
                read.TrySetCanceled();
                Interlocked.Exchange(ref _connectedAt, 0);
                _connection?.Dispose();
                _connection = null;
                _closing.Token.WaitHandle.WaitOne(BeforeRetry);
            }
        }

        _connection?.Dispose();
        _nextRead.TrySetCanceled();
    }

    private static TaskCompletionSource NewRead() => new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>On a connection of its own: how it waits and breaks concerns nobody else.</summary>
    private void Hear()
    {
        while (!_closing.IsCancellationRequested)
        {
            try
            {
                using var connection = _servers.Open("default_transaction_read_only = off");
                Wakeup.Listen(connection);
                while (true)
                {
                    _woken.Set(); // also at first: what was told before is read
                    connection.WaitForNews(_closing.Token).GetAwaiter().GetResult();
                }
            }
            catch (Exception)
            {
                // Until it is there again, what others have told is read every second.
                _closing.Token.WaitHandle.WaitOne(Poll);
            }
        }
    }

    private void Turn(PostgresConnection connection)
    {
        if (!_joined.Task.IsCompleted)
        {
            NodeTable.Join(connection, BootId, _place, _version, Images);
        }

        if (!_isTold || Stopwatch.GetElapsedTime(_renewedAt) >= RenewEvery)
        {
            _isTold = true;
            if (!NodeTable.Renew(connection, BootId, _address, _draining))
            {
                _servers.BeginAnew();
                NodeTable.Join(connection, BootId, _place, _version, Images);
                NodeTable.Renew(connection, BootId, _address, _draining);
                Lost?.Invoke();
            }

            _renewedAt = Stopwatch.GetTimestamp();
        }

        Read(connection);
        _joined.TrySetResult(); // what is read into memory from now on is as new as what will be told
        Interlocked.CompareExchange(ref _connectedAt, Stopwatch.GetTimestamp(), 0);
    }

    private void Read(PostgresConnection connection)
    {
        var begun = Stopwatch.GetTimestamp();
        var gap = _hasRead ? SilentFor : TimeSpan.Zero;
        var told = NodeTable.Changes(connection, (long)(NodeTable.Overlap + gap).TotalMilliseconds, _newest);
        var isFirst = !_hasRead;
        Interlocked.Exchange(ref _readAt, begun);
        _hasRead = true;
        foreach (var change in told.Where(change => _seen.Add(change.Id)))
        {
            _newest = Math.Max(_newest, change.Id);
            _seenOrder.Enqueue((change.Id, begun));
            if (!isFirst)
            {
                Changed?.Invoke(change);
            }
        }

        if (gap > MaxGap)
        {
            Missed?.Invoke();
        }

        while (_seenOrder.TryPeek(out var oldest) && Stopwatch.GetElapsedTime(oldest.At) > 2 * NodeTable.Overlap)
        {
            _seen.Remove(_seenOrder.Dequeue().Id);
        }
    }
}
