using System.Data.Common;
using System.Diagnostics;

namespace AiChat.Data.Engine;

/// <summary>
/// A read-only connection that ends its work at a deadline or on cancellation. Used by one thread at a time.
/// </summary>
internal abstract class Reader : IDisposable
{
    private volatile bool _isStopped;

    public abstract DbConnection Connection { get; }

    /// <summary>Whether the connection can be used no more.</summary>
    public virtual bool IsBroken => false;

    /// <summary>The timestamp at which the work has to end.</summary>
    protected long Deadline { get; private set; }

    protected bool IsStopped => _isStopped;

    /// <exception cref="StoreException">The database cannot be read, or the work took longer than <paramref name="limit"/>.</exception>
    public T Run<T>(Func<DbConnection, T> work, TimeSpan limit)
    {
        Deadline = Stopwatch.GetTimestamp() + (long)(limit.TotalSeconds * Stopwatch.Frequency);
        _isStopped = false;
        Restart();
        return Run(work);
    }

    /// <summary>
    /// As <see cref="Run{T}(Func{DbConnection, T}, TimeSpan)"/>; the work also ends when <paramref name="cancel"/> is cancelled.
    /// </summary>
    /// <exception cref="OperationCanceledException">It was cancelled.</exception>
    public T Run<T>(Func<DbConnection, T> work, TimeSpan limit, CancellationToken cancel)
    {
        cancel.ThrowIfCancellationRequested();
        Deadline = long.MaxValue;
        _isStopped = false;
        Restart();
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        stop.CancelAfter(limit);

        // Also ends a statement between two rows, where too few steps pass for the deadline to be looked at. Disposing the registration
        // waits for a running callback, so that it cannot interrupt the next work.
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

    public abstract void Dispose();

    /// <summary>Other work begins: what interrupted the last holds no more.</summary>
    protected virtual void Restart()
    {
    }

    /// <summary>Ends the statement that runs; called by another thread.</summary>
    protected abstract void Interrupt();

    /// <summary>The error as a failure of the store where it is one.</summary>
    protected abstract Exception Translate(DbException error);

    private T Run<T>(Func<DbConnection, T> work)
    {
        try
        {
            return work(Connection);
        }
        catch (DbException error)
        {
            throw Translate(error);
        }
    }

    private void Stop()
    {
        _isStopped = true;
        Interrupt();
    }
}
