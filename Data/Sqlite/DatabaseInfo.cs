using System.Data.Common;
using Dapper;
using Microsoft.Data.Sqlite;

namespace AiChat.Data.Sqlite;

/// <summary>Facts about the database for administrators.</summary>
internal sealed class DatabaseInfo
{
    public string SqliteVersion { get; init; } = "";

    /// <summary>The database and the images.</summary>
    public long Bytes { get; init; }

    /// <summary>The version of SQLite, without a database.</summary>
    public static string EngineVersion
    {
        get
        {
            using var connection = new SqliteConnection();
            return connection.ServerVersion;
        }
    }

    public static DatabaseInfo Read(DbConnection connection) => connection.QuerySingle<DatabaseInfo>("""
        select
            sqlite_version() as sqlite_version,
            (select page_count * page_size from pragma_page_count(), pragma_page_size())
                + (select coalesce(sum(bytes), 0) from images) as bytes
        """);
}
