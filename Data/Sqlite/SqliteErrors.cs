using Microsoft.Data.Sqlite;
using SQLitePCL;

namespace AiChat.Data.Sqlite;

/// <summary>Maps SQLite's error codes to failures of the store.</summary>
internal static class SqliteErrors
{
    /// <summary>The store's own failures as <see cref="StoreException"/>; those of a statement (constraints, syntax) as they are.</summary>
    public static Exception Translate(Exception error) => (error as SqliteException)?.SqliteErrorCode switch
    {
        raw.SQLITE_FULL => new StoreException(StoreFailure.Full, "The disk is full.", error),
        raw.SQLITE_BUSY or raw.SQLITE_LOCKED => new StoreException(StoreFailure.Busy, "The database is in use by another program.", error),
        raw.SQLITE_IOERR or raw.SQLITE_CORRUPT or raw.SQLITE_NOTADB or raw.SQLITE_CANTOPEN or raw.SQLITE_READONLY or raw.SQLITE_INTERRUPT =>
            new StoreException(StoreFailure.Unavailable, "The database cannot be used now.", error),
        _ => error,
    };

    /// <summary>The file is not a database, or not one that fits together.</summary>
    public static bool IsDamage(Exception? error) => error is SqliteException { SqliteErrorCode: raw.SQLITE_CORRUPT or raw.SQLITE_NOTADB };

    /// <summary>A full disk, a failed read or another program's lock, which say nothing about what the file holds.</summary>
    public static bool SaysNothingOfTheFile(Exception? error) =>
        error is SqliteException { SqliteErrorCode: raw.SQLITE_FULL or raw.SQLITE_BUSY or raw.SQLITE_LOCKED or raw.SQLITE_IOERR };
}
