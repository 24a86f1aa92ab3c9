using System.Data.Common;

namespace AiChat.Data.Sqlite;

/// <summary>The tables of a database and their columns as they are in the file, whatever its schema.</summary>
internal static class SchemaTables
{
    /// <summary>Without those of SQLite itself and of its indexes.</summary>
    public static List<string> Names(DbConnection connection) => Read(
        connection, "select name from pragma_table_list where schema = 'main' and type = 'table' and name not like 'sqlite%'",
        row => row.GetString(0));

    /// <summary>The columns of all of them.</summary>
    public static List<SchemaColumn> Columns(DbConnection connection) =>
        [.. Names(connection).SelectMany(table => Columns(connection, table))];

    /// <summary>The columns of one; none when it is not there.</summary>
    public static List<SchemaColumn> Columns(DbConnection connection, string table) => Read(
        connection, $"select name, type, \"notnull\", dflt_value, pk from pragma_table_info('{table}')",
        row => new SchemaColumn(
            table, row.GetString(0), row.GetString(1), row.GetInt64(2) != 0, row.IsDBNull(3) ? null : row.GetString(3), row.GetInt64(4)));

    /// <summary>Which table refers to which.</summary>
    public static List<(string From, string To)> References(DbConnection connection) => Read(
        connection, "select t.name, f.\"table\" from sqlite_schema t join pragma_foreign_key_list(t.name) f where t.type = 'table'",
        row => (row.GetString(0), row.GetString(1)));

    private static List<T> Read<T>(DbConnection connection, string sql, Func<DbDataReader, T> make)
    {
        using var command = connection.CreateCommand();
        command.CommandText = sql;
        using var reader = command.ExecuteReader();
        var rows = new List<T>();
        while (reader.Read())
        {
            rows.Add(make(reader));
        }

        return rows;
    }
}

/// <param name="Default">As it is written in SQL; null for none.</param>
/// <param name="Key">Its place in the primary key, from 1; 0 when it is not part of it.</param>
internal sealed record SchemaColumn(string Table, string Name, string Type, bool NotNull, string? Default, long Key)
{
    /// <summary>The table and the column, by which messages name it.</summary>
    public string FullName => $"{Table}.{Name}";
}
