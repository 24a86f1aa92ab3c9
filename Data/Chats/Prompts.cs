using AiChat.Data.Postgres;
using AiChat.Data.Store;
using Dapper;

namespace AiChat.Data.Chats;

/// <summary>Texts that users store for reuse. Everyone may read the prompts that an administrator shares.</summary>
internal sealed class Prompts(Db db)
{
    private const int MaxPerUser = 200;

    /// <summary>The user's own prompts and the shared ones, by name.</summary>
    public Task<List<PromptRow>> List(long userId) => db.Read(connection => connection.Query<PromptRow>("""
        select p.id, p.user_id, p.name, p.title, p.content, p.shared, p.updated_at
        from prompts p
        join users u on u.id = p.user_id
        where p.id in (select id from prompts where user_id = @userId union select id from prompts where shared = true)
            and (p.user_id = @userId or (u.role = 'ADMIN' and u.status = 'ACTIVE'))
        order by p.name, p.user_id <> @userId, p.id
        limit 5000
        """, new { userId }).ToList());

    public Task<(PromptChange Outcome, PromptRow? Prompt)> Insert(long userId, NewPrompt prompt, DateTimeOffset now)
    {
        var at = now.ToUnixTimeMilliseconds();
        return db.Write(connection =>
        {
            RowLock.User(connection, userId);
            if (connection.ExecuteScalar<long>("select count(*) from prompts where user_id = @userId", new { userId }) >= MaxPerUser)
            {
                return (PromptChange.TooMany, (PromptRow?)null);
            }

            var row = connection.QueryFirstOrDefault<PromptRow>("""
                insert into prompts (user_id, name, title, content, shared, created_at, updated_at)
                values (@userId, @Name, @Title, @Content, @Shared, @at, @at)
                on conflict (user_id, name) do nothing
                returning id, user_id, name, title, content, shared, updated_at
                """, new { userId, prompt.Name, prompt.Title, prompt.Content, prompt.Shared, at });
            return (row is null ? PromptChange.NameTaken : PromptChange.Done, row);
        });
    }

    public Task<(PromptChange Outcome, PromptRow? Prompt)> Update(long userId, long id, NewPrompt prompt, DateTimeOffset now)
    {
        var at = now.ToUnixTimeMilliseconds();
        return db.Write(connection =>
        {
            RowLock.User(connection, userId);
            if (connection.ExecuteScalar<bool>("""
                select exists (select 1 from prompts where user_id = @userId and name = @Name and id <> @id)
                """, new { userId, prompt.Name, id }))
            {
                return (PromptChange.NameTaken, (PromptRow?)null);
            }

            var row = connection.QueryFirstOrDefault<PromptRow>("""
                update prompts set name = @Name, title = @Title, content = @Content, shared = @Shared, updated_at = @at
                where id = @id and user_id = @userId
                returning id, user_id, name, title, content, shared, updated_at
                """, new { userId, id, prompt.Name, prompt.Title, prompt.Content, prompt.Shared, at });
            return (row is null ? PromptChange.NotFound : PromptChange.Done, row);
        });
    }

    public Task<bool> Delete(long userId, long id) => db.Write(connection =>
        connection.Execute("delete from prompts where id = @id and user_id = @userId", new { id, userId }) == 1);
}

internal enum PromptChange
{
    Done,
    NotFound,
    NameTaken,
    TooMany,
}

internal sealed record NewPrompt(string Name, string Title, string Content, bool Shared);

internal sealed record PromptRow
{
    public long Id { get; init; }

    public long UserId { get; init; }

    public string Name { get; init; } = "";

    public string Title { get; init; } = "";

    public string Content { get; init; } = "";

    public bool Shared { get; init; }

    public long UpdatedAt { get; init; }
}
