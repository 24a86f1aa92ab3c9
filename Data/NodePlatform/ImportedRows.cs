using System.Data.Common;
using Dapper;

namespace AiChat.Data.NodePlatform;

/// <summary>What was taken from a database of the Node.js platform; written in the transaction of what it records.</summary>
internal static class ImportedRows
{
    /// <summary>Null when nothing of this key was taken.</summary>
    public static ImportedRow? Find(DbConnection connection, string kind, string key) =>
        connection.QuerySingleOrDefault<ImportedRow>("""
            select id from imported_rows where kind = @kind and source_key = @key
            """, new { kind, key });

    /// <summary>False when it was taken before.</summary>
    public static bool Add(DbConnection connection, string kind, string key, long? id) => connection.Execute("""
        insert into imported_rows (kind, source_key, id) values (@kind, @key, @id) on conflict do nothing
        """, new { kind, key, id }) == 1;
}

internal sealed class ImportedRow
{
    /// <summary>Of the row here; it may be gone.</summary>
    public long? Id { get; init; }
}
