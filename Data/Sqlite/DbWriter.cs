using System.Collections.Concurrent;
using System.Data.Common;
using System.Diagnostics;
using Microsoft.Data.Sqlite;
using SQLitePCL;

namespace AiChat.Data.Sqlite;

/// <summary>
/// The only thread that writes. It commits all queued items (at most <see cref="MaxGroup"/>) as one transaction and completes their
/// tasks afterwards, so that they share one flush to disk and one addition to the text index. Under load it waits briefly for more items,
/// because a flush costs more than they do; a single caller never waits. An item that has waited <see cref="MaxWait"/> fails with Busy.
/// </summary>
internal sealed class DbWriter : IDisposable
{
    /// <summary>Twice the maximum number of runs, so that all of them may end at once.</summary>
    private const int MaxQueue = 8_192;

    private const int MaxGroup = 128;

    private const string WhatToDo = "No more writes are accepted. Put the file back with its -wal, or restore a backup, and start again.";

    /// <summary>How long the first item waits for others under load.</summary>
    private static readonly TimeSpan Gathering = TimeSpan.FromMilliseconds(2);

    /// <summary>Idle time after which the log is checkpointed and truncated.</summary>
    private static readonly TimeSpan IdleBeforeCheckpoint = TimeSpan.FromSeconds(5);

    /// <summary>Together with <see cref="BetweenRounds"/> at most five seconds.</summary>
    private static readonly TimeSpan MaxWait = TimeSpan.FromSeconds(4.5);

    /// <summary>Interval of the checks for items that have waited too long.</summary>
    private static readonly TimeSpan BetweenRounds = TimeSpan.FromMilliseconds(250);

    /// <summary>Interval of the checks of the files while nothing is written.</summary>
    private static readonly TimeSpan BetweenLooks = TimeSpan.FromSeconds(2);

    /// <summary>The wait of one attempt to lock a database that another program holds; expired items are failed between attempts.</summary>
    private const int BusyMilliseconds = 250;

    private readonly BlockingCollection<WriteItem> _queue = new(MaxQueue);
    private readonly WriteItem?[] _group = new WriteItem?[MaxGroup];
    private readonly SqliteConnection _connection;
    private readonly string _path;
    private readonly StoreFiles _files;
    private readonly WriterLog _log;
    private readonly Action<DbConnection>? _text;
    private readonly ManualResetEvent _closing = new(false);
    private readonly Thread _thread;
    private readonly Timer _rounds;
    private readonly BusyTime _busy = new();
    private bool _isWatched;
    private Exception? _fatal;
    private long _commits;

    /// <param name="connection">The only connection that writes; closed with this writer.</param>
    /// <param name="path">Its file.</param>
    public DbWriter(SqliteConnection connection, string path)
    {
        _connection = connection;
        raw.sqlite3_busy_timeout(connection.Handle, BusyMilliseconds);
        _log = new WriterLog(connection, BusyMilliseconds);
        _text = TextIndex.Of(connection);
        _files = new StoreFiles(path, _closing);
        _path = path;
        _rounds = new Timer(static writer => ((DbWriter)writer!).FailExpired(), this, Timeout.Infinite, Timeout.Infinite);
        _thread = new Thread(Loop) { IsBackground = true, Name = "db-writer" };
        _thread.Start();
    }

    public event Action<Exception>? Broken;

    /// <summary>Raised on the writer's thread when another program has changed the database.</summary>
    public event Action? ChangedByOthers;

    public long Commits => Interlocked.Read(ref _commits);

    /// <summary>How long the thread has been at its current piece of work; zero while it waits for one.</summary>
    public TimeSpan BusyFor => _busy.Elapsed;

    public void Enqueue(WriteItem item)
    {
        if (Volatile.Read(ref _fatal) is { } fatal)
        {
            item.Fail(new StoreException(StoreFailure.Unavailable, "The store has stopped writing.", fatal));
            return;
        }

        bool added;
        try
        {
            added = _queue.TryAdd(item);
        }
        catch (InvalidOperationException)
        {
            item.Fail(new StoreException(StoreFailure.Unavailable, "The store is closed."));
            return;
        }

        if (!added)
        {
            item.Fail(new StoreException(StoreFailure.Busy, "more writes are waiting than the database accepts."));
        }
        else if (!Interlocked.Exchange(ref _isWatched, true))
        {
            _rounds.Change(BetweenRounds, Timeout.InfiniteTimeSpan);
        }
    }

    public void Dispose()
    {
        _queue.CompleteAdding();
        _closing.Set();
        _thread.Join();
        using (var ended = new ManualResetEvent(false))
        {
            if (_rounds.Dispose(ended))
            {
                ended.WaitOne();
            }
        }

        if (_fatal is not null)
        {
            // The file at this path may not be ours any more: closing must not checkpoint the log into it.
            raw.sqlite3_db_config(_connection.Handle, raw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, out _);
        }

        _connection.Dispose();
        _files.Dispose();
        _queue.Dispose();
        _closing.Dispose();
    }

    private void Loop()
    {
        var state = new LoopState(IsDirty: false, IsCrowded: false, Stopwatch.GetTimestamp());
        while (!_queue.IsCompleted)
        {
            try
            {
                Turn(ref state);
            }
            catch (Exception error)
            {
                // Unexpected. The outcome of the current group is unknown, so nothing is acknowledged from now on and the process ends.
                foreach (var item in _group)
                {
                    item?.Fail(new StoreException(StoreFailure.Unavailable, "The store has stopped writing.", error));
                }

                Break(error);
            }
        }

        if (LooksGood())
        {
            Checkpoint();
        }
    }

    private void Turn(ref LoopState state)
    {
        Array.Clear(_group);
        _busy.End();
        var any = _queue.TryTake(out var first, BetweenLooks);
        _busy.Begin();
        if (any)
        {
            if (state.IsCrowded && _queue.Count < MaxGroup)
            {
                _closing.WaitOne(Gathering);
            }

            var count = 1;
            for (_group[0] = first!; count < MaxGroup && _queue.TryTake(out var next); count++)
            {
                _group[count] = next;
            }

            Commit(_group.AsSpan(0, count)!);
            Array.Clear(_group);
            state = new LoopState(IsDirty: true, IsCrowded: count > 1 || _queue.Count > 0, Stopwatch.GetTimestamp());
        }
        else if (LooksGood() && state.IsDirty && Stopwatch.GetElapsedTime(state.IdleSince) >= IdleBeforeCheckpoint)
        {
            state.IsDirty = !Checkpoint();
        }
    }

    /// <summary>Fails items that have waited too long behind a slow item or another program's lock.</summary>
    private void FailExpired()
    {
        foreach (var item in _group.Concat(_queue))
        {
            if (item is not null && Stopwatch.GetElapsedTime(item.QueuedAt) > MaxWait && item.TryTakeOut())
            {
                item.Fail(new StoreException(StoreFailure.Busy, "the database was busy for too long."));
            }
        }

        Volatile.Write(ref _isWatched, false);
        if (!_queue.IsCompleted && (_queue.Count > 0 || _group[0] is not null) && !Interlocked.Exchange(ref _isWatched, true))
        {
            _rounds.Change(BetweenRounds, Timeout.InfiniteTimeSpan);
        }
    }

    private void Commit(ReadOnlySpan<WriteItem> group)
    {
        try
        {
            if (_fatal is not null || !LooksGood())
            {
                throw new StoreException(StoreFailure.Unavailable, "The store has stopped writing.", _fatal);
            }

            if (!Begin(group))
            {
                return;
            }

            var opens = _log.Open();
            if (RunAll(group))
            {
                _text?.Invoke(_connection);
                Execute("commit");
                Interlocked.Increment(ref _commits);
                _log.Committed(opens);
            }
            else
            {
                Execute("rollback");
            }

            if (!LooksGood(wrote: true))
            {
                throw new StoreException(StoreFailure.Unavailable, "The store has stopped writing.", _fatal);
            }
        }
        catch (Exception error)
        {
            Abandon(error);
            foreach (var item in group)
            {
                item.Fail(error is SqliteException sqlite ? SqliteErrors.Translate(sqlite) ?? error : error);
            }

            return;
        }

        foreach (var item in group)
        {
            item.Complete();
        }
    }

    /// <summary>False when all items were withdrawn before another program released its lock.</summary>
    private bool Begin(ReadOnlySpan<WriteItem> group)
    {
        while (WriteItem.AnyQueued(group))
        {
            try
            {
                Execute("begin immediate");
                return true;
            }
            catch (SqliteException error) when (error.SqliteErrorCode == raw.SQLITE_BUSY)
            {
                // Each attempt waits for the lock; expired items are withdrawn meanwhile.
            }
        }

        return false;
    }

    /// <summary>False when there is nothing to commit: the only item failed or was withdrawn.</summary>
    private bool RunAll(ReadOnlySpan<WriteItem> group)
    {
        if (group is [var only])
        {
            // A single item needs no savepoint, which would copy every page that it changes.
            return only.TryBegin() && Run(only);
        }

        foreach (var item in group)
        {
            if (!item.TryBegin())
            {
                continue;
            }

            Execute("savepoint piece");
            if (!Run(item))
            {
                Execute("rollback to piece");
            }

            Execute("release piece");
        }

        return true;
    }

    /// <summary>False when the item failed and can be undone.</summary>
    private bool Run(WriteItem item)
    {
        if (item.Run(_connection))
        {
            return true;
        }

        // A full disk or an I/O error rolls back the whole transaction, not only this item.
        return raw.sqlite3_get_autocommit(_connection.Handle) == 0 ? false
            : throw item.Failure ?? new StoreException(StoreFailure.Unavailable, "The transaction was rolled back.");
    }

    /// <summary>False when the files are no longer those that were opened; then nothing more is written.</summary>
    private bool LooksGood(bool wrote = false)
    {
        if (_fatal is not null)
        {
            return false;
        }

        var what = _files.Look(wrote, out var others);
        if (what is not null)
        {
            var message = $"The database {_path} {what} while the server ran. {_files.Rescue(_connection)}{WhatToDo}";
            Break(new StoreException(StoreFailure.Unavailable, message));
            return false;
        }

        if (others)
        {
            ChangedByOthers?.Invoke();
        }

        return true;
    }

    private void Abandon(Exception error)
    {
        if (raw.sqlite3_get_autocommit(_connection.Handle) == 0)
        {
            try
            {
                Execute("rollback");
            }
            catch (SqliteException rollback)
            {
                error = rollback;
            }
        }

        // After a failed flush it is unknown what is on disk, and a retry would hide that.
        if (error is SqliteException { SqliteErrorCode: raw.SQLITE_IOERR or raw.SQLITE_CORRUPT or raw.SQLITE_NOTADB })
        {
            Break(error);
        }
    }

    private void Break(Exception error)
    {
        if (_fatal is null)
        {
            Volatile.Write(ref _fatal, error);
            Broken?.Invoke(error);
        }
    }

    /// <summary>False when the log could not be emptied; the next idle period tries again.</summary>
    private bool Checkpoint()
    {
        try
        {
            return _log.Checkpoint();
        }
        catch (SqliteException error)
        {
            Abandon(error);
            return false;
        }
        finally
        {
            _files.Remember();
        }
    }

    private void Execute(string sql)
    {
        using var command = ((DbConnection)_connection).CreateCommand(); // the cached command, not SqliteConnection's own
        command.CommandText = sql;
        command.ExecuteNonQuery();
    }

    /// <param name="IsDirty">The log holds commits that are not in the database file.</param>
    /// <param name="IsCrowded">The last group had several items, or more were waiting.</param>
    private record struct LoopState(bool IsDirty, bool IsCrowded, long IdleSince);
}
