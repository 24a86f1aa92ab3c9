using System.Data.Common;
using AiChat.Data.Postgres;
using AiChat.Data.Sqlite;

namespace AiChat.Data.Store;

/// <summary>Facts about the database for administrators.</summary>
/// <param name="Engine">The version of the engine.</param>
/// <param name="Bytes">The database and the images.</param>
internal sealed record DatabaseInfo(string Engine, long Bytes)
{
    public static DatabaseInfo Read(DbConnection connection) => connection is PostgresConnection
        ? new DatabaseInfo(PostgresFacts.Version(connection), PostgresFacts.Bytes(connection))
        : new DatabaseInfo(SqliteFacts.Version, SqliteFacts.Bytes(connection));
}
