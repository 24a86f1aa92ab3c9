using System.Globalization;
using System.Reflection;
using Microsoft.Data.Sqlite;
using SQLitePCL;

namespace AiChat.Data.Sqlite;

/// <summary>
/// Brings the database file to this program's schema before anything else opens it: checks the file, keeps a copy before an
/// upgrade, runs each embedded migration in one transaction together with its version number. Forward only.
/// </summary>
internal static class Migrator
{
    /// <summary>"AiCh": marks the file as ours (pragma application_id).</summary>
    private const int ApplicationId = 0x41694368;

    /// <summary>Older versions can corrupt a database whose log is reset by two connections at once (fixed in 3.51.3).</summary>
    private static readonly Version OldestSqlite = new(3, 51, 3);

    /// <summary>Checking takes about 20 ms a megabyte. Larger files are checked while the server runs (<see cref="WholeCheck"/>).</summary>
    private const long MaxCheckedAtStart = 4L << 20;

    private const UnixFileMode OwnerFolder = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute;

    /// <summary>Creates the file, and its folder, when they are missing.</summary>
    /// <returns>The schema version the file now has.</returns>
    /// <exception cref="StartupException">The file is damaged, foreign, newer than this program, or a migration failed.</exception>
    public static int Run(string path) => Run(path, Load());

    /// <summary>As <see cref="Run(string)"/> with these migrations, the oldest first.</summary>
    internal static int Run(string path, IReadOnlyList<Migration> migrations)
    {
        try
        {
            Directory.CreateDirectory(Path.GetDirectoryName(path)!, OwnerFolder);
            ProveWritable(path);
            CheckHeader(path);
            WalRecoveryCheck.Check(path);
            using var connection = SqliteConnections.OpenWriter(path);
            RefuseOldSqlite(connection);
            RefuseForeign(connection, path);
            Check(connection, path);
            var version = Upgrade(connection, path, migrations);
            Scalar(connection, "pragma wal_checkpoint(truncate)");
            HideFromOthers(path);
            return version;
        }
        catch (SqliteException error) when (error.SqliteErrorCode is raw.SQLITE_READONLY or raw.SQLITE_CANTOPEN or raw.SQLITE_PERM)
        {
            throw NotWritable(path, error);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw NotWritable(path, error);
        }
        catch (SqliteException error)
        {
            throw new StartupException(
                StartupException.Configuration,
                $"The database {path} cannot be opened: {error.Message} Nothing was changed; restore a backup if it is damaged.",
                error);
        }
    }

    private static StartupException NotWritable(string path, Exception error) => new(
        StartupException.Configuration,
        $"The database {path} cannot be opened for writing: {error.Message.TrimEnd('.')}. Nothing was changed. {FolderRights.Advice(path)}",
        error);

    private static void HideFromOthers(string path)
    {
        try
        {
            File.SetUnixFileMode(path, UnixFileMode.UserRead | UnixFileMode.UserWrite);
        }
        catch (UnauthorizedAccessException)
        {
            // Another user owns the file and lets this one write.
        }
    }

    private static int Upgrade(SqliteConnection connection, string path, IReadOnlyList<Migration> migrations)
    {
        var current = Convert.ToInt32(Scalar(connection, "pragma user_version"), CultureInfo.InvariantCulture);
        var newest = migrations[^1].Version;
        if (current > newest)
        {
            throw new StartupException(
                StartupException.Configuration,
                $"The database {path} has schema {current}, this program knows up to {newest}. " +
                "Start the newer program, or restore the copy made before the upgrade.");
        }

        if (current > 0 && current < newest)
        {
            KeepCopy(connection, path, current);
        }

        // With foreign keys on, dropping a table to recreate it would delete the rows that refer to it. The pragma has no effect inside a
        // transaction.
        Scalar(connection, "pragma foreign_keys = off");
        foreach (var (version, name, sql) in migrations.Where(migration => migration.Version > current))
        {
            try
            {
                Scalar(connection, $"begin immediate;\n{sql}\npragma user_version = {version};\npragma application_id = {ApplicationId};");
                if (current > 0 && Scalar(connection, "select \"table\" from pragma_foreign_key_check limit 1") is string table)
                {
                    throw new StartupException(
                        StartupException.Configuration,
                        $"Migration {name} failed: a row of {table} refers to none. The database is as it was before.");
                }

                Scalar(connection, "commit");
            }
            catch (SqliteException error)
            {
                throw new StartupException(
                    StartupException.Configuration, $"Migration {name} failed: {error.Message} The database is as it was before.", error);
            }
        }

        Scalar(connection, "pragma foreign_keys = on");
        return newest;
    }

    private static void KeepCopy(SqliteConnection connection, string path, int version)
    {
        var copy = $"{path}.pre-v{version + 1}";
        var temporary = copy + ".new";
        File.Delete(temporary);
        using (var command = connection.CreateCommand())
        {
            command.CommandText = "vacuum into @copy";
            command.Parameters.AddWithValue("@copy", temporary);
            command.ExecuteNonQuery();
        }

        using (var stream = new FileStream(temporary, FileMode.Open, FileAccess.ReadWrite))
        {
            stream.Flush(flushToDisk: true);
        }

        File.SetUnixFileMode(temporary, UnixFileMode.UserRead | UnixFileMode.UserWrite);
        File.Move(temporary, copy, overwrite: true);
    }

    /// <param name="folder">Where the files are embedded, with a slash.</param>
    internal static List<Migration> Load(string folder = "migrations/")
    {
        var assembly = Assembly.GetExecutingAssembly();
        var migrations = new List<Migration>();
        var names = assembly.GetManifestResourceNames().Where(name => name.StartsWith(folder, StringComparison.Ordinal));
        foreach (var name in names.Order(StringComparer.Ordinal))
        {
            using var reader = new StreamReader(assembly.GetManifestResourceStream(name)!);
            var file = name[folder.Length..];
            migrations.Add(new Migration(int.Parse(file.AsSpan(0, 4), CultureInfo.InvariantCulture), file, reader.ReadToEnd()));
        }

        return migrations;
    }

    /// <summary>SQLite opens an unwritable file read-only and leaves a log behind that cannot be written later either.</summary>
    private static void ProveWritable(string path)
    {
        foreach (var file in new[] { path, path + "-wal" }.Where(File.Exists))
        {
            File.OpenHandle(file, FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite).Dispose();
        }
    }

    private static void CheckHeader(string path)
    {
        var file = new FileInfo(path);
        if (!file.Exists || file.Length == 0)
        {
            return;
        }

        Span<byte> header = stackalloc byte[16];
        using var stream = file.OpenRead();
        if (stream.ReadAtLeast(header, 16, throwOnEndOfStream: false) < 16 || !header.SequenceEqual("SQLite format 3\0"u8))
        {
            throw new StartupException(
                StartupException.Configuration, $"{path} is not an SQLite database. Nothing was changed; restore a backup.");
        }
    }

    private static void RefuseOldSqlite(SqliteConnection connection)
    {
        var version = Version.Parse((string)Scalar(connection, "select sqlite_version()")!);
        if (version < OldestSqlite)
        {
            throw new StartupException(
                StartupException.Configuration, $"SQLite {version} is too old; {OldestSqlite} is the oldest that is safe.");
        }
    }

    private static void RefuseForeign(SqliteConnection connection, string path)
    {
        var id = Convert.ToInt32(Scalar(connection, "pragma application_id"), CultureInfo.InvariantCulture);
        var tables = Convert.ToInt32(Scalar(connection, "select count(*) from sqlite_schema"), CultureInfo.InvariantCulture);
        if (id != ApplicationId && tables > 0)
        {
            throw new StartupException(StartupException.Configuration, $"{path} is a database of another program. Nothing was changed.");
        }
    }

    private static void Check(SqliteConnection connection, string path)
    {
        if (new FileInfo(path).Length <= MaxCheckedAtStart
            && Scalar(connection, "pragma quick_check(1)") is string result && result != "ok")
        {
            throw new StartupException(
                StartupException.Configuration, $"The database {path} is damaged ({result}). Nothing was changed; restore a backup.");
        }
    }

    private static object? Scalar(SqliteConnection connection, string sql)
    {
        using var command = connection.CreateCommand();
        command.CommandText = sql;
        return command.ExecuteScalar();
    }
}

/// <summary>One step of the schema; run once, never edited after a release.</summary>
internal sealed record Migration(int Version, string Name, string Sql);
