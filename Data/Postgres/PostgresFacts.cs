using System.Data.Common;
using Dapper;

namespace AiChat.Data.Postgres;

/// <summary>Facts about the server and the database.</summary>
internal static class PostgresFacts
{
    public static string Version(DbConnection connection) => connection.QuerySingle<string>("""
        select 'PostgreSQL ' || current_setting('server_version')
        """);

    /// <summary>The size of the database and of the images.</summary>
    public static long Bytes(DbConnection connection) => connection.ExecuteScalar<long>("""
        select pg_database_size(current_database()) + (select cast(coalesce(sum(bytes), 0) as bigint) from images)
        """);
}
