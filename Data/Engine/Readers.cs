using System.Collections.Concurrent;

namespace AiChat.Data.Engine;

/// <summary>A pool of read-only connections to one database, opened on demand. Thread-safe.</summary>
/// <param name="open">Too many open files or a database that is briefly missing may fail it; a later call may succeed.</param>
internal sealed class Readers(Func<Reader> open) : IDisposable
{
    private readonly ConcurrentStack<Reader> _idle = new();

    /// <summary>
    /// Runs <paramref name="use"/> on a connection of the pool, again on another one when it was cut while it was idle. Callers bound how
    /// many run at once.
    /// </summary>
    /// <exception cref="StoreException">None can be opened now.</exception>
    public T Use<T>(Func<Reader, T> use)
    {
        var isNew = !_idle.TryPop(out var reader);
        reader ??= open();
        try
        {
            return use(reader);
        }
        catch (StoreException) when (!isNew && reader.IsBroken)
        {
            // The others have lost theirs at the same moment.
            Dispose();
        }
        finally
        {
            Return(reader);
        }

        reader = open();
        try
        {
            return use(reader);
        }
        finally
        {
            Return(reader);
        }
    }

    public void Dispose()
    {
        while (_idle.TryPop(out var reader))
        {
            reader.Dispose();
        }
    }

    private void Return(Reader reader)
    {
        if (reader.IsBroken)
        {
            reader.Dispose();
        }
        else
        {
            _idle.Push(reader);
        }
    }
}
