using AiChat.Data.Postgres;
using AiChat.Data.Store;
using Dapper;

namespace AiChat.Data.Chats;

/// <summary>Unsent texts, one for each chat; a null session stands for a chat that does not exist yet.</summary>
internal sealed class Drafts(Db db)
{
    public Task<DraftRow?> Find(long userId, long? sessionId) => db.Read(connection => connection.QueryFirstOrDefault<DraftRow>("""
        select content, updated_at
        from drafts
        where user_id = @userId and coalesce(session_id, 0) = coalesce(@sessionId, 0)
        """, new { userId, sessionId }));

    /// <summary>False when the user has no such session.</summary>
    public Task<bool> Put(long userId, long? sessionId, string content, DateTimeOffset now)
    {
        var at = now.ToUnixTimeMilliseconds();
        return db.Write(connection =>
        {
            RowLock.User(connection, userId);
            var draft = new { userId, sessionId, content, at };
            return connection.Execute("""
                update drafts set content = @content, updated_at = @at
                where user_id = @userId and coalesce(session_id, 0) = coalesce(@sessionId, 0)
                """, draft) == 1
                || connection.Execute("""
                    insert into drafts (user_id, session_id, content, updated_at)
                    select @userId, @sessionId, @content, @at
                    where cast(@sessionId as bigint) is null
                        or exists (select 1 from sessions where id = @sessionId and user_id = @userId)
                    """, draft) == 1;
        });
    }

    public Task Delete(long userId, long? sessionId) => db.Write(connection => connection.Execute("""
        delete from drafts where user_id = @userId and coalesce(session_id, 0) = coalesce(@sessionId, 0)
        """, new { userId, sessionId }));
}

internal sealed record DraftRow
{
    public string Content { get; init; } = "";

    public long UpdatedAt { get; init; }
}
