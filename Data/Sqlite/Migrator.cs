using System.Globalization;
using System.Reflection;
using Microsoft.Data.Sqlite;
using SQLitePCL;

namespace AiChat.Data.Sqlite;

/// <summary>
/// Brings the database file to this program's schema before anything else opens it: checks the file, keeps a copy before an upgrade, and
/// runs the embedded migrations together with the version number in one transaction, so that an upgrade is whole or changes nothing.
/// </summary>
internal static class Migrator
{
    /// <summary>"AiCh": marks the file as ours (pragma application_id).</summary>
    internal const int ApplicationId = 0x41694368;

    /// <summary>Older versions can corrupt a database whose log is reset by two connections at once (fixed in 3.51.3).</summary>
    private static readonly Version OldestSqlite = new(3, 51, 3);

    /// <summary>Checking takes about 20 ms a megabyte. Larger files are checked while the server runs (<see cref="WholeCheck"/>).</summary>
    private const long MaxCheckedAtStart = 4L << 20;

    /// <summary>Creates the file, and its folder, when they are missing.</summary>
    /// <param name="progress">Is told of what takes long, and may stop it; then the database is as before.</param>
    /// <param name="forCommand">Leaves a database alone that was taken back for an older program.</param>
    /// <returns>The schema version the file now has. Its text index has everything.</returns>
    /// <exception cref="StartupException">The file is damaged, foreign, newer than this program, or a migration failed.</exception>
    /// <exception cref="OperationCanceledException">It was stopped.</exception>
    public static int Run(string path, StartProgress? progress = null, bool forCommand = false) =>
        Run(path, Load(), progress, forCommand);

    /// <summary>As <see cref="Run(string, StartProgress, bool)"/> with these migrations, the oldest first.</summary>
    internal static int Run(
        string path, IReadOnlyList<Migration> migrations, StartProgress? progress = null, bool forCommand = false)
    {
        progress ??= StartProgress.None;
        return Use(path, progress, connection =>
        {
            var version = Upgrade(connection, path, migrations, progress, forCommand);
            TextIndex.AddAllDue(connection, progress);
            return version;
        });
    }

    /// <summary>Opens the database as a start does, after every check and before any change of its schema.</summary>
    /// <exception cref="StartupException">It cannot be used.</exception>
    internal static T Use<T>(string path, StartProgress progress, Func<SqliteConnection, T> work)
    {
        try
        {
            DurableFiles.CreateFolder(Path.GetDirectoryName(path)!);
            ProveWritable(path);
            CheckHeader(path);
            WalRecoveryCheck.Check(path, progress);
            using var connection = SqliteConnections.OpenWriter(path);
            RefuseOldSqlite(connection);
            RefuseForeign(connection, path);
            Check(connection, path);
            var result = work(connection);
            Scalar(connection, "pragma wal_checkpoint(truncate)");
            HideFromOthers(path);
            return result;
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

    private static int Upgrade(
        SqliteConnection connection, string path, IReadOnlyList<Migration> migrations, StartProgress progress, bool forCommand)
    {
        var current = SchemaOf(connection);
        var newest = migrations[^1].Version;
        if (current > newest)
        {
            throw new StartupException(
                StartupException.Configuration,
                $"The database {path} has schema {current}, this program knows up to {newest}. Start the newer program, go back by it "
                + "(aichat rollback), or restore the copy made before the upgrade.");
        }

        if (current == newest)
        {
            return newest;
        }

        if (forCommand && UpgradeCopies.AsideOf(path, current) is not null)
        {
            throw new StartupException(
                StartupException.Configuration,
                $"The database {path} was taken back to schema {current} for an older program, and this one would upgrade it again. Use "
                + "the older program for commands, or start the server of this one, which upgrades it.");
        }

        var began = TimeProvider.System.GetTimestamp();
        var copy = current > 0 ? UpgradeCopies.Make(connection, path, UpgradeCopies.Upgrade, current, newest, progress) : null;
        var steps = migrations.Where(migration => migration.Version > current).Select(step => new SchemaStep(step.Name, step.Sql));
        List<string> added = [];
        using (var back = UpgradeCopies.Find(path, UpgradeCopies.Rollback) is [var aside, ..] && aside.To == current
            ? BroughtBack.Open(connection, aside) : null)
        {
            SchemaChange.Run(
                connection, [.. steps], newest, progress,
                verify: () => back?.Run(progress),
                prepare: () => added = copy is null ? [] : SchemaColumns.Complete(connection, migrations, current));
        }

        if (copy is not null)
        {
            if (added.Count > 0)
            {
                progress.Say($"The database lacked {string.Join(", ", added)}, as one of a build between releases does; it has that now.");
            }

            var seconds = TimeProvider.System.GetElapsedTime(began).TotalSeconds;
            progress.Report(StartStep.Finish, "", null);
            UpgradeCopies.Prune(path, UpgradeCopies.Upgrade, copy);
            progress.Say(string.Create(
                CultureInfo.InvariantCulture,
                $"The database was brought from schema {current} to {newest} in {seconds:0.0} s. As it was before, it is in {copy}. "
                + $"Back again: stop, aichat rollback, start the older program."));
            UpgradeCopies.Notes(path).ForEach(progress.Say);
        }

        return newest;
    }

    internal static int SchemaOf(SqliteConnection connection) =>
        Convert.ToInt32(Scalar(connection, "pragma user_version"), CultureInfo.InvariantCulture);

    /// <summary>The embedded migrations, each with the way back where there is one.</summary>
    /// <param name="folder">Where the files are embedded, with a slash.</param>
    internal static List<Migration> Load(string folder = "migrations/")
    {
        var assembly = Assembly.GetExecutingAssembly();
        var back = folder.TrimEnd('/') + "-down/";
        var migrations = new List<Migration>();
        var names = assembly.GetManifestResourceNames().Where(name => name.StartsWith(folder, StringComparison.Ordinal));
        foreach (var name in names.Order(StringComparer.Ordinal))
        {
            var file = name[folder.Length..];
            var version = int.Parse(file.AsSpan(0, 4), CultureInfo.InvariantCulture);
            migrations.Add(new Migration(version, file, Read(assembly, name)!, Read(assembly, back + file)));
        }

        return migrations;
    }

    private static string? Read(Assembly assembly, string name)
    {
        using var stream = assembly.GetManifestResourceStream(name);
        using var reader = stream is null ? null : new StreamReader(stream);
        return reader?.ReadToEnd();
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

        // Before the file is opened for writing, which would turn it into one with a log.
        if (!ForeignFile.IsOurs(path) && ForeignFile.HoldsTables(path))
        {
            throw Foreign(path);
        }
    }

    private static StartupException Foreign(string path) => new(
        StartupException.Configuration,
        ForeignFile.Mentions(path, "chat_sessions")
            ? $"{path} is a database of the Node.js platform. Nothing was changed. AiChat keeps its own beside it: let DATABASE_URL or "
                + $"DATA_DIR name another place, start, and take over what is in the old one with: aichat import {path}"
            : $"{path} is a database of another program. Nothing was changed.");

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
            throw Foreign(path);
        }
    }

    private static void Check(SqliteConnection connection, string path)
    {
        if (new FileInfo(path).Length <= MaxCheckedAtStart
            && Scalar(connection, "pragma quick_check(1)") is string result && result != "ok")
        {
            throw new StartupException(
                StartupException.Configuration,
                $"The database {path} is damaged ({result.ReplaceLineEndings(" ")}). Nothing was changed; restore a backup.");
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
/// <param name="Down">Takes the step back and keeps all that a program without it can know; null when nobody wrote it.</param>
internal sealed record Migration(int Version, string Name, string Sql, string? Down = null);
