using System.Buffers.Binary;
using Microsoft.Data.Sqlite;

namespace AiChat.Data.Sqlite;

/// <summary>
/// Checks the write-ahead log that a crash left beside the database before SQLite replays it: a broken header would silently drop
/// acknowledged writes, and another database's log would overwrite this one. A log that continues the database's change counter is its
/// own. For a small database, or when the counter does not fit, the log is replayed on a copy, which takes time in proportion to the data.
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

    /// <exception cref="StartupException">The log is damaged or belongs to another database; nothing was changed.</exception>
    public static void Check(string database)
    {
        var log = new FileInfo(database + "-wal");
        if (!log.Exists || log.Length < HeadLength || !File.Exists(database))
        {
            return;
        }

        if (!HasGoodHead(log.FullName, PageSize(database)))
        {
            throw Refused(log.FullName, "is damaged");
        }

        var bytes = new FileInfo(database).Length + log.Length;
        if (bytes <= SmallDatabase || (bytes <= MaxTried && !Follows(database, log.FullName)))
        {
            Try(database, log.FullName);
        }
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

    private static void Try(string database, string log)
    {
        var folder = database + ".trial";
        Delete(folder);
        Directory.CreateDirectory(folder, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        try
        {
            var copy = Path.Combine(folder, "app.db");
            File.Copy(database, copy);
            var identity = Identity(copy);
            File.Copy(log, copy + "-wal", overwrite: true);
            using var connection = Open(copy);
            if (Text(connection, "pragma quick_check(1)") != "ok")
            {
                throw Refused(log, "does not fit the database");
            }

            if (identity is not null && Identity(connection) != identity)
            {
                throw Refused(log, "belongs to another database");
            }
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
    private static string? Identity(string path)
    {
        using var connection = Open(path);
        return Identity(connection);
    }

    /// <summary>When the proof of the master key was first written; a change of the key rewrites the proof and keeps its time.</summary>
    internal static string? Identity(SqliteConnection connection) =>
        Text(connection, "select name from sqlite_schema where name = 'settings'") is null
            ? null
            : Text(connection, "select cast(updated_at as text) from settings where key = 'internal.key_check'");

    private static SqliteConnection Open(string path)
    {
        var connection = new SqliteConnection(new SqliteConnectionStringBuilder { DataSource = path, Pooling = false }.ToString());
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
        $"The log {log} {what}. Nothing was changed. Restore a backup, or move the log away to start without what only it holds.");
}
