using System.Data.Common;
using System.Globalization;
using Microsoft.Data.Sqlite;

namespace AiChat.Data.Sqlite;

/// <summary>A database file that no server uses: the copy in a backup, or the one that a restore prepares.</summary>
internal static class DetachedDatabase
{
    /// <summary>For a copy that is deleted when it is not completed.</summary>
    internal const string Unsafe = "pragma journal_mode = off; pragma synchronous = off; pragma cache_size = -1000;";

    private const string Safe = """
        pragma foreign_keys = on;
        pragma trusted_schema = off;
        pragma temp_store = memory;
        pragma cache_size = -1000;
        """;

    /// <summary>The schema that this program brings a database to.</summary>
    public static int NewestSchema { get; } = Migrator.Load()[^1].Version;

    /// <summary>Reads a file; nothing is created beside it.</summary>
    /// <exception cref="StoreException">It cannot be read.</exception>
    public static T Read<T>(string path, Func<DbConnection, T> work) =>
        Use(path, SqliteOpenMode.ReadOnly, $"{Safe} pragma query_only = on;", work);

    /// <summary>Changes a file in one transaction, which is on disk afterwards.</summary>
    /// <exception cref="StoreException">It cannot be written.</exception>
    public static T Write<T>(string path, Func<DbConnection, T> work) => Use(
        path, SqliteOpenMode.ReadWrite, $"{Safe} pragma journal_mode = delete; pragma synchronous = full;", connection =>
        {
            Execute((SqliteConnection)connection, "begin immediate");
            var result = work(connection);
            Execute((SqliteConnection)connection, "commit");
            return result;
        });

    /// <summary>The version of the schema.</summary>
    public static int Schema(DbConnection connection)
    {
        using var command = connection.CreateCommand();
        command.CommandText = "pragma user_version";
        return Convert.ToInt32(command.ExecuteScalar(), CultureInfo.InvariantCulture);
    }

    /// <summary>The bytes of the database that a server uses, its log included.</summary>
    public static long BytesOf(string path) => Use(path, SqliteOpenMode.ReadOnly, Safe, connection =>
    {
        using var command = connection.CreateCommand();
        command.CommandText = "select page_count * page_size from pragma_page_count(), pragma_page_size()";
        return Convert.ToInt64(command.ExecuteScalar(), CultureInfo.InvariantCulture);
    });

    internal static SqliteConnection Open(string path, SqliteOpenMode mode, string pragmas)
    {
        var connection = new CachedStatementConnection(
            new SqliteConnectionStringBuilder { DataSource = path, Mode = mode, Pooling = false }.ToString());
        try
        {
            connection.Open();
            Execute(connection, pragmas);
            return connection;
        }
        catch
        {
            connection.Dispose();
            throw;
        }
    }

    internal static void Execute(SqliteConnection connection, string sql)
    {
        using var command = connection.CreateCommand();
        command.CommandText = sql;
        command.ExecuteNonQuery();
    }

    private static T Use<T>(string path, SqliteOpenMode mode, string pragmas, Func<DbConnection, T> work)
    {
        try
        {
            using var connection = Open(path, mode, pragmas);
            return work(connection);
        }
        catch (SqliteException error)
        {
            throw SqliteErrors.Translate(error) as StoreException ?? new StoreException(StoreFailure.Unavailable, error.Message, error);
        }
    }
}
