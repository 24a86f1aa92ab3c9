using System.Data.Common;
using AiChat.Data.Engine;
using Dapper;

namespace AiChat.Data.Postgres;

/// <summary>
/// What each process holds of the counters of use for the calls that it makes. SQLite has one process, which may forget all of it at its
/// start; here it is given back when the process is declared gone.
/// </summary>
internal static class HeldCalls
{
    // One more limit than where the process knows its runs: how many answers are written for the user now, by all processes.
    private const string Verdict = LimitVerdict.Sums + """
        when @MaxRuns > 0 and (select count(*) from held_calls where user_id = @UserId and run = true) >= @MaxRuns then 9

        """ + LimitVerdict.Words;

    /// <summary>Admits a call and notes what the process of this connection holds for it.</summary>
    /// <returns>Null when it is refused.</returns>
    /// <exception cref="StoreException">The process was declared gone and begins nothing.</exception>
    public static AdmittedRow? Enter(DbConnection connection, LimitParameters ask)
    {
        var admitted = connection.QuerySingleOrDefault<AdmittedRow>($"""
            {Verdict},
            admitted as (
                {LimitVerdict.Hold}
            ),
            node as (
                select boot_id from nodes where boot_id = @BootId for key share
            ),
            held as (
                insert into held_calls (boot_id, user_id, day, messages, tokens, nanos, api_key_id, guest, run)
                select node.boot_id, @UserId, @Day, @Count, @Tokens, @Nanos, @ApiKeyId, limits.guest, @IsRun from admitted, node, limits
                returning id
            )
            select admitted.used, limits.guest, limits.messages as daily_limit, (select id from held) as held_id from admitted, limits
            """, ask);
        return admitted is not { HeldId: null } ? admitted
            : throw new StoreException(StoreFailure.Unavailable, "This process was away for too long and begins anew.");
    }

    /// <summary>Why a call is refused.</summary>
    public static RefusedRow? Refusal(DbConnection connection, LimitParameters ask) => connection.QuerySingleOrDefault<RefusedRow>($"""
        {Verdict}
        select word, case when word = 9 then @MaxRuns else ({LimitVerdict.Amount}) end as amount from verdict
        """, ask);

    /// <returns>False when it was given back before, because the process was declared gone.</returns>
    public static bool Remove(DbConnection connection, long id) =>
        connection.Execute("delete from held_calls where id = @id", new { id }) > 0;

    /// <summary>The users for whom a process that is gone held something.</summary>
    public static List<long> Orphans(DbConnection connection) => connection.Query<long>("""
        select distinct user_id from held_calls
        where not exists (select 1 from nodes where nodes.boot_id = held_calls.boot_id)
        order by user_id
        limit 100000
        """).ToList();

    /// <summary>Gives back what processes that are gone held for one user.</summary>
    public static void Release(DbConnection connection, long userId)
    {
        RowLock.Spender(connection, userId);
        var gone = connection.Query<HeldRow>("""
            delete from held_calls
            where user_id = @userId and not exists (select 1 from nodes where nodes.boot_id = held_calls.boot_id)
            returning day, messages, tokens, nanos, api_key_id, guest
            """, new { userId }).ToList();
        foreach (var held in gone)
        {
            connection.Execute("""
                update daily_usage set held_messages = greatest(held_messages - @Messages, 0),
                    held_tokens = greatest(held_tokens - @Tokens, 0), held_nanos = greatest(held_nanos - @Nanos, 0)
                where user_id = @userId and day = @Day
                """, new { userId, held.Day, held.Messages, held.Tokens, held.Nanos });
            connection.Execute("""
                update api_key_days set held_nanos = greatest(held_nanos - @Nanos, 0) where api_key_id = @ApiKeyId and day = @Day
                """, new { held.ApiKeyId, held.Day, held.Nanos });
            if (held.Guest)
            {
                connection.Execute("""
                    update guest_days set held = greatest(held - @Messages, 0) where day = @Day
                    """, new { held.Day, held.Messages });
            }
        }
    }
}

/// <summary>What a call held.</summary>
internal sealed record HeldRow
{
    public long Day { get; init; }

    public long Messages { get; init; }

    public long Tokens { get; init; }

    public long Nanos { get; init; }

    public long? ApiKeyId { get; init; }

    public bool Guest { get; init; }
}
