using System.Data.Common;

namespace AiChat.Data.Postgres;

/// <summary>
/// Statements whose results nobody reads. PostgreSQL gets them with the next statement after the scope, or with the commit, in their
/// order: each saves the way to the server and back. What is wrong with one shows there. On SQLite they run at once.
/// </summary>
internal readonly struct Deferred : IDisposable
{
    private readonly PostgresConnection? _connection;

    private Deferred(PostgresConnection? connection) => _connection = connection;

    /// <summary>
    /// Until the scope is disposed: only <c>Execute</c>, whose count means nothing. A reader sends it with its next query.
    /// </summary>
    public static Deferred On(DbConnection connection)
    {
        var postgres = connection as PostgresConnection;
        if (postgres is not null)
        {
            postgres.IsDeferring = true;
        }

        return new Deferred(postgres);
    }

    public void Dispose()
    {
        if (_connection is not null)
        {
            _connection.IsDeferring = false;
        }
    }
}
