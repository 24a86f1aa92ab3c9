using System.Collections.Concurrent;
using Microsoft.Data.Sqlite;

namespace AiChat.Data.Sqlite;

/// <summary>A pool of read-only connections to one file, opened on demand. Thread-safe.</summary>
internal sealed class Readers(string path) : IDisposable
{
    private readonly ConcurrentStack<Reader> _idle = new();

    /// <summary>Runs <paramref name="use"/> on a connection of the pool. Callers bound how many run at once.</summary>
    /// <exception cref="StoreException">None can be opened now.</exception>
    public T Use<T>(Func<Reader, T> use)
    {
        var reader = _idle.TryPop(out var idle) ? idle : Open();
        try
        {
            return use(reader);
        }
        finally
        {
            _idle.Push(reader);
        }
    }

    public void Dispose()
    {
        while (_idle.TryPop(out var reader))
        {
            reader.Dispose();
        }
    }

    /// <summary>Too many open files or a file that is briefly missing may cause a failure; a later call may succeed.</summary>
    private Reader Open()
    {
        try
        {
            return new Reader(path);
        }
        catch (SqliteException error)
        {
            throw new StoreException(StoreFailure.Unavailable, "The database cannot be opened now.", error);
        }
    }
}
