using System.Collections.Concurrent;
using System.Data.Common;
using System.Diagnostics;
using Microsoft.Data.Sqlite;
using SQLitePCL;

namespace AiChat.Data.Sqlite;

/// <summary>
/// The only thread that writes. It takes what waits (at most <see cref="MaxGroup"/> pieces), commits it as one transaction and
/// only then answers the callers, so one flush to disk is shared by all who came during the last one. In a crowd it waits a moment
/// for more: a flush and the waking of its callers cost more than the pieces. A caller who is alone never waits. Whoever has waited
/// <see cref="MaxWait"/> for the turn of a piece is told so, and the piece is never done.
/// </summary>
internal sealed class DbWriter : IDisposable
{
    /// <summary>Twice the runs that a server has at most, so that all of them may end in one moment.</summary>
    private const int MaxQueue = 8_192;

    private const int MaxGroup = 128;

    private const string WhatToDo = "Nothing more is taken. Put the file back with its -wal, or restore a backup, and start again.";

    /// <summary>How long a crowd's first piece waits for the others.</summary>
    private static readonly TimeSpan Gathering = TimeSpan.FromMilliseconds(2);

    /// <summary>After this long without work the log is folded into the database and cut to zero.</summary>
    private static readonly TimeSpan IdleBeforeCheckpoint = TimeSpan.FromSeconds(5);

    /// <summary>With <see cref="BetweenRounds"/> five seconds at most.</summary>
    private static readonly TimeSpan MaxWait = TimeSpan.FromSeconds(4.5);

    /// <summary>Between two looks for who has waited too long.</summary>
    private static readonly TimeSpan BetweenRounds = TimeSpan.FromMilliseconds(250);

    /// <summary>Between two looks at the files while nothing is written.</summary>
    private static readonly TimeSpan BetweenLooks = TimeSpan.FromSeconds(2);

    /// <summary>One attempt to get the database from another program; between two, those who have waited too long are let go.</summary>
    private const int BusyMilliseconds = 250;

    private readonly BlockingCollection<WriteItem> _queue = new(MaxQueue);
    private readonly WriteItem?[] _group = new WriteItem?[MaxGroup];
    private readonly SqliteConnection _connection;
    private readonly string _path;
    private readonly StoreFiles _files;
    private readonly ManualResetEvent _closing = new(false);
    private readonly Thread _thread;
    private readonly Timer _rounds;
    private bool _isWatched;
    private Exception? _fatal;
    private long _commits;

    /// <param name="connection">The only one that writes; closed with this.</param>
    /// <param name="path">Its file.</param>
    public DbWriter(SqliteConnection connection, string path)
    {
        _connection = connection;
        raw.sqlite3_busy_timeout(connection.Handle, BusyMilliseconds);
        _files = new StoreFiles(path, _closing);
        _path = path;
        _rounds = new Timer(static writer => ((DbWriter)writer!).LetGo(), this, Timeout.Infinite, Timeout.Infinite);
        _thread = new Thread(Loop) { IsBackground = true, Name = "db-writer" };
        _thread.Start();
    }

    public event Action<Exception>? Broken;

    /// <summary>Raised on the writer's thread when another program has changed the database.</summary>
    public event Action? ChangedByOthers;

    public long Commits => Interlocked.Read(ref _commits);

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
            item.Fail(new StoreException(StoreFailure.Busy, "more writes wait than the database takes."));
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
            // What stands at the file's place is not ours to change: closing would fold the log into it.
            raw.sqlite3_db_config(_connection.Handle, raw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, out _);
        }

        _connection.Dispose();
        _files.Dispose();
        _queue.Dispose();
        _closing.Dispose();
    }

    private void Loop()
    {
        var state = new LoopState { IdleSince = Stopwatch.GetTimestamp() };
        while (!_queue.IsCompleted)
        {
            try
            {
                Turn(ref state);
            }
            catch (Exception error)
            {
                // Nothing here should throw. What was under way is in doubt, so nothing is acknowledged from now on and the process ends.
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
        if (_queue.TryTake(out var first, BetweenLooks))
        {
            if (state.IsCrowded && _queue.Count < MaxGroup)
            {
                _closing.WaitOne(Gathering);
            }

            var count = 1;
            for (_group[0] = first; count < MaxGroup && _queue.TryTake(out var next); count++)
            {
                _group[count] = next;
            }

            Commit(_group.AsSpan(0, count)!);
            Array.Clear(_group);
            state = new LoopState { IsDirty = true, IsCrowded = count > 1 || _queue.Count > 0, IdleSince = Stopwatch.GetTimestamp() };
        }
        else if (LooksGood() && state.IsDirty && Stopwatch.GetElapsedTime(state.IdleSince) >= IdleBeforeCheckpoint)
        {
            state.IsDirty = !Checkpoint();
        }
    }

    /// <summary>Tells those who have waited too long; what waits behind a slow piece or for another program is taken out.</summary>
    private void LetGo()
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

            if (RunAll(group))
            {
                Execute("commit");
                Interlocked.Increment(ref _commits);
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
            var failure = error is SqliteException sqlite ? SqliteErrors.Translate(sqlite) ?? error : error;
            Abandon(error);
            foreach (var item in group)
            {
                item.Fail(failure);
            }

            return;
        }

        foreach (var item in group)
        {
            item.Complete();
        }
    }

    /// <summary>False when everybody has gone before another program let go of the database.</summary>
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
                // Each attempt waits a while; who has waited too long leaves in the meantime.
            }
        }

        return false;
    }

    /// <summary>False when there is nothing to commit: the only piece failed or was taken out.</summary>
    private bool RunAll(ReadOnlySpan<WriteItem> group)
    {
        if (group is [var only])
        {
            return only.TryBegin() && Run(only); // the transaction is its own; a savepoint would keep a copy of every page that it changes
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

    /// <summary>False when the piece failed and can be undone.</summary>
    private bool Run(WriteItem item)
    {
        if (item.Run(_connection))
        {
            return true;
        }

        // A full disk or an I/O error ends the whole transaction, not only this piece.
        return raw.sqlite3_get_autocommit(_connection.Handle) == 0 ? false
            : throw item.Failure ?? new StoreException(StoreFailure.Unavailable, "The transaction was rolled back.");
    }

    /// <summary>False when the files are not those any more that were opened; then nothing more is written.</summary>
    private bool LooksGood(bool wrote = false)
    {
        if (_fatal is not null)
        {
            return false;
        }

        var what = _files.Look(wrote, out var others);
        if (what is not null)
        {
            Break(new StoreException(StoreFailure.Unavailable, $"The database {_path} {what} while the server ran. {_files.Rescue(_connection)}{WhatToDo}"));
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

        // A failed flush leaves in doubt what is on disk, and trying again would hide it.
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

    /// <summary>False when a reader is in the way or the disk is full: the log stays, nothing is lost, the next idle moment tries again.</summary>
    private bool Checkpoint()
    {
        raw.sqlite3_busy_timeout(_connection.Handle, 0); // whoever writes next must not wait for a long read
        try
        {
            using var command = ((DbConnection)_connection).CreateCommand();
            command.CommandText = "pragma wal_checkpoint(truncate)";
            return command.ExecuteScalar() is 0L;
        }
        catch (SqliteException)
        {
            return false;
        }
        finally
        {
            raw.sqlite3_busy_timeout(_connection.Handle, BusyMilliseconds);
            _files.Remember();
        }
    }

    private void Execute(string sql)
    {
        using var command = ((DbConnection)_connection).CreateCommand(); // the kept one, not SqliteConnection's own
        command.CommandText = sql;
        command.ExecuteNonQuery();
    }

    private struct LoopState
    {
        /// <summary>The log holds what the database does not.</summary>
        public bool IsDirty;

        /// <summary>Several pieces came at once the last time.</summary>
        public bool IsCrowded;

        public long IdleSince;
    }
}
