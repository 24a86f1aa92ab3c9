using Microsoft.Data.Sqlite;

namespace AiChat.Data.Sqlite;

/// <summary>
/// The columns that a database must have before an upgrade. A build between two releases can have had the same number of the schema with
/// fewer of them, and a step that misses one fails, or the program at the first row that it writes there.
/// </summary>
internal static class SchemaColumns
{
    /// <summary>Adds what is missing; called inside the transaction of the upgrade.</summary>
    /// <returns>What was added.</returns>
    /// <exception cref="StartupException">A table is missing, or a column that cannot be added to rows that are there.</exception>
    public static List<string> Complete(SqliteConnection connection, IReadOnlyList<Migration> migrations, int version)
    {
        using var model = SchemaRollback.Model(migrations, version);
        var found = SchemaTables.Columns(connection);
        var names = found.Select(column => column.FullName).ToHashSet(StringComparer.Ordinal);
        var tables = found.Select(column => column.Table).ToHashSet(StringComparer.Ordinal);
        List<string> added = [];
        foreach (var column in SchemaTables.Columns(model).Where(column => !names.Contains(column.FullName)))
        {
            if (!tables.Contains(column.Table) || (column.NotNull && column.Default is null))
            {
                throw new StartupException(
                    StartupException.Configuration,
                    $"The database has no {column.FullName}, which its schema should have: it was made by another program, or changed by "
                    + "hand. It is as it was before the upgrade; restore a backup, or use the program that made it.");
            }

            var rest = $"{column.Type}{(column.NotNull ? " not null" : "")}{(column.Default is { } value ? $" default {value}" : "")}";
            using var command = connection.CreateCommand();
            command.CommandText = $"alter table \"{column.Table}\" add column \"{column.Name}\" {rest}";
            command.ExecuteNonQuery();
            added.Add(column.FullName);
        }

        return added;
    }
}
