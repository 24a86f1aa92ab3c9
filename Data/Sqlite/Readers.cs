using System.Collections.Concurrent;
using Microsoft.Data.Sqlite;

namespace AiChat.Data.Sqlite;

/// <summary>The read-only connections of one file, each opened when first needed and kept. Safe for any number of threads.</summary>
internal sealed class Readers(string path) : IDisposable
{
    private readonly ConcurrentStack<Reader> _idle = new();

    /// <summary>Lends a connection to <paramref name="use"/>. How many are lent at once is the callers' business.</summary>
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

    /// <summary>The process may open no more files, or the file is away for a moment: a later call may pass.</summary>
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
