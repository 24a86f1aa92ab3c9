using System.Data.Common;
using AiChat.Data.Sqlite;
using AiChat.Data.Store;
using Dapper;

namespace AiChat.Data.Traces;

/// <summary>
/// The file of the task traces. It is opened on first use, and its failures never affect chats: a file that cannot be read is set aside
/// for a new one, and one that can be neither read nor replaced is retried later. Thread-safe.
/// </summary>
internal sealed class TraceFile(string path, TimeProvider clock) : ITracePlace, IDisposable
{
    /// <summary>Interval between two attempts to open the file.</summary>
    private static readonly TimeSpan Rest = TimeSpan.FromMinutes(1);

    private readonly Lock _gate = new();
    private Db? _db;
    private StoreException? _failure;
    private long _failedAt;
    private bool _swept;
    private bool _isDamaged;
    private bool _closed;

    /// <summary>Raised when a file was set aside, with its new name and the reason.</summary>
    public event Action<string, string>? SetAside;

    /// <summary>Whether a file exists that can be read.</summary>
    public bool Exists => File.Exists(path);

    /// <summary>The store, opened on first use.</summary>
    /// <exception cref="StoreException">There is none now.</exception>
    public Db Open()
    {
        lock (_gate)
        {
            if (_closed)
            {
                throw new StoreException(StoreFailure.Unavailable, "The task traces are closed.");
            }

            if (_failure is not null && clock.GetElapsedTime(_failedAt) < Rest)
            {
                throw _failure;
            }

            try
            {
                return _db ??= OpenNew();
            }
            catch (Exception error) when (error is StartupException or DbException or IOException or UnauthorizedAccessException)
            {
                _failedAt = clock.GetTimestamp();
                throw _failure = new StoreException(StoreFailure.Unavailable, error.Message, error);
            }
        }
    }

    /// <summary>The whole file does not wait for the disk.</summary>
    public void Begin(DbConnection connection)
    {
    }

    public void Added(DbConnection connection, long id)
    {
    }

    public bool HasOwnBound => true;

    public void Store(DbConnection connection, List<long> ids, IReadOnlyList<TraceBatch> batches)
    {
        foreach (var (id, batch) in ids.Zip(batches))
        {
            var (sessionId, messageId, status, endedAt, eventCount, truncated) =
                (batch.SessionId, batch.MessageId, batch.Status, batch.EndedAt, batch.EventCount, batch.Truncated);
            var known = connection.Execute("""
                update traces
                set message_id = @messageId, session_id = @sessionId, status = @status, ended_at = @endedAt,
                    event_count = @eventCount, truncated = @truncated
                where id = @id
                """, new { id, sessionId, messageId, status, endedAt, eventCount, truncated });
            foreach (var item in known == 1 ? batch.Events : [])
            {
                connection.Execute("""
                    insert into trace_events (trace_id, seq, type, at, payload)
                    values (@id, @Seq, @Type, @At, @Payload)
                    """, new { id, item.Seq, item.Type, item.At, item.Payload });
            }
        }
    }

    /// <summary>The file has a maximum size.</summary>
    public Task KeepBelowBound(IReadOnlyList<TraceBatch> written) => Task.CompletedTask;

    /// <summary>Done when the file is opened.</summary>
    public Task EndGone() => Task.CompletedTask;

    public void Dispose()
    {
        lock (_gate)
        {
            _closed = true;
            _db?.Dispose();
            _db = null;
        }
    }

    private Db OpenNew()
    {
        try
        {
            if (_isDamaged && Exists)
            {
                _isDamaged = false;
                SetFileAside("it is damaged");
            }

            Prepare();
        }
        catch (StartupException damage) when (Exists && !SqliteErrors.SaysNothingOfTheFile(damage.InnerException))
        {
            SetFileAside(damage.Message);
            Prepare();
        }

        Sweep();
        var db = new Db(path, disposable: true);
        db.Broken += error => Abandon(db, error);
        _failure = null;
        return db;
    }

    private void SetFileAside(string reason)
    {
        // Traces are disposable: at most one older file is kept for inspection.
        var aside = path + ".aside";
        File.Move(path, aside, overwrite: true);
        File.Delete(path + "-wal");
        File.Delete(path + "-shm");
        SetAside?.Invoke(aside, reason);
    }

    private void Prepare()
    {
        if (!Exists)
        {
            SqliteConnections.CreateShrinking(path);
        }

        Migrator.Run(path, Migrator.Load("trace-migrations/"));
    }

    /// <summary>Ends the traces that an earlier process left running.</summary>
    private void Sweep()
    {
        if (_swept)
        {
            return;
        }

        using DbConnection connection = SqliteConnections.OpenWriter(path, disposable: true);
        using var transaction = connection.BeginTransaction();
        connection.Execute("""
            insert into trace_events (trace_id, seq, type, at, payload)
            select t.id, 1 + coalesce((select max(e.seq) from trace_events e where e.trace_id = t.id), 0), 'end',
                coalesce((select max(e.at) from trace_events e where e.trace_id = t.id), t.started_at), '{"status":"interrupted"}'
            from traces t
            where t.status = 'running'
            """);
        connection.Execute("""
            update traces
            set status = 'failed', event_count = event_count + 1, truncated = true,
                ended_at = coalesce((select max(e.at) from trace_events e where e.trace_id = traces.id), started_at)
            where status = 'running'
            """);
        transaction.Commit();
        _swept = true;
    }

    /// <summary>Called by the writer's thread when its file fails; the next attempt opens the file again.</summary>
    private void Abandon(Db db, Exception error)
    {
        lock (_gate)
        {
            if (_db == db)
            {
                _db = null;
                _failedAt = clock.GetTimestamp();
                _isDamaged = SqliteErrors.IsDamage(error);
                _failure = new StoreException(StoreFailure.Unavailable, "The file of the task traces failed.", error);
            }
        }

        ThreadPool.QueueUserWorkItem(Close, db, preferLocal: false);
    }

    private static void Close(Db gone)
    {
        try
        {
            gone.Dispose();
        }
        catch (Exception error) when (error is DbException or InvalidOperationException)
        {
            // The file was abandoned already; an exception on a pool thread would end the process.
        }
    }
}
