using System.Data;
using System.Data.Common;
using System.Diagnostics.CodeAnalysis;
using Npgsql;

namespace AiChat.Data.Postgres;

/// <summary>
/// A connection whose commands replace what PostgreSQL cannot keep of a text, and that another thread can interrupt. Used by one thread at
/// a time, as every connection; one statement at a time, so a result is read to its end before the next statement.
/// </summary>
internal sealed class PostgresConnection(NpgsqlConnection inner) : DbConnection
{
    private volatile NpgsqlCommand? _running;
    private volatile bool _isInterrupted;

    [AllowNull]
    public override string ConnectionString
    {
        get => inner.ConnectionString;
        set => throw new NotSupportedException();
    }

    public override string Database => inner.Database;

    public override string DataSource => inner.DataSource;

    public override string ServerVersion => inner.ServerVersion;

    public override ConnectionState State => inner.State;

    public override void ChangeDatabase(string databaseName) => throw new NotSupportedException();

    /// <summary>Never again: what holds for the connection was set when it was opened.</summary>
    public override void Open() => throw new StoreException(StoreFailure.Unavailable, "The connection to the database was cut.");

    public override void Close() => inner.Close();

    /// <summary>Asks the server to end the statement that runs, and runs no other; called by another thread.</summary>
    public void Interrupt()
    {
        _isInterrupted = true;
        _running?.Cancel();
    }

    /// <summary>Other work begins.</summary>
    public void Restart() => _isInterrupted = false;

    /// <exception cref="StoreException">The work was interrupted.</exception>
    internal void Begin(NpgsqlCommand command)
    {
        _running = command;
        if (_isInterrupted)
        {
            throw new StoreException(StoreFailure.TooLong, "The read was interrupted.");
        }
    }

    internal void End() => _running = null;

    protected override DbTransaction BeginDbTransaction(IsolationLevel isolationLevel) => inner.BeginTransaction(isolationLevel);

    protected override DbCommand CreateDbCommand() => new PostgresCommand(this, inner.CreateCommand());

    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            inner.Dispose();
        }

        base.Dispose(disposing);
    }
}
