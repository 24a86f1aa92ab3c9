using System.Data.Common;
using AiChat.Data.Engine;
using Dapper;

namespace AiChat.Data.Postgres;

/// <summary>Inserts a question, its answer and the run by one statement.</summary>
internal static class TurnRows
{
    /// <returns>The answer's row.</returns>
    public static TurnRow Insert(DbConnection connection, NewTurn turn) => connection.QuerySingle<TurnRow>("""
        with question as (
            insert into messages (session_id, parent_id, role, content, client_message_id, request_hash, status, created_at)
            values (@SessionId, @ParentId, 'user', @Content, @ClientMessageId, @RequestHash, 'done', @CreatedAt)
            returning id
        ),
        answer as (
            insert into messages (session_id, parent_id, role, content, connection_id, model, provider, status, created_at)
            select @SessionId, question.id, 'assistant', '', @ConnectionId, @Model, @Provider, 'streaming', @CreatedAt from question
            returning id, parent_id
        ),
        run as (
            insert into runs (user_id, session_id, message_id, kind, client_message_id, request_hash, boot_id, status, started_at)
            select @UserId, @SessionId, answer.id, 'send', @ClientMessageId, @RequestHash, @BootId, 'running', @CreatedAt from answer
            returning id
        )
        select answer.id, answer.parent_id, run.id as run_id from answer, run
        """, turn);
}
