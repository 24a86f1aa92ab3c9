using Dapper;
using Microsoft.Data.Sqlite;

namespace AiChat.Data;

/// <summary>The ledger of provider calls and the daily counters that limits are enforced on.</summary>
internal sealed class Usage(Db db)
{
    /// <summary>What a user may send today (null is unlimited) and has sent.</summary>
    public Task<(long? Limit, long Used)> Quota(long userId, long? defaultLimit, DateTimeOffset now)
    {
        var day = Days.Of(now);
        return db.Read(connection => (Limit(connection, userId, defaultLimit), MessagesUsed(connection, userId, day)));
    }

    internal static long? Limit(SqliteConnection connection, long userId, long? defaultLimit) => connection.ExecuteScalar<long?>("""
        select case when unlimited = 1 then null else coalesce(daily_limit, @defaultLimit) end from users where id = @userId
        """, new { userId, defaultLimit });

    /// <summary>Counts one message if the limit allows it; one statement, so that two at once cannot both take the last.</summary>
    internal static bool TakeMessage(SqliteConnection connection, long userId, long day, long? limit) => connection.Execute("""
        insert into daily_usage (user_id, day, messages)
        select @userId, @day, 1 where @limit is null or @limit > 0
        on conflict (user_id, day) do update set messages = messages + 1 where @limit is null or messages < @limit
        """, new { userId, day, limit }) == 1;

    internal static void ReturnMessage(SqliteConnection connection, long userId, long day) => connection.Execute("""
        update daily_usage set messages = messages - 1 where user_id = @userId and day = @day and messages > 0
        """, new { userId, day });

    internal static long MessagesUsed(SqliteConnection connection, long userId, long day) => connection.ExecuteScalar<long>("""
        select coalesce(max(messages), 0) from daily_usage where user_id = @userId and day = @day
        """, new { userId, day });

    internal static void Record(SqliteConnection connection, FinishedRun run, long at, long day)
    {
        connection.Execute("""
            insert into usage_entries (user_id, session_id, message_id, run_id, connection_id, model, provider, status, prompt_tokens,
                completion_tokens, reasoning_tokens, cached_tokens, source, price, cost_nanos, first_token_ms, total_ms, created_at)
            values (@UserId, @SessionId, @MessageId, @RunId, @ConnectionId, @Model, @Provider, @Status, @PromptTokens,
                @CompletionTokens, @ReasoningTokens, @CachedTokens, @UsageSource, @Price, @CostNanos, @FirstTokenMs, @TotalMs, @at)
            """, new
        {
            run.UserId,
            run.SessionId,
            run.MessageId,
            run.RunId,
            run.ConnectionId,
            run.Model,
            run.Provider,
            run.Status,
            run.PromptTokens,
            run.CompletionTokens,
            run.ReasoningTokens,
            run.CachedTokens,
            run.UsageSource,
            run.Price,
            run.CostNanos,
            run.FirstTokenMs,
            run.TotalMs,
            at,
        });
        var tokens = run.PromptTokens + run.CompletionTokens;
        connection.Execute("""
            insert into daily_usage (user_id, day, tokens, cost_nanos)
            values (@UserId, @day, @tokens, @CostNanos)
            on conflict (user_id, day) do update set tokens = tokens + excluded.tokens, cost_nanos = cost_nanos + excluded.cost_nanos
            """, new { run.UserId, day, tokens, run.CostNanos });
    }
}
