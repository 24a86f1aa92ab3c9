namespace AiChat.Data.Engine;

/// <summary>
/// The parts of the statement that decides about a call to a provider, which each engine puts together for itself: on PostgreSQL there may
/// be several processes.
/// </summary>
internal static class LimitVerdict
{
    /// <summary>What the decision is made from.</summary>
    public const string Sums = """
        with spent as (
            select
                coalesce(sum(messages + held_messages) filter (where day = @Day), 0) as messages,
                coalesce(sum(tokens + held_tokens) filter (where day = @Day), 0) as day_tokens,
                coalesce(sum(tokens + held_tokens), 0) as month_tokens,
                coalesce(sum(cost_nanos + held_nanos) filter (where day = @Day), 0) as day_nanos,
                coalesce(sum(cost_nanos + held_nanos), 0) as month_nanos
            from daily_usage
            where user_id = @UserId and day between @FirstDay and @Day
        ),
        limits as (
            select
                role = 'GUEST' as guest,
                case when unlimited = true then null when role = 'GUEST' then @GuestMessages when role = 'ADMIN' then daily_limit
                    else coalesce(daily_limit, @Messages) end as messages,
                nullif(coalesce(daily_token_budget, @DailyTokens), -1) as day_tokens,
                nullif(coalesce(monthly_token_budget, @MonthlyTokens), -1) as month_tokens,
                nullif(coalesce(daily_nanos_budget, @DailyNanos), -1) as day_nanos,
                nullif(coalesce(monthly_nanos_budget, @MonthlyNanos), -1) as month_nanos,
                (select daily_budget_nanos from api_keys where id = @ApiKeyId) as key_nanos
            from users
            where id = @UserId
        ),
        money as (
            select
                coalesce(spent.day_nanos >= limits.day_nanos, false) as day_is_spent,
                coalesce(coalesce((select cost_nanos + held_nanos from api_key_days where api_key_id = @ApiKeyId and day = @Day), 0)
                    >= limits.key_nanos, false) as key_is_spent,
                coalesce(spent.month_nanos >= limits.month_nanos, false) as month_is_spent
            from limits, spent
        ),
        verdict as (
            select limits.messages, limits.day_tokens, limits.day_nanos, limits.key_nanos, limits.month_tokens, limits.month_nanos,
                money.day_is_spent or money.key_is_spent or money.month_is_spent as money_is_spent, case

        """;

    /// <summary>The decision: the number of a limit that is used up, or 0.</summary>
    public const string Words = """
                when spent.messages + @Needs > limits.messages or limits.messages = 0 then 1
                when @Needs > 0 and limits.guest
                    and coalesce((select messages + held from guest_days where day = @Day), 0) + @Needs > @AllGuestsMessages then 2
                when spent.day_tokens >= limits.day_tokens then 3
                when money.day_is_spent and @Free = 0 then 4
                when money.key_is_spent and @Free = 0 then 5
                when spent.month_tokens >= limits.month_tokens then 6
                when money.month_is_spent and @Free = 0 then 7
                else 0
            end as word
            from limits, spent, money
        )
        """;

    /// <summary>What an admitted call holds.</summary>
    public const string Hold = """
        insert into daily_usage (user_id, day, held_messages, held_tokens, held_nanos)
        select @UserId, @Day, @Count, @Tokens, @Nanos from verdict where word = 0
        on conflict (user_id, day) do update set held_messages = daily_usage.held_messages + excluded.held_messages,
            held_tokens = daily_usage.held_tokens + excluded.held_tokens, held_nanos = daily_usage.held_nanos + excluded.held_nanos
        returning messages + held_messages as used
        """;

    /// <summary>The limit that refuses.</summary>
    public const string Amount = """
        case word when 1 then messages when 2 then @AllGuestsMessages when 3 then day_tokens when 4 then day_nanos
            when 5 then key_nanos when 6 then month_tokens when 7 then month_nanos else 0 end
        """;
}

/// <summary>The parameters of the statement that decides.</summary>
internal sealed record LimitParameters
{
    /// <summary>Names this process where there may be others.</summary>
    public required string? BootId { get; init; }

    /// <summary>Answers that may be written for the user at once by all processes; 0 is any number.</summary>
    public required long MaxRuns { get; init; }

    public required bool IsRun { get; init; }

    public required long UserId { get; init; }

    public required long? ApiKeyId { get; init; }

    public required long Count { get; init; }

    public required long Needs { get; init; }

    public required long Tokens { get; init; }

    public required long Nanos { get; init; }

    public required long Free { get; init; }

    public required long Day { get; init; }

    public required long FirstDay { get; init; }

    public required long? Messages { get; init; }

    public required long? GuestMessages { get; init; }

    public required long? AllGuestsMessages { get; init; }

    public required long? DailyTokens { get; init; }

    public required long? MonthlyTokens { get; init; }

    public required long? DailyNanos { get; init; }

    public required long? MonthlyNanos { get; init; }
}

internal sealed record RefusedRow
{
    public long Word { get; init; }

    public long Amount { get; init; }
}

internal sealed record AdmittedRow
{
    public long Used { get; init; }

    public bool Guest { get; init; }

    public long? DailyLimit { get; init; }

    /// <summary>Where it is noted that this process holds it; null where there is only one.</summary>
    public long? HeldId { get; init; }
}
