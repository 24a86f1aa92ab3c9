using System.Data.Common;
using AiChat.Data.Accounts;
using AiChat.Data.Chats;
using AiChat.Data.Postgres;
using AiChat.Data.Sqlite;
using AiChat.Data.Store;
using Dapper;

namespace AiChat.Tests.Data;

/// <summary>Words that so many messages hold on PostgreSQL that they are looked for chat by chat.</summary>
public sealed class PostgresSearchTests
{
    private static readonly DateTimeOffset Now = DateTimeOffset.Parse("2026-11-23T08:00:00Z");

    [PostgresFact]
    public async Task What_thousands_of_messages_hold_is_found_chat_by_chat_as_it_is_now()
    {
        using var db = PostgresStoreTests.Open(out var address);
        var owner = (await new Users(db, new AuthCache(db)).Register("first", "hash", mayBeFirst: true, open: true, "ip", Now)).Id;
        await db.Write(connection => connection.Execute("""
            insert into users (id, username, username_key, role, status, created_at) values (900, 'other', 'other', 'USER', 'ACTIVE', 1)
            """));
        await db.Write(connection => connection.Execute("""
            insert into sessions (id, user_id, title, message_count, created_at, updated_at)
            values (101, @owner, 'large', 0, 1, 1), (102, @owner, 'small', 0, 1, 2), (103, 900, 'another', 0, 1, 3)
            """, new { owner }));
        await db.Write(connection => connection.Execute("""
            insert into messages (id, session_id, role, content, status, created_at)
            select 10000 + i, 101, 'user', case when i % 2 = 0 then 'Ein WORT gerade' else 'ein Wort' end, 'done', 1
            from generate_series(1, 2500) i
            """));
        await db.Write(connection => Add(connection, 102, 20_001, "Ein Wort am Anfang"));
        await db.Write(connection => Add(connection, 102, 20_002, "nothing"));
        await db.Write(connection => Add(connection, 102, 20_003, "wort, later taken away"));
        await db.Write(connection => Add(connection, 103, 20_004, "wort"));
        Index(address);

        // Not yet in the index as they are now.
        await db.Write(connection => connection.Execute("update messages set content = 'gone' where id = 20003"));
        await db.Write(connection => connection.Execute("update messages set content = 'ein Wort mehr' where id = 20002"));
        await db.Write(connection => Add(connection, 102, 20_005, "das neueste WORT"));

        Assert.Null(await db.Read(connection => TextRows.Candidates(connection, owner, SearchTerms.Parse("wort")!)));
        Assert.Equal(["102: 20005 20002 20001", "101: 12500 12499 12498"], await Found(db, owner, "wort"));
        Assert.Equal(["101: 12500 12498 12496"], await Found(db, owner, "wort gerade"));
        Assert.Equal(["102: 20002"], await Found(db, owner, "\"wort mehr\""));
        Index(address);
        Assert.Equal(["102: 20005 20002 20001", "101: 12500 12499 12498"], await Found(db, owner, "wort"));
        Assert.Equal(["103: 20004"], await Found(db, 900, "wort"));
    }

    private static void Add(DbConnection connection, long session, long id, string content) => connection.Execute("""
        insert into messages (id, session_id, role, content, status, created_at) values (@id, @session, 'user', @content, 'done', 1)
        """, new { id, session, content });

    private static void Index(string address)
    {
        using var servers = new PostgresServers(PostgresUrl.Parse(address, out _)!);
        using var connection = servers.Open("synchronous_commit = on");
        while (TextRows.AddDue(connection) > 0)
        {
            // The next group.
        }
    }

    private static async Task<List<string>> Found(Db db, long userId, string text)
    {
        var found = await new Search(db).Sessions(userId, SearchTerms.Parse(text)!, archived: false, null, 50, default);
        return found.ConvertAll(one => $"{one.Session.Id}: {string.Join(' ', one.Matches.Select(match => match.MessageId))}");
    }
}
