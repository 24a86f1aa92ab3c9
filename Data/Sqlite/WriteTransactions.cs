using System.Data.Common;
using AiChat.Data.Engine;
using Microsoft.Data.Sqlite;
using SQLitePCL;

namespace AiChat.Data.Sqlite;

/// <summary>The transactions of the writer's connection. Not thread-safe.</summary>
/// <param name="connection">The only one that writes.</param>
internal sealed class WriteTransactions(SqliteConnection connection, WriterLog log)
{
    /// <summary>
    /// Runs the items in one transaction and commits it. They share it without savepoints, which copy every page that is changed; only when
    /// one fails, all are undone and each is run again in a savepoint, so that the one that fails undoes nothing else.
    /// </summary>
    /// <returns>False when there was nothing to commit: all were withdrawn, or the only one failed.</returns>
    /// <exception cref="SqliteException">Nothing is committed, or it is unknown whether it is.</exception>
    public bool Run(ReadOnlySpan<WriteItem> group)
    {
        if (!Begin(group))
        {
            return false;
        }

        var opens = log.Open();
        if (!RunBare(group))
        {
            Execute("rollback");
            if (group.Length == 1)
            {
                return false;
            }

            Execute("begin immediate");
            opens = log.Open();
            RunEach(group);
        }

        Execute("commit");
        log.Committed(opens);
        return true;
    }

    /// <summary>
    /// Brings a part of the text index up to date. The commit does not wait for the disk: what is lost of it is due again.
    /// </summary>
    /// <param name="goesOn">Asked after each message.</param>
    /// <returns>Whether anything was due.</returns>
    /// <exception cref="SqliteException">Nothing is committed.</exception>
    public bool AddDue(Func<bool> goesOn)
    {
        WaitForDisk("normal");
        try
        {
            Execute("begin immediate");
            var opens = log.Open();
            var any = TextIndex.AddDue(connection, goesOn) > 0;
            Execute(any ? "commit" : "rollback");
            if (any)
            {
                log.Committed(opens);
            }

            return any;
        }
        finally
        {
            Abandon(); // inside a transaction the pragma is refused, and no later commit would wait for the disk
            WaitForDisk("full");
        }
    }

    /// <summary>Takes everything out of the text index, so that it is made again.</summary>
    /// <exception cref="SqliteException">Nothing is committed.</exception>
    public void EmptyIndex()
    {
        Execute("begin immediate");
        var opens = log.Open();
        TextIndex.Empty(connection);
        Execute("commit");
        log.Committed(opens);
    }

    /// <summary>Brings the log into the file as far as no reader hinders it. One that fails is tried again by the next.</summary>
    public void Fold() => raw.sqlite3_wal_checkpoint_v2(connection.Handle, "main", raw.SQLITE_CHECKPOINT_PASSIVE, out _, out _);

    /// <summary>Undoes the transaction that is open, if one is.</summary>
    /// <returns>Why that failed.</returns>
    public SqliteException? Abandon()
    {
        if (raw.sqlite3_get_autocommit(connection.Handle) != 0)
        {
            return null;
        }

        try
        {
            Execute("rollback");
            return null;
        }
        catch (SqliteException error)
        {
            return error;
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

    /// <summary>False when one of the items failed: then all that were run must be undone.</summary>
    private bool RunBare(ReadOnlySpan<WriteItem> group)
    {
        var good = true;
        var any = false;
        foreach (var item in group)
        {
            if (item.TryBegin())
            {
                any = true;
                good = good && Run(item);
            }
        }

        return good && any;
    }

    /// <summary>Runs each item that has begun in a savepoint, so that one that fails undoes nothing else.</summary>
    private void RunEach(ReadOnlySpan<WriteItem> group)
    {
        foreach (var item in group)
        {
            if (!item.HasBegun)
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
    }

    /// <summary>False when the item failed and can be undone.</summary>
    private bool Run(WriteItem item)
    {
        if (item.Run(connection, SqliteErrors.Translate))
        {
            return true;
        }

        // A full disk or an I/O error rolls back the whole transaction, not only this item.
        return raw.sqlite3_get_autocommit(connection.Handle) == 0 ? false
            : throw item.Error as StoreException ?? new StoreException(StoreFailure.Unavailable, "The transaction was rolled back.");
    }

    /// <summary>Not by a cached statement: this pragma takes effect when it is compiled.</summary>
    private void WaitForDisk(string level)
    {
        if (raw.sqlite3_exec(connection.Handle, $"pragma synchronous = {level}") is var result and not raw.SQLITE_OK)
        {
            throw new StoreException(StoreFailure.Unavailable, $"The store cannot set how commits wait for the disk ({result}).");
        }
    }

    private void Execute(string sql)
    {
        using var command = ((DbConnection)connection).CreateCommand(); // the cached command, not SqliteConnection's own
        command.CommandText = sql;
        command.ExecuteNonQuery();
    }
}
