using System.Data.Common;
using AiChat.Data.Engine;
using AiChat.Data.Images;
using AiChat.Data.Postgres;
using AiChat.Data.Sqlite;
using Dapper;

namespace AiChat.Data.Runs;

/// <summary>Where a run writes in the tree: after a question (send), beside an answer (regenerate) or at its end (continue).</summary>
internal static class RunPlacement
{
    public static Place ForSend(DbConnection connection, NewRun run, StartPlace at)
    {
        var parent = run.AtRoot ? null : run.ParentId ?? at.LeafId;
        if (parent is not null && at.Refusal is { } refusal)
        {
            return new Place { Refused = refusal };
        }

        if (run.ImageIds.Count == 0)
        {
            return new Place { ParentId = parent, MayHaveVersions = parent != at.LeafId };
        }

        var images = $"[{string.Join(',', run.ImageIds.Select(id => $"\"{id}\""))}]";
        var owned = connection.ExecuteScalar<long>("""
            select count(*) from images
            where user_id = @UserId and id in (select value from json_each(@images))
                and (message_id is null or message_id in (select id from messages where session_id = @SessionId))
            """, new { run.UserId, run.SessionId, images });
        return owned == run.ImageIds.Count
            ? new Place { ParentId = parent, Images = images, MayHaveVersions = parent != at.LeafId }
            : new Place { Refused = StartOutcome.NotFound };
    }

    public static Place ForRegenerate(StartPlace at) =>
        at is { Refusal: null, ParentId: null } ? new Place { Refused = StartOutcome.NotNow }
            : new Place { Refused = at.Refusal, ParentId = at.ParentId, MayHaveVersions = true };

    public static Place ForContinue(DbConnection connection, StartPlace at)
    {
        if (ForRegenerate(at) is { Refused: not null } refused)
        {
            return refused;
        }

        var answer = connection.QuerySingle<PlaceRow>("""
            select id, parent_id, content, reasoning, tool_calls, created_at from messages where id = @PlaceId
            """, new { at.PlaceId });
        return new Place
        {
            TargetId = answer.Id,
            ParentId = answer.ParentId,
            CreatedAt = answer.CreatedAt,
            Content = answer.Content,
            Reasoning = answer.Reasoning,
            Tools = answer.ToolCalls,
            MayHaveVersions = true,
        };
    }

    /// <summary>Writes the rows of the placement, and where one statement does both, that of the run.</summary>
    public static (long MessageId, long? UserMessageId, int Added, long? RunId) Store(
        DbConnection connection, NewRun run, Place place, long at)
    {
        if (place.TargetId is { } target)
        {
            connection.Execute("""
                update messages set status = 'streaming', error_code = null, error_detail = null, finish_reason = null where id = @target
                """, new { target });
            return (target, place.ParentId, 0, null);
        }

        if (run.Kind == NewRun.Send)
        {
            var turn = new NewTurn
            {
                UserId = run.UserId,
                BootId = run.BootId,
                SessionId = run.SessionId,
                ParentId = place.ParentId,
                Content = run.Content,
                ClientMessageId = run.ClientMessageId,
                RequestHash = run.RequestHash,
                ConnectionId = run.ConnectionId,
                Model = run.Model,
                Provider = run.Provider,
                CreatedAt = at,
            };
            var row = connection is PostgresConnection ? TurnRows.Insert(connection, turn) : TurnInsert.Run(connection, turn);
            if (run.ImageIds.Count > 0)
            {
                Attach(connection, run, place, row.ParentId!.Value);
            }

            return (row.Id, row.ParentId, 2, row.RunId);
        }

        var answer = connection.ExecuteScalar<long>("""
            insert into messages (session_id, parent_id, role, content, connection_id, model, provider, status, created_at)
            values (@SessionId, @ParentId, 'assistant', '', @ConnectionId, @Model, @Provider, 'streaming', @at)
            returning id
            """, new { run.SessionId, place.ParentId, run.ConnectionId, run.Model, run.Provider, at });
        return (answer, place.ParentId, 1, null);
    }

    /// <summary>
    /// Attaches images to the new message. An image that belongs to another message of the chat, because its question was edited, stays
    /// there; the new message gets another row for the same file.
    /// </summary>
    private static void Attach(DbConnection connection, NewRun run, Place place, long question)
    {
        var fresh = $"[{string.Join(',', run.ImageIds.Select(_ => $"\"{ImageStore.NewId()}\""))}]";
        connection.Execute("""
            insert into images (id, user_id, message_id, position, mime, width, height, bytes, file, created_at)
            select fresh.value, i.user_id, @question, wanted.key, i.mime, i.width, i.height, i.bytes, i.file, i.created_at
            from json_each(@Images) wanted
            join json_each(@fresh) fresh on fresh.key = wanted.key
            join images i on i.id = wanted.value and i.user_id = @UserId and i.message_id is not null
            """, new { question, place.Images, fresh, run.UserId });
        connection.Execute("""
            update images set message_id = @question,
                position = (select key from json_each(@Images) where value = images.id)
            where user_id = @UserId and message_id is null and id in (select value from json_each(@Images))
            """, new { question, place.Images, run.UserId });
    }
}

/// <summary>What a start has to know, by one statement: the session, an earlier run of the same request, the message it is at.</summary>
internal sealed record StartPlace
{
    public string TitleSource { get; init; } = "default";

    /// <summary>The last message of the active branch.</summary>
    public long? LeafId { get; init; }

    public long? KnownRunId { get; init; }

    public long KnownMessageId { get; init; }

    public long? KnownParentId { get; init; }

    public string? KnownHash { get; init; }

    /// <summary>The answer that a question follows, or that is written again or on. Null when it is not in the session.</summary>
    public long? PlaceId { get; init; }

    public long? ParentId { get; init; }

    public string? Role { get; init; }

    public string? Status { get; init; }

    /// <summary>Why nothing can be written there.</summary>
    public StartOutcome? Refusal => PlaceId is null ? StartOutcome.NotFound
        : Role != "assistant" || Status == "streaming" ? StartOutcome.NotNow : null;

    /// <summary>Null when the user has no such session.</summary>
    public static StartPlace? Find(DbConnection connection, NewRun run) => connection.QueryFirstOrDefault<StartPlace>("""
        select s.title_source, s.leaf_id, known.id as known_run_id, coalesce(known.message_id, 0) as known_message_id,
            answer.parent_id as known_parent_id, known.request_hash as known_hash, place.id as place_id, place.parent_id, place.role,
            place.status
        from sessions s
        left join runs known on known.session_id = s.id and known.client_message_id = @ClientMessageId
        left join messages answer on answer.id = known.message_id
        left join messages place on place.id = coalesce(@at, s.leaf_id) and place.session_id = s.id
        where s.id = @SessionId and s.user_id = @UserId
        """, new { run.ClientMessageId, run.SessionId, run.UserId, at = run.Kind == NewRun.Send ? run.ParentId : run.TargetId ?? 0 });
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

    public string Content { get; init; } = "";

    public string? Reasoning { get; init; }

    public string? ToolCalls { get; init; }

    public long CreatedAt { get; init; }
}
