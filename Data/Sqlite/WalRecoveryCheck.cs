using System.Buffers.Binary;
using Microsoft.Data.Sqlite;

namespace AiChat.Data.Sqlite;

/// <summary>
/// Checks the write-ahead log that a crash left beside the database before SQLite replays it: a broken header would silently drop
/// acknowledged writes, another database's log would overwrite this one, and the log of a later state would undo it when somebody has put
/// an earlier file back. A log that continues the database's change counter is its own. For a small database, or when the counter does not
/// fit, the log is replayed on a copy, which takes time in proportion to the data.
/// </summary>
internal static class WalRecoveryCheck
{
    /// <summary>Copying takes about a second a gigabyte; for larger databases only the head of the log is checked.</summary>
    private const long MaxTried = 1L << 30;

    /// <summary>A database this small is checked on a copy in well under 0.1 s, whatever the change counter says.</summary>
    private const long SmallDatabase = 4L << 20;

    // Head of the log, see "WAL Format" in SQLite's file format document: two magics (byte order of the checksums), one version.
    private const int HeadLength = 32;
    private const int FrameHeadLength = 24;
    private const int DatabaseHeadLength = 100;
    private const int CounterAt = 24;
    private const uint Magic = 0x377f0682;
    private const uint Version = 3_007_000;

    /// <exception cref="StartupException">The log is damaged, of a later state or another database's; nothing was changed.</exception>
    public static void Check(string database, StartProgress progress)
    {
        var log = new FileInfo(database + "-wal");
        if (!log.Exists || log.Length < HeadLength || !File.Exists(database))
        {
            return;
        }

        try
        {
            Judge(database, log, progress);
        }
        catch (StartupException) when (progress.LogChoice == LogChoice.KeepFile)
        {
            var aside = $"{log.FullName}.aside-{TimeProvider.System.GetUtcNow():yyyyMMdd-HHmmss}";
            File.Move(log.FullName, aside);
            File.Delete(database + "-shm");
            DurableFiles.SyncFolder(Path.GetDirectoryName(database)!);
            progress.Say($"The database file stays as it is. The log beside it is kept as {aside}.");
        }
    }

    private static void Judge(string database, FileInfo log, StartProgress progress)
    {
        if (!HasGoodHead(log.FullName, PageSize(database)))
        {
            throw Refused(log.FullName, "is damaged");
        }

        var bytes = new FileInfo(database).Length + log.Length;
        if (LogMatch.IsOfAnotherState(database, log.FullName) && Compare(database, log.FullName, bytes, progress) is { } found)
        {
            throw found;
        }

        if (progress.LogChoice == LogChoice.KeepLog || bytes <= SmallDatabase || (bytes <= MaxTried && !Follows(database, log.FullName)))
        {
            Try(database, log.FullName, progress);
        }
    }

    /// <summary>
    /// The log does not continue the file. Tells what either of them holds, and whether the log can be replayed at all.
    /// </summary>
    /// <returns>The refusal; null when the log was chosen, or when the copy shows that nothing is wrong.</returns>
    private static StartupException? Compare(string database, string log, long bytes, StartProgress progress)
    {
        var (with, fits) = ("", true);
        if (bytes <= MaxTried)
        {
            try
            {
                if (!OnCopy(database, log, progress, copy => LogMatch.IsOfAnotherState(database, copy, ref with)))
                {
                    return null;
                }
            }
            catch (StartupException)
            {
                fits = false;
            }
            catch (IOException)
            {
                // No room for the copy: the choices are told without what it would show.
            }
        }

        const string keep = "To keep the file as it is and move the log aside: aichat serve --keep-file.";
        var choices = fits
            ? $"{keep} To replay the log{with}: aichat serve --keep-log."
            : $"The log cannot be replayed onto this file. {keep}";
        return progress.LogChoice == LogChoice.KeepLog && fits ? null : new StartupException(
            StartupException.Configuration,
            $"The log {log} was not written beside this file {database}, but beside a later or another one, as when the file was put back "
            + $"by hand and the log was left. The file {LogMatch.Content(database)}. Nothing was changed. {choices}");
    }

    /// <summary>
    /// Each commit that changes the first page counts one on. The database has the count of a moment that the log covers, or of the one
    /// right before it. A log without the first page neither grew the database nor changed its schema.
    /// </summary>
    private static bool Follows(string database, string log)
    {
        Span<byte> head = stackalloc byte[CounterAt + 4];
        using (var main = File.OpenHandle(database))
        {
            RandomAccess.Read(main, head, 0);
        }

        var counted = BinaryPrimitives.ReadUInt32BigEndian(head[CounterAt..]);
        uint? first = null;
        var last = 0u;
        foreach (var page in FirstPages(log))
        {
            last = BinaryPrimitives.ReadUInt32BigEndian(page.AsSpan(CounterAt));
            first ??= last;
        }

        return first is null || (counted + 1 >= first && counted <= last);
    }

    /// <summary>Whether the log holds a version of the database's first page that begins like this.</summary>
    internal static bool HasFirstPage(string log, byte[] head)
    {
        try
        {
            return FirstPages(log).Any(page => page.AsSpan().SequenceEqual(head));
        }
        catch (IOException)
        {
            return false;
        }
    }

    /// <summary>The heads (100 bytes) of the first page's versions in the log, oldest first.</summary>
    private static IEnumerable<byte[]> FirstPages(string log)
    {
        var head = new byte[HeadLength];
        var frame = new byte[FrameHeadLength + DatabaseHeadLength];
        using var file = File.OpenHandle(log, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
        if (RandomAccess.Read(file, head, 0) < HeadLength)
        {
            yield break;
        }

        var step = FrameHeadLength + BinaryPrimitives.ReadUInt32BigEndian(head.AsSpan(8));
        for (long at = HeadLength;
            RandomAccess.Read(file, frame, at) == frame.Length && frame.AsSpan(8, 8).SequenceEqual(head.AsSpan(16, 8));
            at += step)
        {
            if (BinaryPrimitives.ReadUInt32BigEndian(frame) == 1)
            {
                yield return frame[FrameHeadLength..];
            }
        }
    }

    private static void Try(string database, string log, StartProgress progress)
    {
        var identity = IdentityOf(database);
        OnCopy(database, log, progress, copy => identity is null || Identity(copy) == identity
            ? true
            : throw Refused(log, "belongs to another database"));
    }

    /// <summary>Looks at a copy on which the log has been replayed.</summary>
    /// <exception cref="StartupException">The log cannot be replayed.</exception>
    private static T OnCopy<T>(string database, string log, StartProgress progress, Func<SqliteConnection, T> look)
    {
        var folder = database + ".trial";
        Delete(folder);
        Directory.CreateDirectory(folder, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        try
        {
            progress.Report(StartStep.TryLog, "", null);
            var copy = Path.Combine(folder, "app.db");
            File.Copy(database, copy);
            File.Copy(log, copy + "-wal", overwrite: true);
            using var connection = Open(copy);
            using var watched = new Watched(connection, progress.Stop);
            return watched.Run(() => Text(connection, "pragma quick_check(1)")) == "ok"
                ? look(connection)
                : throw Refused(log, "does not fit the database");
        }
        catch (SqliteException error)
        {
            throw Refused(log, $"cannot be replayed ({error.Message})");
        }
        finally
        {
            Delete(folder);
        }
    }

    /// <summary>A value that only this installation can have written, or null in a database without one yet.</summary>
    private static string? IdentityOf(string path)
    {
        try
        {
            using var connection = Open(SqliteConnections.FileAlone(path), SqliteOpenMode.ReadOnly);
            return Identity(connection);
        }
        catch (SqliteException)
        {
            return null; // a checkpoint was under way; with its log the file is whole
        }
    }

    /// <summary>When the proof of the master key was first written; a change of the key rewrites the proof and keeps its time.</summary>
    internal static string? Identity(SqliteConnection connection) =>
        Text(connection, "select name from sqlite_schema where name = 'settings'") is null
            ? null
            : Text(connection, "select cast(updated_at as text) from settings where key = 'internal.key_check'");

    private static SqliteConnection Open(string path, SqliteOpenMode mode = SqliteOpenMode.ReadWriteCreate)
    {
        var connection = new SqliteConnection(
            new SqliteConnectionStringBuilder { DataSource = path, Mode = mode, Pooling = false }.ToString());
        connection.Open();
        return connection;
    }

    private static string? Text(SqliteConnection connection, string sql)
    {
        using var command = connection.CreateCommand();
        command.CommandText = sql;
        return command.ExecuteScalar() as string;
    }

    private static void Delete(string folder)
    {
        if (Directory.Exists(folder))
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static int PageSize(string database)
    {
        Span<byte> head = stackalloc byte[18];
        using var stream = File.OpenRead(database);
        stream.ReadAtLeast(head, head.Length, throwOnEndOfStream: false);
        return BinaryPrimitives.ReadUInt16BigEndian(head[16..]) is var size && size == 1 ? 65_536 : size;
    }

    internal static bool HasGoodHead(string log, int pageSize)
    {
        Span<byte> head = stackalloc byte[HeadLength];
        using var stream = new FileStream(log, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete, bufferSize: 0);
        if (stream.ReadAtLeast(head, HeadLength, throwOnEndOfStream: false) < HeadLength)
        {
            return false;
        }

        var magic = BinaryPrimitives.ReadUInt32BigEndian(head);
        // A database that is still empty has no page size of its own yet.
        return (magic & ~1u) == Magic
            && BinaryPrimitives.ReadUInt32BigEndian(head[4..]) == Version
            && (pageSize == 0 || BinaryPrimitives.ReadUInt32BigEndian(head[8..]) == pageSize)
            && HasGoodChecksum(head, bigEndian: (magic & 1) == 1);
    }

    private static bool HasGoodChecksum(ReadOnlySpan<byte> head, bool bigEndian)
    {
        uint first = 0, second = 0;
        for (var at = 0; at < 24; at += 8)
        {
            first += Word(head[at..], bigEndian) + second;
            second += Word(head[(at + 4)..], bigEndian) + first;
        }

        return first == BinaryPrimitives.ReadUInt32BigEndian(head[24..]) && second == BinaryPrimitives.ReadUInt32BigEndian(head[28..]);
    }

    private static uint Word(ReadOnlySpan<byte> bytes, bool bigEndian) =>
        bigEndian ? BinaryPrimitives.ReadUInt32BigEndian(bytes) : BinaryPrimitives.ReadUInt32LittleEndian(bytes);

    private static StartupException Refused(string log, string what) => new(
        StartupException.Configuration,
        $"The log {log} {what}. Nothing was changed. Restore a backup, or start without what only the log holds, which "
        + "moves it aside: aichat serve --keep-file.");
}
