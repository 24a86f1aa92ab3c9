using System.Diagnostics;
using Microsoft.Data.Sqlite;
using SQLitePCL;

namespace AiChat.Data.Sqlite;

/// <summary>
/// Checks the whole database in the background on a connection of its own: one table after the other, so that the log can be
/// checkpointed in between, and with pauses. Takes a few minutes a gigabyte. Indexes are compared with their tables, which the check at
/// start leaves out: a row that its index lacks is not found by name.
/// </summary>
internal static class WholeCheck
{
    private const int StepsBetweenChecks = 200;
    private static readonly TimeSpan Work = TimeSpan.FromMilliseconds(2);
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(6);

    /// <returns>What is wrong, or null. It blocks the calling thread.</returns>
    /// <exception cref="StoreException">The database cannot be read.</exception>
    /// <exception cref="OperationCanceledException">It was cancelled.</exception>
    public static string? Run(string path, CancellationToken cancel)
    {
        try
        {
            return Walk(path, cancel);
        }
        catch (SqliteException) when (cancel.IsCancellationRequested)
        {
            throw new OperationCanceledException(cancel);
        }
        catch (SqliteException error)
        {
            return error.SqliteErrorCode is raw.SQLITE_CORRUPT or raw.SQLITE_NOTADB
                ? error.Message
                : throw new StoreException(StoreFailure.Unavailable, "The database cannot be read now.", error);
        }
    }

    private static string? Walk(string path, CancellationToken cancel)
    {
        using var connection = SqliteConnections.OpenReader(path);
        var since = Stopwatch.GetTimestamp();
        raw.sqlite3_progress_handler(connection.Handle, StepsBetweenChecks, _ => Rest(ref since, cancel) ? 1 : 0, null);
        foreach (var table in Column(
            connection, "select name from pragma_table_list where schema = 'main' and type in ('table', 'virtual') order by name"))
        {
            cancel.ThrowIfCancellationRequested();
            if (Damage(connection, table) is { } damage)
            {
                return $"{table}: {damage}";
            }
        }

        return null;
    }

    private static string? Damage(SqliteConnection connection, string table)
    {
        try
        {
            var name = table.Replace("'", "''", StringComparison.Ordinal);
            return Column(connection, $"pragma integrity_check('{name}')").Find(line => line != "ok")?.ReplaceLineEndings(" ");
        }
        catch (SqliteException error) when (error.SqliteErrorCode == raw.SQLITE_CORRUPT)
        {
            return error.Message;
        }
    }

    /// <summary>Whether to stop.</summary>
    private static bool Rest(ref long since, CancellationToken cancel)
    {
        if (Stopwatch.GetElapsedTime(since) > Work)
        {
            cancel.WaitHandle.WaitOne(Pause);
            since = Stopwatch.GetTimestamp();
        }

        return cancel.IsCancellationRequested;
    }

    private static List<string> Column(SqliteConnection connection, string sql)
    {
        using var command = connection.CreateCommand();
        command.CommandText = sql;
        using var reader = command.ExecuteReader();
        var values = new List<string>();
        while (reader.Read())
        {
            values.Add(reader.GetString(0));
        }

        return values;
    }
}
