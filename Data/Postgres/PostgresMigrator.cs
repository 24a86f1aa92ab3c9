using System.Data.Common;
using System.Globalization;
using System.Reflection;
using Dapper;

namespace AiChat.Data.Postgres;

/// <summary>Brings a database to the newest schema and refuses servers that may lose what they have acknowledged.</summary>
internal static class PostgresMigrator
{
    private const string Folder = "postgres-migrations/";

    private const int OldestServer = 15;

    /// <summary>The installation that the database belongs to; a new one for an empty database.</summary>
    /// <param name="isMove">The rows of another store are being moved here; else half of them is refused.</param>
    /// <exception cref="StartupException">The database cannot be used; the message is one line with what to do.</exception>
    public static InstanceMarker Run(PostgresServers servers, DateTimeOffset now, bool isMove = false)
    {
        try
        {
            using var connection = servers.Open("default_transaction_read_only = off");
            Judge(connection, servers.Url);
            return Migrate(connection, servers.Url, now, isMove);
        }
        catch (Exception error) when (error is DbException or StoreException)
        {
            throw PostgresRefusal.Of(servers.Url, (error as StoreException)?.InnerException ?? error);
        }
    }

    /// <summary>The version of the newest step that this program knows.</summary>
    public static int NewestSchema => Steps()[^1].Version;

    private static InstanceMarker Migrate(DbConnection connection, PostgresUrl url, DateTimeOffset now, bool isMove)
    {
        using var transaction = connection.BeginTransaction();

        AdvisoryLock.TakeToMigrate(connection, url);
        // A backup (pg_dump) holds every table for as long as it takes, and all who come later wait behind the one that waits for it.
        connection.Execute("set local lock_timeout = 3000");
        connection.Execute("set local statement_timeout = 0");
        if (!isMove && IsThere(connection, MoveMark.Table))
        {
            throw new StartupException(
                StartupException.Configuration,
                $"The database at {url.Place} holds a part of another store: its move was interrupted. Give aichat migrate-store again, "
                + "which goes on where it stopped, or drop the database and create it again.");
        }

        connection.Execute("""
            create table if not exists schema_steps (version integer primary key, name text not null, applied_at bigint not null)
            """);
        var newest = connection.ExecuteScalar<int>("select coalesce(max(version), 0) from schema_steps");
        var steps = Steps();
        if (newest > steps[^1].Version)
        {
            throw new StartupException(
                StartupException.Configuration,
                $"The database has schema {newest}, and this version knows {steps[^1].Version}: start the version that wrote it.");
        }

        foreach (var (version, name, sql) in steps.Where(step => step.Version > newest))
        {
            using (var command = connection.CreateCommand())
            {
                command.CommandText = sql;
                command.ExecuteNonQuery();
            }

            var at = now.ToUnixTimeMilliseconds();
            connection.Execute("""
                insert into schema_steps (version, name, applied_at) values (@version, @name, @at)
                """, new { version, name, at });
        }

        var (id, created) = (Guid.NewGuid().ToString("N"), now.ToUnixTimeMilliseconds());
        connection.Execute("""
            insert into installation (install_id, created_at)
            select @id, @created where not exists (select 1 from installation)
            """, new { id, created });
        var row = connection.QuerySingle<InstallationRow>("""
            select install_id, created_at, exists (select 1 from users where role <> 'GUEST') as in_use from installation
            """);
        transaction.Commit();
        return new InstanceMarker(row.InstallId, row.CreatedAt, row.InUse);
    }

    /// <summary>Whether there is a table of this name.</summary>
    public static bool IsThere(DbConnection connection, string table) =>
        connection.ExecuteScalar<bool>("select to_regclass(@table) is not null", new { table });

    /// <summary>What a server must be so that what it acknowledges stays.</summary>
    public static void Judge(DbConnection connection, PostgresUrl url)
    {
        var facts = connection.QuerySingle<ServerFacts>("""
            select current_setting('server_version_num')::int / 10000 as version, pg_is_in_recovery() as is_standby,
                current_setting('fsync') as fsync, current_setting('synchronous_commit') as synchronous_commit,
                current_setting('full_page_writes') as full_page_writes, current_setting('server_encoding') as encoding,
                current_setting('session_replication_role') as replication_role
            """);
        var wrong = facts switch
        {
            { Version: < OldestServer } => $"is PostgreSQL {facts.Version}; {OldestServer} or newer is needed: upgrade it",
            { IsStandby: true } => "is a standby, which takes no writes: name the primary, or all hosts",
            { Fsync: "off" } => "has fsync off and may lose what it has acknowledged: set fsync = on in postgresql.conf",
            { FullPageWrites: "off" } => "has full_page_writes off and may lose everything in a power cut: "
                + "set full_page_writes = on in postgresql.conf",
            { SynchronousCommit: "off" } => "has synchronous_commit off and may lose what it has acknowledged: "
                + "set synchronous_commit = on for this server, database and user",
            { ReplicationRole: not "origin" } => $"runs no triggers for this user (session_replication_role is {facts.ReplicationRole}): "
                + $"alter role \"{url.User}\" reset session_replication_role, and for the database if it is set there",
            { Encoding: not "UTF8" } => $"keeps text as {facts.Encoding}: create the database with encoding 'UTF8' and template template0",
            _ => null,
        };
        if (wrong is not null)
        {
            throw new StartupException(StartupException.Configuration, $"The database at {url.Place} {wrong}.");
        }
    }

    private static List<(int Version, string Name, string Sql)> Steps()
    {
        var assembly = Assembly.GetExecutingAssembly();
        var names = assembly.GetManifestResourceNames().Where(name => name.StartsWith(Folder, StringComparison.Ordinal));
        return [.. names.Order(StringComparer.Ordinal).Select(name =>
        {
            using var text = new StreamReader(assembly.GetManifestResourceStream(name)!);
            var file = name[Folder.Length..];
            return (int.Parse(file.AsSpan(0, 4), CultureInfo.InvariantCulture), file, text.ReadToEnd());
        })];
    }
}

internal sealed record InstallationRow
{
    public string InstallId { get; init; } = "";

    public long CreatedAt { get; init; }

    public bool InUse { get; init; }
}

internal sealed record ServerFacts
{
    public int Version { get; init; }

    public bool IsStandby { get; init; }

    public string Fsync { get; init; } = "";

    public string SynchronousCommit { get; init; } = "";

    public string FullPageWrites { get; init; } = "";

    public string Encoding { get; init; } = "";

    public string ReplicationRole { get; init; } = "";
}
