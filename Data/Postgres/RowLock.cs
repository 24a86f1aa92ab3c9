using System.Data.Common;
using Dapper;

namespace AiChat.Data.Postgres;

/// <summary>
/// What makes a piece of work that reads and then writes wait for others that would do the same: SQLite has one writer, on PostgreSQL such
/// a piece first locks the row of the owner, or one that stands for something shared. The lock ends with the transaction. Take that of an
/// owner before a shared one, and the audit's last.
/// </summary>
internal static class RowLock
{
    /// <summary>Who has an account and which role.</summary>
    public const string Accounts = "accounts";

    public const string Guests = "guests";

    /// <summary>Connections to providers and their models.</summary>
    public const string Catalog = "catalog";

    public const string Settings = "settings";

    public const string Audit = "audit";

    /// <summary>What one user has and may use.</summary>
    public static void User(DbConnection connection, long userId)
    {
        if (connection is PostgresConnection postgres && postgres.AddLock("user", userId))
        {
            using var deferred = Deferred.On(connection);
            connection.Execute("select 1 from users where id = @userId for no key update", new { userId });
        }
    }

    /// <summary>What one user may spend, and for a guest what all guests may.</summary>
    public static void Spender(DbConnection connection, long userId)
    {
        User(connection, userId);
        if (connection is PostgresConnection postgres && postgres.AddLock("spender", userId))
        {
            using var deferred = Deferred.On(connection);
            connection.Execute("""
                select 1 from shared_locks
                where name = 'guests' and exists (select 1 from users where id = @userId and role = 'GUEST')
                for update
                """, new { userId });
        }
    }

    public static void Shared(DbConnection connection, string name)
    {
        if (connection is PostgresConnection postgres && postgres.AddLock(name, 0))
        {
            using var deferred = Deferred.On(connection);
            connection.Execute("select 1 from shared_locks where name = @name for update", new { name });
        }
    }
}
