using System.Data;
using System.Data.Common;
using System.Diagnostics.CodeAnalysis;
using Npgsql;

namespace AiChat.Data.Postgres;

/// <summary>
/// A connection whose commands replace what PostgreSQL cannot keep of a text, and that another thread can interrupt. Used by one thread at
/// a time, as every connection; one statement at a time, so a result is read to its end before the next statement.
/// </summary>
internal sealed class PostgresConnection : DbConnection
{
    /// <summary>What a trigger says when other processes have to read something again.</summary>
    private const string ChangeNotice = "aichat change";

    private readonly NpgsqlConnection _inner;
    private readonly PostgresServers _servers;
    private volatile NpgsqlCommand? _running;
    private volatile bool _isInterrupted;
    private bool _hasTold;

    public PostgresConnection(NpgsqlConnection connection, PostgresServers servers)
    {
        (_inner, _servers) = (connection, servers);
        _inner.Notice += (_, notice) => _hasTold |= notice.Notice.MessageText == ChangeNotice;
    }

    /// <summary>The process as the rows name it that it writes.</summary>
    public string BootId => _servers.BootId;

    /// <summary>A limit below that of other commands, in seconds.</summary>
    public int? CommandLimit { get; init; }

    [AllowNull]
    public override string ConnectionString
    {
        get => _inner.ConnectionString;
        set => throw new NotSupportedException();
    }

    public override string Database => _inner.Database;

    public override string DataSource => _inner.DataSource;

    public override string ServerVersion => _inner.ServerVersion;

    public override ConnectionState State => _inner.State;

    public override void ChangeDatabase(string databaseName) => throw new NotSupportedException();

    /// <summary>Never again: what holds for the connection was set when it was opened.</summary>
    public override void Open() => throw new StoreException(StoreFailure.Unavailable, "The connection to the database was cut.");

    public override void Close() => _inner.Close();

    /// <summary>Asks the server to end the statement that runs, and runs no other; called by another thread.</summary>
    public void Interrupt()
    {
        _isInterrupted = true;
        _running?.Cancel();
    }

    /// <summary>Whether something was written since the last call that other processes have to read again.</summary>
    public bool TakeTold()
    {
        var told = _hasTold;
        _hasTold = false;
        return told;
    }

    /// <summary>Waits until another process tells of something.</summary>
    /// <exception cref="OperationCanceledException">It was cancelled; the connection can no longer be used.</exception>
    public Task WaitForNews(CancellationToken cancel) => _inner.WaitAsync(cancel);

    /// <summary>Begins to send rows, <c>copy … from stdin (format binary)</c>. They are undone unless they are completed.</summary>
    public NpgsqlBinaryImporter Copy(string statement) => _inner.BeginBinaryImport(statement);

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

    protected override DbTransaction BeginDbTransaction(IsolationLevel isolationLevel) => _inner.BeginTransaction(isolationLevel);

    protected override DbCommand CreateDbCommand()
    {
        var command = _inner.CreateCommand();
        command.CommandTimeout = CommandLimit ?? command.CommandTimeout;
        return new PostgresCommand(this, command);
    }

    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            _inner.Dispose();
        }

        base.Dispose(disposing);
    }
}
