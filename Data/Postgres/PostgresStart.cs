using System.Data.Common;
using Dapper;

namespace AiChat.Data.Postgres;

/// <summary>What must hold of the way to the database before anything is asked of it.</summary>
internal static class PostgresStart
{
    public const string UnnamedPooler = "stands behind a pooler, such as PgBouncer: add ?pooler=transaction to the URL, or ?pooler=session "
        + "where each client keeps a connection of its own";

    /// <exception cref="StartupException">It does not hold, or the database cannot be used.</exception>
    public static void Judge(PostgresServers servers)
    {
        var url = servers.Url;
        try
        {
            using var connection = servers.Open("default_transaction_read_only = off");

            // Statements are prepared, and locks taken, on a connection that may be another client's at the next moment.
            var wrong = url.Pooler is null && !connection.IsDirect() ? UnnamedPooler : Elsewhere(connection, url);
            if (wrong is not null)
            {
                throw new StartupException(StartupException.Configuration, $"The database at {url.Place} {wrong}.");
            }
        }
        catch (Exception error) when (error is DbException or StoreException)
        {
            throw PostgresRefusal.Of(url, (error as StoreException)?.InnerException ?? error);
        }
    }

    /// <summary>
    /// Tables are made in the first schema of the search_path. When that is another one than before, as after "create schema" with the name
    /// of the user, a new and empty installation would begin beside the one that everybody misses.
    /// </summary>
    private static string? Elsewhere(DbConnection connection, PostgresUrl url)
    {
        var row = connection.QueryFirstOrDefault<TablePlace>("""
            select cast(n.nspname as text) as found, cast(current_schema() as text) as first
            from pg_class c
            join pg_namespace n on n.oid = c.relnamespace
            where c.relname = 'schema_steps' and c.relkind = 'r' and pg_table_is_visible(c.oid) and n.nspname <> current_schema()
            """);
        return row is null ? null
            : $"has AiChat's tables in the schema {row.Found}, and the search_path of {url.User} begins with {row.First}: alter role "
                + $"\"{url.User}\" in database \"{url.Database}\" set search_path = \"{row.Found}\"";
    }
}

internal sealed record TablePlace
{
    /// <summary>Where the tables are.</summary>
    public string Found { get; init; } = "";

    /// <summary>Where new ones would be made.</summary>
    public string First { get; init; } = "";
}
