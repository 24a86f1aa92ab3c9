using System.Data.Common;
using Dapper;
using Microsoft.Data.Sqlite;

namespace AiChat.Data.Sqlite;

/// <summary>
/// The full-text index over messages. It holds folded text (<see cref="Letters"/>), which SQL cannot make, and the writer brings it up to
/// date a little later (<see cref="DbWriter"/>). The messages after the newest that it holds wait for it; triggers of the schema note the
/// others that do (messages_text_due). Each search looks through what waits, so that a message is found at once.
/// </summary>
internal static class TextIndex
{
    /// <summary>Messages that one addition brings up to date: they share the pages that the index writes.</summary>
    private const int MaxAtOnce = 256;

    /// <summary>Messages that are worth an addition: fewer share its pages by so much less that they wait for others.</summary>
    private const int MinAtOnce = 64;

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

    private const string Next = "select id from messages_text_waiting order by id limit 1";

    /// <summary>Whether the database has this index; that of the traces and those of older schemas have not.</summary>
    public static bool IsIn(SqliteConnection connection)
    {
        using var command = connection.CreateCommand();
        command.CommandText = "select exists (select 1 from sqlite_schema where name = 'messages_text_waiting')";
        return command.ExecuteScalar() is 1L;
    }

    /// <summary>
    /// Ids of messages among which are all of the user's that hold the terms; null when all terms are short and stand in too many messages.
    /// </summary>
    public static HashSet<long>? Candidates(DbConnection connection, long userId, SearchTerms terms)
    {
        // First, because what no longer waits afterwards is in the index by then.
        var newest = connection.ExecuteScalar<long>("select coalesce(max(id), 0) from messages_text_docsize");
        var waiting = connection.Query<long>("""
            select id from messages_text_due
            union all
            select m.id
            from sessions s
            cross join messages m on m.session_id = s.id and m.id > @newest -- in this order, by the index of a session's messages
            where s.user_id = @userId
            """, new { userId, newest }).ToList();
        var ids = terms.Match is { } match ? Matching(connection, $"{SearchTerms.Owner(userId)} AND {match}")
            : terms.Patterns.Select(pattern => Beginning(connection, pattern.Text)).OfType<HashSet<long>>().MinBy(ids => ids.Count);
        ids?.UnionWith(waiting);
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

    /// <summary>Whether enough messages wait to be worth an addition.</summary>
    public static bool IsWorthAdding(DbConnection connection) => connection.ExecuteScalar<long>("""
        select count(*) from (select id from messages_text_waiting order by id limit @MinAtOnce)
        """, new { MinAtOnce }) == MinAtOnce;

    /// <summary>
    /// Brings the oldest messages that wait up to date, within the transaction that is open. In the order of their ids, because what comes
    /// after the newest in the index counts as waiting.
    /// </summary>
    /// <param name="goesOn">Asked after each message.</param>
    /// <returns>How many.</returns>
    public static int AddDue(DbConnection connection, Func<bool> goesOn)
    {
        var due = connection.Query<long>("""
            select id from messages_text_waiting order by id limit @MaxAtOnce
            """, new { MaxAtOnce }).ToList();
        var newest = due.Count == 0 ? 0 : connection.ExecuteScalar<long>("select coalesce(max(id), 0) from messages_text_docsize");
        var done = 0;
        while (done < due.Count && (done == 0 || goesOn()))
        {
            Add(connection, due[done], isNew: due[done] > newest);
            done++;
        }

        if (done > 0)
        {
            connection.Execute("delete from messages_text_due where id <= @last", new { last = due[done - 1] });
        }

        return done;
    }

    /// <summary>Takes everything out, so that every message waits; of a damaged index nothing else can be done.</summary>
    public static void Empty(DbConnection connection) =>
        connection.Execute("insert into messages_text (messages_text) values ('delete-all')");

    private static void Add(DbConnection connection, long id, bool isNew)
    {
        if (!isNew)
        {
            connection.Execute("delete from messages_text where rowid = @id", new { id });
        }

        if (connection.QueryFirstOrDefault<OwnedText>("""
            select owner, content from message_owners where id = @id and content <> ''
            """, new { id }) is { } text)
        {
            connection.Execute("""
                insert into messages_text (rowid, owner, content) values (@id, @Owner, @folded)
                """, new { id, text.Owner, folded = Letters.Fold(text.Content, End) });
        }
    }

    /// <summary>
    /// Adds what is due unless it is little: everything after an upgrade. Where it is stopped, the next start goes on.
    /// </summary>
    /// <exception cref="OperationCanceledException">It was stopped.</exception>
    public static void AddAllDue(SqliteConnection connection, StartProgress progress)
    {
        if (!IsIn(connection)
            || Number(connection, "select count(*) from (select id from messages_text_waiting order by id limit 1001)") <= MaxLeft)
        {
            return;
        }

        var first = Number(connection, Next);
        var last = Number(connection, "select max(id) from messages");
        for (var next = first; next > 0; next = Number(connection, Next))
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
