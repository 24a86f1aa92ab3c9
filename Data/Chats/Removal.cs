using System.Data.Common;
using System.Diagnostics;
using AiChat.Data.Store;
using Dapper;

namespace AiChat.Data.Chats;

/// <summary>
/// Deletes chats without blocking the writer. First a chat loses its owner, in one short write; then no statement that names an owner
/// finds it. Its rows are deleted afterwards in short steps, and after a crash from the next start on.
/// A deleted account leaves its chats and images in the same state (the schema sets their owner to null).
/// </summary>
internal sealed class Removal(Db db)
{
    /// <summary>The maximum time of one step on the writer.</summary>
    private static readonly TimeSpan MaxStep = TimeSpan.FromMilliseconds(10);

    /// <summary>Takes sessions from their owner, with their images, drafts and links. Call inside <see cref="Db.Write{T}"/>.</summary>
    /// <returns>The number of sessions.</returns>
    public static int Begin(DbConnection connection, IReadOnlyCollection<long> sessionIds)
    {
        var ids = $"[{string.Join(',', sessionIds)}]";
        connection.Execute("""
            update images set user_id = null
            where user_id in (select user_id from sessions where id in (select cast(value as bigint) from json_each(@ids)))
                and exists (
                    select 1 from messages m
                    where m.id = images.message_id and m.session_id in (select cast(value as bigint) from json_each(@ids)))
            """, new { ids });
        connection.Execute("delete from drafts where session_id in (select cast(value as bigint) from json_each(@ids))", new { ids });
        connection.Execute("delete from shares where session_id in (select cast(value as bigint) from json_each(@ids))", new { ids });
        return connection.Execute("""
            update sessions set user_id = null where id in (select cast(value as bigint) from json_each(@ids))
            """, new { ids });
    }

    /// <summary>Runs one short step of the pending removal.</summary>
    /// <returns>False when nothing is left.</returns>
    public Task<bool> Step() => db.Write(connection =>
    {
        var begun = Stopwatch.GetTimestamp();
        do
        {
            if (!RemoveNext(connection))
            {
                return false;
            }
        }
        while (Stopwatch.GetElapsedTime(begun) < MaxStep);

        return true;
    });

    /// <summary>
    /// Removes messages of a session, each with the messages below it, newest first: the first <paramref name="left"/> of the list, in as
    /// many writes as it takes, so that other writes run in between.
    /// </summary>
    /// <param name="messageIds">Ids, each after its parent.</param>
    public static async Task Messages(Db db, long sessionId, List<long> messageIds, int left)
    {
        while (left > 0)
        {
            left = await db.Write(connection => Messages(connection, sessionId, messageIds, left));
        }
    }

    /// <summary>One step of the removal.</summary>
    /// <returns>The number of messages left.</returns>
    public static int Messages(DbConnection connection, long sessionId, List<long> messageIds, int left)
    {
        var begun = Stopwatch.GetTimestamp();
        var removed = 0;
        while (left > 0 && Stopwatch.GetElapsedTime(begun) < MaxStep)
        {
            removed += Branch(connection, sessionId, messageIds[--left]);
        }

        connection.Execute("""
            update sessions set message_count = message_count - @removed where id = @sessionId
            """, new { sessionId, removed });
        return left;
    }

    /// <summary>The next message, chat, image or imported key without an owner. One at a time: a message may be megabytes.</summary>
    private static bool RemoveNext(DbConnection connection)
    {
        if (connection.QueryFirstOrDefault<long?>("select id from sessions where user_id is null limit 1") is not { } id)
        {
            return connection.Execute("delete from images where id = (select id from images where user_id is null limit 1)") > 0
                || RemoveImportedKeys(connection);
        }

        return connection.Execute("delete from messages where id = (select max(id) from messages where session_id = @id)", new { id }) > 0
            || connection.Execute("delete from sessions where id = @id", new { id }) > 0;
    }

    /// <summary>Where the imported chats of a deleted account came from.</summary>
    private static bool RemoveImportedKeys(DbConnection connection) =>
        connection.QueryFirstOrDefault<long?>("select id from imported_chats where user_id is null limit 1") is { } id
        && (connection.Execute("""
            delete from imported_messages
            where chat_id = @id and source_key in (select source_key from imported_messages where chat_id = @id limit 100)
            """, new { id }) > 0
            || connection.Execute("delete from imported_chats where id = @id", new { id }) > 0);

    /// <summary>Usually the message alone; includes messages that were added below it in the meantime.</summary>
    private static int Branch(DbConnection connection, long sessionId, long messageId)
    {
        var below = connection.Query<long>("select id from messages where parent_id = @messageId", new { messageId }).ToList();
        return below.Sum(child => Branch(connection, sessionId, child))
            + connection.Execute("delete from messages where id = @messageId and session_id = @sessionId", new { sessionId, messageId });
    }
}
