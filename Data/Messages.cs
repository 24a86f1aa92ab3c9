using Dapper;
using Microsoft.Data.Sqlite;

namespace AiChat.Data;

/// <summary>Messages: one row each, a tree by parent. Every call names the owner of the session.</summary>
internal sealed class Messages(Db db)
{
    private const int DeepestBranch = 100_000;

    /// <summary>
    /// A page of the branch that ends at <paramref name="from"/>, in reading order.
    /// Null when the session or that message is not the user's; at most <paramref name="limit"/> rows.
    /// </summary>
    /// <param name="from">The newest message of the page; null is the end of the active branch.</param>
    public Task<List<MessageRow>?> Branch(long userId, long sessionId, long? from, int limit) => db.Read(connection =>
    {
        if (Sessions.Find(connection, userId, sessionId) is not { } session)
        {
            return null;
        }

        return (from ?? session.LeafId) is { } last ? Branch(connection, sessionId, last, limit) : [];
    });

    /// <summary>All messages of a session by id, for a view of the whole tree.</summary>
    public Task<List<MessageRow>?> Tree(long userId, long sessionId, long afterId, int limit) => db.Read(connection =>
        Sessions.Find(connection, userId, sessionId) is null ? null : connection.Query<MessageRow>("""
            select id, session_id, parent_id, role, content, reasoning, reasoning_ms, tool_calls, layout, provider_state, client_message_id,
                connection_id, model, provider, status, error_code, error_detail, finish_reason, prompt_tokens, completion_tokens,
                reasoning_tokens, cached_tokens, cost_nanos, usage_source, first_token_ms, total_ms, created_at
            from messages
            where session_id = @sessionId and id > @afterId
            order by id
            limit @limit
            """, new { sessionId, afterId, limit }).ToList());

    public Task<MessageRow?> Find(long userId, long id) => db.Read(connection => connection.QueryFirstOrDefault<MessageRow>("""
        select m.id, m.session_id, m.parent_id, m.role, m.content, m.reasoning, m.reasoning_ms, m.tool_calls, m.layout, m.provider_state,
            m.client_message_id, m.connection_id, m.model, m.provider, m.status, m.error_code, m.error_detail, m.finish_reason,
            m.prompt_tokens, m.completion_tokens, m.reasoning_tokens, m.cached_tokens, m.cost_nanos, m.usage_source,
            m.first_token_ms, m.total_ms, m.trimmed_messages, m.created_at
        from messages m
        join sessions s on s.id = m.session_id
        where m.id = @id and s.user_id = @userId
        """, new { id, userId }));

    /// <summary>The children of each given parent, which are the siblings of one another; by id.</summary>
    /// <param name="parents">Ids of parents; whether the roots are asked for too is said by <paramref name="roots"/>.</param>
    public Task<List<SiblingRow>> Children(long userId, long sessionId, IEnumerable<long> parents, bool roots)
    {
        var ids = $"[{string.Join(',', parents)}]";
        return db.Read(connection => connection.Query<SiblingRow>("""
            select m.id, m.parent_id
            from messages m
            join sessions s on s.id = m.session_id and s.user_id = @userId
            where m.session_id = @sessionId
                and (m.parent_id in (select value from json_each(@ids)) or (@roots and m.parent_id is null))
            order by m.id
            limit 10000
            """, new { userId, sessionId, ids, roots }).ToList());
    }

    /// <summary>Makes the branch through a message the active one: from it on, always the newest child.</summary>
    public Task<bool> Activate(long userId, long sessionId, long messageId) => db.Write(connection => connection.Execute("""
        with recursive down (id, depth) as (
            select id, 0 from messages where id = @messageId and session_id = @sessionId
            union all
            select (select max(m.id) from messages m where m.parent_id = down.id), depth + 1
            from down
            where down.id is not null and depth < @DeepestBranch
        )
        update sessions set leaf_id = (select id from down where id is not null order by depth desc limit 1)
        where id = @sessionId and user_id = @userId
            and exists (select 1 from messages where id = @messageId and session_id = @sessionId)
        """, new { userId, sessionId, messageId, DeepestBranch }) == 1);

    /// <summary>Removes every message of a session.</summary>
    public Task<bool> Clear(long userId, long sessionId) => db.Write(connection =>
    {
        if (connection.Execute("""
            update sessions set leaf_id = null, message_count = 0 where id = @sessionId and user_id = @userId
            """, new { userId, sessionId }) == 0)
        {
            return false;
        }

        connection.Execute("delete from messages where session_id = @sessionId", new { sessionId });
        return true;
    });

    /// <summary>Removes a message and all that follow it on its branch; the branch of the nearest sibling becomes the active one.</summary>
    public Task<bool> DeleteBranch(long userId, long sessionId, long messageId) => db.Write(connection =>
    {
        var session = Sessions.Find(connection, userId, sessionId);
        var message = session is null ? null : connection.QueryFirstOrDefault<SiblingRow>("""
            select id, parent_id from messages where id = @messageId and session_id = @sessionId
            """, new { messageId, sessionId });
        if (message is null)
        {
            return false;
        }

        connection.Execute("""
            with recursive down (id) as (
                select id from messages where id = @messageId
                union all
                select m.id from down join messages m on m.parent_id = down.id
            )
            delete from messages where id in (select id from down)
            """, new { messageId });
        var parent = message.ParentId;
        connection.Execute("""
            with recursive down (id, depth) as (
                select max(m.id), 0 from messages m where m.session_id = @sessionId and m.parent_id is not distinct from @parent
                union all
                select (select max(m.id) from messages m where m.parent_id = down.id), depth + 1
                from down
                where down.id is not null and depth < @DeepestBranch
            )
            update sessions set
                leaf_id = case
                    when exists (select 1 from messages where id = leaf_id) then leaf_id
                    else coalesce((select id from down where id is not null order by depth desc limit 1), @parent) end,
                message_count = (select count(*) from messages where session_id = @sessionId)
            where id = @sessionId
            """, new { sessionId, parent, DeepestBranch });
        return true;
    });

    internal static List<MessageRow> Branch(SqliteConnection connection, long sessionId, long last, int limit) => connection.Query<MessageRow>("""
        with recursive branch (id, parent_id, depth) as (
            select id, parent_id, 1 from messages where id = @last and session_id = @sessionId
            union all
            select m.id, m.parent_id, branch.depth + 1
            from branch
            join messages m on m.id = branch.parent_id
            where branch.depth < @limit
        )
        select m.id, m.session_id, m.parent_id, m.role, m.content, m.reasoning, m.reasoning_ms, m.tool_calls, m.layout, m.provider_state,
            m.client_message_id, m.connection_id, m.model, m.provider, m.status, m.error_code, m.error_detail, m.finish_reason,
            m.prompt_tokens, m.completion_tokens, m.reasoning_tokens, m.cached_tokens, m.cost_nanos, m.usage_source,
            m.first_token_ms, m.total_ms, m.created_at
        from branch
        join messages m on m.id = branch.id
        order by branch.depth desc
        """, new { last, sessionId, limit }).ToList();
}

internal sealed record SiblingRow
{
    public long Id { get; init; }

    public long? ParentId { get; init; }
}

internal sealed record MessageRow
{
    public long Id { get; init; }

    public long SessionId { get; init; }

    public long? ParentId { get; init; }

    public string Role { get; init; } = "";

    public string Content { get; init; } = "";

    public string? Reasoning { get; init; }

    public long? ReasoningMs { get; init; }

    public string? ToolCalls { get; init; }

    public string? Layout { get; init; }

    public string? ProviderState { get; init; }

    public string? ClientMessageId { get; init; }

    public long? ConnectionId { get; init; }

    public string? Model { get; init; }

    public string? Provider { get; init; }

    public string Status { get; init; } = "";

    public string? ErrorCode { get; init; }

    public string? ErrorDetail { get; init; }

    public string? FinishReason { get; init; }

    public long? PromptTokens { get; init; }

    public long? CompletionTokens { get; init; }

    public long? ReasoningTokens { get; init; }

    public long? CachedTokens { get; init; }

    public long? CostNanos { get; init; }

    public string? UsageSource { get; init; }

    public long? FirstTokenMs { get; init; }

    public long? TotalMs { get; init; }

    /// <summary>Read with a single message only.</summary>
    public int? TrimmedMessages { get; init; }

    public long CreatedAt { get; init; }
}
