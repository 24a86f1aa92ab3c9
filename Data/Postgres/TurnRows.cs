using System.Data.Common;
using AiChat.Data.Engine;
using Dapper;

namespace AiChat.Data.Postgres;

/// <summary>Inserts a question and its answer by one statement.</summary>
internal static class TurnRows
{
    /// <returns>The answer's row.</returns>
    public static TurnRow Insert(DbConnection connection, NewTurn turn) => connection.QuerySingle<TurnRow>("""
        with question as (
            insert into messages (session_id, parent_id, role, content, client_message_id, request_hash, status, created_at)
            values (@SessionId, @ParentId, 'user', @Content, @ClientMessageId, @RequestHash, 'done', @CreatedAt)
            returning id
        )
        insert into messages (session_id, parent_id, role, content, connection_id, model, provider, status, created_at)
        select @SessionId, question.id, 'assistant', '', @ConnectionId, @Model, @Provider, 'streaming', @CreatedAt from question
        returning id, parent_id
        """, turn);
}
