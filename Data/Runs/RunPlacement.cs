using System.Data.Common;
using AiChat.Data.Chats;
using Dapper;

namespace AiChat.Data.Runs;

/// <summary>Where a run writes in the tree: after a question (send), beside an answer (regenerate) or at its end (continue).</summary>
internal static class RunPlacement
{
    public static Place ForSend(DbConnection connection, NewRun run, SessionRow session)
    {
        var parent = run.AtRoot ? null : run.ParentId ?? session.LeafId;
        if (parent is not null && Find(connection, run.SessionId, parent.Value) is var found)
        {
            if (found is null)
            {
                return new Place { Refused = StartOutcome.NotFound };
            }

            if (found.Role != "assistant" || found.Status == "streaming")
            {
                return new Place { Refused = StartOutcome.NotNow };
            }
        }

        var images = $"[{string.Join(',', run.ImageIds.Select(id => $"\"{id}\""))}]";
        var owned = run.ImageIds.Count == 0 ? 0 : connection.ExecuteScalar<long>("""
            select count(*) from images
            where user_id = @UserId and id in (select value from json_each(@images))
                and (message_id is null or message_id in (select id from messages where session_id = @SessionId))
            """, new { run.UserId, run.SessionId, images });
        return owned == run.ImageIds.Count
            ? new Place { ParentId = parent, Images = images, MayHaveVersions = parent != session.LeafId }
            : new Place { Refused = StartOutcome.NotFound };
    }

    public static Place ForRegenerate(DbConnection connection, NewRun run) => Find(connection, run.SessionId, run.TargetId ?? 0) switch
    {
        null => new Place { Refused = StartOutcome.NotFound },
        { Role: not "assistant" } or { Status: "streaming" } or { ParentId: null } => new Place { Refused = StartOutcome.NotNow },
        { } answer => new Place { ParentId = answer.ParentId, MayHaveVersions = true },
    };

    public static Place ForContinue(DbConnection connection, NewRun run) => Find(connection, run.SessionId, run.TargetId ?? 0) switch
    {
        null => new Place { Refused = StartOutcome.NotFound },
        { Role: not "assistant" } or { Status: "streaming" } or { ParentId: null } => new Place { Refused = StartOutcome.NotNow },
        { } answer => new Place
        {
            TargetId = answer.Id,
            ParentId = answer.ParentId,
            CreatedAt = answer.CreatedAt,
            Content = answer.Content,
            Reasoning = answer.Reasoning,
            Tools = answer.ToolCalls,
            MayHaveVersions = true,
        },
    };

    /// <summary>Writes the rows of the placement.</summary>
    public static (long MessageId, long? UserMessageId, int Added) Store(DbConnection connection, NewRun run, Place place, long at)
    {
        if (place.TargetId is { } target)
        {
            connection.Execute("""
                update messages set status = 'streaming', error_code = null, error_detail = null, finish_reason = null where id = @target
                """, new { target });
            return (target, place.ParentId, 0);
        }

        var question = place.ParentId;
        var added = 1;
        if (run.Kind == NewRun.Send)
        {
            question = connection.ExecuteScalar<long>("""
                insert into messages (session_id, parent_id, role, content, client_message_id, request_hash, status, created_at)
                values (@SessionId, @ParentId, 'user', @Content, @ClientMessageId, @RequestHash, 'done', @at)
                returning id
                """, new { run.SessionId, place.ParentId, run.Content, run.ClientMessageId, run.RequestHash, at });
            added = 2;
            if (run.ImageIds.Count > 0)
            {
                Attach(connection, run, place, question.Value);
            }
        }

        var answer = connection.ExecuteScalar<long>("""
            insert into messages (session_id, parent_id, role, content, connection_id, model, provider, status, created_at)
            values (@SessionId, @question, 'assistant', '', @ConnectionId, @Model, @Provider, 'streaming', @at)
            returning id
            """, new { run.SessionId, question, run.ConnectionId, run.Model, run.Provider, at });
        return (answer, question, added);
    }

    /// <summary>
    /// Attaches images to the new message. An image that belongs to another message of the chat, because its question was edited, stays
    /// there; the new message gets another row for the same file.
    /// </summary>
    private static void Attach(DbConnection connection, NewRun run, Place place, long question)
    {
        connection.Execute("""
            insert into images (id, user_id, message_id, position, mime, width, height, bytes, file, created_at)
            select lower(hex(randomblob(16))), i.user_id, @question, wanted.key, i.mime, i.width, i.height, i.bytes, i.file, i.created_at
            from json_each(@Images) wanted
            join images i on i.id = wanted.value and i.user_id = @UserId and i.message_id is not null
            """, new { question, place.Images, run.UserId });
        connection.Execute("""
            update images set message_id = @question,
                position = (select key from json_each(@Images) where value = images.id)
            where user_id = @UserId and message_id is null and id in (select value from json_each(@Images))
            """, new { question, place.Images, run.UserId });
    }

    private static PlaceRow? Find(DbConnection connection, long sessionId, long id) => connection.QueryFirstOrDefault<PlaceRow>("""
        select id, parent_id, role, status, content, reasoning, tool_calls, created_at
        from messages
        where id = @id and session_id = @sessionId
        """, new { id, sessionId });
}

internal sealed record Place
{
    public StartOutcome? Refused { get; init; }

    public long? ParentId { get; init; }

    /// <summary>The answer that is continued in place.</summary>
    public long? TargetId { get; init; }

    /// <summary>When that answer began.</summary>
    public long? CreatedAt { get; init; }

    public string Images { get; init; } = "[]";

    /// <summary>False for a message at the end of the chat, which has no siblings.</summary>
    public bool MayHaveVersions { get; init; }

    public string? Content { get; init; }

    public string? Reasoning { get; init; }

    public string? Tools { get; init; }
}

internal sealed record PlaceRow
{
    public long Id { get; init; }

    public long? ParentId { get; init; }

    public string Role { get; init; } = "";

    public string Status { get; init; } = "";

    public string Content { get; init; } = "";

    public string? Reasoning { get; init; }

    public string? ToolCalls { get; init; }

    public long CreatedAt { get; init; }
}
