using System.Data;
using System.Data.Common;
using AiChat.Data.Engine;

namespace AiChat.Data.Postgres;

/// <summary>A connection of its own that only reads. The server ends each statement at the limit of long reads.</summary>
internal sealed class PostgresReader : Reader
{
    private readonly PostgresConnection _connection;

    /// <exception cref="StoreException">The database cannot be reached.</exception>
    public PostgresReader(PostgresServers servers) => _connection = servers.Open("default_transaction_read_only = on");

    public override DbConnection Connection => _connection;

    public override bool IsBroken => _connection.State is ConnectionState.Closed or ConnectionState.Broken;

    public override void Dispose() => _connection.Dispose();

    protected override void Restart() => _connection.Restart();

    protected override void Interrupt() => _connection.Interrupt();

    protected override Exception Translate(DbException error) => PostgresErrors.Translate(error);
}
