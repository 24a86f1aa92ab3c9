using Microsoft.Data.Sqlite;
using SQLitePCL;

namespace AiChat.Data.Sqlite;

/// <summary>Empties the log (-wal) of the connection that writes, and marks its generations (<see cref="LogGeneration"/>).</summary>
/// <param name="connection">The only one that writes.</param>
internal sealed class WriterLog(SqliteConnection connection, int busyMilliseconds)
{
    /// <summary>The file of the task traces has none.</summary>
    private readonly bool _hasTable = Text(connection, "select name from sqlite_schema where name = 'settings'") is not null;

    private State _state;

    private enum State
    {
        /// <summary>The process has changed nothing yet.</summary>
        Unknown,

        /// <summary>The closed row is in the log, and not for certain in the file.</summary>
        Closing,

        /// <summary>The closed row is in the file, and the log is empty.</summary>
        Closed,

        /// <summary>The log holds the open row.</summary>
        Open,
    }

    /// <summary>Call at the begin of each transaction; it is undone with it.</summary>
    /// <returns>Whether it wrote, for <see cref="Committed"/>.</returns>
    public bool Open()
    {
        if (_state == State.Closed)
        {
            Text(connection, $"update settings set value = 'o' || substr(value, 2) where key = '{LogGeneration.Key}'");
        }

        return _state == State.Closed;
    }

    /// <summary>
    /// The transaction is on disk. The first one of a process that changes something begins a generation, by which the file differs from
    /// all copies made before; a start that changes nothing costs nothing.
    /// </summary>
    /// <param name="opens">What <see cref="Open"/> returned.</param>
    /// <exception cref="SqliteException">The file cannot be written.</exception>
    public void Committed(bool opens)
    {
        if (opens)
        {
            _state = State.Open;
        }
        else if (_state == State.Unknown && _hasTable && raw.sqlite3_total_changes(connection.Handle) > 0)
        {
            // What is in the log must be in the file first: a row that says c n+1 promises that the file holds n.
            if (Empty() && WriteClosed())
            {
                Checkpoint();
            }
        }
    }

    /// <summary>Brings the log into the file and empties it, at the end of its generation.</summary>
    /// <returns>False when a reader blocks it or the disk is full: the log stays, and the next call tries again.</returns>
    /// <exception cref="SqliteException">The file cannot be written.</exception>
    public bool Checkpoint()
    {
        if (_state == State.Open)
        {
            WriteClosed();
        }

        var isEmpty = Empty();
        _state = isEmpty && _state == State.Closing ? State.Closed : _state;
        return isEmpty;
    }

    private bool Empty()
    {
        raw.sqlite3_busy_timeout(connection.Handle, 0); // the next write must not wait for a long read
        try
        {
            using var command = connection.CreateCommand();
            command.CommandText = "pragma wal_checkpoint(truncate)";
            return command.ExecuteScalar() is 0L;
        }
        catch (SqliteException)
        {
            return false;
        }
        finally
        {
            raw.sqlite3_busy_timeout(connection.Handle, busyMilliseconds);
        }
    }

    /// <returns>False when another program holds the lock or the disk is full; then nothing is known of this generation.</returns>
    private bool WriteClosed()
    {
        try
        {
            Text(connection, $"""
                insert into settings (key, value, updated_at) values ('{LogGeneration.Key}', 'c 1 ' || lower(hex(randomblob(4))), 0)
                on conflict (key) do update set
                    value = 'c ' || (1 + cast(substr(value, 3) as integer)) || ' ' || lower(hex(randomblob(4)))
                """);
            _state = State.Closing;
            return true;
        }
        catch (SqliteException error) when (error.SqliteErrorCode is raw.SQLITE_BUSY or raw.SQLITE_FULL)
        {
            return false;
        }
    }

    private static string? Text(SqliteConnection connection, string sql)
    {
        using var command = connection.CreateCommand();
        command.CommandText = sql;
        return command.ExecuteScalar() as string;
    }
}
