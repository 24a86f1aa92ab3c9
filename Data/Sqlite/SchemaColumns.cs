using System.Data.Common;
using Microsoft.Data.Sqlite;

namespace AiChat.Data.Sqlite;

/// <summary>
/// The columns that a database must have after an upgrade. A build between two releases can have had the same number of the schema with
/// fewer of them, and a program that misses one fails at the first row that it writes there.
/// </summary>
internal static class SchemaColumns
{
    private const string All = """
        select t.name || '.' || c.name, t.name, c.name, c.type, c."notnull", c.dflt_value
        from pragma_table_list t
        join pragma_table_info(t.name) c
        where t.schema = 'main' and t.type = 'table' and t.name not like 'sqlite%'
        """;

    /// <summary>Adds what is missing; called inside the transaction of the upgrade.</summary>
    /// <returns>What was added.</returns>
    /// <exception cref="StartupException">A table is missing, or a column that cannot be added to rows that are there.</exception>
    public static List<string> Complete(SqliteConnection connection, IReadOnlyList<Migration> migrations, int version)
    {
        using var model = SchemaRollback.Model(migrations, version);
        var found = Read(connection);
        var tables = found.Values.Select(column => column.Table).ToHashSet(StringComparer.Ordinal);
        List<string> added = [];
        foreach (var (name, column) in Read(model).Where(pair => !found.ContainsKey(pair.Key)))
        {
            if (!tables.Contains(column.Table) || (column.NotNull && column.Default is null))
            {
                throw new StartupException(
                    StartupException.Configuration,
                    $"The database has no {name}, which its schema should have: it was made by another program, or changed by hand. It is "
                    + "as it was before the upgrade; restore a backup, or use the program that made it.");
            }

            var rest = $"{column.Type}{(column.NotNull ? " not null" : "")}{(column.Default is { } value ? $" default {value}" : "")}";
            using var command = connection.CreateCommand();
            command.CommandText = $"alter table \"{column.Table}\" add column \"{column.Name}\" {rest}";
            command.ExecuteNonQuery();
            added.Add(name);
        }

        return added;
    }

    /// <summary>Whether the table has the column, in a database of any schema.</summary>
    public static bool Has(DbConnection connection, string table, string column)
    {
        using var command = connection.CreateCommand();
        command.CommandText = $"select exists (select 1 from pragma_table_info('{table}') where name = '{column}')";
        return command.ExecuteScalar() is 1L;
    }

    private static Dictionary<string, Column> Read(SqliteConnection connection)
    {
        using var command = connection.CreateCommand();
        command.CommandText = All;
        using var reader = command.ExecuteReader();
        var columns = new Dictionary<string, Column>(StringComparer.Ordinal);
        while (reader.Read())
        {
            columns[reader.GetString(0)] = new Column(
                reader.GetString(1), reader.GetString(2), reader.GetString(3), reader.GetInt64(4) != 0,
                reader.IsDBNull(5) ? null : reader.GetString(5));
        }

        return columns;
    }

    private sealed record Column(string Table, string Name, string Type, bool NotNull, string? Default);
}
