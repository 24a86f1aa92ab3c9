using System.Diagnostics;
using AiChat.Data.Engine;
using Microsoft.Data.Sqlite;
using SQLitePCL;

namespace AiChat.Data.Sqlite;

/// <summary>
/// The only thread that writes. It commits all queued items (at most <see cref="MaxGroup"/>) as one transaction and completes their
/// tasks afterwards, so that they share one flush to disk. Under load it waits briefly for more items, because a flush costs more than
/// they do; a single caller never waits. Between transactions it brings the text index up to date (<see cref="TextIndex"/>).
/// </summary>
internal sealed class DbWriter : IWriter
{
    /// <summary>Twice the maximum number of runs, so that all of them may end at once.</summary>
    private const int MaxQueue = 8_192;

    private const int MaxGroup = 128;

    private const string WhatToDo = "No more writes are accepted. Put the file back with its -wal, or restore a backup, and start again.";

    /// <summary>How long the first item waits for others under load.</summary>
    private static readonly TimeSpan Gathering = TimeSpan.FromMilliseconds(2);

    /// <summary>Idle time after which the log is checkpointed and truncated.</summary>
    private static readonly TimeSpan IdleBeforeCheckpoint = TimeSpan.FromSeconds(5);

    /// <summary>How long what is written waits for the text index: so many messages share its pages.</summary>
    private static readonly TimeSpan IndexedAfter = TimeSpan.FromSeconds(4);

    /// <summary>How long few messages wait for more to come: until then each search looks through them.</summary>
    private static readonly TimeSpan FewIndexedAfter = TimeSpan.FromMinutes(5);

    /// <summary>The longest time of one addition to the index while others wait.</summary>
    private static readonly TimeSpan MaxIndexing = TimeSpan.FromMilliseconds(5);

    /// <summary>Interval of the checks of the files while nothing is written.</summary>
    private static readonly TimeSpan BetweenLooks = TimeSpan.FromSeconds(2);

    /// <summary>Pages of the log that are not in the database file, 4 MB, at which a checkpoint begins beside the writer.</summary>
    private const int MaxUnfolded = 1_000;

    /// <summary>Pages of the log, 16 MB, at which the writer brings in the rest itself, so that the next write begins it anew.</summary>
    private const int MaxLog = 4_000;

    /// <summary>The wait of one attempt to lock a database that another program holds; expired items are failed between attempts.</summary>
    private const int BusyMilliseconds = 250;

    private readonly WriteQueue _queue = new(MaxQueue, MaxGroup);
    private readonly SqliteConnection _connection;
    private readonly string _path;
    private readonly StoreFiles _files;
    private readonly WriterLog _log;
    private readonly Checkpointer _checkpointer;
    private readonly WriteTransactions _transactions;
    private readonly bool _hasIndex;
    private readonly ManualResetEvent _closing = new(false);
    private readonly Thread _thread;
    private readonly BusyTime _busy = new();
    private Exception? _fatal;
    private uint _foldedFrom;
    private bool _isIndexing;

    /// <summary>The first commit since the text index was up to date; an earlier process may have left something due.</summary>
    private long? _dueSince = Stopwatch.GetTimestamp();

    /// <summary>When it is looked whether enough is due.</summary>
    private long _lookAt = Stopwatch.GetTimestamp() + Ticks(IndexedAfter);
    private long _commits;

    /// <param name="connection">The only connection that writes; closed with this writer.</param>
    /// <param name="path">Its file.</param>
    public DbWriter(SqliteConnection connection, string path)
    {
        _connection = connection;
        raw.sqlite3_busy_timeout(connection.Handle, BusyMilliseconds);
        _log = new WriterLog(connection, BusyMilliseconds);
        _transactions = new WriteTransactions(connection, _log);
        _hasIndex = TextIndex.IsIn(connection);
        _files = new StoreFiles(path, _closing);
        _path = path;
        _checkpointer = new Checkpointer(path);
        if (_files.LogSize() is not null)
        {
            raw.sqlite3_wal_autocheckpoint(connection.Handle, 0);
        }

        _thread = new Thread(Loop) { IsBackground = true, Name = "db-writer" };
        _thread.Start();
    }

    public event Action<Exception>? Broken;

    /// <summary>Raised on the writer's thread when another program has changed the database.</summary>
    public event Action? ChangedByOthers;

    public event Action<Exception>? IndexFailed;

    public long Commits => Interlocked.Read(ref _commits);

    /// <summary>How long the thread has been at its current piece of work; zero while it waits for one.</summary>
    public TimeSpan BusyFor => _busy.Elapsed;

    public void Enqueue(WriteItem item)
    {
        if (Volatile.Read(ref _fatal) is { } fatal)
        {
            item.Fail(new StoreException(StoreFailure.Unavailable, "The store has stopped writing.", fatal));
            return;
        }

        _queue.Add(item);
    }

    public void Dispose()
    {
        _queue.Close();
        _closing.Set();
        _thread.Join();
        _checkpointer.Dispose();
        if (_fatal is not null)
        {
            // The file at this path may not be ours any more: closing must not checkpoint the log into it.
            raw.sqlite3_db_config(_connection.Handle, raw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, out _);
        }

        _connection.Dispose();
        _files.Dispose();
        _queue.Dispose();
        _closing.Dispose();
    }

    private void Loop()
    {
        var state = new LoopState(IsDirty: false, IsCrowded: false, Stopwatch.GetTimestamp());
        while (!_queue.IsCompleted)
        {
            try
            {
                Turn(ref state);
            }
            catch (Exception error)
            {
                // Unexpected. The outcome of the current group is unknown, so nothing is acknowledged from now on and the process ends.
                _queue.FailTaken(new StoreException(StoreFailure.Unavailable, "The store has stopped writing.", error));
                Break(error);
            }
        }

        if (LooksGood())
        {
            Checkpoint();
        }
    }

    private void Turn(ref LoopState state)
    {
        _queue.Release();
        _busy.End();
        var untilDue = _dueSince is null ? BetweenLooks : Stopwatch.GetElapsedTime(Stopwatch.GetTimestamp(), _lookAt);
        var any = _queue.Wait(untilDue < BetweenLooks ? untilDue : BetweenLooks);
        _busy.Begin();
        if (any)
        {
            if (state.IsCrowded && _queue.Count < MaxGroup)
            {
                _closing.WaitOne(Gathering);
            }

            var group = _queue.Take();
            Commit(group);
            KeepLogShort();
            state = new LoopState(IsDirty: true, IsCrowded: group.Length > 1 || _queue.Count > 0, Stopwatch.GetTimestamp());
            IndexSoon();
        }

        if (_dueSince is { } since && Stopwatch.GetTimestamp() >= _lookAt)
        {
            Index(since);
        }
        else if (!any && LooksGood() && state.IsDirty && Stopwatch.GetElapsedTime(state.IdleSince) >= IdleBeforeCheckpoint)
        {
            state.IsDirty = !Checkpoint();
        }
    }

    /// <summary>Something was written that may be due.</summary>
    private void IndexSoon()
    {
        if (_dueSince is null)
        {
            _dueSince = Stopwatch.GetTimestamp();
            _lookAt = _dueSince.Value + Ticks(IndexedAfter);
        }
    }

    /// <summary>One addition to the text index, in a transaction of its own, unless little is due.</summary>
    /// <param name="since">How long.</param>
    private void Index(long since)
    {
        if (!_hasIndex || !LooksGood())
        {
            _dueSince = null;
            return;
        }

        _lookAt = Stopwatch.GetTimestamp() + Ticks(IndexedAfter);
        try
        {
            // Once begun, it goes on until nothing is due.
            if (!_isIndexing && Stopwatch.GetElapsedTime(since) < FewIndexedAfter && !TextIndex.IsWorthAdding(_connection))
            {
                return;
            }

            var begun = Stopwatch.GetTimestamp();
            _isIndexing = _transactions.AddDue(() => Stopwatch.GetElapsedTime(begun) < MaxIndexing || _queue.Count == 0);
            KeepLogShort();
            if (LooksGood(wrote: _isIndexing) && _isIndexing)
            {
                _lookAt = begun;
            }
            else
            {
                _dueSince = null;
            }
        }
        catch (Exception error) when (error is not StoreException)
        {
            // A lock of another program, a full disk, a damaged index: it stays due, each search looks through it, and it is tried again.
            _isIndexing = false;
            Abandon(error);
            IndexFailed?.Invoke(error);
            if (error is SqliteException { SqliteExtendedErrorCode: raw.SQLITE_CORRUPT_VTAB })
            {
                EmptyIndex();
            }
        }
    }

    /// <summary>So that all of it is made again.</summary>
    private void EmptyIndex()
    {
        try
        {
            _transactions.EmptyIndex();
            LooksGood(wrote: true);
        }
        catch (SqliteException error)
        {
            Abandon(error);
        }
    }

    /// <summary>Begins a checkpoint beside this thread when the log has grown, and ends one when little is left of it.</summary>
    private void KeepLogShort()
    {
        if (_checkpointer.IsBusy || _files.LogSize() is not var (written, folded) || _fatal is not null)
        {
            return;
        }

        if (written - folded >= MaxUnfolded)
        {
            // One that a long read hinders would end at once, so it is not repeated with every commit.
            if (written - _foldedFrom >= MaxUnfolded / 4)
            {
                _foldedFrom = written;
                _checkpointer.Begin();
            }
        }
        else if (written >= MaxLog && written > folded)
        {
            // Only what was committed during the last checkpoint is left.
            _transactions.Fold();
            LooksGood(wrote: true);
        }
    }

    private void Commit(ReadOnlySpan<WriteItem> group)
    {
        try
        {
            if (_fatal is not null || !LooksGood())
            {
                throw new StoreException(StoreFailure.Unavailable, "The store has stopped writing.", _fatal);
            }

            if (_transactions.Run(group))
            {
                Interlocked.Increment(ref _commits);
            }

            if (!LooksGood(wrote: true))
            {
                throw new StoreException(StoreFailure.Unavailable, "The store has stopped writing.", _fatal);
            }
        }
        catch (Exception error)
        {
            Abandon(error);
            foreach (var item in group)
            {
                item.Fail(SqliteErrors.Translate(error));
            }

            return;
        }

        foreach (var item in group)
        {
            item.Complete();
        }
    }

    /// <summary>False when the files are no longer those that were opened; then nothing more is written.</summary>
    private bool LooksGood(bool wrote = false)
    {
        if (_fatal is not null)
        {
            return false;
        }

        var what = _files.Look(_checkpointer.TakeWrote() || wrote, out var others);
        if (what is not null)
        {
            var message = $"The database {_path} {what} while the server ran. {_files.Rescue(_connection)}{WhatToDo}";
            Break(new StoreException(StoreFailure.Unavailable, message));
            return false;
        }

        if (others)
        {
            IndexSoon();
            ChangedByOthers?.Invoke();
        }

        return true;
    }

    private void Abandon(Exception error)
    {
        error = _transactions.Abandon() ?? error;

        // After a failed flush it is unknown what is on disk, and a retry would hide that. A damaged text index can be made again.
        if (error is SqliteException { SqliteErrorCode: raw.SQLITE_IOERR or raw.SQLITE_CORRUPT or raw.SQLITE_NOTADB } damage
            && damage.SqliteExtendedErrorCode != raw.SQLITE_CORRUPT_VTAB)
        {
            Break(error);
        }
    }

    private void Break(Exception error)
    {
        if (_fatal is null)
        {
            Volatile.Write(ref _fatal, error);
            Broken?.Invoke(error);
        }
    }

    /// <summary>False when the log could not be emptied; the next idle period tries again.</summary>
    private bool Checkpoint()
    {
        try
        {
            return _log.Checkpoint();
        }
        catch (SqliteException error)
        {
            Abandon(error);
            return false;
        }
        finally
        {
            _files.Remember();
        }
    }

    private static long Ticks(TimeSpan time) => (long)(time.TotalSeconds * Stopwatch.Frequency);

    /// <param name="IsDirty">The log holds commits that are not in the database file.</param>
    /// <param name="IsCrowded">The last group had several items, or more were waiting.</param>
    private record struct LoopState(bool IsDirty, bool IsCrowded, long IdleSince);
}
