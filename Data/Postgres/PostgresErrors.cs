using System.Data.Common;
using Npgsql;

namespace AiChat.Data.Postgres;

/// <summary>Maps PostgreSQL's error codes to failures of the store.</summary>
internal static class PostgresErrors
{
    /// <summary>Of PostgreSQL 17 and newer: the connection was ended with its transaction.</summary>
    public const string TransactionTimeout = "25P04";

    /// <summary>Whether the same work may succeed when it is done again: two transactions were in each other's way.</summary>
    public static bool IsWorthRepeating(Exception error) => (error as PostgresException ?? error.InnerException) is
        PostgresException { SqlState: PostgresErrorCodes.SerializationFailure or PostgresErrorCodes.DeadlockDetected };

    /// <summary>Whether the server took no write: it may have become a standby, and the next connection finds another.</summary>
    public static bool IsReadOnly(Exception? error) => (error as PostgresException ?? error?.InnerException) is
        PostgresException { SqlState: PostgresErrorCodes.ReadOnlySqlTransaction };

    /// <summary>
    /// Whether the server says that it has undone the transaction. When it ends the connection instead, nothing is certain.
    /// </summary>
    public static bool IsRefusal(Exception error) => error is PostgresException { InvariantSeverity: "ERROR" };

    /// <summary>What the server says, without its code.</summary>
    public static string Text(Exception error) => (error as PostgresException)?.MessageText ?? error.Message;

    /// <summary>The store's own failures as <see cref="StoreException"/>; those of a statement (constraints, syntax) as they are.</summary>
    public static Exception Translate(Exception error) => error switch
    {
        PostgresException answer => answer.SqlState switch
        {
            PostgresErrorCodes.DiskFull => new StoreException(StoreFailure.Full, "The disk of the database is full.", error),
            PostgresErrorCodes.QueryCanceled => new StoreException(StoreFailure.TooLong, "The statement exceeded its time limit.", error),
            PostgresErrorCodes.SerializationFailure or PostgresErrorCodes.DeadlockDetected or PostgresErrorCodes.LockNotAvailable =>
                new StoreException(StoreFailure.Busy, "The database is busy.", error),
            PostgresErrorCodes.TooManyConnections => new StoreException(
                StoreFailure.Busy,
                $"The database has no connection left ({answer.MessageText}): raise max_connections, or the limit of the user.", error),
            // Connections that end, operators that intervene, a primary that became a standby, a server that fails.
            ['0', '8', ..] or ['5', '7', ..] or ['5', '8', ..] or ['X', 'X', ..] or ['5', '3', ..]
                or PostgresErrorCodes.ReadOnlySqlTransaction or TransactionTimeout =>
                new StoreException(StoreFailure.Unavailable, "The database cannot be used now.", error),
            // Rights, tables or the search_path were changed while this process runs, or a pooler was put before the server.
            PostgresErrorCodes.InsufficientPrivilege or PostgresErrorCodes.UndefinedTable or PostgresErrorCodes.InvalidSchemaName
                or PostgresErrorCodes.DuplicatePreparedStatement or PostgresErrorCodes.InvalidSqlStatementName =>
                new StoreException(StoreFailure.Unavailable, $"The database refuses what the server needs ({answer.MessageText}).", error),
            _ => error,
        },
        DbException or IOException or TimeoutException or ObjectDisposedException =>
            new StoreException(StoreFailure.Unavailable, "The database cannot be reached now.", error),
        _ => error,
    };
}
