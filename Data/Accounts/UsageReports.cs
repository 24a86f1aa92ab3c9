using AiChat.Data.Store;
using Dapper;

namespace AiChat.Data.Accounts;

/// <summary>Sums over the ledger. Each reads one index range and returns at most <see cref="MaxGroups"/> lines.</summary>
internal sealed class UsageReports(Db db)
{
    public const int MaxGroups = 1_000;

    private const string Sums = """
        count(*) as calls, sum(prompt_tokens) as prompt_tokens, sum(completion_tokens) as completion_tokens,
        sum(reasoning_tokens) as reasoning_tokens, sum(cached_tokens) as cached_tokens, sum(cost_nanos) as cost_nanos,
        sum(saved_nanos) as saved_nanos,
        count(*) filter (where status = 'failed') as failed,
        cast(sum(first_token_ms) as bigint) / nullif(count(first_token_ms), 0) as average_first_token_ms
        """;

    /// <summary>The cost of a chat; empty for a chat of somebody else.</summary>
    public Task<UsageSums> OfSession(long userId, long sessionId) => db.Read(connection => connection.QuerySingle<UsageSums>($"""
        select {Sums}
        from usage_entries
        where session_id = @sessionId and user_id = @userId
        """, new { userId, sessionId }));

    /// <summary>The last call of a chat that returned something, if there was one.</summary>
    public Task<LastCallRow?> LastOfSession(long userId, long sessionId) => db.Read(connection =>
        connection.QueryFirstOrDefault<LastCallRow>("""
            select message_id, model, prompt_tokens, completion_tokens, reasoning_tokens, cached_tokens, cost_nanos, source
            from usage_entries
            where session_id = @sessionId and user_id = @userId and (status <> 'failed' or prompt_tokens + completion_tokens > 0)
            order by created_at desc, id desc
            limit 1
            """, new { userId, sessionId }));

    /// <summary>The sums of one user in a time range: by day oldest first, otherwise most expensive first.</summary>
    public Task<List<UsageSums>> OfUser(long userId, UsageBy by, long from, long to, CancellationToken cancel)
    {
        var range = new UsageRange(userId, from, to, MaxGroups);
        return db.ReadLong(userId, connection => (by switch
        {
            UsageBy.Model => connection.Query<UsageSums>($"""
                select min(connection_id) as id, model as name, provider, {Sums}
                from usage_entries
                where user_id = @UserId and created_at >= @From and created_at < @To
                group by connection_id, model, provider
                order by cost_nanos desc, calls desc, name
                limit @Limit
                """, range),
            UsageBy.Session => connection.Query<UsageSums>($"""
                select e.session_id as id,
                    (select s.title from sessions s where s.id = e.session_id and s.user_id = @UserId) as name, {Sums}
                from usage_entries e
                where e.user_id = @UserId and e.created_at >= @From and e.created_at < @To
                group by e.session_id
                order by cost_nanos desc, calls desc, e.session_id
                limit @Limit
                """, range),
            _ => connection.Query<UsageSums>($"""
                select created_at / 86400000 as id, {Sums}
                from usage_entries
                where user_id = @UserId and created_at >= @From and created_at < @To
                group by created_at / 86400000
                order by id
                limit @Limit
                """, range),
        }).ToList(), cancel);
    }

    /// <summary>The sums of all users.</summary>
    public Task<List<UsageSums>> OfAll(long askerId, UsageBy by, long from, long to, CancellationToken cancel)
    {
        var range = new UsageRange(0, from, to, MaxGroups);
        return db.ReadLong(askerId, connection => (by switch
        {
            UsageBy.Model => connection.Query<UsageSums>($"""
                select min(connection_id) as id, model as name, provider, {Sums}
                from usage_entries
                where created_at >= @From and created_at < @To
                group by connection_id, model, provider
                order by cost_nanos desc, calls desc, name
                limit @Limit
                """, range),
            UsageBy.User => connection.Query<UsageSums>($"""
                select e.user_id as id, (select u.username from users u where u.id = e.user_id) as name, {Sums}
                from usage_entries e
                where e.created_at >= @From and e.created_at < @To
                group by e.user_id
                order by cost_nanos desc, calls desc, e.user_id
                limit @Limit
                """, range),
            UsageBy.Connection => connection.Query<UsageSums>($"""
                select e.connection_id as id, (select c.name from connections c where c.id = e.connection_id) as name,
                    min(e.provider) as provider, {Sums}
                from usage_entries e
                where e.created_at >= @From and e.created_at < @To
                group by e.connection_id
                order by cost_nanos desc, calls desc, e.connection_id
                limit @Limit
                """, range),
            _ => connection.Query<UsageSums>($"""
                select created_at / 86400000 as id, {Sums}
                from usage_entries
                where created_at >= @From and created_at < @To
                group by created_at / 86400000
                order by id
                limit @Limit
                """, range),
        }).ToList(), cancel);
    }
}

internal enum UsageBy
{
    Day,
    Model,
    Session,
    User,
    Connection,
}

/// <summary>Unix milliseconds, the end not included.</summary>
internal sealed record UsageRange(long UserId, long From, long To, int Limit);

internal sealed class UsageSums
{
    /// <summary>A day number, or the id of the session, user or connection.</summary>
    public long? Id { get; init; }

    public string? Name { get; init; }

    public string? Provider { get; init; }

    public long Calls { get; init; }

    public long? PromptTokens { get; init; }

    public long? CompletionTokens { get; init; }

    public long? ReasoningTokens { get; init; }

    public long? CachedTokens { get; init; }

    public long? CostNanos { get; init; }

    public long? SavedNanos { get; init; }

    public long? Failed { get; init; }

    public long? AverageFirstTokenMs { get; init; }
}

internal sealed class LastCallRow
{
    public long? MessageId { get; init; }

    public string Model { get; init; } = "";

    public long PromptTokens { get; init; }

    public long CompletionTokens { get; init; }

    public long ReasoningTokens { get; init; }

    public long CachedTokens { get; init; }

    public long CostNanos { get; init; }

    public string Source { get; init; } = "";
}
