using System.Data.Common;
using Dapper;

namespace AiChat.Data.Postgres;

/// <summary>
/// Small things that processes on one database share: what is counted together, and what the next step of a client needs.
/// </summary>
internal static class SharedRows
{
    /// <summary>Takes a token of a bucket, which is full when it is new.</summary>
    /// <param name="refill">Milliseconds until one token is added.</param>
    /// <returns>0 when a token was taken, else the milliseconds until there is one.</returns>
    public static double Take(DbConnection connection, string name, string key, double capacity, double refill, long at)
    {
        var left = connection.QueryFirstOrDefault<double?>("""
            insert into throttles (name, key, amount, at) values (@name, @key, @capacity - 1, @at)
            on conflict (name, key) do update set at = excluded.at,
                amount = least(@capacity, throttles.amount + greatest(excluded.at - throttles.at, 0) / @refill) - 1
            where least(@capacity, throttles.amount + greatest(excluded.at - throttles.at, 0) / @refill) >= 1
            returning amount
            """, new { name, key, capacity, refill, at });
        return left is not null ? 0 : connection.QueryFirstOrDefault<double>("""
            select greatest(1, (1 - least(@capacity, amount + greatest(@at - at, 0) / @refill)) * @refill)
            from throttles
            where name = @name and key = @key
            """, new { name, key, capacity, refill, at });
    }

    /// <summary>Gives a token back.</summary>
    public static void Return(DbConnection connection, string name, string key) => connection.Execute("""
        update throttles set amount = amount + 1 where name = @name and key = @key
        """, new { name, key });

    /// <summary>Counts one more.</summary>
    /// <returns>How many there are now.</returns>
    public static long Count(DbConnection connection, string name, string key, long at) => (long)connection.QuerySingle<double>("""
        insert into throttles (name, key, amount, at) values (@name, @key, 1, @at)
        on conflict (name, key) do update set amount = throttles.amount + 1, at = excluded.at
        returning amount
        """, new { name, key, at });

    /// <summary>What was counted, and when last.</summary>
    public static CountRow? Counted(DbConnection connection, string name, string key) => connection.QueryFirstOrDefault<CountRow>("""
        select cast(amount as bigint) as amount, at from throttles where name = @name and key = @key
        """, new { name, key });

    public static void Drop(DbConnection connection, string name, string key) => connection.Execute("""
        delete from throttles where name = @name and key = @key
        """, new { name, key });

    public static void Keep(DbConnection connection, string name, string key, string value, long seconds) => connection.Execute("""
        insert into brief_states (name, key, value, until)
        values (@name, @key, @value, clock_timestamp() + @seconds * interval '1 second')
        on conflict (name, key) do update set value = excluded.value, until = excluded.until
        """, new { name, key, value, seconds });

    public static string? Kept(DbConnection connection, string name, string key) => connection.QueryFirstOrDefault<string>("""
        select value from brief_states where name = @name and key = @key and until > clock_timestamp()
        """, new { name, key });

    /// <summary>Removes what is over: no bucket takes longer than an hour to be full, and no failure counts for longer.</summary>
    public static void Forget(DbConnection connection, long at)
    {
        var before = at - 7_200_000;
        connection.Execute("delete from throttles where at < @before", new { before });
        connection.Execute("delete from brief_states where until < clock_timestamp()");
    }
}

/// <summary>What was counted together; the time in milliseconds since 1970.</summary>
internal sealed record CountRow
{
    public long Amount { get; init; }

    public long At { get; init; }
}
