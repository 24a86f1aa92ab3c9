using System.Data.Common;
using System.Globalization;
using Dapper;

namespace AiChat.Data.Postgres;

/// <summary>Facts about the server and the database.</summary>
internal static class PostgresFacts
{
    public static string Version(DbConnection connection) => connection.QuerySingle<string>("""
        select 'PostgreSQL ' || current_setting('server_version')
        """);

    /// <summary>
    /// What to do where the processes on the database may need more connections than there are; null where there are enough. The
    /// server, the database and the user may each have a limit, of which the server keeps some for administrators.
    /// </summary>
    public static string? ConnectionNote(DbConnection connection, int each)
    {
        var row = connection.QuerySingle<ConnectionRoom>("""
            select least(
                cast(current_setting('max_connections') as bigint) - cast(current_setting('superuser_reserved_connections') as bigint)
                    - coalesce(cast(current_setting('reserved_connections', true) as bigint), 0),
                (select nullif(datconnlimit, -1) from pg_database where datname = current_database()),
                (select nullif(rolconnlimit, -1) from pg_roles where rolname = current_user)) as room,
                cast(current_setting('max_connections') as bigint) as all_connections, (select count(*) from nodes) as nodes
            """);
        var needed = row.Nodes * each;
        var lacking = row.AllConnections + needed - row.Room;
        return needed <= row.Room ? null : string.Create(
            CultureInfo.InvariantCulture,
            $"PostgreSQL has {row.Room} connections for AiChat, and the servers on this database ({row.Nodes}) may take {needed}; with "
            + $"fewer, requests wait. Set max_connections = {lacking} there, and the limits of the user and the database if any.");
    }

    /// <summary>The size of the database and of the images.</summary>
    public static long Bytes(DbConnection connection) => connection.ExecuteScalar<long>("""
        select pg_database_size(current_database()) + (select cast(coalesce(sum(bytes), 0) as bigint) from images)
        """);
}

internal sealed record ConnectionRoom
{
    public long Room { get; init; }

    public long AllConnections { get; init; }

    public long Nodes { get; init; }
}
