namespace AiChat.Data.Engine;

/// <summary>A pool of read-only connections to one database. Thread-safe.</summary>
/// <param name="open">Opens one; see <see cref="ConnectionPool{T}"/>.</param>
/// <param name="keep">How long one may be idle; null keeps it.</param>
internal sealed class Readers(Func<Reader> open, TimeSpan? keep) : IDisposable
{
    private readonly ConnectionPool<Reader> _pool = new(open, keep);

    /// <summary>
    /// Runs <paramref name="use"/> on a connection of the pool, again on another one when it was cut while it was idle. Callers bound how
    /// many run at once.
    /// </summary>
    /// <exception cref="StoreException">None can be opened now.</exception>
    public T Use<T>(Func<Reader, T> use)
    {
        var reader = _pool.Take(out var isNew);
        try
        {
            return use(reader);
        }
        catch (StoreException) when (!isNew && reader.IsBroken)
        {
            // The others have lost theirs at the same moment.
            _pool.Clear();
        }
        finally
        {
            Return(reader);
        }

        reader = _pool.Take(out _);
        try
        {
            return use(reader);
        }
        finally
        {
            Return(reader);
        }
    }

    public void Dispose() => _pool.Dispose();

    private void Return(Reader reader)
    {
        if (reader.IsBroken)
        {
            reader.Dispose();
        }
        else
        {
            _pool.Return(reader);
        }
    }
}
