using System.Data;
using System.Data.Common;
using AiChat.Data.Engine;

namespace AiChat.Data.Postgres;

/// <summary>
/// Carries out writes on several threads, each piece of work on a connection and in a transaction of its own: the server lets transactions
/// that end together share one flush. Pieces of one owner would wait for each other's lock there until it is flushed, so what comes while
/// one is at work shares the next transaction. A piece that another one was in the way of is done again. Thread-safe.
/// </summary>
internal sealed class PostgresWriter : IWriter
{
    /// <summary>Measured: with 16 connections the server commits ten times as often as with one, with 32 no more.</summary>
    public const int Threads = 16;

    private const int MaxQueue = 8_192;

    private const int MaxAttempts = 5;

    /// <summary>Pieces of one owner that share a transaction: each waits for the others.</summary>
    private const int MaxGroup = 16;

    /// <summary>A thread that waits is woken earlier.</summary>
    private static readonly TimeSpan IdleWait = TimeSpan.FromMinutes(1);

    /// <summary>How long what was written waits for the text index: so many messages share its pages.</summary>
    private static readonly TimeSpan IndexedAfter = TimeSpan.FromSeconds(4);

    private readonly PostgresServers _servers;
    private readonly WriteQueue _queue = new(MaxQueue, 1);
    private readonly Lane[] _lanes;
    private readonly ConnectionPool<PostgresConnection> _connections;
    private readonly Timer _indexing;
    private readonly Timer _telling;
    private long _commits;
    private long _indexed = -1;
    private int _isIndexing;
    private int _isTelling;
    private volatile bool _isClosing;

    /// <summary>
    /// How long what other processes have to read again is gathered before they are woken: waking takes a lock that commits wait for.
    /// </summary>
    private static readonly TimeSpan ToldAfter = TimeSpan.FromMilliseconds(20);

    /// <param name="servers">Disposed with this.</param>
    public PostgresWriter(PostgresServers servers)
    {
        _servers = servers;
        _connections = new(() => servers.Open("default_transaction_read_only = off"), PostgresServers.KeepIdle);
        _lanes = [.. Enumerable.Range(0, Threads).Select(_ => new Lane())];
        foreach (var lane in _lanes)
        {
            lane.Thread = new Thread(() => Loop(lane)) { IsBackground = true, Name = "db-writer" };
            lane.Thread.Start();
        }

        _indexing = new Timer(_ => BringIndexUpToDate(), null, IndexedAfter, IndexedAfter);
        _telling = new Timer(_ => WakeOthers());
    }

    /// <summary>Never: the server keeps its files.</summary>
    public event Action<Exception>? Broken
    {
        add { }
        remove { }
    }

    /// <summary>Never: what other programs write is read like everything.</summary>
    public event Action? ChangedByOthers
    {
        add { }
        remove { }
    }

    public event Action<Exception>? IndexFailed;

    public long Commits => Interlocked.Read(ref _commits);

    /// <summary>Of the thread that has been at one piece for longest.</summary>
    public TimeSpan BusyFor => _lanes.Max(lane => lane.Busy.Elapsed);

    public void Enqueue(WriteItem item) => _queue.Add(item);

    public void Dispose()
    {
        _isClosing = true;
        _telling.Dispose();
        using (var ended = new ManualResetEvent(false))
        {
            if (_indexing.Dispose(ended))
            {
                ended.WaitOne();
            }
        }

        _queue.Close();
        foreach (var lane in _lanes)
        {
            lane.Thread!.Join();
        }

        _queue.Dispose();
        _connections.Dispose();
        _servers.Dispose();
    }

    private void Loop(Lane lane)
    {
        List<WriteItem> items = new(MaxGroup);
        while (!_queue.IsCompleted)
        {
            _queue.Wait(IdleWait);
            _queue.TakeOne(items, MaxGroup);
            while (items.Count > 0)
            {
                var owner = items[0].Owner;
                items.RemoveAll(static item => !item.TryBegin());
                lane.Busy.Begin();
                Run(items);
                lane.Busy.End();
                _queue.TakeBehind(owner, items, MaxGroup);
            }
        }
    }

    /// <summary>
    /// Completes the items, or fails them: those of one owner in one transaction, each in its own when one of them fails.
    /// </summary>
    private void Run(List<WriteItem> items)
    {
        if (items.Count > 1)
        {
            var error = Attempt(items, out var wasOpen, out var hasBegun, out var isUndone);
            if (error is null)
            {
                return;
            }

            if (!isUndone || (!wasOpen && !hasBegun))
            {
                items.ForEach(item => item.Fail(PostgresErrors.Translate(error)));
                return;
            }
        }

        // Finding that the server is away takes seconds: whoever comes behind the first to do so is told the same.
        StoreException? away = null;
        foreach (var item in items)
        {
            if (away is null)
            {
                away = RunAlone(item) is StoreException { Failure: StoreFailure.Unavailable } error ? error : null;
            }
            else
            {
                item.Fail(away);
            }
        }
    }

    /// <returns>Why it failed; null when it is complete.</returns>
    private Exception? RunAlone(WriteItem item)
    {
        for (var attempt = 1; ; attempt++)
        {
            var error = Attempt([item], out var wasOpen, out var hasBegun, out _);
            if (error is null)
            {
                return null;
            }

            // A connection that was cut while it was idle has carried out nothing.
            var again = PostgresErrors.IsWorthRepeating(error) || (wasOpen && !hasBegun && attempt == 1);
            if (!again || attempt == MaxAttempts)
            {
                var failure = PostgresErrors.Translate(error);
                item.Fail(failure);
                return failure;
            }
        }
    }

    /// <summary>Runs the items in a transaction and commits it; null when they are complete.</summary>
    /// <param name="wasOpen">The connection had been idle, and may have been cut.</param>
    /// <param name="hasBegun">The server has answered, so that part of the work may be done there.</param>
    /// <param name="isUndone">It is certain that nothing is left of the work.</param>
    private Exception? Attempt(List<WriteItem> items, out bool wasOpen, out bool hasBegun, out bool isUndone)
    {
        (wasOpen, hasBegun, isUndone) = (false, false, true);
        PostgresConnection? connection = null;
        var isWhole = false;
        try
        {
            connection = _connections.Take(out var isNew);
            wasOpen = !isNew;
            connection.BeginWrite();
            var failed = items.Find(item => !item.Run(connection, PostgresErrors.Translate));
            if (failed is null)
            {
                (hasBegun, isUndone) = (true, false);
                connection.CommitWrite();
                isWhole = true;
                Interlocked.Increment(ref _commits);
                if (connection.TakeTold())
                {
                    _servers.CountTold(); // before the work is complete: who waits for it looks at the number then
                    WakeOthersSoon();
                }

                items.ForEach(static item => item.Complete());
                return null;
            }

            // "begin" is sent with the first statement, so a cut shows there.
            hasBegun = connection.State == ConnectionState.Open;
            if (hasBegun)
            {
                connection.UndoWrite();
                isWhole = !PostgresErrors.IsReadOnly(failed.Error);
            }

            return failed.Error;
        }
        catch (Exception error)
        {
            isUndone |= PostgresErrors.IsRefusal(error);
            return error;
        }
        finally
        {
            GiveBack(connection, isWhole, isCut: wasOpen && !hasBegun);
        }
    }

    private void GiveBack(PostgresConnection? connection, bool isWhole, bool isCut)
    {
        if (isWhole)
        {
            _connections.Return(connection!);
            return;
        }

        connection?.Dispose();
        if (isCut)
        {
            _connections.Clear(); // the others have lost theirs at the same moment
        }
    }

    /// <summary>Looks for messages that are due when something was written since; one at a time.</summary>
    private void BringIndexUpToDate()
    {
        var commits = Commits;
        if (commits == _indexed || Interlocked.Exchange(ref _isIndexing, 1) == 1)
        {
            return;
        }

        try
        {
            using var connection = _servers.Open("synchronous_commit = off"); // what is lost of it is due again
            while (TextRows.AddDue(connection) > 0 && !_isClosing)
            {
                // The next group.
            }

            _indexed = commits;
        }
        catch (Exception error)
        {
            // It stays due, and search looks through what is due. A timer must not throw.
            IndexFailed?.Invoke(error);
        }
        finally
        {
            Volatile.Write(ref _isIndexing, 0);
        }
    }

    private void WakeOthersSoon()
    {
        if (_servers.Url.CanListen && !_isClosing && Interlocked.Exchange(ref _isTelling, 1) == 0)
        {
            _telling.Change(ToldAfter, Timeout.InfiniteTimeSpan);
        }
    }

    /// <summary>In a transaction of its own; who is not woken looks once a second.</summary>
    private void WakeOthers()
    {
        Volatile.Write(ref _isTelling, 0);
        var waking = new WriteItem<int>(Notify, WriteOrder.First);
        _ = waking.Task.ContinueWith(static failed => failed.Exception, TaskContinuationOptions.OnlyOnFaulted);
        Enqueue(waking);
    }

    private static int Notify(DbConnection connection)
    {
        Wakeup.Send(connection);
        return 0;
    }

    private sealed class Lane
    {
        public BusyTime Busy { get; } = new();

        public Thread? Thread { get; set; }
    }
}
