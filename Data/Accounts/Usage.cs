using System.Data.Common;
using AiChat.Data.Postgres;
using AiChat.Data.Store;
using Dapper;

namespace AiChat.Data.Accounts;

/// <summary>The ledger of provider calls, and the messages a user has left today.</summary>
internal sealed class Usage(Db db)
{
    /// <summary>The number of messages a user may send today (null is unlimited) and has sent.</summary>
    public Task<(long? Limit, long Used)> Quota(long userId, DefaultLimits defaults, DateTimeOffset now)
    {
        var day = UtcDay.From(now);
        return db.Read(connection => (Limit(connection, userId, defaults), MessagesUsed(connection, userId, day)));
    }

    /// <summary>A user's usage of today and of this month, open reservations included, as <see cref="UsageLimits"/> compares it.</summary>
    public Task<SpentRow> Spent(long userId, DateTimeOffset now)
    {
        var day = UtcDay.From(now);
        var first = UtcDay.FirstOfMonth(now);
        return db.Read(connection => connection.QuerySingle<SpentRow>("""
            select coalesce(sum(messages + held_messages) filter (where day = @day), 0) as messages,
                coalesce(sum(tokens + held_tokens) filter (where day = @day), 0) as day_tokens,
                coalesce(sum(tokens + held_tokens), 0) as month_tokens,
                coalesce(sum(cost_nanos + held_nanos) filter (where day = @day), 0) as day_nanos,
                coalesce(sum(cost_nanos + held_nanos), 0) as month_nanos
            from daily_usage
            where user_id = @userId and day between @first and @day
            """, new { userId, day, first }));
    }

    /// <summary>Admits a call outside of a run, or returns the reason of the refusal.</summary>
    public Task<LimitDecision> Enter(Admission call, DateTimeOffset now) =>
        db.Write(
            connection =>
            {
                RowLock.Spender(connection, call.UserId);
                return UsageLimits.Enter(connection, call, now);
            },
            owner: call.UserId);

    /// <summary>Settles a reservation, with a ledger entry for each call that began.</summary>
    public Task Settle(Reservation reservation, IReadOnlyList<LedgerEntry> used, DateTimeOffset now) =>
        db.Write(
            connection => UsageLimits.Settle(connection, reservation, used, now.ToUnixTimeMilliseconds()), owner: reservation.UserId);

    internal static long? Limit(DbConnection connection, long userId, DefaultLimits defaults) => connection.ExecuteScalar<long?>("""
        select case when unlimited = true then null when role = 'GUEST' then @GuestMessages when role = 'ADMIN' then daily_limit
            else coalesce(daily_limit, @Messages) end
        from users where id = @userId
        """, new { userId, defaults.Messages, defaults.GuestMessages });

    /// <summary>Includes messages that are being answered now.</summary>
    internal static long MessagesUsed(DbConnection connection, long userId, long day) => connection.ExecuteScalar<long>("""
        select coalesce(max(messages + held_messages), 0) from daily_usage where user_id = @userId and day = @day
        """, new { userId, day });

    internal static void Record(DbConnection connection, LedgerEntry entry, long at)
    {
        entry.CreatedAt = at;
        connection.Execute("""
            insert into usage_entries (user_id, session_id, message_id, run_id, api_key_id, connection_id, model, provider, status,
                prompt_tokens, completion_tokens, reasoning_tokens, cached_tokens, source, price, cost_nanos, saved_nanos, first_token_ms,
                total_ms, created_at)
            values (@UserId, @SessionId, @MessageId, @RunId, @ApiKeyId, @ConnectionId, @Model, @Provider, @Status, @PromptTokens,
                @CompletionTokens, @ReasoningTokens, @CachedTokens, @Source, @Price, @CostNanos, @SavedNanos, @FirstTokenMs, @TotalMs,
                @CreatedAt)
            """, entry);
    }
}

/// <summary>One user's usage; nanos are 1e-9 of the currency unit.</summary>
internal sealed class SpentRow
{
    public long Messages { get; init; }

    public long DayTokens { get; init; }

    public long MonthTokens { get; init; }

    public long DayNanos { get; init; }

    public long MonthNanos { get; init; }
}

/// <summary>One call to a provider. What it used is added when it has ended.</summary>
internal sealed record LedgerEntry
{
    /// <summary>It failed before the provider sent anything: it is recorded as failed and costs neither tokens nor a message.</summary>
    public bool BroughtNothing => Status == "failed" && PromptTokens + CompletionTokens == 0;

    public required long UserId { get; init; }

    public long? SessionId { get; init; }

    public long? MessageId { get; init; }

    public long? RunId { get; init; }

    public long? ApiKeyId { get; init; }

    public long? ConnectionId { get; init; }

    public required string Model { get; init; }

    public required string Provider { get; init; }

    public required string Status { get; init; }

    public long PromptTokens { get; set; }

    public long CompletionTokens { get; set; }

    public long ReasoningTokens { get; set; }

    public long CachedTokens { get; set; }

    /// <summary>provider or estimate.</summary>
    public required string Source { get; set; }

    /// <summary>The price at the time of the call, as JSON.</summary>
    public string? Price { get; set; }

    public long CostNanos { get; set; }

    /// <summary>What the provider's prompt cache saved of the price.</summary>
    public long SavedNanos { get; set; }

    public long? FirstTokenMs { get; set; }

    public long? TotalMs { get; set; }

    /// <summary>When it was recorded.</summary>
    public long CreatedAt { get; set; }
}
