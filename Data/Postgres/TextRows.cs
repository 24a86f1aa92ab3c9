using System.Data.Common;
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

    /// <summary>Ids of messages among which are all of the user's that hold the terms.</summary>
    public static HashSet<long> Candidates(DbConnection connection, long userId, SearchTerms terms)
    {
        // First, because what is no longer due afterwards is among the rows by then.
        var due = connection.Query<long>("select id from messages_text_due").ToList();
        var ids = new HashSet<long>();
        foreach (var (place, pattern) in terms.Patterns.Select(pattern => LikePattern.Containing(pattern.Text)).Index())
        {
            var found = connection.Query<long>("""
                select id from messages_text where user_id = @userId and content like @pattern escape '\'
                """, new { userId, pattern });
            if (place == 0)
            {
                ids.UnionWith(found);
            }
            else
            {
                ids.IntersectWith(found);
            }
        }

        ids.UnionWith(due);
        return ids;
    }

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
        foreach (var id in due)
        {
            Add(connection, id);
        }

        transaction.Commit();
        return due.Count;
    }

    private static void Add(DbConnection connection, long id)
    {
        var text = connection.QueryFirstOrDefault<OwnedMessage>("""
            select s.user_id, m.content
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
    public long UserId { get; init; }

    public string Content { get; init; } = "";
}
