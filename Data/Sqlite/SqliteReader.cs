using System.Data.Common;
using System.Diagnostics;
using AiChat.Data.Engine;
using Microsoft.Data.Sqlite;
using SQLitePCL;

namespace AiChat.Data.Sqlite;

/// <summary>A connection that reads a file.</summary>
internal sealed class SqliteReader : Reader
{
    /// <summary>Virtual machine steps between two checks of the clock, usually well under a millisecond.</summary>
    private const int StepsBetweenChecks = 1_000;

    private readonly SqliteConnection _connection;

    /// <exception cref="StoreException">The file cannot be opened.</exception>
    public SqliteReader(string path)
    {
        try
        {
            _connection = SqliteConnections.OpenReader(path);
        }
        catch (SqliteException error)
        {
            throw new StoreException(StoreFailure.Unavailable, "The database cannot be opened now.", error);
        }

        raw.sqlite3_progress_handler(
            _connection.Handle, StepsBetweenChecks, _ => IsStopped || Stopwatch.GetTimestamp() > Deadline ? 1 : 0, null);
    }

    public override DbConnection Connection => _connection;

    public override void Dispose() => _connection.Dispose();

    protected override void Interrupt() => raw.sqlite3_interrupt(_connection.Handle);

    protected override Exception Translate(DbException error) =>
        error is SqliteException { SqliteErrorCode: raw.SQLITE_INTERRUPT }
            ? new StoreException(StoreFailure.TooLong, "The read exceeded its time limit.", error)
            : SqliteErrors.Translate(error);
}
