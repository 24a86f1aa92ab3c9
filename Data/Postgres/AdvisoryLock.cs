using System.Data.Common;
using Dapper;

namespace AiChat.Data.Postgres;

/// <summary>
/// What keeps processes apart before there is a row to lock. Nothing else takes advisory locks, and <c>?advisory_locks=off</c> does without
/// them, for a database that has none: then one process starts first, and nobody moves a store while others run.
/// </summary>
internal static class AdvisoryLock
{
    /// <summary>Any number, the same in every process.</summary>
    private const long MigrationKey = 0x4169_4368_6174;

    /// <summary>Any other number, the same in every process.</summary>
    private const long ClaimKey = 0x4169_4368_6175;

    /// <summary>Until the transaction ends: of several processes that start at once one makes the tables; the others find them.</summary>
    public static void TakeToMigrate(DbConnection connection, PostgresUrl url)
    {
        if (url.HasAdvisoryLocks)
        {
            connection.Execute("select pg_advisory_xact_lock(@MigrationKey)", new { MigrationKey });
        }
    }

    /// <summary>For as long as the connection lives. Not behind a pooler, where no connection belongs to a process.</summary>
    /// <param name="connection">Of its own.</param>
    /// <param name="alone">Keeps all others away; else only those that are alone.</param>
    public static void Claim(DbConnection connection, bool alone)
    {
        if (alone)
        {
            connection.Execute("select pg_advisory_lock(@ClaimKey)", new { ClaimKey });
        }
        else
        {
            connection.Execute("select pg_advisory_lock_shared(@ClaimKey)", new { ClaimKey });
        }
    }

    public static bool CanClaim(PostgresUrl url) => url is { HasAdvisoryLocks: true, IsPooled: false };
}
