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

    private const string Begins = "begin isolation level read committed";

    private readonly NpgsqlConnection _inner;
    private readonly PostgresServers _servers;
    private volatile NpgsqlCommand? _running;
    private volatile NpgsqlBatch? _runningBatch;
    private volatile bool _isInterrupted;
    private bool _hasTold;

    /// <summary>What the server gets with the next statement.</summary>
    private readonly List<NpgsqlBatchCommand> _deferred = [];

    private readonly HashSet<(string Name, long Id)> _locks = [];

    public PostgresConnection(NpgsqlConnection connection, PostgresServers servers)
    {
        (_inner, _servers) = (connection, servers);
        _inner.Notice += (_, notice) => _hasTold |= notice.Notice.MessageText == ChangeNotice;
    }

    /// <summary>The process as the rows name it that it writes.</summary>
    public string BootId => _servers.BootId;

    /// <summary>A limit below that of other commands, in seconds.</summary>
    public int? CommandLimit { get; init; }

    /// <summary>Statements wait for the next one (<see cref="Deferred"/>).</summary>
    public bool IsDeferring { get; set; }

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

    /// <summary>Whether the server itself is at the other end: a pooler tells its clients another number than its process has.</summary>
    public bool IsDirect()
    {
        using var command = _inner.CreateCommand();
        command.CommandText = "select pg_backend_pid()";
        return command.ExecuteScalar() is int process && process == _inner.ProcessID;
    }

    public override void ChangeDatabase(string databaseName) => throw new NotSupportedException();

    /// <summary>Never again: what holds for the connection was set when it was opened.</summary>
    public override void Open() => throw new StoreException(StoreFailure.Unavailable, "The connection to the database was cut.");

    public override void Close() => _inner.Close();

    /// <summary>Asks the server to end the statement that runs, and runs no other; called by another thread.</summary>
    public void Interrupt()
    {
        _isInterrupted = true;
        _running?.Cancel();
        _runningBatch?.Cancel();
    }

    /// <summary>Whether something was written since the last call that other processes have to read again.</summary>
    public bool TakeTold()
    {
        var told = _hasTold;
        _hasTold = false;
        return told;
    }

    /// <summary>A transaction begins with the next statement. Each statement in it sees what was committed before it.</summary>
    public void BeginWrite()
    {
        _deferred.Clear();
        _locks.Clear();
        _deferred.Add(new NpgsqlBatchCommand(Begins));
    }

    /// <summary>Notes that the transaction takes a lock, which it keeps to its end.</summary>
    /// <returns>False when it has it already.</returns>
    public bool AddLock(string name, long id) => _locks.Add((name, id));

    /// <summary>Carries out what waits, and commits.</summary>
    /// <exception cref="DbException">Nothing is committed if the server says so; otherwise it is unknown.</exception>
    public void CommitWrite()
    {
        if (_deferred is [{ CommandText: Begins }])
        {
            _deferred.Clear(); // nothing was asked
            return;
        }

        using var batch = TakeDeferred(new NpgsqlBatchCommand("commit"));
        batch.ExecuteNonQuery();
    }

    /// <summary>Undoes what the transaction did.</summary>
    public void UndoWrite()
    {
        var hasBegun = _deferred is not [{ CommandText: Begins }, ..];
        _deferred.Clear();
        if (hasBegun)
        {
            using var command = _inner.CreateCommand();
            command.CommandText = "rollback";
            command.ExecuteNonQuery();
        }
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

    internal void End() => (_running, _runningBatch) = (null, null);

    internal bool HasDeferred => _deferred.Count > 0;

    internal void Defer(NpgsqlBatchCommand statement) => _deferred.Add(statement);

    /// <summary>What waits, and a statement after it.</summary>
    internal NpgsqlBatch TakeDeferred(NpgsqlBatchCommand last)
    {
        var batch = new NpgsqlBatch(_inner);
        foreach (var statement in _deferred)
        {
            batch.BatchCommands.Add(statement);
        }

        batch.BatchCommands.Add(last);
        batch.Timeout = CommandLimit ?? batch.Timeout;
        _deferred.Clear();
        _runningBatch = batch;
        return batch;
    }

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
