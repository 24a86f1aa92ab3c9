using Dapper;

namespace AiChat.Data.Sqlite;

/// <summary>Facts about the store for administrators.</summary>
internal sealed class DatabaseInfo(Db db)
{
    public Task<DatabaseInfoRow> Find() => db.Read(connection => connection.QuerySingle<DatabaseInfoRow>("""
        select
            sqlite_version() as sqlite_version,
            (select page_count * page_size from pragma_page_count(), pragma_page_size()) + (select coalesce(sum(bytes), 0) from images) as bytes
        """));
}

internal sealed class DatabaseInfoRow
{
    public string SqliteVersion { get; init; } = "";

    /// <summary>The database and the images.</summary>
    public long Bytes { get; init; }
}
