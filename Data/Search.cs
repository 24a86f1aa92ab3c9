using Dapper;
using Microsoft.Data.Sqlite;

namespace AiChat.Data;

/// <summary>Finds chats by title and text, and messages in a chat. Temporary chats are not searched.</summary>
internal sealed class Search(Db db) : IDisposable
{
    private const int MatchesPerSession = 3;

    /// <summary>Terms too short for the index mean reading text: one such search at a time, so that it takes no more than one core.</summary>
    private readonly SemaphoreSlim _reading = new(1);

    /// <summary>Sessions whose title or one of whose messages holds all terms; order and cursor as in <see cref="Sessions.List"/>.</summary>
    public async Task<List<SessionRow>> Sessions(long userId, SearchTerms terms, bool archived, SessionCursor? after, int limit)
    {
        var (pinned, at, id) = (after?.Pinned, after?.UpdatedAt, after?.Id);
        if (terms.Match is { } match)
        {
            return await db.Read(connection => connection.Query<SessionRow>("""
                select id, user_id, title, title_source, connection_id, model, system_prompt, parameters, reasoning,
                    pinned, archived, temporary, leaf_id, message_count, created_at, updated_at
                from sessions
                where user_id = @userId and archived = @archived and temporary = 0
                    and (@id is null or (pinned, updated_at, id) < (@pinned, @at, @id))
                    and (not exists (select 1 from json_each(@Patterns) where title not like value escape '\')
                        or id in (
                            select m.session_id
                            from messages_text
                            join messages m on m.id = messages_text.rowid
                            where messages_text match @match
                                and not exists (select 1 from json_each(@Rest) where m.content not like value escape '\')
                        ))
                order by pinned desc, updated_at desc, id desc
                limit @limit
                """, new { userId, archived, pinned, at, id, limit, match, terms.Patterns, terms.Rest }).ToList());
        }

        await _reading.WaitAsync();
        try
        {
            // In the order of the index, so that reading ends when the page is full.
            return await db.Read(connection => connection.Query<SessionRow>("""
                select id, user_id, title, title_source, connection_id, model, system_prompt, parameters, reasoning,
                    pinned, archived, temporary, leaf_id, message_count, created_at, updated_at
                from sessions s
                where user_id = @userId and archived = @archived and temporary = 0
                    and (@id is null or (pinned, updated_at, id) < (@pinned, @at, @id))
                    and (not exists (select 1 from json_each(@Patterns) where title not like value escape '\')
                        or exists (
                            select 1
                            from messages m
                            where m.session_id = s.id and m.content like @First escape '\'
                                and not exists (select 1 from json_each(@Patterns) where m.content not like value escape '\')
                        ))
                order by pinned desc, updated_at desc, id desc
                limit @limit
                """, new { userId, archived, pinned, at, id, limit, terms.First, terms.Patterns }).ToList());
        }
        finally
        {
            _reading.Release();
        }
    }

    public void Dispose() => _reading.Dispose();

    /// <summary>The newest messages of these sessions that hold all terms, a few of each session.</summary>
    public Task<List<MessageMatch>> Matches(long userId, SearchTerms terms, IEnumerable<long> sessionIds)
    {
        var ids = $"[{string.Join(',', sessionIds)}]";
        return db.Read(connection =>
        {
            var rows = terms.Match is { } match
                ? connection.Query<TextRow>("""
                    with hits (id, place) as (
                        select m.id, row_number() over (partition by m.session_id order by m.id desc)
                        from messages_text
                        join messages m on m.id = messages_text.rowid
                        join sessions s on s.id = m.session_id and s.user_id = @userId
                        where messages_text match @match and m.session_id in (select value from json_each(@ids))
                            and not exists (select 1 from json_each(@Rest) where m.content not like value escape '\')
                    )
                    select m.id, m.session_id, m.role, m.content
                    from hits
                    join messages m on m.id = hits.id
                    where hits.place <= @MatchesPerSession
                    order by m.id desc
                    """, new { userId, ids, match, terms.Rest, MatchesPerSession }, buffered: false)
                : connection.Query<TextRow>("""
                    with hits (id, place) as (
                        select m.id, row_number() over (partition by m.session_id order by m.id desc)
                        from messages m
                        join sessions s on s.id = m.session_id and s.user_id = @userId
                        where m.session_id in (select value from json_each(@ids))
                            and not exists (select 1 from json_each(@Patterns) where m.content not like value escape '\')
                    )
                    select m.id, m.session_id, m.role, m.content
                    from hits
                    join messages m on m.id = hits.id
                    where hits.place <= @MatchesPerSession
                    order by m.id desc
                    """, new { userId, ids, terms.Patterns, MatchesPerSession }, buffered: false);
            return rows.Select(row => new MessageMatch(row.Id, row.SessionId, row.Role, Snippet.Of(row.Content, terms.Terms))).ToList();
        });
    }

    /// <summary>
    /// The messages of the active branch that hold the phrase, in reading order. Null when the session is not the user's.
    /// </summary>
    /// <param name="skip">How many hits to pass over.</param>
    /// <returns>At most <paramref name="limit"/> hits, and how many there are in all.</returns>
    public Task<(List<MessageMatch> Hits, int Total)?> Find(long userId, long sessionId, string phrase, int skip, int limit) => db.Read(connection =>
    {
        if (Data.Sessions.Find(connection, userId, sessionId) is not { } session)
        {
            return ((List<MessageMatch>, int)?)null;
        }

        var hits = new List<MessageMatch>();
        var total = 0;
        foreach (var row in Branch(connection, sessionId, session.LeafId).Where(row => row.Content.Contains(phrase, StringComparison.OrdinalIgnoreCase)))
        {
            if (total++ >= skip && hits.Count < limit)
            {
                hits.Add(new MessageMatch(row.Id, row.SessionId, row.Role, Snippet.Of(row.Content, [phrase])));
            }
        }

        return (hits, total);
    });

    /// <summary>One row at a time: a chat may be longer than what should be in memory.</summary>
    private static IEnumerable<TextRow> Branch(SqliteConnection connection, long sessionId, long? leafId) => connection.Query<TextRow>("""
        with recursive branch (id, parent_id, depth) as (
            select id, parent_id, 1 from messages where id = @leafId and session_id = @sessionId
            union all
            select m.id, m.parent_id, branch.depth + 1
            from branch
            join messages m on m.id = branch.parent_id
        )
        select m.id, m.session_id, m.role, m.content
        from branch
        join messages m on m.id = branch.id
        order by branch.depth desc
        """, new { sessionId, leafId }, buffered: false);
}

/// <summary>A message that holds what was searched for.</summary>
internal sealed record MessageMatch(long MessageId, long SessionId, string Role, Snippet Snippet);

internal sealed record TextRow
{
    public long Id { get; init; }

    public long SessionId { get; init; }

    public string Role { get; init; } = "";

    public string Content { get; init; } = "";
}
