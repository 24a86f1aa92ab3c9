using System.Collections.Concurrent;
using System.Diagnostics;
using Microsoft.Data.Sqlite;
using SQLitePCL;

namespace AiChat.Data;

/// <summary>
/// The store: one writer thread and a small pool of read-only connections on one SQLite file.
/// Safe for any number of threads. Dispose it last: what was queued before is written, the log is folded into the file.
/// </summary>
internal sealed class Db : IDisposable
{
    /// <summary>
    /// Statements run without waiting, so more connections than cores make nothing faster, only memory grows (about 1 MB each); a few
    /// more than that let short reads pass a long search.
    /// </summary>
    private static readonly int MaxReaders = Math.Clamp(Environment.ProcessorCount + 2, 4, 8);

    /// <summary>A single statement that runs longer is interrupted.</summary>
    private static readonly TimeSpan ReadLimit = TimeSpan.FromSeconds(30);

    /// <summary>Pages of 4 KiB that a file may have whose rows are disposable: 256 MiB.</summary>
    private const int MaxDisposablePages = 65_536;

    private readonly string _path;
    private readonly bool _disposable;
    private readonly DbWriter _writer;
    private readonly ConcurrentStack<Reader> _idle = new();
    private readonly SemaphoreSlim _readers = new(MaxReaders);

    /// <param name="disposable">The rows may be lost: a commit does not wait for the disk, and the file has a largest size.</param>
    public Db(string path, bool disposable = false)
    {
        _path = path;
        _disposable = disposable;
        _writer = new DbWriter(Connect(path, SqliteOpenMode.ReadWriteCreate, disposable));
    }

    /// <summary>Raised once, on the writer's thread, when the file can no longer be trusted to take writes; the process should end.</summary>
    public event Action<Exception>? Broken
    {
        add => _writer.Broken += value;
        remove => _writer.Broken -= value;
    }

    /// <summary>Transactions written to disk since the start.</summary>
    public long Commits => _writer.Commits;

    /// <summary>Runs short statements on a read-only connection. No waiting on anything else inside.</summary>
    /// <exception cref="StoreException">The file cannot be read.</exception>
    public async Task<T> Read<T>(Func<SqliteConnection, T> work)
    {
        await _readers.WaitAsync();
        try
        {
            if (!_idle.TryPop(out var reader))
            {
                reader = new Reader(Connect(_path, SqliteOpenMode.ReadOnly, _disposable));
            }

            try
            {
                reader.Begin();
                return work(reader.Connection);
            }
            catch (SqliteException error)
            {
                throw DbWriter.Translate(error) ?? (Exception)error;
            }
            finally
            {
                _idle.Push(reader);
            }
        }
        finally
        {
            _readers.Release();
        }
    }

    /// <summary>
    /// Queues work for the writer. An exception undoes that piece of work alone, and the task
    /// completes only after the commit that holds it is on disk. No waiting on anything else inside.
    /// </summary>
    /// <exception cref="StoreException">Busy, full or unavailable; after Unavailable the outcome is unknown.</exception>
    public Task<T> Write<T>(Func<SqliteConnection, T> work)
    {
        var item = new WriteItem<T>(work);
        _writer.Enqueue(item);
        return item.Task;
    }

    /// <summary>As <see cref="Write{T}"/>, for work without a result.</summary>
    public Task Write(Action<SqliteConnection> work) => Write(connection =>
    {
        work(connection);
        return true;
    });

    public void Dispose()
    {
        _writer.Dispose();
        foreach (var reader in _idle)
        {
            reader.Connection.Dispose();
        }

        _readers.Dispose();
    }

    internal static SqliteConnection Connect(string path, SqliteOpenMode mode, bool disposable = false)
    {
        var connection = new KeptStatements(new SqliteConnectionStringBuilder { DataSource = path, Mode = mode, Pooling = false }.ToString());
        connection.Open();
        using var command = connection.CreateCommand();
        // busy_timeout first, since the next ones may have to wait; no memory map, because it can turn a disk error into a crash.
        command.CommandText = """
            pragma busy_timeout = 5000;
            pragma foreign_keys = on;
            pragma trusted_schema = off;
            pragma cell_size_check = on;
            pragma mmap_size = 0;
            pragma temp_store = memory;
            """ + (mode == SqliteOpenMode.ReadOnly
            ? "pragma query_only = on; pragma cache_size = -1000;"
            : """
            pragma cache_size = -1000;
            pragma journal_mode = wal;
            pragma synchronous = full;
            pragma journal_size_limit = 67108864;
            pragma secure_delete = fast;
            """) + (disposable ? $"pragma synchronous = normal; pragma max_page_count = {MaxDisposablePages};" : "");
        command.ExecuteNonQuery();
        return connection;
    }

    private sealed class Reader
    {
        private readonly Stopwatch _watch = new();

        public Reader(SqliteConnection connection)
        {
            Connection = connection;
            raw.sqlite3_progress_handler(connection.Handle, 100_000, _ => _watch.Elapsed > ReadLimit ? 1 : 0, null);
        }

        public SqliteConnection Connection { get; }

        public void Begin() => _watch.Restart();
    }
}
