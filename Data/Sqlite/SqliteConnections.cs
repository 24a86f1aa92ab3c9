using Microsoft.Data.Sqlite;

namespace AiChat.Data.Sqlite;

/// <summary>Opens connections to database files, with the pragmas that every connection needs.</summary>
internal static class SqliteConnections
{
    /// <summary>Pages of 4 KiB that a file with disposable rows may have: 256 MiB.</summary>
    private const int MaxDisposablePages = 65_536;

    /// <summary>The same in bytes.</summary>
    public const long MaxDisposableBytes = 4_096L * MaxDisposablePages;

    /// <summary>The timeout comes first: the next pragmas may have to wait. No memory map: it can turn a disk error into a crash.</summary>
    private const string Common = """
        pragma busy_timeout = 5000;
        pragma foreign_keys = on;
        pragma trusted_schema = off;
        pragma cell_size_check = on;
        pragma mmap_size = 0;
        pragma temp_store = memory;
        pragma cache_size = -1000;
        """;

    /// <summary>A connection that only reads; the file must exist.</summary>
    /// <exception cref="SqliteException">The file cannot be opened.</exception>
    public static SqliteConnection OpenReader(string path) => Open(path, SqliteOpenMode.ReadOnly, $"""
        {Common}
        pragma query_only = on;
        """);

    /// <summary>A connection that reads and writes; the file is created when it does not exist.</summary>
    /// <param name="disposable">The rows may be lost: a commit does not wait for the disk, and the file has a maximum size.</param>
    /// <exception cref="SqliteException">The file cannot be opened.</exception>
    public static SqliteConnection OpenWriter(string path, bool disposable = false) => Open(path, SqliteOpenMode.ReadWriteCreate, $"""
        {Common}
        pragma journal_mode = wal;
        pragma synchronous = {(disposable ? "normal" : "full")};
        pragma journal_size_limit = 67108864;
        pragma secure_delete = fast;
        {(disposable ? $"pragma max_page_count = {MaxDisposablePages};" : "")}
        """);

    /// <summary>Creates an empty file that returns the space of deleted rows at once; this must be set before its first table.</summary>
    /// <exception cref="SqliteException">The file cannot be created.</exception>
    public static void CreateShrinking(string path)
    {
        using var connection = new SqliteConnection(new SqliteConnectionStringBuilder { DataSource = path, Pooling = false }.ToString());
        connection.Open();
        using var command = connection.CreateCommand();
        command.CommandText = "pragma auto_vacuum = full; pragma journal_mode = wal;";
        command.ExecuteNonQuery();
    }

    /// <summary>The data source of a file without its log; nothing is written beside it.</summary>
    public static string FileAlone(string path) => $"{new Uri(path).AbsoluteUri}?immutable=1";

    private static CachedStatementConnection Open(string path, SqliteOpenMode mode, string pragmas)
    {
        var connection = new CachedStatementConnection(
            new SqliteConnectionStringBuilder { DataSource = path, Mode = mode, Pooling = false }.ToString());
        try
        {
            connection.Open();
            using var command = connection.CreateCommand(); // the provider's own, which runs several statements at once
            command.CommandText = pragmas;
            command.ExecuteNonQuery();
            return connection;
        }
        catch
        {
            connection.Dispose();
            throw;
        }
    }
}
