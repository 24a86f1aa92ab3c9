using AiChat.Data.Sqlite;

namespace AiChat.Data.Moves;

/// <summary>A table that both engines have, with its columns as the schema lists them.</summary>
internal sealed record MoveTable(string Name, IReadOnlyList<MoveColumn> Columns)
{
    /// <summary>The columns of the primary key; none where a table has no such key, and is copied as a whole.</summary>
    public IReadOnlyList<MoveColumn> Key { get; } = [.. Columns.Where(column => column.Key > 0).OrderBy(column => column.Key)];

    /// <summary>For SQL.</summary>
    public string ColumnList => string.Join(", ", Columns.Select(column => column.Quoted));

    /// <summary>
    /// The tables of the newest schema in an order in which each comes after those that it refers to. Without what each engine derives for
    /// the search: it is made anew from the messages.
    /// </summary>
    /// <param name="flags">The columns that are boolean in PostgreSQL, as table.column.</param>
    public static List<MoveTable> All(IReadOnlySet<string> flags)
    {
        var migrations = Migrator.Load();
        using var model = SchemaRollback.Model(migrations, migrations[^1].Version);
        var left = SchemaTables.Columns(model).Where(column => !column.Table.StartsWith("messages_text", StringComparison.Ordinal))
            .GroupBy(column => column.Table, (name, columns) => new MoveTable(name, [.. columns.Select((column, place) =>
                new MoveColumn(column.Name, Kind(column, flags), place, column.Key))])).ToList();
        var references = SchemaTables.References(model);
        List<MoveTable> ordered = [];
        while (left.Count > 0)
        {
            var next = left.First(table => !references.Any(reference => reference.From == table.Name
                && reference.To != table.Name && left.Any(other => other.Name == reference.To)));
            left.Remove(next);
            ordered.Add(next);
        }

        return ordered;
    }

    private static MoveKind Kind(SchemaColumn column, IReadOnlySet<string> flags) => column.Type.ToUpperInvariant() switch
    {
        "INTEGER" => flags.Contains(column.FullName) ? MoveKind.Flag : MoveKind.Integer,
        "REAL" => MoveKind.Real,
        _ => MoveKind.Text,
    };
}

/// <param name="Place">Among the columns of the table, from 0.</param>
/// <param name="Key">Its place in the primary key, from 1; 0 when it is not part of it.</param>
internal sealed record MoveColumn(string Name, MoveKind Kind, int Place, long Key)
{
    public string Quoted => $"\"{Name}\"";
}

/// <summary>How a value is handed over: as long (flags too, 0 or 1), double or string, or null.</summary>
internal enum MoveKind
{
    Integer,
    Flag,
    Real,
    Text,
}
