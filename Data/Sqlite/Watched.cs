using Microsoft.Data.Sqlite;
using SQLitePCL;

namespace AiChat.Data.Sqlite;

/// <summary>
/// Runs long statements of a connection so that their progress is seen and a stop ends them. Disposing takes the watch off again.
/// </summary>
internal sealed class Watched : IDisposable
{
    /// <summary>Some ten thousand looks a second, which cost less than what can be measured.</summary>
    private const int StepsBetweenLooks = 2_000;

    private readonly SqliteConnection _connection;
    private readonly CancellationToken _stop;

    /// <param name="look">Called in the middle of statements.</param>
    public Watched(SqliteConnection connection, CancellationToken stop, Action? look = null)
    {
        (_connection, _stop) = (connection, stop);
        raw.sqlite3_progress_handler(connection.Handle, StepsBetweenLooks, _ =>
        {
            if (stop.IsCancellationRequested)
            {
                return 1;
            }

            look?.Invoke();
            return 0;
        }, null);
    }

    /// <summary>How many pages this connection has read from the file since it was opened.</summary>
    public static long PagesRead(SqliteConnection connection)
    {
        raw.sqlite3_db_status(connection.Handle, raw.SQLITE_DBSTATUS_CACHE_MISS, out var pages, out _, 0);
        return pages;
    }

    /// <exception cref="OperationCanceledException">The stop has ended it.</exception>
    public T Run<T>(Func<T> work)
    {
        try
        {
            return work();
        }
        catch (SqliteException error) when (error.SqliteErrorCode == raw.SQLITE_INTERRUPT && _stop.IsCancellationRequested)
        {
            throw new OperationCanceledException(error.Message, error, _stop);
        }
    }

    public void Dispose() => raw.sqlite3_progress_handler(_connection.Handle, 0, null, null);
}
