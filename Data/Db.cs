using System.Data.Common;
using AiChat.Data.Sqlite;

namespace AiChat.Data;

/// <summary>
/// The store: one writer thread and a small pool of read-only connections on one SQLite file.
/// Safe for any number of threads. Dispose it last: what was queued before is written, the log is folded into the file.
/// </summary>
internal sealed class Db : IDisposable
{
    /// <summary>
    /// Statements run without waiting, so more connections than cores make nothing faster, only memory grows (about 1 MB each); a few
    /// more than that let the many pass a slow one.
    /// </summary>
    public static readonly int MaxReads = Math.Clamp(Environment.ProcessorCount + 2, 4, 8);

    /// <summary>A short read is done in milliseconds; one that takes this long holds up others.</summary>
    private static readonly TimeSpan ReadLimit = TimeSpan.FromSeconds(5);

    private static readonly TimeSpan LongReadLimit = TimeSpan.FromSeconds(10);

    private readonly DbWriter _writer;
    private readonly Readers _readers;
    private readonly LongReads _longReads;
    private readonly SemaphoreSlim _places = new(MaxReads);
    private bool _isClosed;

    /// <param name="disposable">The rows may be lost: a commit does not wait for the disk, and the file has a largest size.</param>
    public Db(string path, bool disposable = false)
    {
        _writer = new DbWriter(SqliteConnections.OpenWriter(path, disposable), path);
        _readers = new Readers(path);
        _longReads = new LongReads(_readers, LongReadLimit);
    }

    /// <summary>Raised once, on the writer's thread, when the file can no longer be trusted to take writes; the process should end.</summary>
    public event Action<Exception>? Broken
    {
        add => _writer.Broken += value;
        remove => _writer.Broken -= value;
    }

    /// <summary>Raised on the writer's thread when another program has changed the file; it may have done so well.</summary>
    public event Action? ChangedByOthers
    {
        add => _writer.ChangedByOthers += value;
        remove => _writer.ChangedByOthers -= value;
    }

    /// <summary>Transactions written to disk since the start.</summary>
    public long Commits => _writer.Commits;

    /// <summary>
    /// Runs short statements on a read-only connection. No waiting on anything else inside. They run on a thread of the pool, never on
    /// one that other people's sockets share, and the caller goes on there too.
    /// </summary>
    /// <exception cref="StoreException">The file cannot be read, or the read took too long.</exception>
    public Task<T> Read<T>(Func<DbConnection, T> work) =>
        Thread.CurrentThread.IsThreadPoolThread ? ReadHere(work) : Task.Run(() => ReadHere(work));

    /// <summary>
    /// As <see cref="Read{T}"/>, for what grows with a person's data: searches, exports, sums. It waits for its turn among the long
    /// reads, where each person has one at a time, and never takes a short read's place.
    /// </summary>
    /// <param name="userId">Whose turn it takes.</param>
    /// <param name="cancel">Ends the waiting and the reading, as when the caller has gone.</param>
    /// <exception cref="StoreException">The file cannot be read, too many wait (Busy), or the read took too long (TooLong).</exception>
    /// <exception cref="OperationCanceledException">It was cancelled.</exception>
    public Task<T> ReadLong<T>(long userId, Func<DbConnection, T> work, CancellationToken cancel) => _longReads.Run(userId, work, cancel);

    /// <summary>
    /// Queues work for the writer. An exception undoes that piece of work alone, and the task
    /// completes only after the commit that holds it is on disk. No waiting on anything else inside.
    /// </summary>
    /// <exception cref="StoreException">Busy, full or unavailable; after Unavailable the outcome is unknown.</exception>
    public Task<T> Write<T>(Func<DbConnection, T> work)
    {
        var item = new WriteItem<T>(work);
        _writer.Enqueue(item);
        return item.Task;
    }

    /// <summary>As <see cref="Write{T}"/>, for work without a result.</summary>
    public Task Write(Action<DbConnection> work) => Write(connection =>
    {
        work(connection);
        return true;
    });

    public void Dispose()
    {
        if (Interlocked.Exchange(ref _isClosed, true))
        {
            return;
        }

        _longReads.Dispose();
        _readers.Dispose(); // the last connection to close folds the log in and removes it, which only the writer's can
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
