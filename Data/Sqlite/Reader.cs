using System.Data.Common;
using System.Diagnostics;
using Microsoft.Data.Sqlite;
using SQLitePCL;

namespace AiChat.Data.Sqlite;

/// <summary>
/// A read-only connection whose work ends when its time is over or nobody waits for the result any more. Used by one thread at a time.
/// </summary>
internal sealed class Reader : IDisposable
{
    /// <summary>SQLite's own steps between two looks at the clock, well under a millisecond of ordinary ones.</summary>
    private const int StepsBetweenLooks = 1_000;

    private long _deadline;
    private volatile bool _isStopped;

    /// <exception cref="SqliteException">The file cannot be opened.</exception>
    public Reader(string path)
    {
        Connection = SqliteConnections.OpenReader(path);
        raw.sqlite3_progress_handler(Connection.Handle, StepsBetweenLooks, _ => _isStopped || Stopwatch.GetTimestamp() > _deadline ? 1 : 0, null);
    }

    public SqliteConnection Connection { get; }

    /// <exception cref="StoreException">The file cannot be read, or the work took longer than <paramref name="limit"/>.</exception>
    public T Run<T>(Func<DbConnection, T> work, TimeSpan limit)
    {
        _deadline = Stopwatch.GetTimestamp() + (long)(limit.TotalSeconds * Stopwatch.Frequency);
        _isStopped = false;
        return Run(work);
    }

    /// <summary>As <see cref="Run{T}(Func{DbConnection, T}, TimeSpan)"/>, and the work ends when <paramref name="cancel"/> is cancelled.</summary>
    /// <exception cref="OperationCanceledException">It was cancelled.</exception>
    public T Run<T>(Func<DbConnection, T> work, TimeSpan limit, CancellationToken cancel)
    {
        cancel.ThrowIfCancellationRequested();
        _deadline = long.MaxValue;
        _isStopped = false;
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        stop.CancelAfter(limit);

        // Ends a statement between two rows too, where it makes too few steps for the handler to be asked. Disposing waits for a
        // call that is under way, so that none reaches the next one's work.
        using var registration = stop.Token.UnsafeRegister(static reader => ((Reader)reader!).Stop(), this);
        try
        {
            return Run(work);
        }
        catch (StoreException) when (cancel.IsCancellationRequested)
        {
            throw new OperationCanceledException(cancel);
        }
    }

    public void Dispose() => Connection.Dispose();

    private T Run<T>(Func<DbConnection, T> work)
    {
        try
        {
            return work(Connection);
        }
        catch (SqliteException error) when (error.SqliteErrorCode == raw.SQLITE_INTERRUPT)
        {
            throw new StoreException(StoreFailure.TooLong, "The read took longer than it may.", error);
        }
        catch (SqliteException error)
        {
            throw SqliteErrors.Translate(error) ?? (Exception)error;
        }
    }

    private void Stop()
    {
        _isStopped = true;
        raw.sqlite3_interrupt(Connection.Handle);
    }
}
