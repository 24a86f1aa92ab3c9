using System.Data.Common;
using AiChat.Data.Postgres;
using AiChat.Data.Store;
using Dapper;

namespace AiChat.Data.Chats;

/// <summary>Chat sessions. Every call names the owner; a session of another user is treated as missing.</summary>
internal sealed class Sessions(Db db)
{
    private const int StreamedAtOnce = 100;

    private const string Columns = """
        id, user_id, title, title_source, connection_id, model, system_prompt, parameters, reasoning, pinned, archived, temporary, leaf_id,
        message_count, created_at, updated_at
        """;

    public Task<SessionRow> Insert(long userId, NewSession session, DateTimeOffset now)
    {
        var at = now.ToUnixTimeMilliseconds();
        return db.Write(connection => connection.QuerySingle<SessionRow>($"""
            insert into sessions (user_id, title, title_source, connection_id, model, system_prompt, parameters, temporary, created_at,
                updated_at)
            values (@userId, @Title, @TitleSource, @ConnectionId, @Model, @SystemPrompt, @Parameters, @Temporary, @at, @at)
            returning {Columns}
            """, new
        {
            userId,
            at,
            session.Title,
            session.TitleSource,
            session.ConnectionId,
            session.Model,
            session.SystemPrompt,
            session.Parameters,
            session.Temporary,
        }));
    }

    public Task<SessionRow?> Find(long userId, long id) => db.Read(connection => Find(connection, userId, id));

    /// <summary>Pinned sessions, then the rest, each by latest activity; the cursor is the last row of the page before.</summary>
    public Task<List<SessionRow>> List(long userId, bool archived, SessionCursor? after, int limit) =>
        db.Read(connection => Page(connection, userId, archived, after, limit));

    /// <summary>Applies <paramref name="change"/> to the current row, for the columns that a person may change.</summary>
    /// <returns>The changed row, or null when it does not exist.</returns>
    public Task<SessionRow?> Update(long userId, long id, Func<SessionRow, SessionRow> change) => db.Write(connection =>
    {
        RowLock.User(connection, userId);
        if (Find(connection, userId, id) is not { } row)
        {
            return null;
        }

        var changed = change(row);
        connection.Execute("""
            update sessions set title = @Title, title_source = @TitleSource, connection_id = @ConnectionId, model = @Model,
                system_prompt = @SystemPrompt, parameters = @Parameters, reasoning = @Reasoning, pinned = @Pinned, archived = @Archived
            where id = @Id and user_id = @UserId
            """, changed);
        return changed;
    });

    /// <summary>Sets a title, but never over one that a person or a model gave.</summary>
    public Task<bool> NameByModel(long userId, long id, string title) => db.Write(connection => connection.Execute("""
        update sessions set title = @title, title_source = 'model'
        where id = @id and user_id = @userId and title_source in ('default', 'first_message')
        """, new { userId, id, title }) == 1);

    public async Task<bool> Delete(long userId, long id) => await DeleteMany(userId, [id]) == 1;

    /// <summary>Deletes sessions. They disappear at once; the rows are removed in steps (<see cref="Removal"/>).</summary>
    /// <returns>The number of the user's sessions among them.</returns>
    public Task<int> DeleteMany(long userId, IEnumerable<long> sessionIds)
    {
        var ids = $"[{string.Join(',', sessionIds)}]";
        return db.Write(connection =>
        {
            RowLock.User(connection, userId);
            return Removal.Begin(connection, connection.Query<long>("""
                select id from sessions where user_id = @userId and id in (select cast(value as bigint) from json_each(@ids))
                """, new { userId, ids }).ToList());
        });
    }

    /// <returns>The number of the user's sessions among them.</returns>
    public Task<int> ArchiveMany(long userId, IEnumerable<long> sessionIds, bool archived)
    {
        var ids = $"[{string.Join(',', sessionIds)}]";
        return db.Write(connection => connection.Execute("""
            update sessions set archived = @archived where user_id = @userId and id in (select cast(value as bigint) from json_each(@ids))
            """, new { userId, ids, archived }));
    }

    /// <summary>As <see cref="List"/>, row by row to the end. Other statements may run in between.</summary>
    internal static IEnumerable<SessionRow> Stream(DbConnection connection, long userId, bool archived, SessionCursor? after)
    {
        List<SessionRow> page;
        do
        {
            page = Page(connection, userId, archived, after, StreamedAtOnce);
            foreach (var row in page)
            {
                after = new SessionCursor(row.Pinned, row.UpdatedAt, row.Id);
                yield return row;
            }
        }
        while (page.Count == StreamedAtOnce);
    }

    private static List<SessionRow> Page(DbConnection connection, long userId, bool archived, SessionCursor? after, int limit) =>
        connection.Query<SessionRow>($"""
            select {Columns}
            from sessions
            where user_id = @userId and archived = @archived and temporary = false
                and (cast(@id as bigint) is null or (pinned, updated_at, id) < (@pinned, @at, @id))
            order by pinned desc, updated_at desc, id desc
            limit @limit
            """, new { userId, archived, pinned = after?.Pinned, at = after?.UpdatedAt, id = after?.Id, limit }).ToList();

    internal static SessionRow? Find(DbConnection connection, long userId, long id) => connection.QueryFirstOrDefault<SessionRow>($"""
        select {Columns}
        from sessions
        where id = @id and user_id = @userId
        """, new { id, userId });
}

/// <summary>A place in the list of sessions.</summary>
internal sealed record SessionCursor(bool Pinned, long UpdatedAt, long Id);

internal sealed record NewSession(
    string Title, string TitleSource, long? ConnectionId, string? Model, string? SystemPrompt, string? Parameters, bool Temporary);

internal sealed record SessionRow
{
    public long Id { get; init; }

    public long UserId { get; init; }

    public string Title { get; init; } = "";

    /// <summary>default, first_message, model or user: a title is replaced only by one of a later kind.</summary>
    public string TitleSource { get; init; } = "default";

    /// <summary>The connection of its model; may be deleted. Null with a model: it was deleted before ids were kept.</summary>
    public long? ConnectionId { get; init; }

    public string? Model { get; init; }

    public string? SystemPrompt { get; init; }

    public string? Parameters { get; init; }

    public string? Reasoning { get; init; }

    public bool Pinned { get; init; }

    public bool Archived { get; init; }

    public bool Temporary { get; init; }

    /// <summary>The last message of the active branch.</summary>
    public long? LeafId { get; init; }

    public long MessageCount { get; init; }

    public long CreatedAt { get; init; }

    public long UpdatedAt { get; init; }
}
