using System.Data.Common;
using AiChat.Data.Engine;
using AiChat.Data.Sqlite;

namespace AiChat.Data.Store;

/// <summary>
/// The store: what writes and a small pool of read-only connections, on one SQLite file or on PostgreSQL.
/// Thread-safe. Dispose it last: it writes what is queued, and checkpoints the write-ahead log of a file into it.
/// </summary>
internal sealed class Db : IDisposable
{
    /// <summary>
    /// Concurrent short reads. A statement never waits, so more connections than cores only cost memory (about 1 MB each); a few more
    /// than that let other reads pass a slow one.
    /// </summary>
    public static readonly int MaxReads = Math.Clamp(Environment.ProcessorCount + 2, 4, 8);

    /// <summary>A short read takes milliseconds; one that reaches this limit delays others and is ended.</summary>
    private static readonly TimeSpan ReadLimit = TimeSpan.FromSeconds(5);

    private static readonly TimeSpan LongReadLimit = TimeSpan.FromSeconds(10);

    private readonly IWriter _writer;
    private readonly Readers _readers;
    private readonly LongReads _longReads;
    private readonly SemaphoreSlim _places = new(MaxReads);
    private bool _isClosed;
    private long _indexFailures;

    /// <param name="disposable">The rows may be lost: a commit does not wait for the disk, and the file has a maximum size.</param>
    public Db(string path, bool disposable = false)
        : this(new DbWriter(SqliteConnections.OpenWriter(path, disposable), path), () => new SqliteReader(path))
    {
    }

    /// <param name="writer">Disposed with this.</param>
    /// <param name="openReader">Opens a connection that reads what the writer wrote.</param>
    /// <param name="keepReader">How long one may be idle; null keeps it.</param>
    public Db(IWriter writer, Func<Reader> openReader, TimeSpan? keepReader = null)
    {
        _writer = writer;
        _writer.IndexFailed += _ => Interlocked.Increment(ref _indexFailures);
        _readers = new Readers(openReader, keepReader);
        _longReads = new LongReads(_readers, LongReadLimit);
    }

    /// <summary>Raised once, on the writer's thread, when the file can no longer be trusted; the process should end.</summary>
    public event Action<Exception>? Broken
    {
        add => _writer.Broken += value;
        remove => _writer.Broken -= value;
    }

    /// <summary>Raised on the writer's thread when another program has changed the file in a legitimate way.</summary>
    public event Action? ChangedByOthers
    {
        add => _writer.ChangedByOthers += value;
        remove => _writer.ChangedByOthers -= value;
    }

    /// <summary>Raised on a thread of the writer when text could not be added to the index of the search; it is tried again.</summary>
    public event Action<Exception>? IndexFailed
    {
        add => _writer.IndexFailed += value;
        remove => _writer.IndexFailed -= value;
    }

    /// <summary>How long the writer has been at one piece of work; zero while it waits. Minutes mean that it hangs.</summary>
    public TimeSpan WriterBusyFor => _writer.BusyFor;

    /// <summary>Transactions written to disk since the start.</summary>
    public long Commits => _writer.Commits;

    /// <summary>Attempts since the start to add text to the index of the search that failed.</summary>
    public long IndexFailures => Interlocked.Read(ref _indexFailures);

    /// <summary>
    /// Runs short statements on a read-only connection; the work must not wait on anything else. It runs on a pool thread, never on one
    /// that serves sockets, and the caller continues there too.
    /// </summary>
    /// <exception cref="StoreException">The file cannot be read, or the read took too long.</exception>
    public Task<T> Read<T>(Func<DbConnection, T> work) =>
        Thread.CurrentThread.IsThreadPoolThread ? ReadHere(work) : Task.Run(() => ReadHere(work));

    /// <summary>
    /// As <see cref="Read{T}"/>, for reads whose cost grows with a user's data: searches, exports, sums. Long reads have threads of their
    /// own, and each user runs one at a time, so that they never delay short reads.
    /// </summary>
    /// <param name="userId">The user whose turn the read takes.</param>
    /// <param name="cancel">Ends the wait and the read, for example when the client disconnects.</param>
    /// <exception cref="StoreException">The file cannot be read, too many wait (Busy), or the read took too long (TooLong).</exception>
    /// <exception cref="OperationCanceledException">It was cancelled.</exception>
    public Task<T> ReadLong<T>(long userId, Func<DbConnection, T> work, CancellationToken cancel) => _longReads.Run(userId, work, cancel);

    /// <summary>
    /// Queues work for the writer. An exception undoes this piece of work alone, and the task completes only after its commit is on disk.
    /// The work must not wait on anything else, and may be run again from its beginning: when another piece fails, all that shared its
    /// transaction are undone first. So it changes nothing but the database.
    /// </summary>
    /// <param name="owner">
    /// The user whose row the work locks first: on PostgreSQL, pieces of the same user share a transaction instead of waiting for each
    /// other's.
    /// </param>
    /// <exception cref="StoreException">Busy, full or unavailable; after Unavailable the outcome is unknown.</exception>
    public Task<T> Write<T>(Func<DbConnection, T> work, WriteOrder order = WriteOrder.Ordinary, long? owner = null)
    {
        var item = new WriteItem<T>(work, order, owner);
        _writer.Enqueue(item);
        return item.Task;
    }

    /// <summary>As <see cref="Write{T}"/>, for work without a result.</summary>
    public Task Write(Action<DbConnection> work, long? owner = null) => Write(
        connection =>
        {
            work(connection);
            return true;
        },
        owner: owner);

    public void Dispose()
    {
        if (Interlocked.Exchange(ref _isClosed, true))
        {
            return;
        }

        _longReads.Dispose();
        _readers.Dispose(); // before the writer: the last connection to close checkpoints the log, which a reader cannot
        _writer.Dispose();
        _places.Dispose();
    }

    private async Task<T> ReadHere<T>(Func<DbConnection, T> work)
    {
        await _places.WaitAsync();
        try
        {
            return _readers.Use(reader => reader.Run(work, ReadLimit));
        }
        finally
        {
            _places.Release();
        }
    }
}
