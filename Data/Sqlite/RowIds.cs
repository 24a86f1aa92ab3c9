using System.Data.Common;
using Dapper;

namespace AiChat.Data.Sqlite;

/// <summary>The ids that SQLite gives to new rows.</summary>
internal static class RowIds
{
    /// <summary>The first of any number of ids in a row that no message has or had; inside <c>Db.Write</c>.</summary>
    public static long NextMessage(DbConnection connection) =>
        connection.ExecuteScalar<long>("select coalesce(max(seq), 0) + 1 from sqlite_sequence where name = 'messages'");
}
