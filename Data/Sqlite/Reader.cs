using System.Data.Common;
using System.Diagnostics;
using Microsoft.Data.Sqlite;
using SQLitePCL;

namespace AiChat.Data.Sqlite;

/// <summary>
/// A read-only connection that ends its work at a deadline or on cancellation. Used by one thread at a time.
/// </summary>
internal sealed class Reader : IDisposable
{
    /// <summary>Virtual machine steps between two checks of the clock, usually well under a millisecond.</summary>
    private const int StepsBetweenChecks = 1_000;

    private long _deadline;
    private volatile bool _isStopped;

    /// <exception cref="SqliteException">The file cannot be opened.</exception>
    public Reader(string path)
    {
        Connection = SqliteConnections.OpenReader(path);
        raw.sqlite3_progress_handler(
            Connection.Handle, StepsBetweenChecks, _ => _isStopped || Stopwatch.GetTimestamp() > _deadline ? 1 : 0, null);
    }

    public SqliteConnection Connection { get; }

    /// <exception cref="StoreException">The file cannot be read, or the work took longer than <paramref name="limit"/>.</exception>
    public T Run<T>(Func<DbConnection, T> work, TimeSpan limit)
    {
        _deadline = Stopwatch.GetTimestamp() + (long)(limit.TotalSeconds * Stopwatch.Frequency);
        _isStopped = false;
        return Run(work);
    }

    /// <summary>
    /// As <see cref="Run{T}(Func{DbConnection, T}, TimeSpan)"/>; the work also ends when <paramref name="cancel"/> is cancelled.
    /// </summary>
    /// <exception cref="OperationCanceledException">It was cancelled.</exception>
    public T Run<T>(Func<DbConnection, T> work, TimeSpan limit, CancellationToken cancel)
    {
        cancel.ThrowIfCancellationRequested();
        _deadline = long.MaxValue;
        _isStopped = false;
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        stop.CancelAfter(limit);

        // Also ends a statement between two rows, where too few steps pass for the handler to run. Disposing the registration waits for a
        // running callback, so that it cannot interrupt the next work.
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
            throw new StoreException(StoreFailure.TooLong, "The read exceeded its time limit.", error);
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
