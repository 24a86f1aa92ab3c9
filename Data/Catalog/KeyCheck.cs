using System.Data.Common;
using AiChat.Data.Store;
using Dapper;

namespace AiChat.Data.Catalog;

/// <summary>The row that shows whether the master key is the one that this database was written with.</summary>
internal static class KeyCheck
{
    public static Task<KeyCheckRow> Find(Db db) => db.Read(connection => connection.QuerySingle<KeyCheckRow>("""
        select
            (select value from settings where key = 'internal.key_check') as value,
            exists (
                select 1 from connections
                where secret_keys is not null or secret_headers is not null or secret_proxy is not null)
            or exists (
                select 1 from settings
                where key <> 'internal.key_check' and (value like 'v1.%.%.%' or value like '"v1.%.%.%"')) as in_use
        """));

    /// <summary>The proof alone, of a database of any schema; null when there is none yet.</summary>
    public static string? Value(DbConnection connection) =>
        connection.QuerySingleOrDefault<string>("select value from settings where key = 'internal.key_check'");

    /// <summary>
    /// Gives up a key that is lost: the next start takes another. What the lost one sealed stays and cannot be read.
    /// </summary>
    public static int Forget(DbConnection connection) => connection.Execute("delete from settings where key = 'internal.key_check'");

    /// <summary>Its time stays that of the first one, by which the database is recognised (<c>WalRecoveryCheck</c>).</summary>
    public static Task Replace(Db db, string value, DateTimeOffset now)
    {
        var at = now.ToUnixTimeMilliseconds();
        return db.Write(connection =>
        {
            connection.Execute("""
                insert into settings (key, value, updated_at) values ('internal.key_check', @value, @at)
                on conflict (key) do update set value = excluded.value
                """, new { value, at });
        });
    }
}

internal sealed class KeyCheckRow
{
    public string? Value { get; init; }

    /// <summary>Whether the database holds anything that only the key can decrypt.</summary>
    public bool InUse { get; init; }
}
