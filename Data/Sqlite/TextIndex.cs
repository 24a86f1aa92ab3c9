using System.Data.Common;
using Dapper;
using Microsoft.Data.Sqlite;

namespace AiChat.Data.Sqlite;

/// <summary>
/// The full-text index over messages. It holds folded text (<see cref="Letters"/>), which SQL cannot make: triggers of the schema take out
/// what is gone and note what is due, and the writer adds that before it commits. So whatever is committed is in the index.
/// </summary>
internal static class TextIndex
{
    /// <summary>Messages that one transaction of a start adds: a start that is ended goes on there, and the log stays small.</summary>
    private const int MaxAtOnce = 5_000;

    /// <summary>
    /// Written after each text, so that its last two letters begin groups of three as well. A control character, which no search text has.
    /// </summary>
    private const string End = "\u0003\u0003";

    /// <summary>Places of a short term that are read, about 10 ms; what stands in more is soon found among the owner's texts.</summary>
    private const int MaxPlaces = 100_000;

    /// <summary>Whether the database has this index; that of the traces and those of older schemas have not.</summary>
    private static bool IsIn(SqliteConnection connection)
    {
        using var command = connection.CreateCommand();
        command.CommandText = "select exists (select 1 from sqlite_schema where name = 'messages_text_due')";
        return command.ExecuteScalar() is 1L;
    }

    /// <summary>What adds to the index all that is due, before a commit; null when the database has none.</summary>
    public static Action<DbConnection>? Of(SqliteConnection connection) =>
        IsIn(connection) ? static open => AddDue(open, int.MaxValue) : null;

    /// <summary>
    /// Ids of messages among which are all of the user's that hold the terms; null when all terms are short and stand in too many messages.
    /// </summary>
    public static HashSet<long>? Candidates(DbConnection connection, long userId, SearchTerms terms)
    {
        if (terms.Match is null)
        {
            return terms.Patterns.Select(pattern => Beginning(connection, pattern.Text)).OfType<HashSet<long>>().MinBy(ids => ids.Count);
        }

        var match = $"{SearchTerms.Owner(userId)} AND {terms.Match}";
        return connection.Query<long>("""
            select rowid from messages_text where messages_text match @match
            """, new { match }, buffered: false).ToHashSet();
    }

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

    /// <summary>Adds what is due to the index, within the transaction that is open.</summary>
    /// <returns>How many messages were due, at most <paramref name="limit"/>.</returns>
    private static int AddDue(DbConnection connection, int limit)
    {
        var due = connection.Query<long>("select id from messages_text_due order by id limit @limit", new { limit }).ToList();
        foreach (var id in due)
        {
            if (connection.QueryFirstOrDefault<OwnedText>("""
                select owner, content from message_owners where id = @id and content <> ''
                """, new { id }) is { } text)
            {
                connection.Execute("""
                    insert into messages_text (rowid, owner, content) values (@id, @Owner, @folded)
                    """, new { id, text.Owner, folded = Letters.Fold(text.Content) + End });
            }

            connection.Execute("delete from messages_text_due where id = @id", new { id });
        }

        return due.Count;
    }

    /// <summary>
    /// Adds all that is due: everything after an upgrade, nothing after any other end. Where it is stopped, the next start goes on.
    /// </summary>
    /// <exception cref="OperationCanceledException">It was stopped.</exception>
    public static void AddAllDue(SqliteConnection connection, StartProgress progress)
    {
        if (!IsIn(connection))
        {
            return;
        }

        var (first, last) = Due(connection);
        for (var next = first; next > 0; next = Due(connection).First)
        {
            progress.Report(StartStep.Index, "", (double)(next - first) / Math.Max(1, last - first));
            using var transaction = connection.BeginTransaction();
            for (var added = 0; added < MaxAtOnce && AddDue(connection, 100) is > 0 and var more; added += more)
            {
                progress.Stop.ThrowIfCancellationRequested();
            }

            transaction.Commit();
        }
    }

    /// <summary>The ids between which messages are due; 0 when there are none.</summary>
    private static (long First, long Last) Due(DbConnection connection) => (
        connection.ExecuteScalar<long?>("select min(id) from messages_text_due") ?? 0,
        connection.ExecuteScalar<long?>("select max(id) from messages_text_due") ?? 0);
}

internal sealed record OwnedText
{
    public string Owner { get; init; } = "";

    public string Content { get; init; } = "";
}
