using AiChat.Data;
using AiChat.Data.Accounts;
using AiChat.Data.Chats;
using AiChat.Data.Sqlite;
using AiChat.Data.Store;
using Microsoft.Data.Sqlite;

namespace AiChat.Tests.Data;

/// <summary>The upgrade of a database of the first releases (schema 3): every row is kept, no id is reused, everything is found.</summary>
public sealed class UpgradeTests : IDisposable
{
    /// <summary>Rows in every table that is rebuilt, and gaps where the newest rows of each were deleted.</summary>
    private const string Rows = """
        insert into users (id, username, username_key, role, status, created_at) values (1, 'Ann', 'ann', 'ADMIN', 'ACTIVE', 1);
        insert into users (id, role, status, guest_token_hash, expires_at, created_at)
        values (40960007, 'GUEST', 'ACTIVE', 'g', 9999999999999, 1);
        insert into connections (id, row_uuid, name, provider, base_url, auth_type, created_at, updated_at)
        values (2, 'u2', 'Two', 'openai', 'http://x', 'none', 1, 1);
        insert into models (id, connection_id, model, fetched_at) values (5, 2, 'm', 1);
        insert into model_overrides (connection_id, model, hidden, updated_at) values (2, 'm', 1, 1);
        insert into token_factors (connection_id, model, factor) values (2, 'm', 1.5);
        insert into sessions (id, user_id, title, connection_id, model, leaf_id, message_count, created_at, updated_at)
        values (1, 1, 'First', 2, 'm', 2, 2, 1, 1), (2, 40960007, 'Guest''s', null, 'gone', 4, 2, 1, 1);
        insert into messages
            (id, session_id, parent_id, role, content, client_message_id, connection_id, status, created_at, trimmed_messages)
        values (1, 1, null, 'user', 'Where is the treasure', 'c1', null, 'done', 1, null),
            (2, 1, 1, 'assistant', 'Под деревом', null, 7, 'done', 2, 3),
            (3, 2, null, 'user', '人工智能改变世界', 'c1', null, 'done', 3, null),
            (4, 2, 3, 'assistant', '', null, 2, 'streaming', 4, null);
        insert into runs (id, user_id, session_id, message_id, kind, client_message_id, request_hash, boot_id, status, started_at)
        values (3, 1, 1, 2, 'send', 'c1', 'h', 'b', 'done', 1), (4, 40960007, 2, 4, 'send', 'c1', 'h', 'b', 'running', 1);
        insert into run_chunks (run_id, position, kind, value) values (4, 0, 'content', 'begun');
        insert into images (id, user_id, message_id, mime, width, height, bytes, file, created_at)
        values ('i', 1, 1, 'image/png', 1, 1, 1, 'f', 1);
        insert into usage_entries (id, user_id, session_id, message_id, run_id, connection_id, model, provider, status, prompt_tokens,
            completion_tokens, reasoning_tokens, cached_tokens, source, created_at)
        values (1, 1, 30, 400, 50, 6, 'm', 'openai', 'done', 1, 1, 0, 0, 'provider', 1);
        insert into prompts (id, user_id, name, title, content, created_at, updated_at) values (8, 1, 'p', 'P', 'text', 1, 1);
        insert into shares (token, sealed_token, session_id, user_id, leaf_id, leaf_length, leaf_status, created_at)
        values ('t', 's', 1, 1, 2, 11, 'done', 1);
        insert into drafts (user_id, session_id, content, updated_at) values (1, 1, 'draft', 1);
        insert into audit (id, actor_id, action, target, created_at, hash)
        values (1, 1, 'connection.create', 'connection:9', 1, 'x'), (2, 1, 'share.create', 'session:77', 1, 'y');
        """;

    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("aichat-upgrade-");

    private string FilePath => Path.Combine(_folder.FullName, "app.db");

    [Fact]
    public void Every_row_is_kept_with_its_references()
    {
        var before = Old();

        Migrator.Run(FilePath);

        using var connection = SqliteConnections.OpenWriter(FilePath);
        foreach (var (select, rows) in before)
        {
            Assert.Equal(rows, All(connection, select));
        }

        Assert.Equal(["ok"], All(connection, "pragma integrity_check"));
        Assert.Empty(All(connection, "pragma foreign_key_check"));
        Assert.Equal(["1"], All(connection, "pragma foreign_keys"));
        Assert.Empty(All(connection, "select name from sqlite_schema where name like 'new\\_%' escape '\\'"));
        Assert.Equal(before[0].Rows, All(Copy(), before[0].Select));
    }

    [Fact]
    public void No_id_is_reused_not_even_a_deleted_one_that_other_rows_still_name()
    {
        Old();
        Migrator.Run(FilePath);
        using var connection = SqliteConnections.OpenWriter(FilePath);

        long Added(string insert) => long.Parse(All(connection, $"{insert} returning id").Single());
        string Session() => "insert into sessions (user_id, title, created_at, updated_at) values (1, '', 1, 1)";
        string Message() => "insert into messages (session_id, role, content, status, created_at) values (1, 'user', 'x', 'done', 1)";
        string Upstream() => """
            insert into connections (row_uuid, name, provider, base_url, auth_type, created_at, updated_at)
            values (hex(randomblob(8)), '', 'demo', '', 'none', 1, 1)
            """;

        Assert.Equal(10, Added(Upstream())); // the audit log names id 9
        Assert.True(Added(Session()) > 77);
        Assert.True(Added(Message()) > 400);
        All(connection, "delete from connections where id > 2; delete from sessions where id > 2; delete from messages where id > 4");
        All(connection, "delete from prompts");
        Assert.Equal(11, Added(Upstream()));
        Assert.True(Added(Session()) > 78);
        Assert.True(Added(Message()) > 401);
        Assert.Equal(9, Added("insert into prompts (user_id, name, title, content, created_at, updated_at) values (1, 'p', '', '', 1, 1)"));

        // Days are not ids, and those of the ledger are told to nobody.
        var reusing = All(connection, """
            select name from sqlite_schema
            where sql like '%integer primary key%' and sql not like '%autoincrement%' and name not in ('guest_days', 'usage_entries')
            """);
        Assert.DoesNotContain(reusing, name => !name.StartsWith("messages_text", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Old_messages_are_found_by_their_owner_and_by_nobody_else()
    {
        Old();
        Migrator.Run(FilePath);
        using var db = new Db(FilePath);
        var search = new Search(db);

        Assert.Equal([1L], await Found(1, "TREASURE"));
        Assert.Equal([1L], await Found(1, "ДЕРЕВОМ"));
        Assert.Empty(await Found(40_960_007, "treasure"));
        Assert.Equal([2L], await Found(40_960_007, "智能改变"));
        Assert.Empty(await Found(1, "智能改变"));

        // The guest signs in: what was written becomes the account's.
        await new Guests(db, new AuthCache(db)).Move(40_960_007, 1);
        Assert.Equal([2L], await Found(1, "智能改变"));
        await db.Write(connection => All((SqliteConnection)connection, "update messages set content = 'Nowhere' where id = 1"));
        Assert.Empty(await Found(1, "treasure"));
        Assert.Equal([1L], await Found(1, "nowhere"));

        async Task<List<long>> Found(long userId, string q)
        {
            var found = await search.Sessions(userId, SearchTerms.Parse(q)!, false, null, 50, default);
            return [.. found.Where(one => one.Matches.Count > 0).Select(one => one.Session.Id)];
        }
    }

    [Fact]
    public void A_step_that_leaves_a_dangling_reference_changes_nothing()
    {
        var now = Migrator.Run(FilePath);
        var torn = new Migration(now + 1, "torn", "insert into drafts (user_id, content, updated_at) values (77, '', 1);");
        List<Migration> steps = [.. Migrator.Load(), torn];

        var error = Assert.Throws<StartupException>(() => Migrator.Run(FilePath, steps));

        Assert.Contains("torn", error.Message);
        Assert.Equal(now, Migrator.Run(FilePath));
        using var connection = SqliteConnections.OpenWriter(FilePath);
        Assert.Equal(["0"], All(connection, "select count(*) from drafts"));
    }

    public void Dispose() => _folder.Delete(recursive: true);

    /// <summary>Creates the old file and returns the content of each table, column by column.</summary>
    private List<(string Select, List<string> Rows)> Old()
    {
        Migrator.Run(FilePath, [.. Migrator.Load().Take(3)]);
        using var connection = SqliteConnections.OpenWriter(FilePath);
        All(connection, Rows);
        var tables = All(connection, """
            select name from sqlite_schema where type = 'table' and name not glob 'messages_text*' and name not glob 'sqlite*' order by name
            """);
        return [.. tables.Select(table =>
        {
            var columns = All(connection, $"select name from pragma_table_info('{table}') where name <> 'base_length'"); // dropped later
            var select = $"select {string.Join(" || '|' || ", columns.Select(column => $"quote({column})"))} from {table} order by 1";
            return (select, All(connection, select));
        })];
    }

    private SqliteConnection Copy() =>
        SqliteConnections.OpenReader(Assert.Single(UpgradeCopies.Find(FilePath, UpgradeCopies.Upgrade)).Path);

    private static List<string> All(SqliteConnection connection, string sql)
    {
        using var command = connection.CreateCommand();
        command.CommandText = sql;
        using var reader = command.ExecuteReader();
        var rows = new List<string>();
        do
        {
            while (reader.Read())
            {
                rows.Add(reader.GetValue(0).ToString()!);
            }
        }
        while (reader.NextResult());
        return rows;
    }
}
