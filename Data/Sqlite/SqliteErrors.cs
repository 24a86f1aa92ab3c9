using Microsoft.Data.Sqlite;
using SQLitePCL;

namespace AiChat.Data.Sqlite;

/// <summary>What SQLite's error codes mean to callers of the store.</summary>
internal static class SqliteErrors
{
    /// <summary>The store's own failures as <see cref="StoreException"/>; null for errors of a statement (constraints, syntax).</summary>
    public static StoreException? Translate(SqliteException error) => error.SqliteErrorCode switch
    {
        raw.SQLITE_FULL => new StoreException(StoreFailure.Full, "The disk is full.", error),
        raw.SQLITE_BUSY or raw.SQLITE_LOCKED => new StoreException(StoreFailure.Busy, "The database is in use by another program.", error),
        raw.SQLITE_IOERR or raw.SQLITE_CORRUPT or raw.SQLITE_NOTADB or raw.SQLITE_CANTOPEN or raw.SQLITE_READONLY or raw.SQLITE_INTERRUPT =>
            new StoreException(StoreFailure.Unavailable, "The database cannot be used now.", error),
        _ => null,
    };
}
