using System.Data.Common;
using System.Runtime.CompilerServices;
using AiChat.Data.Sqlite;
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

        // A branch is a chain, so the copies get consecutive ids and the parent of each is the one before.
        var first = RowIds.NextMessage(connection);
        var ids = $"[{string.Join(',', branch)}]";
        connection.Execute($"""
            insert into messages (id, session_id, parent_id, trimmed_messages, {Messages.CopiedColumns})
            select @first + wanted.key, @fork, case wanted.key when 0 then null else @first + wanted.key - 1 end, trimmed_messages,
                {Messages.CopiedColumns}
            from json_each(@ids) wanted
            join messages m on m.id = wanted.value
            order by wanted.key
            """, new { first, fork, ids });
        connection.Execute("""
            insert into images (id, user_id, message_id, position, mime, width, height, bytes, file, created_at)
            select lower(hex(randomblob(16))), i.user_id, @first + wanted.key, i.position, i.mime, i.width, i.height, i.bytes, i.file,
                i.created_at
            from json_each(@ids) wanted
            join images i on i.message_id = wanted.value
            """, new { first, ids });
        connection.Execute("""
            update sessions set leaf_id = @last, message_count = @count where id = @fork
            """, new { last = first + branch.Count - 1, count = branch.Count, fork });
        return Sessions.Find(connection, userId, fork)!;
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
