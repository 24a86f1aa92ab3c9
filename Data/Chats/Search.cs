using System.Data.Common;
using AiChat.Data.Engine;
using AiChat.Data.Postgres;
using AiChat.Data.Sqlite;
using AiChat.Data.Store;
using Dapper;

namespace AiChat.Data.Chats;

/// <summary>Finds chats by title and text, and messages in a chat. Temporary chats are not searched.</summary>
internal sealed class Search(Db db)
{
    private const int MatchesPerSession = 3;

    /// <summary>Up to so many candidates are asked for their sessions, instead of each session for its messages.</summary>
    private const int MaxPlaced = 4_000;

    /// <summary>
    /// Sessions whose title or one of whose messages holds all terms, with the newest of these messages; order and cursor as in
    /// <see cref="Sessions.List"/>. Reading ends when the page is full.
    /// </summary>
    public Task<List<FoundSession>> Sessions(
        long userId, SearchTerms terms, bool archived, SessionCursor? after, int limit, CancellationToken cancel) =>
        db.ReadLong(userId, connection =>
        {
            var candidates = connection is PostgresConnection
                ? TextRows.Candidates(connection, userId, terms) : TextIndex.Candidates(connection, userId, terms);
            var placed = candidates is { Count: > 0 and <= MaxPlaced } ? Placed(connection, candidates) : null;
            var found = new List<FoundSession>();
            foreach (var session in Chats.Sessions.Stream(connection, userId, archived, after))
            {
                cancel.ThrowIfCancellationRequested();
                var matches = Texts(connection, session.Id, terms, candidates, placed).Where(row => terms.AreIn(row.Content))
                    .Take(MatchesPerSession).Select(row => Match(row, terms.Patterns)).ToList();
                if (matches.Count > 0 || terms.AreIn(session.Title))
                {
                    found.Add(new FoundSession(session, matches));
                    if (found.Count == limit)
                    {
                        break;
                    }
                }
            }

            return found;
        }, cancel);

    /// <summary>
    /// The messages of the active branch that hold the phrase, in reading order. Null when the session is not the user's.
    /// </summary>
    /// <param name="skip">Number of hits to skip.</param>
    /// <returns>At most <paramref name="limit"/> hits, and the number of all hits.</returns>
    public Task<(List<MessageMatch> Hits, int Total)?> Find(
        long userId, long sessionId, string phrase, int skip, int limit, CancellationToken cancel) => db.ReadLong(userId, connection =>
    {
        if (Chats.Sessions.Find(connection, userId, sessionId) is not { } session)
        {
            return ((List<MessageMatch>, int)?)null;
        }

        var pattern = new TextPattern(phrase);
        var hits = new List<MessageMatch>();
        var total = 0;
        // One row at a time: a chat may be too long to be read into memory.
        foreach (var id in session.LeafId is { } leaf ? Branches.Ids(connection, userId, sessionId, leaf) : [])
        {
            cancel.ThrowIfCancellationRequested();
            var row = Text(connection, id);
            if (pattern.IsIn(row.Content) && total++ >= skip && hits.Count < limit)
            {
                hits.Add(Match(row, [pattern]));
            }
        }

        return (hits, total);
    }, cancel);

    /// <summary>Ids and texts of a session, newest first: the candidates, or all.</summary>
    private static IEnumerable<TextRow> Texts(
        DbConnection connection, long sessionId, SearchTerms terms, HashSet<long>? candidates, ILookup<long, long>? placed) =>
        candidates switch
        {
            null when connection is PostgresConnection => TextRows.In(connection, sessionId, terms),
            null => connection.Query<TextRow>("""
            select id, session_id, role, content from messages where session_id = @sessionId order by id desc
            """, new { sessionId }, buffered: false),
            { Count: 0 } => [],
            _ when placed is not null => Texts(connection, placed[sessionId]),
            _ => Texts(connection, connection.Query<long>("""
            select id from messages where session_id = @sessionId order by id desc
            """, new { sessionId }).Where(candidates.Contains)),
        };

    /// <summary>A few at a time: each statement may be a round trip to a server, and a text may be long.</summary>
    private static IEnumerable<TextRow> Texts(DbConnection connection, IEnumerable<long> ids) =>
        ids.Chunk(MatchesPerSession).SelectMany(few => connection.Query<TextRow>("""
            select id, session_id, role, content from messages
            where id in (select cast(value as bigint) from json_each(@ids)) order by id desc
            """, new { ids = $"[{string.Join(',', few)}]" }));

    /// <summary>The candidates by their sessions, newest first.</summary>
    private static ILookup<long, long> Placed(DbConnection connection, HashSet<long> candidates) => connection.Query<TextRow>("""
        select id, session_id from messages
        where id in (select cast(value as bigint) from json_each(@ids)) order by id desc
        """, new { ids = $"[{string.Join(',', candidates)}]" }).ToLookup(row => row.SessionId, row => row.Id);

    private static TextRow Text(DbConnection connection, long id) =>
        connection.QuerySingle<TextRow>("select id, session_id, role, content from messages where id = @id", new { id });

    private static MessageMatch Match(TextRow row, IReadOnlyList<TextPattern> terms) =>
        new(row.Id, row.Role, Snippet.From(row.Content, terms));
}

/// <summary>A chat that was found and its messages that hold all terms; none when only the title does.</summary>
internal sealed record FoundSession(SessionRow Session, IReadOnlyList<MessageMatch> Matches);

/// <summary>A message that holds the phrase.</summary>
internal sealed record MessageMatch(long MessageId, string Role, Snippet Snippet);
