using System.Globalization;
using System.Text.RegularExpressions;
using Microsoft.Data.Sqlite;
using SQLitePCL;

namespace AiChat.Data.Sqlite;

/// <summary>
/// Takes a database back to an older schema, so that the older program opens it. Where every step has a way back, what was written since
/// is kept; else the copy from before the upgrade is put back. Either is one transaction in the same file, and the database as it was is
/// kept beside it first. Nothing is renamed, so a mount or a link is no hindrance.
/// </summary>
internal static partial class SchemaRollback
{
    /// <summary>What a rollback would do; reads only.</summary>
    /// <param name="to">Null for the schema before the newest upgrade.</param>
    /// <param name="exact">Put the copy back even when the steps have a way back.</param>
    /// <exception cref="StartupException">There is no way back to that schema.</exception>
    public static RollbackPlan Plan(string path, int? to, bool exact, IReadOnlyList<Migration> migrations, StartProgress progress) =>
        Migrator.Use(path, progress, connection =>
        {
            var from = Migrator.SchemaOf(connection);
            if (from > migrations[^1].Version)
            {
                throw Refused(
                    $"The database {path} has schema {from}, this program knows up to {migrations[^1].Version}. Use the newer program");
            }

            var copies = UpgradeCopies.Find(path, UpgradeCopies.Upgrade);
            // The newest, also when it was gone back to already: a second call must not go further.
            var target = to ?? copies.FirstOrDefault(copy => copy.Schema <= from)?.Schema
                ?? throw Refused(
                    $"No upgrade of {path} is known here: there is no copy from before one. Name the schema of the older program, which "
                    + $"its refusal tells: aichat rollback --to N (now {from})");
            if (target < 1 || target > from)
            {
                throw Refused($"The database {path} has schema {from}; --to must be from 1 to {from}");
            }

            var steps = migrations.Where(step => step.Version > target && step.Version <= from).Reverse().ToList();
            if (!exact && steps.TrueForAll(step => step.Down is not null))
            {
                return new RollbackPlan(from, target, null, [.. Lost(connection, migrations, target)]);
            }

            var source = copies.FirstOrDefault(copy => copy.Schema == target)
                ?? throw Refused($"There is no way back from schema {from} to {target}: no copy with schema {target} is beside {path}");
            return new RollbackPlan(from, target, source.Path, [.. Newer(connection, source.Path)]);
        });

    /// <summary>Does what was planned.</summary>
    /// <returns>The path of the database as it was.</returns>
    /// <exception cref="StartupException">It failed; the database is as it was.</exception>
    public static string Run(string path, RollbackPlan plan, IReadOnlyList<Migration> migrations, StartProgress progress) =>
        Migrator.Use(path, progress, connection =>
        {
            var aside = UpgradeCopies.Make(connection, path, UpgradeCopies.Rollback, plan.From, plan.To, progress);
            if (plan.Copy is { } copy)
            {
                PutBack(connection, copy, plan.To, progress);
            }
            else
            {
                var steps = migrations.Where(step => step.Version > plan.To && step.Version <= plan.From).Reverse();
                SchemaChange.Run(
                    connection, [.. steps.Select(step => new SchemaStep($"{step.Name} (back)", step.Down!))], plan.To, progress,
                    () => Verify(connection, migrations, plan.To));
            }

            if (plan.Lost.Count > 0)
            {
                UpgradeCopies.Note(
                    aside,
                    $"The rollback from schema {plan.From} to {plan.To} took out of the database: {string.Join(", ", plan.Lost)}. The copy "
                    + $"{aside} has it; this version can be started on that copy.");
            }

            UpgradeCopies.Prune(path, UpgradeCopies.Rollback, aside);
            return aside;
        });

    /// <summary>The tables, columns, indexes and triggers are those that the older program makes itself.</summary>
    private static void Verify(SqliteConnection connection, IReadOnlyList<Migration> migrations, int version)
    {
        using var model = Model(migrations, version);
        var (wanted, found) = (Shape(model), Shape(connection));
        if (wanted.Except(found).Concat(found.Except(wanted)).FirstOrDefault() is { } odd)
        {
            throw Refused($"The way back to schema {version} ends with another schema ({odd}). The database is as it was before");
        }
    }

    /// <summary>An empty database of that version, in memory.</summary>
    internal static SqliteConnection Model(IReadOnlyList<Migration> migrations, int version)
    {
        var model = new SqliteConnection("Data Source=:memory:;Pooling=false");
        model.Open();
        foreach (var step in migrations.Where(step => step.Version <= version))
        {
            Execute(model, step.Sql);
        }

        return model;
    }

    /// <summary>Columns without their order, because no statement relies on it; everything else by its SQL.</summary>
    private static HashSet<string> Shape(SqliteConnection connection) =>
    [
        .. SchemaTables.Columns(connection).Select(column => column.ToString()),
        .. Column(connection, """
            select t.name || ' ' || f."from" || ' ' || f."table" || ' ' || f.on_delete
            from sqlite_schema t
            join pragma_foreign_key_list(t.name) f
            where t.type = 'table'
            """),
        .. Column(connection, "select sql from sqlite_schema where type <> 'table' and sql is not null or sql like 'create virtual%'")
            .Select(sql => Plain().Replace(sql, "")),
        .. Column(connection, "select name from sqlite_schema where sql like '%autoincrement%'").Select(name => name + " autoincrement"),
    ];

    /// <summary>What the older schema has no place for, and how many rows have something there.</summary>
    private static IEnumerable<string> Lost(SqliteConnection connection, IReadOnlyList<Migration> migrations, int version)
    {
        using var model = Model(migrations, version);
        var kept = SchemaTables.Columns(model).Select(column => column.FullName).ToHashSet();
        var tables = SchemaTables.Names(model).ToHashSet();
        var lost = new HashSet<string>();
        var missing = SchemaTables.Columns(connection).Where(column => !kept.Contains(column.FullName) && !IsDerived(column.Table));
        foreach (var column in missing)
        {
            var (table, name) = (column.Table, column.Name);
            if (tables.Contains(table))
            {
                var standard = column.Default ?? "null";
                var used = $"select count(*) from \"{table}\" where \"{name}\" is not {standard} and \"{name}\" not in (0, '')";
                if (Number(connection, used) is > 0 and var rows)
                {
                    yield return $"{column.FullName} of {rows} rows";
                }
            }
            else if (lost.Add(table) && Number(connection, $"select count(*) from \"{table}\"") is > 0 and var all)
            {
                yield return $"the table {table} with {all} rows";
            }
        }
    }

    /// <summary>What the index of texts notes can be made again from the texts, so that nobody misses it.</summary>
    private static bool IsDerived(string table) => table.StartsWith("messages_text", StringComparison.Ordinal);

    /// <summary>What the database has that the copy has not.</summary>
    private static IEnumerable<string> Newer(SqliteConnection connection, string copy)
    {
        using var old = OpenAlone(copy);
        foreach (var (table, name) in new[] { ("users", "accounts"), ("sessions", "chats"), ("messages", "messages") })
        {
            var newest = Number(old, $"select coalesce(max(id), 0) from {table}");
            if (Number(connection, $"select count(*) from {table} where id > {newest}") is > 0 and var rows)
            {
                yield return $"{rows} new {name}";
            }
        }
    }

    /// <summary>Page by page into the same file: a transaction as any other, which the log makes whole or undone.</summary>
    private static void PutBack(SqliteConnection connection, string copy, int version, StartProgress progress)
    {
        using var source = OpenAlone(copy);
        if (Migrator.SchemaOf(source) != version || Column(source, "pragma quick_check(1)")[0] != "ok")
        {
            throw Refused($"The copy {copy} is damaged. Nothing was changed");
        }

        progress.Report(StartStep.Migrate, Path.GetFileName(copy), null);
        using var backup = raw.sqlite3_backup_init(connection.Handle, "main", source.Handle, "main");
        var result = backup.IsInvalid ? raw.sqlite3_errcode(connection.Handle) : raw.sqlite3_backup_step(backup, -1);
        if (result != raw.SQLITE_DONE)
        {
            throw Refused($"The copy {copy} cannot be put back: {raw.sqlite3_errstr(result).utf8_to_string()}. Nothing was changed");
        }
    }

    /// <summary>Opens a copy without its log, and only to read.</summary>
    public static SqliteConnection OpenAlone(string copy)
    {
        var alone = SqliteConnections.FileAlone(copy);
        var connection = new SqliteConnection(
            new SqliteConnectionStringBuilder { DataSource = alone, Mode = SqliteOpenMode.ReadOnly, Pooling = false }.ToString());
        connection.Open();
        return connection;
    }

    private static StartupException Refused(string reason) => new(StartupException.Configuration, reason + ".");

    private static void Execute(SqliteConnection connection, string sql)
    {
        using var command = connection.CreateCommand();
        command.CommandText = sql;
        command.ExecuteNonQuery();
    }

    private static long Number(SqliteConnection connection, string sql) =>
        long.Parse(Column(connection, sql)[0], CultureInfo.InvariantCulture);

    private static List<string> Column(SqliteConnection connection, string sql)
    {
        using var command = connection.CreateCommand();
        command.CommandText = sql;
        using var reader = command.ExecuteReader();
        var values = new List<string>();
        while (reader.Read())
        {
            values.Add(reader.GetValue(0).ToString()!);
        }

        return values;
    }

    /// <summary>SQLite quotes the name of a renamed table, and comments and blanks mean nothing.</summary>
    [GeneratedRegex("""--[^\n]*|\s+|["]""")]
    private static partial Regex Plain();
}

/// <summary>How a database goes back.</summary>
/// <param name="Copy">The copy that is put back; null when the steps have a way back, and what was written since stays.</param>
/// <param name="Lost">What the database will not hold afterwards.</param>
internal sealed record RollbackPlan(int From, int To, string? Copy, IReadOnlyList<string> Lost);
