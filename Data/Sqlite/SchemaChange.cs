using System.Text.RegularExpressions;
using Microsoft.Data.Sqlite;
using SQLitePCL;

namespace AiChat.Data.Sqlite;

/// <summary>
/// Runs the steps of an upgrade, or of the way back, in one transaction with the version number: all of them or none. Tells how far it is
/// by the rows of the tables that are read, because SQLite itself does not know.
/// </summary>
internal sealed partial class SchemaChange
{
    /// <summary>What a step reads through a view or writes into a text index takes longer for each row.</summary>
    private const long SlowRows = 25;

    private readonly SqliteConnection _connection;
    private readonly StartProgress _progress;
    private readonly Dictionary<string, long> _rows = [];
    private readonly List<Statement> _statements = [];
    private string _name = "";
    private readonly double _all;
    private double _done;
    private Statement? _now;
    private long _lastBefore;
    private double _part;

    private SchemaChange(SqliteConnection connection, StartProgress progress, IReadOnlyList<SchemaStep> steps)
    {
        (_connection, _progress) = (connection, progress);
        foreach (var step in steps)
        {
            _statements.AddRange(Split(step.Sql).Select(sql => Weigh(step.Name, sql)));
        }

        _all = _statements.Sum(statement => statement.Weight);
    }

    /// <param name="version">What the database has afterwards.</param>
    /// <param name="verify">Looks at the result before it is committed; an exception undoes all.</param>
    /// <param name="prepare">Called before the first step; an exception undoes all.</param>
    /// <exception cref="StartupException">A step failed; the database is as before.</exception>
    /// <exception cref="OperationCanceledException">It was stopped; the database is as before.</exception>
    public static void Run(
        SqliteConnection connection, IReadOnlyList<SchemaStep> steps, int version, StartProgress progress, Action? verify = null,
        Action? prepare = null)
    {
        // With foreign keys on, dropping a table to recreate it would delete the rows that refer to it. The pragma has no effect inside a
        // transaction.
        Scalar(connection, "pragma foreign_keys = off");
        var change = new SchemaChange(connection, progress, steps);
        try
        {
            using var watched = new Watched(connection, progress.Stop, change.Look);
            progress.Report(StartStep.Migrate, "", 0);
            Scalar(connection, "begin immediate");
            prepare?.Invoke();
            watched.Run(change.RunAll);
            Scalar(connection, $"pragma user_version = {version}; pragma application_id = {Migrator.ApplicationId};");
            progress.Report(StartStep.Migrate, "checking references", null);
            if (watched.Run(() => Scalar(connection, "select \"table\" from pragma_foreign_key_check limit 1")) is string table)
            {
                throw Failed(string.Join(", ", steps.Select(step => step.Name)), $"a row of {table} refers to none.");
            }

            verify?.Invoke();
            Scalar(connection, "commit");
        }
        catch (SqliteException error)
        {
            Undo(connection);
            throw Failed(change._name, error.Message, error);
        }
        catch
        {
            Undo(connection);
            throw;
        }

        Scalar(connection, "pragma foreign_keys = on");
    }

    private bool RunAll()
    {
        foreach (var statement in _statements)
        {
            _progress.Stop.ThrowIfCancellationRequested();
            (_name, _now, _part) = (statement.Step, statement, 0);
            _lastBefore = raw.sqlite3_last_insert_rowid(_connection.Handle);
            Look();
            Scalar(_connection, statement.Sql);
            _done += statement.Weight;
        }

        return true;
    }

    /// <summary>In the middle of a statement that fills a table in the order of its ids, the newest id says how far it is.</summary>
    private void Look()
    {
        if (_now is not { } now)
        {
            return;
        }

        var last = raw.sqlite3_last_insert_rowid(_connection.Handle);
        if (now.LastId > 0 && last != _lastBefore && last > 0 && last <= now.LastId)
        {
            _part = Math.Max(_part, (double)last / now.LastId);
        }

        _progress.Report(StartStep.Migrate, _name, _all > 0 ? (_done + (_part * now.Weight)) / _all : null);
    }

    private Statement Weigh(string step, string sql)
    {
        var fills = sql.StartsWith("insert", StringComparison.OrdinalIgnoreCase);
        if (Source().Match(sql) is not { Success: true } match)
        {
            return new Statement(step, sql, 1, 0);
        }

        // A table that an earlier statement renames or fills has the rows of the one it comes from; a view reads messages.
        var name = match.Groups[1].Value;
        var table = IsTable(name) ? name : "messages";
        var rows = IsTable(table) ? Rows(table) : 0;
        return new Statement(step, sql, 1 + (rows * (fills && table != name ? SlowRows : 1)), fills ? rows : 0);
    }

    private bool IsTable(string name) =>
        Scalar(_connection, $"select name from sqlite_schema where type = 'table' and name = '{name}'") is not null;

    /// <summary>The highest id, which is found at once; nearly the number of rows.</summary>
    private long Rows(string table)
    {
        if (!_rows.TryGetValue(table, out var rows))
        {
            var counts = SchemaTables.Columns(_connection, table).Exists(column => column is { Name: "id", Type: "INTEGER" });
            rows = counts && Scalar(_connection, $"select max(id) from {table}") is long last ? last : 0;
            _rows[table] = rows;
        }

        return rows;
    }

    /// <summary>Each statement with its semicolon; one that makes a trigger has several.</summary>
    private static IEnumerable<string> Split(string sql)
    {
        for (int begin = 0, end; (end = sql.IndexOf(';', begin)) >= 0; begin = end + 1)
        {
            while (raw.sqlite3_complete(sql[begin..(end + 1)]) == 0 && sql.IndexOf(';', end + 1) is > 0 and var next)
            {
                end = next;
            }

            yield return Comments().Replace(sql[begin..(end + 1)], "").Trim();
        }
    }

    private static void Undo(SqliteConnection connection)
    {
        if (raw.sqlite3_get_autocommit(connection.Handle) == 0)
        {
            Scalar(connection, "rollback");
        }
    }

    private static StartupException Failed(string name, string reason, Exception? inner = null) => new(
        StartupException.Configuration, $"Migration {name} failed: {reason} The database is as it was before.", inner);

    private static object? Scalar(SqliteConnection connection, string sql)
    {
        using var command = connection.CreateCommand();
        command.CommandText = sql;
        return command.ExecuteScalar();
    }

    [GeneratedRegex(@"\A(?:insert\b.*?\bfrom|create (?:unique )?index \w+\s+on|update|drop table|delete from|alter table)\s+(\w+)",
        RegexOptions.IgnoreCase | RegexOptions.Singleline)]
    private static partial Regex Source();

    [GeneratedRegex(@"\A(?:\s*--[^\n]*\n)+")]
    private static partial Regex Comments();

    /// <param name="Step">The file it is from.</param>
    /// <param name="Weight">Compared with the others.</param>
    /// <param name="LastId">The id with which it ends; 0 when it has none.</param>
    private sealed record Statement(string Step, string Sql, double Weight, long LastId);
}

/// <summary>A file of SQL that changes the schema.</summary>
internal sealed record SchemaStep(string Name, string Sql);
