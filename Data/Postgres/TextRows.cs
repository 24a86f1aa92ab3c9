using System.Buffers;
using System.Data.Common;
using System.Text;
using System.Text.Json;
using AiChat.Data.Engine;
using AiChat.Data.Sqlite;
using Dapper;

namespace AiChat.Data.Postgres;

/// <summary>
/// The text that search looks through, folded (<see cref="Letters"/>), one row for each message. Triggers of the schema note what is due;
/// until it is brought up to date each search looks through it.
/// </summary>
internal static class TextRows
{
    private const int MaxAtOnce = 256;

    /// <summary>Bytes of a text that travels with others.</summary>
    private const int MaxShort = 16_384;

    /// <summary>More are not looked up one by one: what so many hold is soon found among the newest.</summary>
    private const int MaxFound = 2_000;

    private const int PatternsAtOnce = 3;

    /// <summary>Ids of messages among which are all of the user's that hold the terms; null when these are very many.</summary>
    public static HashSet<long>? Candidates(DbConnection connection, long userId, SearchTerms terms)
    {
        // First, because what is no longer due afterwards is among the rows by then.
        var due = connection.Query<long>("select id from messages_text_due").ToList();
        HashSet<long>? ids = null;
        foreach (var patterns in terms.Patterns.Select(pattern => LikePattern.Containing(pattern.Text)).Chunk(PatternsAtOnce))
        {
            if (Find(connection, userId, patterns) is not { Count: <= MaxFound } found)
            {
                continue;
            }

            if (ids is null)
            {
                ids = [.. found];
            }
            else
            {
                ids.IntersectWith(found);
            }
        }

        ids?.UnionWith(due);
        return ids;
    }

    /// <summary>Messages of a session among which are all that hold the terms, newest first.</summary>
    public static IEnumerable<TextRow> In(DbConnection connection, long sessionId, SearchTerms terms)
    {
        var patterns = terms.Patterns.Take(PatternsAtOnce).Select(pattern => LikePattern.Containing(pattern.Text)).ToArray();
        var (first, second, third) = Three(patterns);
        return connection.Query<TextRow>("""
            select m.id, m.session_id, m.role, m.content
            from messages m
            left join messages_text t on t.id = m.id
            where m.session_id = @sessionId and (
                t.id is null or exists (select 1 from messages_text_due d where d.id = m.id)
                or (t.content like @first escape '\' and t.content like @second escape '\' and t.content like @third escape '\'))
            order by m.id desc
            """, new { sessionId, first, second, third }, buffered: false);
    }

    /// <summary>
    /// At most one more than are looked up. How to find them depends on how common the patterns are, so the server plans it each time. The
    /// owner is named as a list of one because a plain comparison is tried last, after the patterns, on the rows of all others, too.
    /// </summary>
    private static List<long> Find(DbConnection connection, long userId, string[] patterns)
    {
        var (first, second, third) = Three(patterns);
        using (Deferred.On(connection))
        {
            // They hold for what is sent with them. A pass over the table would also read the rows of all others.
            connection.Execute("""
                select set_config('plan_cache_mode', 'force_custom_plan', true), set_config('enable_seqscan', 'off', true)
                """);
        }

        return connection.Query<long>("""
            select id from messages_text
            where user_id = any(array[cast(@userId as bigint)]) and content like @first escape '\' and content like @second escape '\'
                and content like @third escape '\'
            limit @limit
            """, new { userId, first, second, third, limit = MaxFound + 1 }).ToList();
    }

    private static (string First, string Second, string Third) Three(string[] patterns) =>
        (patterns[0], patterns.ElementAtOrDefault(1) ?? "%", patterns.ElementAtOrDefault(2) ?? "%");

    /// <summary>Brings some of the messages that are due up to date.</summary>
    /// <returns>How many.</returns>
    public static int AddDue(DbConnection connection)
    {
        using var transaction = connection.BeginTransaction();
        var due = connection.Query<long>("""
            delete from messages_text_due
            where id in (select id from messages_text_due order by id limit @MaxAtOnce for update skip locked)
            returning id
            """, new { MaxAtOnce }).ToList();
        // Read after they were taken: a change in between is due again, or seen here.
        var ids = $"[{string.Join(',', due)}]";
        var texts = connection.Query<OwnedMessage>("""
            select m.id, s.user_id, m.content
            from messages m
            join sessions s on s.id = m.session_id and s.user_id is not null
            where m.id in (select cast(value as bigint) from json_each(@ids)) and m.content <> '' and octet_length(m.content) <= @MaxShort
            """, new { ids, MaxShort }).ToList();
        if (texts.Count > 0)
        {
            Add(connection, texts);
        }

        // Long texts one by one, and those whose message is gone.
        foreach (var id in due.Except(texts.Select(text => text.Id)))
        {
            Add(connection, id);
        }

        transaction.Commit();
        return due.Count;
    }

    private static void Add(DbConnection connection, List<OwnedMessage> texts)
    {
        var list = new ArrayBufferWriter<byte>();
        using (var json = new Utf8JsonWriter(list))
        {
            json.WriteStartArray();
            foreach (var text in texts)
            {
                json.WriteStartObject();
                json.WriteNumber("id", text.Id);
                json.WriteNumber("user_id", text.UserId);
                json.WriteString("content", Letters.Fold(text.Content));
                json.WriteEndObject();
            }

            json.WriteEndArray();
        }

        var rows = Encoding.UTF8.GetString(list.WrittenSpan);
        connection.Execute("""
            insert into messages_text (id, user_id, content)
            select t.id, t.user_id, t.content
            from json_to_recordset(cast(@rows as json)) as t (id bigint, user_id bigint, content text)
            on conflict (id) do update set user_id = excluded.user_id, content = excluded.content
            """, new { rows });
    }

    private static void Add(DbConnection connection, long id)
    {
        var text = connection.QueryFirstOrDefault<OwnedMessage>("""
            select m.id, s.user_id, m.content
            from messages m
            join sessions s on s.id = m.session_id and s.user_id is not null
            where m.id = @id and m.content <> ''
            """, new { id });
        if (text is null)
        {
            connection.Execute("delete from messages_text where id = @id", new { id });
            return;
        }

        connection.Execute("""
            insert into messages_text (id, user_id, content) values (@id, @UserId, @folded)
            on conflict (id) do update set user_id = excluded.user_id, content = excluded.content
            """, new { id, text.UserId, folded = Letters.Fold(text.Content) });
    }
}

internal sealed record OwnedMessage
{
    public long Id { get; init; }

    public long UserId { get; init; }

    public string Content { get; init; } = "";
}
