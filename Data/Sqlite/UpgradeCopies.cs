using System.Globalization;
using System.Text.RegularExpressions;
using Microsoft.Data.Sqlite;
using SQLitePCL;

namespace AiChat.Data.Sqlite;

/// <summary>
/// The copies of the database beside it that are made before its schema changes: app.db.before-upgrade-from-3-to-8.20261129-143205, and the
/// same with rollback. A copy has its name only when it is whole, verified and on disk. The newest three of each kind are kept.
/// </summary>
internal static partial class UpgradeCopies
{
    public const string Upgrade = "upgrade";
    public const string Rollback = "rollback";
    private const int MaxKept = 3;
    private const string Unfinished = ".new";
    private const string NoteSuffix = ".txt";

    /// <summary>Pages copied between two looks: 4 MiB.</summary>
    private const int Pages = 1024;

    /// <summary>What must be left on the disk beside the copy: the log of a small change, and room for everybody else.</summary>
    private const long Reserve = 16L << 20;

    /// <summary>
    /// Copies the database as the connection sees it, and proves the copy. One that an upgrade has made which was ended again and again, as
    /// by an impatient probe, is used once more as long as the database is still the same.
    /// </summary>
    /// <param name="kind"><see cref="Upgrade"/> or <see cref="Rollback"/>.</param>
    /// <returns>The path of the copy.</returns>
    /// <exception cref="StartupException">No whole copy could be made; nothing was changed.</exception>
    public static string Make(SqliteConnection connection, string path, string kind, int from, int to, StartProgress progress)
    {
        var name = Name(path, kind, from, to);
        var temporary = name + Unfinished;
        progress.Report(StartStep.Copy, "", null); // it waits for others who have the file open
        try
        {
            DeleteUnfinished(path);
            Execute(connection, "pragma wal_checkpoint(truncate)");
            var same = $".before-{kind}-from-{from}-to-{to}.";
            if (Find(path, kind) is [var newest, ..] && newest.Path.Contains(same, StringComparison.Ordinal)
                && IsSame(connection, path, newest.Path, progress))
            {
                return newest.Path;
            }

            NeedSpace(connection, path, kind);
            File.Create(temporary, 1, FileOptions.None).Dispose();
            File.SetUnixFileMode(temporary, UnixFileMode.UserRead | UnixFileMode.UserWrite);
            Fill(connection, temporary, progress);
            using (var file = new FileStream(temporary, FileMode.Open, FileAccess.ReadWrite))
            {
                file.Flush(flushToDisk: true);
            }

            Prove(connection, temporary, progress);
            File.Move(temporary, name);
            DurableFiles.SyncFolder(Path.GetDirectoryName(path)!);
            return name;
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException or SqliteException)
        {
            throw Refused(path, kind, error.Message.TrimEnd('.'), error);
        }
        finally
        {
            if (File.Exists(temporary))
            {
                File.Delete(temporary);
            }
        }
    }

    /// <summary>
    /// Deletes all but the newest copies of a kind. A copy that cannot be deleted stays: it does no harm.
    /// </summary>
    /// <param name="newest">Stays whatever the clock said when it was made.</param>
    public static void Prune(string path, string kind, string newest)
    {
        foreach (var old in Find(path, kind).Where(copy => copy.Path != newest).Skip(MaxKept - 1))
        {
            try
            {
                File.Delete(old.Path + NoteSuffix);
                File.Delete(old.Path);
            }
            catch (Exception error) when (error is IOException or UnauthorizedAccessException)
            {
                // Another user's file in a folder with the sticky bit.
            }
        }
    }

    /// <summary>Says in a file beside a copy what only this copy holds.</summary>
    public static void Note(string copy, string text)
    {
        File.WriteAllText(copy + NoteSuffix, text + "\n");
        DurableFiles.SyncFolder(Path.GetDirectoryName(copy)!);
    }

    /// <summary>What only copies hold that were set aside by a rollback.</summary>
    public static List<string> Notes(string path) =>
        [.. Find(path, Rollback).Select(copy => copy.Path + NoteSuffix).Where(File.Exists).Select(note => File.ReadAllText(note).Trim())];

    /// <summary>The copies of a kind, the newest first.</summary>
    public static IReadOnlyList<UpgradeCopy> Find(string path, string kind) =>
    [
        .. from file in new DirectoryInfo(Path.GetDirectoryName(path)!).EnumerateFiles(Path.GetFileName(path) + ".*")
           let copy = Parse(file, Path.GetFileName(path), kind)
           where copy is not null
           orderby copy.MadeAt descending, copy.Path descending
           select copy,
    ];

    /// <summary>Earlier versions named a copy after the first schema that it does not have.</summary>
    private static UpgradeCopy? Parse(FileInfo file, string database, string kind)
    {
        var rest = file.Name[database.Length..];
        return NameForm().Match(rest) is { Success: true } match && match.Groups[1].Value == kind
            ? new UpgradeCopy(file.FullName, Number(match.Groups[2]), Number(match.Groups[3]), Time(match.Groups[4].Value))
            : kind == Upgrade && OldNameForm().Match(rest) is { Success: true } old
                ? new UpgradeCopy(file.FullName, Number(old.Groups[1]) - 1, Number(old.Groups[1]), file.LastWriteTimeUtc)
                : null;

        static int Number(Group digits) => int.Parse(digits.Value, CultureInfo.InvariantCulture);
    }

    /// <summary>The database that a rollback to this schema set aside; null when it was upgraded since, or never taken back.</summary>
    public static UpgradeCopy? AsideOf(string path, int schema) => Find(path, Rollback) is [var aside, ..] && aside.To == schema
        && !(Find(path, Upgrade) is [var upgrade, ..] && upgrade.MadeAt > aside.MadeAt) ? aside : null;

    /// <summary>A name that is free.</summary>
    private static string Name(string path, string kind, int from, int to)
    {
        var now = TimeProvider.System.GetUtcNow();
        string name;
        do
        {
            name = $"{path}.before-{kind}-from-{from}-to-{to}.{now:yyyyMMdd-HHmmss}";
            now = now.AddSeconds(1);
        }
        while (File.Exists(name));
        return name;
    }

    /// <summary>Compares all but the head, in which a copy counts for itself.</summary>
    private static bool IsSame(SqliteConnection connection, string database, string copy, StartProgress progress)
    {
        const int head = 100;
        using var theirs = File.OpenRead(copy);
        var ours = new FileStream(database, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
        connection.Disposed += (_, _) => ours.Dispose(); // closing any descriptor of a file releases SQLite's locks on it
        if (ours.Length != theirs.Length || new FileInfo(database + "-wal") is { Exists: true, Length: > 0 })
        {
            return false;
        }

        (ours.Position, theirs.Position) = (head, head);
        var (mine, other) = (new byte[1 << 20], new byte[1 << 20]);
        for (int count; (count = ours.ReadAtLeast(mine, mine.Length, throwOnEndOfStream: false)) > 0;)
        {
            progress.Stop.ThrowIfCancellationRequested();
            progress.Report(StartStep.CheckCopy, "", (double)ours.Position / ours.Length);
            theirs.ReadExactly(other, 0, count);
            if (!mine.AsSpan(0, count).SequenceEqual(other.AsSpan(0, count)))
            {
                return false;
            }
        }

        return true;
    }

    private static DateTime Time(string text) =>
        DateTime.TryParseExact(
            text, "yyyyMMdd-HHmmss", CultureInfo.InvariantCulture, DateTimeStyles.AdjustToUniversal | DateTimeStyles.AssumeUniversal,
            out var time) ? time : DateTime.MinValue;

    private static void NeedSpace(SqliteConnection connection, string path, string kind)
    {
        var needed = Number(connection, "select page_count * page_size from pragma_page_count, pragma_page_size");
        long free;
        try
        {
            free = new DriveInfo(Path.GetDirectoryName(path)!).AvailableFreeSpace;
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException or ArgumentException)
        {
            return; // The system does not tell; a disk that is full is found by copying.
        }

        if (free < needed + Reserve)
        {
            throw Refused(
                path,
                kind,
                $"it takes {MiB(needed + Reserve)} MiB in {Path.GetDirectoryName(path)}, and {MiB(free)} MiB are free. Make room");
        }
    }

    /// <summary>Whole MiB, rounded up.</summary>
    private static long MiB(long bytes) => (bytes + (1 << 20) - 1) >> 20;

    private static void Fill(SqliteConnection source, string copy, StartProgress progress)
    {
        using var target = Open(copy, SqliteOpenMode.ReadWriteCreate);
        Execute(target, "pragma synchronous = off; pragma journal_mode = off;");
        var backup = raw.sqlite3_backup_init(target.Handle, "main", source.Handle, "main");
        if (backup is null || backup.IsInvalid)
        {
            throw new IOException(raw.sqlite3_errmsg(target.Handle).utf8_to_string());
        }

        int result;
        using (backup)
        {
            while ((result = raw.sqlite3_backup_step(backup, Pages)) is raw.SQLITE_OK)
            {
                progress.Stop.ThrowIfCancellationRequested();
                var all = raw.sqlite3_backup_pagecount(backup);
                progress.Report(StartStep.Copy, "", 1 - ((double)raw.sqlite3_backup_remaining(backup) / Math.Max(1, all)));
            }
        }

        if (result != raw.SQLITE_DONE)
        {
            throw new IOException(raw.sqlite3_errstr(result).utf8_to_string());
        }
    }

    /// <summary>The copy is a database without damage that holds as many rows as the original, table by table.</summary>
    private static void Prove(SqliteConnection original, string copy, StartProgress progress)
    {
        using var connection = Open(SqliteConnections.FileAlone(copy), SqliteOpenMode.ReadOnly); // no log of its own beside it
        var pages = Math.Max(1, Number(connection, "select page_count from pragma_page_count"));
        // Each page is read to be checked, and most of them once more to be counted.
        using var watched = new Watched(
            connection, progress.Stop,
            () => progress.Report(StartStep.CheckCopy, "", (double)Watched.PagesRead(connection) / (2 * pages)));
        progress.Report(StartStep.CheckCopy, "", 0);
        if (watched.Run(() => Text(connection, "pragma quick_check(1)")) is { } damage && damage != "ok")
        {
            throw new IOException($"the copy is damaged ({damage}), so the database is");
        }

        foreach (var table in Tables(original))
        {
            var count = $"select count(*) from {table}";
            if (watched.Run(() => Number(connection, count)) != Number(original, count))
            {
                throw new IOException($"the copy does not hold every row of {table}");
            }
        }
    }

    private static List<string> Tables(SqliteConnection connection)
    {
        using var command = connection.CreateCommand();
        command.CommandText = "select name from pragma_table_list where schema = 'main' and type = 'table' and name not like 'sqlite%'";
        using var reader = command.ExecuteReader();
        var tables = new List<string>();
        while (reader.Read())
        {
            tables.Add($"\"{reader.GetString(0).Replace("\"", "\"\"", StringComparison.Ordinal)}\"");
        }

        return tables;
    }

    private static void DeleteUnfinished(string path)
    {
        foreach (var left in Directory.EnumerateFiles(Path.GetDirectoryName(path)!, Path.GetFileName(path) + ".before-*" + Unfinished))
        {
            File.Delete(left);
        }
    }

    private static StartupException Refused(string path, string kind, string reason, Exception? inner = null) => new(
        StartupException.Configuration,
        $"The database {path} cannot be copied before the {kind}: {reason}. Nothing was changed.",
        inner);

    private static SqliteConnection Open(string path, SqliteOpenMode mode)
    {
        var connection = new SqliteConnection(
            new SqliteConnectionStringBuilder { DataSource = path, Mode = mode, Pooling = false }.ToString());
        connection.Open();
        return connection;
    }

    private static void Execute(SqliteConnection connection, string sql)
    {
        using var command = connection.CreateCommand();
        command.CommandText = sql;
        command.ExecuteNonQuery();
    }

    private static string? Text(SqliteConnection connection, string sql)
    {
        using var command = connection.CreateCommand();
        command.CommandText = sql;
        return command.ExecuteScalar() as string;
    }

    private static long Number(SqliteConnection connection, string sql)
    {
        using var command = connection.CreateCommand();
        command.CommandText = sql;
        return (long)command.ExecuteScalar()!;
    }

    [GeneratedRegex(@"\A\.before-(upgrade|rollback)-from-(\d{1,6})-to-(\d{1,6})\.(\d{8}-\d{6})\z")]
    private static partial Regex NameForm();

    [GeneratedRegex(@"\A\.pre-v(\d{1,6})\z")]
    private static partial Regex OldNameForm();
}

/// <summary>A copy of the database.</summary>
/// <param name="Schema">The version of its schema.</param>
/// <param name="To">The version that the database got then.</param>
internal sealed record UpgradeCopy(string Path, int Schema, int To, DateTime MadeAt);
