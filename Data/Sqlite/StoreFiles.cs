using System.Buffers.Binary;
using System.Data.Common;
using System.Diagnostics;
using Microsoft.Data.Sqlite;
using Microsoft.Win32.SafeHandles;
using SQLitePCL;

namespace AiChat.Data.Sqlite;

/// <summary>
/// Checks whether the files of the store are still those that it opened. SQLite itself keeps writing into an unlinked file, and over a
/// file that was copied into its place, until a restart shows that acknowledged writes are lost.
/// Used by the writer's thread, the only one of this process that changes them. Other programs may change them as SQLite does.
/// </summary>
internal sealed class StoreFiles : IDisposable
{
    private const int HeadLength = 100;

    /// <summary>Another program that checkpoints the log writes the head first and its progress last.</summary>
    private static readonly TimeSpan Settling = TimeSpan.FromMilliseconds(100);

    /// <summary>How long a file may be missing, or be mid-checkpoint by another program; nothing is acknowledged meanwhile.</summary>
    private static readonly TimeSpan Absence = TimeSpan.FromSeconds(1);

    private readonly string _path;
    private readonly WaitHandle _closing;
    private readonly string? _identity;
    private readonly SafeFileHandle? _file;
    private readonly SafeFileHandle? _sharedFile;
    private FileStatus? _main;
    private FileStatus? _log;
    private FileStatus? _shared;
    private byte[] _head = [];
    private (ulong Log, uint Frames) _folded;
    private uint _pageSize;
    private uint _changes;

    /// <param name="path">The database. It is open already and is closed before this is disposed, because closing any descriptor of a file
    /// releases all locks that the process has on it, SQLite's included.</param>
    /// <param name="closing">Ends a wait.</param>
    public StoreFiles(string path, WaitHandle closing)
    {
        _path = path;
        _closing = closing;
        try
        {
            _file = File.OpenHandle(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
            _sharedFile = File.OpenHandle(path + "-shm", FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
            _identity = Identity(SqliteConnections.FileAlone(path));
            Remember();
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            // Without a known state no check is possible.
        }
    }

    /// <summary>
    /// Copies an unlinked file, which would be lost when the process ends. Returns a sentence with the path of the copy.
    /// </summary>
    public string Rescue(SqliteConnection connection)
    {
        try
        {
            if (_file is null || FileStatus.Read(_file) is not { Links: 0 })
            {
                return "";
            }

            var copy = _path + ".rescued";
            File.Delete(copy);
            using var command = ((DbConnection)connection).CreateCommand();
            command.CommandText = "vacuum into @copy";
            var name = command.CreateParameter();
            (name.ParameterName, name.Value) = ("copy", copy);
            command.Parameters.Add(name);
            command.ExecuteNonQuery();
            return $"Its content was copied to {copy}. ";
        }
        catch (Exception error) when (error is SqliteException or IOException or UnauthorizedAccessException)
        {
            return "";
        }
    }

    /// <summary>How many pages the log holds and how many of them are in the database file; null when that is not known.</summary>
    public (uint Written, uint Folded)? LogSize()
    {
        const int WrittenAt = 16, FoldedAt = 96;
        Span<byte> bytes = stackalloc byte[FoldedAt + 4 - WrittenAt];
        return _sharedFile is null || RandomAccess.Read(_sharedFile, bytes, WrittenAt) < bytes.Length ? null
            : (BitConverter.ToUInt32(bytes), BitConverter.ToUInt32(bytes[(FoldedAt - WrittenAt)..]));
    }

    /// <summary>Records the files as they are now, after the writer itself has changed them.</summary>
    public void Remember()
    {
        _main = FileStatus.Read(_path);
        _log = FileStatus.Read(_path + "-wal");
        _shared = FileStatus.Read(_path + "-shm");
        _folded = ReadFolded();
        if (ReadHead() is { } head)
        {
            (_head, _pageSize, _changes) = (head.Bytes, head.PageSize, head.Changes);
        }
    }

    /// <summary>What has happened to the files, as the predicate of a sentence; null when they are unchanged.</summary>
    /// <param name="wrote">Whether the writer may have changed them since the last check.</param>
    /// <param name="others">Whether another program has changed the database in a legitimate way.</param>
    public string? Look(bool wrote, out bool others)
    {
        others = false;
        try
        {
            return _main is { } known ? Look(known, wrote, ref others) : null;
        }
        catch (IOException)
        {
            return null; // the next check tries again
        }
    }

    private string? Look(FileStatus known, bool wrote, ref bool others)
    {
        var begun = Stopwatch.GetTimestamp();
        var found = FileStatus.Read(_path);
        while (found is null && Stopwatch.GetElapsedTime(begun) < Absence && !_closing.WaitOne(Settling))
        {
            found = FileStatus.Read(_path);
        }

        if (found is not { } main)
        {
            return "has been deleted or moved away";
        }

        if (main.Id != known.Id)
        {
            return "has been replaced by another file";
        }

        var isChanged = main.Size != known.Size || main.Modified != known.Modified;
        if (Beside("-wal", ref _log, out var log) is { } lost || (lost = Beside("-shm", ref _shared, out _)) is not null)
        {
            return lost;
        }

        if (!wrote && !isChanged && log is { } now && _log is { } before && now != before
            && (now.Size < before.Size || (now.Size > 0 && !WalRecoveryCheck.HasGoodHead(_path + "-wal", (int)_pageSize))))
        {
            return "has lost a part of its log (-wal), which has been truncated or overwritten";
        }

        _log = log;
        if (!isChanged)
        {
            _folded = wrote ? ReadFolded() : _folded; // a write may begin a new log
            return null;
        }

        others = !wrote;
        string? damage;
        do
        {
            damage = Damage(checksIdentity: !wrote);
        }
        while (damage is not null && Stopwatch.GetElapsedTime(begun) < Absence && !_closing.WaitOne(Settling));
        return damage;
    }

    public void Dispose()
    {
        _file?.Dispose();
        _sharedFile?.Dispose();
    }

    /// <summary>Checks the -wal or the -shm file.</summary>
    private string? Beside(string suffix, ref FileStatus? known, out FileStatus? now)
    {
        now = FileStatus.Read(_path + suffix);
        if (known is null)
        {
            known = now; // it is created by the first use
            return null;
        }

        return now is null || now.Value.Id != known.Value.Id
            ? $"has lost its file {Path.GetFileName(_path)}{suffix}, which has been deleted or replaced" : null;
    }

    private string? Damage(bool checksIdentity)
    {
        if (FileStatus.Read(_path) is not { } main || ReadHead() is not { } head)
        {
            return "has been truncated or overwritten";
        }

        // A file shorter than its head says may be intact: a checkpoint skips pages that a reader still needs in their old version.
        var isWhole = main.Size >= (long)head.Pages * head.PageSize;
        if (!isWhole && main.Size < (_main?.Size ?? 0))
        {
            return "has been truncated";
        }

        // The counter grows with every change, so an older copy has a smaller one.
        if (head.PageSize != _pageSize || head.Changes < _changes || (checksIdentity && isWhole && !IsOurs(head)))
        {
            return "has been overwritten with another database";
        }

        (_main, _head, _folded, _changes) = (main, head.Bytes, ReadFolded(), head.Changes);
        return null;
    }

    /// <summary>
    /// When another program has checkpointed a part of the log beside a reader, the file alone is inconsistent. Its head is then either the
    /// previous one or one from the log, and together with the log it names the installation.
    /// </summary>
    private bool IsOurs(Head head) =>
        _identity is null
        || Identity(SqliteConnections.FileAlone(_path)) == _identity
        || (ReadFolded() != _folded
            && (head.Bytes.AsSpan().SequenceEqual(_head) || WalRecoveryCheck.HasFirstPage(_path + "-wal", head.Bytes))
            && Identity(_path) == _identity);

    /// <summary>The log's salts and how many of its frames are in the file; see "WAL-Index File Format" in SQLite's documents.</summary>
    private (ulong Log, uint Frames) ReadFolded()
    {
        const int SaltsAt = 32, FoldedAt = 96;
        Span<byte> bytes = stackalloc byte[FoldedAt + 4 - SaltsAt];
        return _sharedFile is null || RandomAccess.Read(_sharedFile, bytes, SaltsAt) < bytes.Length ? default
            : (BitConverter.ToUInt64(bytes), BitConverter.ToUInt32(bytes[(FoldedAt - SaltsAt)..]));
    }

    /// <summary>See "The Database Header" in SQLite's file format document.</summary>
    private Head? ReadHead()
    {
        var head = new byte[HeadLength];
        if (_file is null || RandomAccess.Read(_file, head, 0) < HeadLength || !head.AsSpan().StartsWith("SQLite format 3\0"u8))
        {
            return null;
        }

        var size = BinaryPrimitives.ReadUInt16BigEndian(head.AsSpan(16));
        return new Head(
            head, size == 1 ? 65_536u : size,
            BinaryPrimitives.ReadUInt32BigEndian(head.AsSpan(24)), BinaryPrimitives.ReadUInt32BigEndian(head.AsSpan(28)));
    }

    /// <summary>The identity that the database holds; null when it has none yet.</summary>
    private static string? Identity(string path)
    {
        try
        {
            var options = new SqliteConnectionStringBuilder { DataSource = path, Mode = SqliteOpenMode.ReadOnly, Pooling = false };
            using var connection = new SqliteConnection(options.ToString());
            connection.Open();
            return WalRecoveryCheck.Identity(connection);
        }
        catch (SqliteException error) when (error.SqliteErrorCode is raw.SQLITE_CORRUPT or raw.SQLITE_NOTADB or raw.SQLITE_ERROR)
        {
            return "damaged";
        }
        catch (SqliteException)
        {
            return null;
        }
    }

    private sealed record Head(byte[] Bytes, uint PageSize, uint Changes, uint Pages);
}
