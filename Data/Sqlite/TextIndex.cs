using System.Data.Common;
using Dapper;
using Microsoft.Data.Sqlite;

namespace AiChat.Data.Sqlite;

/// <summary>
/// The full-text index over messages. It holds folded text (<see cref="Letters"/>), which SQL cannot make: triggers of the schema note what
/// is due, and the writer brings the index up to date a little later (<see cref="DbWriter"/>). What is due is in no index and is looked
/// through by each search, so that a message is found at once.
/// </summary>
internal static class TextIndex
{
    /// <summary>Messages that one addition brings up to date: they share the pages that the index writes.</summary>
    private const int MaxAtOnce = 256;

    /// <summary>Messages that one transaction of a start adds: a start that is ended goes on there, and the log stays small.</summary>
    private const int MaxInTransaction = 5_000;

    /// <summary>What a start leaves to the running server.</summary>
    private const int MaxLeft = 1_000;

    /// <summary>
    /// Written after each text, so that its last two letters begin groups of three as well. A control character, which no search text has.
    /// </summary>
    private const string End = "\u0003\u0003";

    /// <summary>Places of a short term that are read, about 10 ms; what stands in more is soon found among the owner's texts.</summary>
    private const int MaxPlaces = 100_000;

    /// <summary>Whether the database has this index; that of the traces and those of older schemas have not.</summary>
    public static bool IsIn(SqliteConnection connection)
    {
        using var command = connection.CreateCommand();
        command.CommandText = "select exists (select 1 from sqlite_schema where name = 'messages_text_due')";
        return command.ExecuteScalar() is 1L;
    }

    /// <summary>
    /// Ids of messages among which are all of the user's that hold the terms; null when all terms are short and stand in too many messages.
    /// </summary>
    public static HashSet<long>? Candidates(DbConnection connection, long userId, SearchTerms terms)
    {
        // First, because what is no longer due afterwards is in the index by then.
        var due = connection.Query<long>("select id from messages_text_due").ToList();
        var ids = terms.Match is { } match ? Matching(connection, $"{SearchTerms.Owner(userId)} AND {match}")
            : terms.Patterns.Select(pattern => Beginning(connection, pattern.Text)).OfType<HashSet<long>>().MinBy(ids => ids.Count);
        ids?.UnionWith(due);
        return ids;
    }

    private static HashSet<long> Matching(DbConnection connection, string match) => connection.Query<long>("""
        select rowid from messages_text where messages_text match @match
        """, new { match }, buffered: false).ToHashSet();

    /// <summary>Ids of all users' messages with a group that begins with these letters; null when there are too many places.</summary>
    private static HashSet<long>? Beginning(DbConnection connection, string letters)
    {
        var last = letters + char.ConvertFromUtf32(0x10FFFF);
        var ids = new HashSet<long>();
        var places = connection.Query<long>("""
            select doc from messages_text_groups where term >= @letters and term <= @last limit @limit
            """, new { letters, last, limit = MaxPlaces + 1 }, buffered: false).Count(id => ids.Add(id) || true);
        return places > MaxPlaces ? null : ids;
    }

    /// <summary>Brings the oldest messages that are due up to date, within the transaction that is open.</summary>
    /// <param name="goesOn">Asked after each message.</param>
    /// <returns>How many.</returns>
    public static int AddDue(DbConnection connection, Func<bool> goesOn)
    {
        var due = connection.Query<long>("""
            select id from messages_text_due order by id limit @MaxAtOnce
            """, new { MaxAtOnce }).ToList();
        var done = 0;
        while (done < due.Count && (done == 0 || goesOn()))
        {
            Add(connection, due[done++]);
        }

        if (done > 0)
        {
            connection.Execute("delete from messages_text_due where id <= @last", new { last = due[done - 1] });
        }

        return done;
    }

    private static void Add(DbConnection connection, long id)
    {
        connection.Execute("delete from messages_text where rowid = @id", new { id });
        if (connection.QueryFirstOrDefault<OwnedText>("""
            select owner, content from message_owners where id = @id and content <> ''
            """, new { id }) is { } text)
        {
            connection.Execute("""
                insert into messages_text (rowid, owner, content) values (@id, @Owner, @folded)
                """, new { id, text.Owner, folded = Letters.Fold(text.Content) + End });
        }
    }

    /// <summary>
    /// Adds what is due unless it is little: everything after an upgrade. Where it is stopped, the next start goes on.
    /// </summary>
    /// <exception cref="OperationCanceledException">It was stopped.</exception>
    public static void AddAllDue(SqliteConnection connection, StartProgress progress)
    {
        if (!IsIn(connection) || Number(connection, "select count(*) from (select 1 from messages_text_due limit 1001)") <= MaxLeft)
        {
            return;
        }

        var first = Number(connection, "select min(id) from messages_text_due");
        var last = Number(connection, "select max(id) from messages_text_due");
        for (var next = first; next > 0; next = Number(connection, "select min(id) from messages_text_due"))
        {
            progress.Report(StartStep.Index, "", (double)(next - first) / Math.Max(1, last - first));
            using var transaction = connection.BeginTransaction();
            for (var added = 0; added < MaxInTransaction && AddDue(connection, () => true) is > 0 and var more; added += more)
            {
                progress.Stop.ThrowIfCancellationRequested();
            }

            transaction.Commit();
        }
    }

    private static long Number(DbConnection connection, string sql) => connection.ExecuteScalar<long?>(sql) ?? 0;
}

internal sealed record OwnedText
{
    public string Owner { get; init; } = "";

    public string Content { get; init; } = "";
}
