using System.Collections.Concurrent;
using System.Data.Common;
using Microsoft.Data.Sqlite;
using SQLitePCL;

namespace AiChat.Data;

/// <summary>A piece of work for the writer and the promise made to its caller.</summary>
internal abstract class WriteItem
{
    /// <summary>Runs the work; keeps the result or the exception for later. True when the work succeeded.</summary>
    public abstract bool Run(SqliteConnection connection);

    /// <summary>Tells the caller, after the commit.</summary>
    public abstract void Complete();

    public abstract void Fail(Exception error);

    /// <summary>The store's own failure that ended <see cref="Run"/>, if one did.</summary>
    public abstract StoreException? Failure { get; }
}

internal sealed class WriteItem<T>(Func<SqliteConnection, T> work) : WriteItem
{
    // Callers go on elsewhere: the writer's thread only writes.
    private readonly TaskCompletionSource<T> _completion = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private T? _result;
    private Exception? _error;

    public Task<T> Task => _completion.Task;

    public override StoreException? Failure => _error as StoreException;

    public override bool Run(SqliteConnection connection)
    {
        try
        {
            _result = work(connection);
            return true;
        }
        catch (Exception error)
        {
            _error = error is SqliteException sqlite ? DbWriter.Translate(sqlite) ?? error : error;
            return false;
        }
    }

    public override void Complete()
    {
        if (_error is null)
        {
            _completion.TrySetResult(_result!);
        }
        else
        {
            _completion.TrySetException(_error);
        }
    }

    public override void Fail(Exception error) => _completion.TrySetException(_error ?? error);
}

/// <summary>
/// The only thread that writes. It takes what waits (at most <see cref="MaxGroup"/> pieces), commits it as one transaction and
/// only then answers the callers, so one flush to disk is shared by all who came during the last one. In a crowd it waits a moment
/// for more: a flush and the waking of its callers cost more than the pieces. A caller who is alone never waits.
/// </summary>
internal sealed class DbWriter : IDisposable
{
    /// <summary>Twice the runs that a server has at most, so that all of them may end in one moment.</summary>
    private const int MaxQueue = 8_192;

    private const int MaxGroup = 128;

    /// <summary>How long a crowd's first piece waits for the others.</summary>
    private static readonly TimeSpan Gathering = TimeSpan.FromMilliseconds(2);

    /// <summary>After this long without work the log is folded into the database and cut to zero.</summary>
    private static readonly TimeSpan IdleBeforeCheckpoint = TimeSpan.FromSeconds(5);

    private readonly BlockingCollection<WriteItem> _queue = new(MaxQueue);
    private readonly SqliteConnection _connection;
    private readonly ManualResetEvent _closing = new(false);
    private readonly Thread _thread;
    private Exception? _fatal;
    private long _commits;

    public DbWriter(SqliteConnection connection)
    {
        _connection = connection;
        _thread = new Thread(Loop) { IsBackground = true, Name = "db-writer" };
        _thread.Start();
    }

    public event Action<Exception>? Broken;

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
            item.Fail(new StoreException(StoreFailure.Busy, "The store's queue is full."));
        }
    }

    public void Dispose()
    {
        _queue.CompleteAdding();
        _closing.Set();
        _thread.Join();
        _connection.Dispose();
        _queue.Dispose();
        _closing.Dispose();
    }

    /// <summary>The store's own failures as <see cref="StoreException"/>; null for errors of a statement (constraints, syntax).</summary>
    public static StoreException? Translate(SqliteException error) => error.SqliteErrorCode switch
    {
        raw.SQLITE_FULL => new StoreException(StoreFailure.Full, "The disk is full.", error),
        raw.SQLITE_BUSY or raw.SQLITE_LOCKED => new StoreException(StoreFailure.Busy, "The database is in use by another program.", error),
        raw.SQLITE_IOERR or raw.SQLITE_CORRUPT or raw.SQLITE_NOTADB or raw.SQLITE_CANTOPEN or raw.SQLITE_READONLY or raw.SQLITE_INTERRUPT =>
            new StoreException(StoreFailure.Unavailable, "The database cannot be used now.", error),
        _ => null,
    };

    private void Loop()
    {
        var group = new List<WriteItem>(MaxGroup);
        var (dirty, crowded) = (false, false);
        while (!_queue.IsCompleted)
        {
            try
            {
                Turn(group, ref dirty, ref crowded);
            }
            catch (Exception error)
            {
                // Nothing here should throw. What was under way is in doubt, so nothing is acknowledged from now on and the process ends.
                group.ForEach(item => item.Fail(new StoreException(StoreFailure.Unavailable, "The store has stopped writing.", error)));
                Break(error);
            }
        }

        Checkpoint();
    }

    private void Turn(List<WriteItem> group, ref bool dirty, ref bool crowded)
    {
        group.Clear();
        if (_queue.TryTake(out var first, dirty ? IdleBeforeCheckpoint : Timeout.InfiniteTimeSpan))
        {
            if (crowded && _queue.Count < MaxGroup)
            {
                _closing.WaitOne(Gathering);
            }

            group.Add(first);
            while (group.Count < MaxGroup && _queue.TryTake(out var next))
            {
                group.Add(next);
            }

            Commit(group);
            crowded = group.Count > 1 || _queue.Count > 0;
            dirty = true;
        }
        else if (dirty)
        {
            Checkpoint();
            dirty = false;
        }
    }

    private void Commit(List<WriteItem> group)
    {
        try
        {
            if (_fatal is not null)
            {
                throw new StoreException(StoreFailure.Unavailable, "The store has stopped writing.", _fatal);
            }

            Execute("begin immediate");
            if (RunAll(group))
            {
                Execute("commit");
                Interlocked.Increment(ref _commits);
            }
            else
            {
                Execute("rollback");
            }
        }
        catch (Exception error)
        {
            var failure = error is SqliteException sqlite ? Translate(sqlite) ?? error : error;
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

    /// <summary>False when there is nothing to commit: the only piece failed.</summary>
    private bool RunAll(List<WriteItem> group)
    {
        if (group is [var only])
        {
            return Run(only); // the transaction is its own; a savepoint would keep a copy of every page that it changes
        }

        foreach (var item in group)
        {
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

    private void Checkpoint()
    {
        try
        {
            Execute("pragma wal_checkpoint(truncate)");
        }
        catch (SqliteException)
        {
            // A reader is in the way or the disk is full: the log stays, nothing is lost, the next idle moment tries again.
        }
    }

    private void Execute(string sql)
    {
        using var command = ((DbConnection)_connection).CreateCommand(); // the kept one, not SqliteConnection's own
        command.CommandText = sql;
        command.ExecuteNonQuery();
    }
}
