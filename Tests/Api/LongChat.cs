using System.Data.Common;
using System.Globalization;
using Microsoft.Data.Sqlite;

namespace AiChat.Tests.Api;

/// <summary>Chats of thousands of messages, written directly into the database of a running server.</summary>
internal static class LongChat
{
    /// <param name="length">Characters of each message.</param>
    /// <returns>The session's id and that of its first message.</returns>
    public static (long Session, long First) Write(TestServer server, string username, int messages, int length = 500) => Fill(
        server, username, messages, "has a needle " + string.Concat(Enumerable.Repeat("words of a text; ", length / 17 + 1))[..length]);

    private static (long Session, long First) Fill(TestServer server, string username, int messages, string text)
    {
        using var store = Open(server);
        using var transaction = store.BeginTransaction();
        var session = Number(store, $"""
            insert into sessions (user_id, title, connection_id, model, message_count, created_at, updated_at)
            select id, 'A long chat', 1, 'm', {messages}, 1, 1 from users where username = '{username}'
            returning id
            """);
        var first = Number(store, store is SqliteConnection
            ? "select coalesce(max(seq), 0) + 1 from sqlite_sequence where name = 'messages'"
            : $"select setval('messages_id_seq', nextval('messages_id_seq') + {messages}) - {messages}");
        Number(store, $"""
            with recursive n (i) as (select 0 union all select i + 1 from n where i < {messages - 1})
            insert into messages (id, session_id, parent_id, role, content, status, created_at)
            select {first} + i, {session}, nullif({first} + i - 1, {first - 1}), case i % 2 when 0 then 'user' else 'assistant' end,
                'number ' || i || ' {text}',
                'done', 1
            from n
            returning 1
            """);
        Number(store, $"update sessions set leaf_id = {first + messages - 1} where id = {session} returning 1");
        transaction.Commit();
        if (store is SqliteConnection)
        {
            Number(store, "pragma wal_checkpoint(truncate)"); // its cost is this method's, not the test's
        }

        return (session, first);
    }

    /// <summary>Waits until the text index has everything. Few messages wait there for others, so somebody else writes some.</summary>
    public static Task Indexed(TestServer server)
    {
        Number(server, """
            insert into users (username, username_key, role, status, created_at) values ('filler', 'filler', 'USER', 'DISABLED', 1)
            on conflict do nothing
            """);
        Fill(server, "filler", 64, "filling text");
        using var store = Open(server);
        var waiting = store is SqliteConnection ? "messages_text_waiting" : "messages_text_due";
        return Eventually.Holds(() => Number(server, $"select count(*) from {waiting}") == 0);
    }

    /// <summary>How many messages the index finds by three letters.</summary>
    public static long IndexHits(TestServer server, string letters)
    {
        using var store = Open(server);
        return Number(store, $"select count(*) from messages_text where "
            + (store is SqliteConnection ? $"messages_text match '\"{letters}\"'" : $"content like '%{letters}%'"));
    }

    public static long Number(TestServer server, string sql)
    {
        using var store = Open(server);
        return Number(store, sql);
    }

    private static DbConnection Open(TestServer server) => TestStore.Open(server.DataDir);

    private static long Number(DbConnection store, string sql)
    {
        using var command = store.CreateCommand();
        command.CommandText = sql;
        return Convert.ToInt64(command.ExecuteScalar() ?? 0L, CultureInfo.InvariantCulture);
    }
}
