using System.Data.Common;
using AiChat.Data.Engine;
using Dapper;

namespace AiChat.Data.Sqlite;

/// <summary>
/// Inserts a question and its answer by one statement. The answer names the question by the id that it gets there: the one after the
/// newest that was ever given, which the schema never gives again (autoincrement).
/// </summary>
internal static class TurnInsert
{
    /// <returns>The answer's row.</returns>
    public static TurnRow Run(DbConnection connection, NewTurn turn)
    {
        var rows = connection.Query<TurnRow>("""
            insert into messages (session_id, parent_id, role, content, client_message_id, request_hash, connection_id, model, provider,
                status, created_at)
            values (@SessionId, @ParentId, 'user', @Content, @ClientMessageId, @RequestHash, null, null, null, 'done', @CreatedAt),
                (@SessionId, coalesce((select seq from sqlite_sequence where name = 'messages'), 0) + 1, 'assistant', '', null, null,
                    @ConnectionId, @Model, @Provider, 'streaming', @CreatedAt)
            returning id, parent_id
            """, turn).ToList();
        return rows[1].ParentId == rows[0].Id ? rows[1] : throw new InvalidOperationException("The answer does not name its question.");
    }
}
