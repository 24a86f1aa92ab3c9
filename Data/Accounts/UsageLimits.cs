using System.Data.Common;
using AiChat.Data.Engine;
using AiChat.Data.Postgres;
using AiChat.Data.Store;
using Dapper;

namespace AiChat.Data.Accounts;

/// <summary>
/// Decides about every call to a provider. A call is admitted while its user has a message left and everything spent and reserved so far
/// is below each budget; it then reserves one message and an estimate of its tokens and money. When it ends, the reservation is replaced
/// by its real use, or by nothing when the provider sent nothing. So counters and ledger always agree, concurrent calls cannot take the
/// same last message, and a budget is exceeded by one call's own use at most. Money budgets do not stop a call that is free.
/// </summary>
internal static class UsageLimits
{
    /// <summary>Days with calls among which are those of all calls that run: none runs for so long.</summary>
    private const int MaxDaysHeld = 8;

    // The whole decision; the statement that acts on it follows in the same text, so that nothing can come between the two.
    private const string Verdict = LimitVerdict.Sums + LimitVerdict.Words;

    /// <summary>Admits the call and reserves what it asks for, or returns why not; inside <see cref="Db.Write{T}"/>.</summary>
    public static LimitDecision Enter(DbConnection connection, Admission call, DateTimeOffset now)
    {
        var day = UtcDay.From(now);
        var ask = Parameters(call, day, UtcDay.FirstOfMonth(now), (connection as PostgresConnection)?.BootId);
        var admitted = ask.BootId is not null ? HeldCalls.Enter(connection, ask) : connection.QuerySingleOrDefault<AdmittedRow>($"""
            {Verdict}
            {LimitVerdict.Hold}, (select role = 'GUEST' from users where id = @UserId) as guest,
                (select messages from limits) as daily_limit
            """, ask);
        if (admitted is null)
        {
            var refused = ask.BootId is not null ? HeldCalls.Refusal(connection, ask) : connection.QuerySingleOrDefault<RefusedRow>($"""
                {Verdict}
                select word, {LimitVerdict.Amount} as amount from verdict
                """, ask);
            var refusal = refused is null
                ? new LimitRefusal(LimitResult.Nobody, 0)
                : new LimitRefusal((LimitResult)refused.Word, refused.Amount);
            return new LimitDecision(refusal, null, 0, null);
        }

        // A free call reserves no money, so the statement still sees the state before it.
        var onlyFree = call.Free && connection.ExecuteScalar<long>($"""
            {Verdict}
            select count(*) from verdict where money_is_spent
            """, ask) > 0;
        var reservation = new Reservation(call.UserId, day, call.Count, call.Tokens, call.Nanos, call.ApiKeyId, admitted.Guest, onlyFree)
        {
            HeldId = admitted.HeldId,
        };
        ReserveForKeyAndGuests(connection, reservation);
        return new LimitDecision(null, reservation, admitted.Used, admitted.DailyLimit);
    }

    /// <summary>Replaces the reservation by the real use of its calls; it costs nothing when the provider sent nothing.</summary>
    public static void Settle(DbConnection connection, Reservation reservation, IReadOnlyList<LedgerEntry> used, long at)
    {
        var (counted, tokens, cost) = (0L, 0L, 0L);
        foreach (var call in used)
        {
            counted = call.BroughtNothing ? counted : reservation.Messages;
            tokens += call.PromptTokens + call.CompletionTokens;
            cost += call.CostNanos;
        }

        if (reservation.HeldId is { } held && !HeldCalls.Remove(connection, held))
        {
            reservation = reservation with { Messages = 0, Tokens = 0, Nanos = 0 }; // given back already
        }

        using var deferred = Deferred.On(connection);
        connection.Execute("""
            update daily_usage set messages = messages + @counted, tokens = tokens + @used, cost_nanos = cost_nanos + @cost,
                held_messages = case when held_messages > @Messages then held_messages - @Messages else 0 end,
                held_tokens = case when held_tokens > @Tokens then held_tokens - @Tokens else 0 end,
                held_nanos = case when held_nanos > @Nanos then held_nanos - @Nanos else 0 end
            where user_id = @UserId and day = @Day
            """, new
        {
            reservation.UserId,
            reservation.Day,
            reservation.Messages,
            reservation.Tokens,
            reservation.Nanos,
            counted,
            used = tokens,
            cost,
        });
        if (reservation.ApiKeyId is not null)
        {
            connection.Execute("""
                update api_key_days set cost_nanos = cost_nanos + @cost,
                    held_nanos = case when held_nanos > @Nanos then held_nanos - @Nanos else 0 end
                where api_key_id = @ApiKeyId and day = @Day
                """, new { reservation.ApiKeyId, reservation.Day, reservation.Nanos, cost });
        }

        if (reservation.Guest)
        {
            connection.Execute("""
                update guest_days set messages = messages + @counted, held = case when held > @Messages then held - @Messages else 0 end
                where day = @Day
                """, new { reservation.Day, reservation.Messages, counted });
        }

        foreach (var call in used)
        {
            Usage.Record(connection, call, at);
        }
    }

    /// <summary>Counts a call that an earlier process admitted and whose reservation is gone.</summary>
    public static void Charge(DbConnection connection, LedgerEntry used, long day, long at)
    {
        var tokens = used.PromptTokens + used.CompletionTokens;
        connection.Execute("""
            insert into daily_usage (user_id, day, messages, tokens, cost_nanos)
            select @UserId, @day, 1, @tokens, @CostNanos where exists (select 1 from users where id = @UserId)
            on conflict (user_id, day) do update set messages = daily_usage.messages + 1,
                tokens = daily_usage.tokens + excluded.tokens, cost_nanos = daily_usage.cost_nanos + excluded.cost_nanos
            """, new { used.UserId, day, tokens, used.CostNanos });
        Usage.Record(connection, used, at);
    }

    /// <summary>Removes all reservations, which are those of an earlier process. Call while nothing runs.</summary>
    public static void Reset(DbConnection connection)
    {
        connection.Execute("""
            update daily_usage set held_messages = 0, held_tokens = 0, held_nanos = 0
            where day in (select distinct day from daily_usage order by day desc limit @MaxDaysHeld)
                and held_messages + held_tokens + held_nanos > 0
            """, new { MaxDaysHeld });
        connection.Execute("update api_key_days set held_nanos = 0 where held_nanos > 0");
        connection.Execute("update guest_days set held = 0 where held > 0");
    }

    private static LimitParameters Parameters(Admission call, long day, long firstDay, string? bootId) => new()
    {
        BootId = bootId,
        MaxRuns = call.MaxRuns ?? 0,
        IsRun = call.MaxRuns is not null,
        UserId = call.UserId,
        ApiKeyId = call.ApiKeyId,
        Count = call.Count,
        Needs = call.Needs ?? call.Count,
        Tokens = call.Tokens,
        Nanos = call.Nanos,
        Free = call.Free ? 1 : 0,
        Day = day,
        FirstDay = firstDay,
        Messages = call.Defaults.Messages,
        GuestMessages = call.Defaults.GuestMessages,
        AllGuestsMessages = call.Defaults.AllGuestsMessages,
        DailyTokens = call.Defaults.DailyTokens,
        MonthlyTokens = call.Defaults.MonthlyTokens,
        DailyNanos = call.Defaults.DailyNanos,
        MonthlyNanos = call.Defaults.MonthlyNanos,
    };

    private static void ReserveForKeyAndGuests(DbConnection connection, Reservation reservation)
    {
        using var deferred = Deferred.On(connection);
        if (reservation.ApiKeyId is not null)
        {
            connection.Execute("""
                insert into api_key_days (api_key_id, day, held_nanos) values (@ApiKeyId, @Day, @Nanos)
                on conflict (api_key_id, day) do update set held_nanos = api_key_days.held_nanos + excluded.held_nanos
                """, new { reservation.ApiKeyId, reservation.Day, reservation.Nanos });
        }

        if (reservation.Guest)
        {
            connection.Execute("""
                insert into guest_days (day, held) values (@Day, @Messages)
                on conflict (day) do update set held = guest_days.held + excluded.held
                """, new { reservation.Day, reservation.Messages });
        }
    }
}

/// <summary>The limit that is used up. The numbers are those of the SQL statement.</summary>
internal enum LimitResult
{
    /// <summary>The user's messages of this day.</summary>
    Messages = 1,

    /// <summary>The messages of this day of all guests together.</summary>
    GuestMessages = 2,

    DayTokens = 3,
    DayMoney = 4,

    /// <summary>The money of this day of the API key.</summary>
    KeyMoney = 5,

    MonthTokens = 6,
    MonthMoney = 7,

    /// <summary>The account is gone.</summary>
    Nobody = 8,

    /// <summary>As many answers are being written for the user, by all processes together.</summary>
    Runs = 9,
}

/// <summary>Why a call is not admitted.</summary>
/// <param name="Result">The limit that is used up.</param>
/// <param name="Amount">That limit: messages, tokens or nanos.</param>
internal sealed record LimitRefusal(LimitResult Result, long Amount);

/// <summary>Limits for users without their own; null is none. Nanos are 1e-9 of the currency unit.</summary>
internal sealed record DefaultLimits(
    long? Messages, long? GuestMessages, long? AllGuestsMessages,
    long? DailyTokens, long? MonthlyTokens, long? DailyNanos, long? MonthlyNanos);

/// <summary>A call that asks for admission.</summary>
internal sealed record Admission(long UserId, long? ApiKeyId, DefaultLimits Defaults)
{
    /// <summary>
    /// Messages it counts as: 0 for calls of the server itself, such as a title, and for a step of an agent; budgets apply to these too.
    /// </summary>
    public long Count { get; init; } = 1;

    /// <summary>
    /// Messages that must be left, if that is not <see cref="Count"/>. Whatever it is, an account whose limit is 0 makes no call at all.
    /// </summary>
    public long? Needs { get; init; }

    /// <summary>
    /// Answers that may be written for the user at once by all processes on the database, where there are several; 0 is any number, null is
    /// no answer.
    /// </summary>
    public long? MaxRuns { get; init; }

    /// <summary>Tokens it is expected to use, answer included.</summary>
    public long Tokens { get; init; }

    public long Nanos { get; init; }

    /// <summary>The model's price is 0. A model without a price is not free, because its cost is unknown.</summary>
    public bool Free { get; init; }
}

/// <summary>The decision about a call: a refusal or a reservation.</summary>
/// <param name="Refusal">Why it is not admitted.</param>
/// <param name="Reservation">What is reserved for it.</param>
/// <param name="Used">The user's messages of this day, including those that are being answered now.</param>
/// <param name="DailyLimit">Messages a day; null is unlimited.</param>
internal sealed record LimitDecision(LimitRefusal? Refusal, Reservation? Reservation, long Used, long? DailyLimit);

/// <summary>What is reserved for a running call.</summary>
/// <param name="OnlyFree">It was admitted only because it is free; no model with a price may replace its model.</param>
internal sealed record Reservation(
    long UserId, long Day, long Messages, long Tokens, long Nanos, long? ApiKeyId, bool Guest, bool OnlyFree = false)
{
    /// <summary>Where it is noted that this process holds it; null where there is only one.</summary>
    public long? HeldId { get; init; }
}
