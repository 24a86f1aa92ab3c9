using System.Globalization;
using Microsoft.Data.Sqlite;

namespace AiChat.Data.Sqlite;

/// <summary>
/// What a rollback took out of the database because the older schema has no table for it comes back with the next upgrade, from the
/// database that was set aside then: such as what was imported, without which the same archive would be taken twice.
/// </summary>
internal sealed class BroughtBack : IDisposable
{
    /// <summary>From here on an id is never given to another row, so that what names it can be believed.</summary>
    private const int IdsAreFinal = 4;

    private static readonly string[] _counted = ["'users'", "'sessions'", "'messages'"];

    private readonly SqliteConnection _main;
    private readonly SqliteConnection _aside;
    private readonly string _path;
    private readonly HashSet<string> _before;

    private BroughtBack(SqliteConnection main, SqliteConnection aside, string path)
    {
        (_main, _aside, _path) = (main, aside, path);
        _before = [.. SchemaTables.Names(main)];
    }

    /// <summary>Before the upgrade begins.</summary>
    /// <returns>Null when what was set aside does not fit to the database, or cannot be read.</returns>
    public static BroughtBack? Open(SqliteConnection connection, UpgradeCopy copy)
    {
        if (copy.To < IdsAreFinal)
        {
            return null;
        }

        SqliteConnection? aside = null;
        try
        {
            aside = SchemaRollback.OpenAlone(copy.Path);
            if (Fits(connection, aside))
            {
                return new BroughtBack(connection, aside, copy.Path);
            }
        }
        catch (SqliteException)
        {
            // It was set aside for people; without it the upgrade is as good as any.
        }

        aside?.Dispose();
        return null;
    }

    /// <summary>Within the transaction of the upgrade, after its last step.</summary>
    public void Run(StartProgress progress)
    {
        var now = SchemaTables.Names(_main).ToHashSet();
        var tables = SchemaTables.Names(_aside)
            .Where(table => now.Contains(table) && !_before.Contains(table) && Rows(table) == 0).ToList();
        tables.ForEach(Copy);
        tables.ForEach(Prune);
        tables.ForEach(Prune); // what refers to a row that the first time took away
        var told = tables.Where(table => Rows(table) > 0)
            .Select(table => string.Create(CultureInfo.InvariantCulture, $"{table} ({Rows(table)})")).ToList();
        if (told.Count > 0)
        {
            progress.Say($"What the rollback had taken out of the database is in it again, from {_path}: {string.Join(", ", told)}.");
        }
    }

    public void Dispose() => _aside.Dispose();

    /// <summary>Nothing was taken out of these tables, so a row that is missing was deleted by somebody.</summary>
    private static bool Fits(SqliteConnection main, SqliteConnection aside)
    {
        const string ids = "select seq from sqlite_sequence where name = ";
        return _counted.All(table => (Scalar(main, ids + table) as long? ?? 0) >= (Scalar(aside, ids + table) as long? ?? 0));
    }

    private void Copy(string table)
    {
        var there = SchemaTables.Columns(_aside, table).Select(column => column.Name);
        var columns = SchemaTables.Columns(_main, table).Select(column => column.Name).Intersect(there).ToList();
        var names = string.Join(", ", columns);
        using var insert = _main.CreateCommand();
        insert.CommandText = $"insert into {table} ({names}) values ({string.Join(", ", columns.Select((_, at) => $"@p{at}"))})";
        var values = columns.Select((_, at) => insert.Parameters.AddWithValue($"@p{at}", DBNull.Value)).ToList();
        using var select = _aside.CreateCommand();
        select.CommandText = $"select {names} from {table}";
        using var rows = select.ExecuteReader();
        while (rows.Read())
        {
            for (var at = 0; at < values.Count; at++)
            {
                values[at].Value = rows.GetValue(at);
            }

            insert.ExecuteNonQuery();
        }
    }

    /// <summary>What refers to a row that is gone does as if it had been here when that row was deleted.</summary>
    private void Prune(string table)
    {
        foreach (var key in Texts(_main, $"""
            select "from" || ' ' || "table" || ' ' || coalesce("to", 'id') || ' ' || on_delete from pragma_foreign_key_list('{table}')
            """).ConvertAll(line => line.Split(' ', 4)))
        {
            var (column, parent, id, action) = (key[0], key[1], key[2], key[3]);
            var isGone = $"{column} is not null and not exists (select 1 from {parent} p where p.{id} = {table}.{column})";
            Scalar(_main, action == "SET NULL"
                ? $"update {table} set {column} = null where {isGone}" : $"delete from {table} where {isGone}");
        }
    }

    private long Rows(string table) => (long)Scalar(_main, $"select count(*) from {table}")!;

    private static List<string> Texts(SqliteConnection connection, string sql)
    {
        using var command = connection.CreateCommand();
        command.CommandText = sql;
        using var reader = command.ExecuteReader();
        var texts = new List<string>();
        while (reader.Read())
        {
            texts.Add(reader.GetString(0));
        }

        return texts;
    }

    private static object? Scalar(SqliteConnection connection, string sql)
    {
        using var command = connection.CreateCommand();
        command.CommandText = sql;
        return command.ExecuteScalar();
    }
}
