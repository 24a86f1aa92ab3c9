using System.Data.Common;
using AiChat.Data.Postgres;
using AiChat.Data.Sqlite;

namespace AiChat.Data.Moves;

/// <summary>
/// Copies all rows of one store into another, each table by ascending key and in transactions of their own, so that a move that was ended
/// goes on after the last row that is there. At the end both are read once more and compared. The source is never written.
/// </summary>
internal sealed class StoreMove(IMoveStore source, IMoveStore target, StartProgress progress)
{
    private const string Copy = "copying_rows";
    private const string Compare = "comparing_rows";
    private const string Finish = "finishing_the_move";

    private long _all;
    private long _done;

    /// <param name="last">What is done on the target in the transaction that completes it.</param>
    /// <exception cref="StartupException">It was ended by a failure, and goes on when it is begun again; or the stores differ.</exception>
    /// <exception cref="OperationCanceledException">It was stopped.</exception>
    public List<MovedTable> Run(IReadOnlyList<MoveTable> tables, Action<DbConnection> last)
    {
        var now = "";
        try
        {
            _all = Math.Max(1, tables.Sum(source.Count));
            foreach (var table in tables)
            {
                now = table.Name;
                Fill(table);
            }

            (_all, _done) = (2 * _all, 0);
            source.Replaced.Clear(); // counted once for all rows, also of a move that goes on
            List<MovedTable> moved = [];
            foreach (var table in tables)
            {
                now = table.Name;
                moved.Add(Compared(table));
            }

            progress.Report(Finish, now = "", null);
            target.Finish(tables, source.Counters(), last);
            return moved;
        }
        catch (Exception error) when (error is DbException or StoreException or IOException)
        {
            throw Failed(error, now);
        }
    }

    private void Fill(MoveTable table)
    {
        var last = target.LastKey(table);
        _done += last is null ? 0 : target.Count(table);
        using var rows = Told(Copy, table, source.Rows(table, last)).GetEnumerator();
        while (target.Append(table, rows))
        {
            // The next rows.
        }
    }

    /// <summary>Tells how far it is, and ends where it is stopped.</summary>
    private IEnumerable<object?[]> Told(string step, MoveTable table, IEnumerable<object?[]> rows)
    {
        progress.Report(step, table.Name, (double)_done / _all);
        foreach (var row in rows)
        {
            if (_done++ % 500 == 0)
            {
                progress.Stop.ThrowIfCancellationRequested();
                progress.Report(step, table.Name, (double)_done / _all);
            }

            yield return row;
        }
    }

    private MovedTable Compared(MoveTable table)
    {
        var (here, there) = (Digest(source, table), Digest(target, table));
        return (here.Rows, here.Hash) == (there.Rows, there.Hash)
            ? new MovedTable(table.Name, here.Rows, here.Hash)
            : throw new StartupException(
                StartupException.Configuration,
                $"The table {table.Name} has {here.Rows} rows with the hash {here.Hash[..16]} in {source.Place}, and {there.Rows} with "
                + $"{there.Hash[..16]} in {target.Place}. Was the source used between two parts of the move? Empty the target and begin "
                + "again; the source is as it was.");
    }

    private TableDigest Digest(IMoveStore store, MoveTable table)
    {
        var digest = new TableDigest();
        foreach (var row in Told(Compare, table, store.Rows(table, null)))
        {
            digest.Add(row);
        }

        return digest;
    }

    private StartupException Failed(Exception error, string table)
    {
        const string again = "The source is as it was; the same command goes on where this one stopped.";
        var cause = PostgresErrors.Translate(SqliteErrors.Translate(error));
        return cause switch
        {
            StoreException { Failure: StoreFailure.Full } => new StartupException(
                StartupException.TemporaryFailure, $"There is no room left at {target.Place}: make some. {again}", error),
            StoreException or IOException => new StartupException(
                StartupException.TemporaryFailure,
                $"The move was interrupted: {((cause as StoreException)?.InnerException ?? cause).Message.TrimEnd('.')}. {again}", error),
            _ => new StartupException(
                StartupException.Configuration,
                $"The target refuses a row of {table}: {PostgresErrors.Text(cause)}. The source is as it "
                + "was.",
                error),
        };
    }
}

/// <summary>A table that both stores hold alike.</summary>
internal sealed record MovedTable(string Name, long Rows, string Hash);
