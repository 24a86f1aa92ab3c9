using System.Data.Common;
using System.Runtime.CompilerServices;
using AiChat.Data.Images;
using AiChat.Data.Postgres;
using AiChat.Data.Store;
using Dapper;

namespace AiChat.Data.Chats;

/// <summary>Reads long chats in pieces, and copies a branch into a new session.</summary>
internal sealed class Branches(Db db)
{
    /// <summary>A copy is one write, most of it for the full-text index; this many messages take about a second.</summary>
    private const int MaxCopied = 2_500;

    /// <summary>A piece is at most this many messages, and ends early after this many characters.</summary>
    private const int MaxPiece = 50;
    private const int MaxPieceText = 1_000_000;

    /// <summary>Ids of the branch that ends at a message, in reading order; empty when the user has no such message.</summary>
    public Task<List<long>> Ids(long userId, long sessionId, long leafId) =>
        db.Read(connection => Ids(connection, userId, sessionId, leafId));

    /// <summary>Ids of all branches of a session, each after its parent.</summary>
    public Task<List<long>> AllIds(long userId, long sessionId) => db.Read(connection => connection.Query<long>("""
        select m.id
        from sessions s
        join messages m on m.session_id = s.id
        where s.id = @sessionId and s.user_id = @userId
        order by m.id
        """, new { userId, sessionId }).ToList());

    /// <summary>The messages of a session with these ids, in the order of the ids; deleted ones are skipped.</summary>
    public Task<List<MessageRow>> Page(long userId, long sessionId, IEnumerable<long> messageIds) =>
        db.Read(connection => messageIds.Select(id => Find(connection, userId, sessionId, id)).OfType<MessageRow>().ToList());

    /// <summary>As <see cref="Page"/>, for any number of messages: one piece is in memory at a time, and each is a long read.</summary>
    public async IAsyncEnumerable<List<MessageRow>> Pieces(
        long userId, long sessionId, List<long> messageIds, [EnumeratorCancellation] CancellationToken cancel)
    {
        for (var at = 0; at < messageIds.Count;)
        {
            var rows = await db.ReadLong(userId, connection => Piece(connection, userId, sessionId, messageIds, ref at), cancel);
            yield return rows;
        }
    }

    private static List<MessageRow> Piece(DbConnection connection, long userId, long sessionId, List<long> messageIds, ref int at)
    {
        var rows = new List<MessageRow>(MaxPiece);
        for (var room = MaxPieceText; at < messageIds.Count && rows.Count < MaxPiece && room > 0; at++)
        {
            if (Find(connection, userId, sessionId, messageIds[at]) is { } row)
            {
                rows.Add(row);
                room -= row.Content.Length + (row.Reasoning?.Length ?? 0);
            }
        }

        return rows;
    }

    private static MessageRow? Find(DbConnection connection, long userId, long sessionId, long id) =>
        connection.QueryFirstOrDefault<MessageRow>($"""
            select {Messages.Columns}
            from messages
            where id = @id and session_id = @sessionId and exists (select 1 from sessions s where s.id = @sessionId and s.user_id = @userId)
            """, new { userId, sessionId, id });

    /// <summary>
    /// Creates a session with copies of all messages up to an answer, images included. The cost of the answers stays with the original
    /// session.
    /// </summary>
    public Task<(ForkOutcome Outcome, SessionRow? Session)> Fork(
        long userId, long sessionId, long messageId, DateTimeOffset now) => db.Write(connection =>
    {
        RowLock.User(connection, userId);
        if (Sessions.Find(connection, userId, sessionId) is null)
        {
            return (ForkOutcome.NotFound, (SessionRow?)null);
        }

        var ids = Ids(connection, userId, sessionId, messageId, MaxCopied + 1);
        if (ids.Count is 0 or > MaxCopied)
        {
            return (ids.Count == 0 ? ForkOutcome.NotFound : ForkOutcome.TooLong, null);
        }

        var finished = connection.ExecuteScalar<bool>("""
            select role = 'assistant' and status <> 'streaming' from messages where id = @messageId
            """, new { messageId });
        return finished
            ? (ForkOutcome.Done, Copy(connection, userId, sessionId, ids, now.ToUnixTimeMilliseconds()))
            : (ForkOutcome.NotAnAnswer, null);
    });

    private static SessionRow Copy(DbConnection connection, long userId, long sessionId, List<long> branch, long at)
    {
        var fork = connection.ExecuteScalar<long>("""
            insert into sessions (user_id, title, title_source, connection_id, model, system_prompt, parameters, reasoning, temporary,
                created_at, updated_at)
            select user_id, title, title_source, connection_id, model, system_prompt, parameters, reasoning, temporary, @at, @at
            from sessions
            where id = @sessionId and user_id = @userId
            returning id
            """, new { sessionId, userId, at });

        // A branch is a chain: the copies get ascending ids, and the parent of each is the one before.
        var ids = $"[{string.Join(',', branch)}]";
        connection.Execute($"""
            insert into messages (session_id, trimmed_messages, {Messages.CopiedColumns})
            select @fork, trimmed_messages, {Messages.CopiedColumns}
            from json_each(@ids) wanted
            join messages m on m.id = cast(wanted.value as bigint)
            order by wanted.key
            """, new { fork, ids });
        connection.Execute("""
            update messages set parent_id = (select max(m.id) from messages m where m.session_id = @fork and m.id < messages.id)
            where session_id = @fork
            """, new { fork });
        var copies = connection.Query<long>("select id from messages where session_id = @fork order by id", new { fork }).ToList();
        CopyImages(connection, ids, branch.Zip(copies).ToDictionary(pair => pair.First, pair => pair.Second));
        connection.Execute("""
            update sessions set leaf_id = @last, message_count = @count where id = @fork
            """, new { last = copies[^1], count = branch.Count, fork });
        return Sessions.Find(connection, userId, fork)!;
    }

    /// <summary>Gives the copies of messages rows for the same image files.</summary>
    private static void CopyImages(DbConnection connection, string ids, Dictionary<long, long> copies)
    {
        var images = connection.Query<ImageRow>($"""
            select {ImageStore.Columns}
            from images
            where message_id in (select cast(value as bigint) from json_each(@ids))
            """, new { ids }).ToList();
        foreach (var image in images)
        {
            var (copy, messageId) = (ImageStore.NewId(), copies[image.MessageId!.Value]);
            connection.Execute("""
                insert into images (id, user_id, message_id, position, mime, width, height, bytes, file, created_at)
                select @copy, user_id, @messageId, position, mime, width, height, bytes, file, created_at from images where id = @Id
                """, new { copy, messageId, image.Id });
        }
    }

    internal static List<long> Ids(DbConnection connection, long userId, long sessionId, long leafId, int max = int.MaxValue) =>
        connection.Query<SiblingRow>("""
            with recursive branch (id, parent_id, depth) as (
                select m.id, m.parent_id, 1
                from messages m
                join sessions s on s.id = m.session_id and s.user_id = @userId
                where m.id = @leafId and m.session_id = @sessionId
                union all
                select m.id, m.parent_id, branch.depth + 1
                from branch
                join messages m on m.id = branch.parent_id
                where branch.depth < @max
            )
            select id, parent_id from branch order by depth desc
            """, new { userId, sessionId, leafId, max }).Select(row => row.Id).ToList();
}

internal enum ForkOutcome
{
    Done,

    /// <summary>The session or the message does not exist or belongs to somebody else.</summary>
    NotFound,

    /// <summary>The message is a question, or an answer that is still being written: the copy could not be continued.</summary>
    NotAnAnswer,

    TooLong,
}
