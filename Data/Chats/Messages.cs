using System.Data.Common;
using AiChat.Data.Postgres;
using AiChat.Data.Store;
using Dapper;

namespace AiChat.Data.Chats;

/// <summary>Messages: one row each, a tree by parent. Every call names the owner of the session.</summary>
internal sealed class Messages(Db db)
{
    /// <summary>The columns that a copy of a message takes over.</summary>
    internal const string CopiedColumns = """
        role, content, reasoning, reasoning_ms, tool_calls, layout, provider_state, connection_id, model, provider, status, error_code,
        error_detail, finish_reason, prompt_tokens, completion_tokens, reasoning_tokens, cached_tokens, cost_nanos, saved_nanos,
        usage_source, first_token_ms, total_ms, summary, created_at
        """;

    /// <summary>The columns of a <see cref="MessageRow"/>, without those that are read with a single message only.</summary>
    internal const string Columns = $"id, session_id, parent_id, client_message_id, {CopiedColumns}";

    private const int MaxDepth = 100_000;

    /// <summary>
    /// A page of the branch that ends at <paramref name="from"/>, in reading order.
    /// Null when the user has no such session or message; at most <paramref name="limit"/> rows.
    /// </summary>
    /// <param name="from">The newest message of the page; null is the end of the active branch.</param>
    public Task<List<MessageRow>?> Branch(long userId, long sessionId, long? from, int limit) => db.Read(connection =>
    {
        if (from is { } known && Branch(connection, userId, sessionId, known, limit) is { Count: > 0 } rows)
        {
            return rows;
        }

        if (Sessions.Find(connection, userId, sessionId) is not { } session)
        {
            return null;
        }

        return from is null && session.LeafId is { } last ? Branch(connection, userId, sessionId, last, limit) : [];
    });

    /// <summary>All messages of a session by id, for a view of the whole tree.</summary>
    public Task<List<MessageRow>?> Tree(long userId, long sessionId, long afterId, int limit) => db.Read(connection =>
        Sessions.Find(connection, userId, sessionId) is null ? null : connection.Query<MessageRow>($"""
            select {Columns}
            from messages
            where session_id = @sessionId and id > @afterId
            order by id
            limit @limit
            """, new { sessionId, afterId, limit }).ToList());

    public Task<MessageRow?> Find(long userId, long id) => db.Read(connection => connection.QueryFirstOrDefault<MessageRow>($"""
        select {Columns}, trimmed_messages
        from messages
        where id = @id and exists (select 1 from sessions s where s.id = messages.session_id and s.user_id = @userId)
        """, new { id, userId }));

    /// <summary>The children of each given parent, which are the siblings of one another; by id.</summary>
    /// <param name="parents">Ids of parents; <paramref name="roots"/> also asks for the roots.</param>
    public Task<List<SiblingRow>> Children(long userId, long sessionId, IEnumerable<long> parents, bool roots)
    {
        var ids = $"[{string.Join(',', parents)}]";
        return db.Read(connection => connection.Query<SiblingRow>("""
            select m.id, m.parent_id
            from json_each(@ids) wanted
            join messages m on m.parent_id = cast(wanted.value as bigint) and +m.session_id = @sessionId -- not the whole session
            join sessions s on s.id = +m.session_id and s.user_id = @userId
            union all
            select m.id, m.parent_id
            from messages m
            join sessions s on s.id = m.session_id and s.user_id = @userId
            where m.session_id = @sessionId and +m.parent_id is null and @roots -- in the index of the session's messages
            order by 1
            limit 10000
            """, new { userId, sessionId, ids, roots }).ToList());
    }

    /// <summary>Makes the branch through a message active: below the message it follows the newest child each time.</summary>
    public Task<bool> Activate(long userId, long sessionId, long messageId) => db.Write(connection => connection.Execute("""
        with recursive down (id, depth) as (
            select id, 0 from messages where id = @messageId and session_id = @sessionId
            union all
            select (select max(m.id) from messages m where m.parent_id = down.id), depth + 1
            from down
            where down.id is not null and depth < @MaxDepth
        )
        update sessions set leaf_id = (select id from down where id is not null order by depth desc limit 1)
        where id = @sessionId and user_id = @userId
            and exists (select 1 from messages where id = @messageId and session_id = @sessionId)
        """, new { userId, sessionId, messageId, MaxDepth }) == 1);

    /// <summary>Sets what a model gets instead of a message and all before it: a text, nothing (empty), or the messages (null).</summary>
    /// <returns>False when the user has no such message.</returns>
    public Task<bool> Summarise(long userId, long sessionId, long messageId, string? summary) => db.Write(
        connection => connection.Execute("""
        update messages set summary = @summary
        where id = @messageId and session_id = @sessionId
            and exists (select 1 from sessions s where s.id = messages.session_id and s.user_id = @userId)
        """, new { userId, sessionId, messageId, summary }) == 1);

    /// <summary>Removes all messages of a session: the branch is empty at once, the rows go in steps before this returns.</summary>
    public async Task<bool> Clear(long userId, long sessionId)
    {
        var ids = await db.Write(connection =>
            connection.Execute("""
                update sessions set leaf_id = null where id = @sessionId and user_id = @userId
                """, new { userId, sessionId }) == 0 ? null : connection.Query<long>("""
                select id from messages where session_id = @sessionId order by id
                """, new { sessionId }).ToList());
        await Removal.Messages(db, sessionId, ids ?? [], ids?.Count ?? 0);
        return ids is not null;
    }

    /// <summary>
    /// Removes a message and all messages below it, in steps before this returns; the branch of the nearest sibling becomes active at
    /// once.
    /// </summary>
    public async Task<bool> DeleteBranch(long userId, long sessionId, long messageId)
    {
        var (ids, left) = await db.Write(connection =>
        {
            RowLock.User(connection, userId);
            var session = Sessions.Find(connection, userId, sessionId);
            var ids = session is null ? [] : Below(connection, sessionId, messageId);
            if (ids.Count > 0 && (session!.LeafId is not { } leaf || ids.BinarySearch(leaf) >= 0))
            {
                LeaveBranch(connection, sessionId, messageId);
            }

            return (ids, Removal.Messages(connection, sessionId, ids, ids.Count));
        });
        await Removal.Messages(db, sessionId, ids, left);
        return ids.Count > 0;
    }

    /// <summary>
    /// The message and all below it, each after its parent; empty when the session has no such message. One pass over what came after it:
    /// a recursion downwards is, without statistics of a new table, a pass over the table for each message in PostgreSQL.
    /// </summary>
    private static List<long> Below(DbConnection connection, long sessionId, long messageId)
    {
        var ids = new List<long>();
        foreach (var row in connection.Query<SiblingRow>("""
            select id, parent_id from messages where session_id = @sessionId and id >= @messageId order by id
            """, new { sessionId, messageId }).ToList())
        {
            if (row.Id == messageId || (row.ParentId is { } parent && ids.BinarySearch(parent) >= 0))
            {
                ids.Add(row.Id);
            }
        }

        return ids;
    }

    private static void LeaveBranch(DbConnection connection, long sessionId, long messageId) => connection.Execute("""
        with recursive down (id, depth) as (
            select max(m.id), 0
            from messages gone
            join messages m on m.session_id = @sessionId and m.parent_id is not distinct from gone.parent_id and m.id <> gone.id
            where gone.id = @messageId
            union all
            select (select max(m.id) from messages m where m.parent_id = down.id), depth + 1
            from down
            where down.id is not null and depth < @MaxDepth
        )
        update sessions set leaf_id = coalesce(
            (select id from down where id is not null order by depth desc limit 1),
            (select parent_id from messages where id = @messageId))
        where id = @sessionId
        """, new { sessionId, messageId, MaxDepth });

    private static List<MessageRow> Branch(DbConnection connection, long userId, long sessionId, long last, int limit) =>
        connection.Query<MessageRow>($"""
            with recursive branch (message_id, follows, depth) as (
                select m.id, m.parent_id, 1
                from messages m
                join sessions s on s.id = m.session_id and s.user_id = @userId
                where m.id = @last and m.session_id = @sessionId
                union all
                select m.id, m.parent_id, branch.depth + 1
                from branch
                join messages m on m.id = branch.follows
                where branch.depth < @limit
            )
            select {Columns}
            from branch
            join messages on id = message_id
            order by depth desc
            """, new { userId, last, sessionId, limit }).ToList();
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

    public long? SavedNanos { get; init; }

    public string? UsageSource { get; init; }

    public long? FirstTokenMs { get; init; }

    public long? TotalMs { get; init; }

    /// <summary>Read with a single message only.</summary>
    public int? TrimmedMessages { get; init; }

    /// <summary>What a model gets instead of this message and all before it; empty is nothing, null the messages themselves.</summary>
    public string? Summary { get; init; }

    public long CreatedAt { get; init; }
}
