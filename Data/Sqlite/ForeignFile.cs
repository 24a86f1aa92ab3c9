using System.Buffers.Binary;
using System.Text;
using Microsoft.Data.Sqlite;

namespace AiChat.Data.Sqlite;

/// <summary>
/// Takes a consistent private copy of a database that belongs to another program, which may be running or may have crashed. Nothing beside
/// the file is written or created: not the -shm of a log, nor the end of an interrupted transaction.
/// </summary>
internal static class ForeignFile
{
    private const int HeadLength = 100;
    private const int MaxTries = 10;
    private const int MaxLooked = 1 << 20;
    private const byte WithLog = 2; // the file format of a database with a write-ahead log
    private const byte EmptyLeaf = 13; // the kind of the first page while the schema fits on it
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(200);

    /// <summary>Whether the file begins as an SQLite database does.</summary>
    public static bool IsDatabase(string path)
    {
        Span<byte> head = stackalloc byte[16];
        using var stream = Open(path);
        return stream.ReadAtLeast(head, head.Length, throwOnEndOfStream: false) == head.Length && head.SequenceEqual("SQLite format 3\0"u8);
    }

    /// <summary>Whether it is a database of AiChat, by the mark that its first transaction set.</summary>
    public static bool IsOurs(string path) =>
        Head(path) is { Length: HeadLength } head && BinaryPrimitives.ReadInt32BigEndian(head.AsSpan(68)) == Migrator.ApplicationId;

    /// <summary>Whether the database holds a table, as far as its first page tells: what a log holds does not count.</summary>
    public static bool HoldsTables(string path)
    {
        Span<byte> page = stackalloc byte[HeadLength + 8];
        using var stream = Open(path);
        return stream.ReadAtLeast(page, page.Length, throwOnEndOfStream: false) == page.Length
            && (page[HeadLength] != EmptyLeaf || BinaryPrimitives.ReadUInt16BigEndian(page[(HeadLength + 3)..]) > 0);
    }

    /// <summary>Whether the beginning of the file, where the tables are named, holds this word.</summary>
    public static bool Mentions(string path, string word)
    {
        var bytes = new byte[MaxLooked];
        using var stream = Open(path);
        var length = stream.ReadAtLeast(bytes, bytes.Length, throwOnEndOfStream: false);
        return bytes.AsSpan(0, length).IndexOf(Encoding.ASCII.GetBytes(word)) >= 0;
    }

    /// <param name="target">A new file in a folder of its own.</param>
    /// <exception cref="StoreException">The file changes all the time, cannot be read, or the disk of the copy is full.</exception>
    public static void Copy(string path, string target, CancellationToken cancel)
    {
        try
        {
            var head = Head(path);
            var interrupted = Exists(path + "-journal");
            if ((head.Length > 18 && head[18] == WithLog) || interrupted || !TryLocked(path, target))
            {
                Unlocked(path, target, cancel);
            }
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new StoreException(StoreFailure.Unavailable, $"{path} cannot be copied: {error.Message}", error);
        }
    }

    /// <summary>Without a log: SQLite's own copy, under the lock of a reader, which is held only while it runs.</summary>
    /// <returns>False when SQLite cannot read the file as it is.</returns>
    private static bool TryLocked(string path, string target)
    {
        try
        {
            using var source = Open(path, SqliteOpenMode.ReadOnly);
            using var copy = Open(target, SqliteOpenMode.ReadWriteCreate);
            source.BackupDatabase(copy);
            return true;
        }
        catch (SqliteException)
        {
            File.Delete(target);
            return false;
        }
    }

    /// <summary>Copies the bytes: of the file, then of the log or the journal, again until nothing has changed meanwhile.</summary>
    private static void Unlocked(string path, string target, CancellationToken cancel)
    {
        for (var tries = 0; ; tries++)
        {
            var before = Stamp(path);
            CopyBytes(path, target);
            foreach (var suffix in new[] { "-wal", "-journal" })
            {
                File.Delete(target + suffix);
                if (Exists(path + suffix))
                {
                    CopyBytes(path + suffix, target + suffix);
                }
            }

            if (Stamp(path) == before)
            {
                return;
            }

            if (tries == MaxTries)
            {
                throw new StoreException(StoreFailure.Busy, $"{path} is being written all the time. Stop its server for the import.");
            }

            cancel.WaitHandle.WaitOne(Pause);
            cancel.ThrowIfCancellationRequested();
        }
    }

    /// <summary>
    /// What a commit changes: the file, its change counter, a log that begins anew, an open transaction. A log that only grows is no
    /// change: what was copied of it ends with an earlier commit.
    /// </summary>
    private static string Stamp(string path)
    {
        var head = Head(path);
        var changes = head.Length == HeadLength ? BinaryPrimitives.ReadUInt32BigEndian(head.AsSpan(24)) : 0;
        var log = Exists(path + "-wal") ? Convert.ToHexString(Head(path + "-wal").AsSpan(0, 32)) : "";
        var journal = Exists(path + "-journal") ? FileStatus.Read(path + "-journal")?.ToString() : "";
        return $"{FileStatus.Read(path)} {changes} {log} {journal}";
    }

    private static byte[] Head(string path)
    {
        var head = new byte[HeadLength];
        using var stream = Open(path);
        var length = stream.ReadAtLeast(head, head.Length, throwOnEndOfStream: false);
        return length < 32 ? new byte[32] : head[..length];
    }

    private static bool Exists(string path) => new FileInfo(path) is { Exists: true, Length: > 0 };

    private static void CopyBytes(string from, string to)
    {
        using var source = Open(from);
        using var copy = new FileStream(to, FileMode.Create, FileAccess.Write, FileShare.None, bufferSize: 0);
        source.CopyTo(copy, 1 << 16);
    }

    private static FileStream Open(string path) =>
        new(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete, bufferSize: 0);

    private static SqliteConnection Open(string path, SqliteOpenMode mode)
    {
        var connection = new SqliteConnection(
            new SqliteConnectionStringBuilder { DataSource = path, Mode = mode, Pooling = false, DefaultTimeout = 5 }.ToString());
        connection.Open();
        return connection;
    }
}
