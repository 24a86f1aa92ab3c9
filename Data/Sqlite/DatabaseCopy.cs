using System.Diagnostics;
using Microsoft.Data.Sqlite;
using SQLitePCL;

namespace AiChat.Data.Sqlite;

/// <summary>
/// Copies a database that is in use, as it was at one moment, beside its users: on a connection of its own, a few pages at a time with
/// pauses that leave most of a core to them. The copy reaches the disk in small pieces, because one large flush at the end would hold up
/// the commits of everybody else.
/// </summary>
internal static class DatabaseCopy
{
    /// <summary>A quarter of a megabyte with the usual pages: well under a millisecond from memory.</summary>
    private const int PagesPerStep = 64;

    private const long BytesPerFlush = 4L << 20;

    /// <summary>A pause lasts this many times what the step before took: the copy has a quarter of a core and of the disk.</summary>
    private const int Share = 3;

    private static readonly TimeSpan MinPause = TimeSpan.FromMilliseconds(2);
    private static readonly TimeSpan MaxPause = TimeSpan.FromMilliseconds(250);

    /// <summary>Blocks the calling thread until the copy is complete and on disk.</summary>
    /// <param name="to">A path at which there is no file. After a failure the caller removes what is there.</param>
    /// <param name="progress">Told the share that is done, from 0 to 1.</param>
    /// <exception cref="StoreException">The disk is full, or one of the files cannot be used.</exception>
    /// <exception cref="OperationCanceledException">It was cancelled.</exception>
    public static void Run(string from, string to, Action<double> progress, CancellationToken cancel)
    {
        try
        {
            using (File.Create(to))
            {
                File.SetUnixFileMode(to, UnixFileMode.UserRead | UnixFileMode.UserWrite);
            }

            using (var source = SqliteConnections.OpenReader(from))
            using (var target = DetachedDatabase.Open(to, SqliteOpenMode.ReadWrite, DetachedDatabase.Unsafe))
            {
                // The transaction holds the moment: without it every commit of the writer would begin the copy anew.
                DetachedDatabase.Execute(source, "begin");
                DetachedDatabase.Execute(source, "select count(*) from sqlite_schema");
                Copy(source, target, to, progress, cancel);
            }

            LeaveLogMode(to);
        }
        catch (SqliteException error)
        {
            throw SqliteErrors.Translate(error) as StoreException ?? new StoreException(StoreFailure.Unavailable, error.Message, error);
        }
    }

    private static void Copy(
        SqliteConnection source, SqliteConnection target, string to, Action<double> progress, CancellationToken cancel)
    {
        using var file = File.OpenHandle(to, FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite | FileShare.Delete);
        using var backup = raw.sqlite3_backup_init(target.Handle, "main", source.Handle, "main");
        if (backup.IsInvalid)
        {
            var reason = raw.sqlite3_errmsg(target.Handle).utf8_to_string();
            throw new StoreException(StoreFailure.Unavailable, $"The copy cannot begin: {reason}.");
        }

        var flushed = 0L;
        while (true)
        {
            cancel.ThrowIfCancellationRequested();
            var begun = Stopwatch.GetTimestamp();
            var result = raw.sqlite3_backup_step(backup, PagesPerStep);
            var total = raw.sqlite3_backup_pagecount(backup);
            progress(total == 0 ? 1 : 1 - ((double)raw.sqlite3_backup_remaining(backup) / total));
            if (result == raw.SQLITE_DONE)
            {
                break;
            }

            if (result is not (raw.SQLITE_OK or raw.SQLITE_BUSY or raw.SQLITE_LOCKED))
            {
                throw new SqliteException(raw.sqlite3_errmsg(target.Handle).utf8_to_string(), result);
            }

            if (RandomAccess.GetLength(file) is var length && length - flushed >= BytesPerFlush)
            {
                RandomAccess.FlushToDisk(file);
                flushed = length;
            }

            Rest(Stopwatch.GetElapsedTime(begun), cancel);
        }

        RandomAccess.FlushToDisk(file);
    }

    /// <summary>
    /// The copy has no log and needs none (bytes 18 and 19 of the header, see "File format version numbers"): it can be opened on a medium
    /// that cannot be written, and leaves no files beside itself.
    /// </summary>
    private static void LeaveLogMode(string path)
    {
        using var file = File.OpenHandle(path, FileMode.Open, FileAccess.Write, FileShare.ReadWrite);
        RandomAccess.Write(file, [1, 1], 18);
        RandomAccess.FlushToDisk(file);
    }

    private static void Rest(TimeSpan worked, CancellationToken cancel)
    {
        var pause = worked * Share;
        cancel.WaitHandle.WaitOne(pause < MinPause ? MinPause : pause > MaxPause ? MaxPause : pause);
    }
}
