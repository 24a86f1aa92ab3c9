using System.Data.Common;
using Dapper;
using Microsoft.Data.Sqlite;

namespace AiChat.Data.Sqlite;

/// <summary>Facts about SQLite and a database of it.</summary>
internal static class SqliteFacts
{
    /// <summary>Without a database.</summary>
    public static string Version
    {
        get
        {
            using var connection = new SqliteConnection();
            return connection.ServerVersion;
        }
    }

    /// <summary>The size of the database and of the images.</summary>
    public static long Bytes(DbConnection connection) => connection.ExecuteScalar<long>("""
        select (select page_count * page_size from pragma_page_count(), pragma_page_size())
            + (select coalesce(sum(bytes), 0) from images)
        """);
}
