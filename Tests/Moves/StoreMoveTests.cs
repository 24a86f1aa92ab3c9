using AiChat.Data;
using AiChat.Data.Moves;
using AiChat.Data.Postgres;
using AiChat.Data.Runs;
using AiChat.Data.Sqlite;
using AiChat.Tests.Data;

namespace AiChat.Tests.Moves;

/// <summary>All rows of one engine are in the other afterwards, however often the move was ended.</summary>
public sealed class StoreMoveTests : IDisposable
{
    /// <summary>What only servers on one PostgreSQL need, what is derived, and what SQLite has in another file.</summary>
    private static readonly string[] _stays =
    [
        "brief_states", "changes", "held_calls", "installation", "messages_text", "messages_text_due", "nodes", "request_counts",
        "request_ticks", "schema_steps", "shared_locks", "task_leases", "throttles", "trace_events", "traces",
    ];

    private readonly MovedStores _stores = new();

    [PostgresFact]
    public void Every_table_is_moved_or_known_to_stay()
    {
        using var connection = PostgresServer.NewDatabase();

        Assert.Equal(
            OldRows.List(connection, "select relname from pg_class where relkind = 'r' and relnamespace = 'public'::regnamespace").Order(),
            MoveTable.All(new HashSet<string>()).Select(table => table.Name).Concat(_stays).Order());
    }

    [PostgresFact]
    public void Rows_of_every_table_go_there_and_back()
    {
        var path = _stores.NewFile(
            messages: 300, more: "insert into token_factors (connection_id, model, factor) values (2, 'n', 0.1), (2, 'o', 1e300);");
        var before = OldRows.Read(path);
        Assert.All(MoveTable.All(new HashSet<string>()), table => Assert.NotEmpty(before[table.Name]));
        var url = PostgresServer.NewDatabaseUrl();
        var back = _stores.Path("back.db");

        var there = MovedStores.ToServer(path, url);
        using (var connection = PostgresServer.Connect(url))
        {
            Assert.Empty(OldRows.List(connection, "select kind from changes"));
            Assert.Equal(["0"], OldRows.List(connection, "select cast(sum(held_messages + held_tokens) as text) from daily_usage"));
            Assert.Equal(["303"], OldRows.List(connection, "select cast(count(*) as text) from messages_text_due"));
            Assert.Empty(
            OldRows.List(connection, "select cast(tgname as text) from pg_trigger where not tgisinternal and tgenabled <> 'O'"));
        }

        var again = MovedStores.ToFile(url, back);

        Assert.Equal(before["messages"].Count, there.Single(table => table.Name == "messages").Rows);
        // Holds were released in one.
        Assert.Equal(there.Where(table => table.Name != "daily_usage"), again.Where(table => table.Name != "daily_usage"));
        OldRows.Text(path, "update daily_usage set held_messages = 0, held_tokens = 0");
        OldRows.Same(OldRows.Read(path), OldRows.Read(back));
        Assert.Equal("ok", OldRows.Text(back, "pragma integrity_check"));
        Assert.Empty(OldRows.List(back, "pragma foreign_key_check"));
        Assert.False(File.Exists(back + MoveMark.FileEnding));
        Assert.Equal(DetachedDatabase.NewestSchema, Migrator.Run(back));
    }

    [PostgresFact]
    public void Ids_that_were_given_are_given_to_nobody_else()
    {
        var path = _stores.NewFile(more: "update sqlite_sequence set seq = 5000 where name = 'sessions';");
        var url = PostgresServer.NewDatabaseUrl();
        var back = _stores.Path("back.db");

        MovedStores.ToServer(path, url);
        using (var connection = PostgresServer.Connect(url))
        {
            Assert.Equal(["5001"], OldRows.List(connection, """
                insert into sessions (title, created_at, updated_at) values ('New', 1, 1) returning cast(id as text)
                """));
            Assert.Equal(["9"], OldRows.List(connection, """
                insert into prompts (user_id, name, title, content, created_at, updated_at) values (1, 'q', 'Q', '', 1, 1)
                returning cast(id as text)
                """));
            PostgresServer.Run(connection, "delete from sessions where id = 5001");
        }

        MovedStores.ToFile(url, back);
        Assert.Equal("5002", OldRows.Text(back, "insert into sessions (title, created_at, updated_at) values ('N', 1, 1) returning id"));
    }

    [PostgresFact]
    public void What_PostgreSQL_cannot_keep_is_replaced_and_counted()
    {
        var path = _stores.NewFile(more: """
            update messages set content = 'a' || char(0) || 'b' where id = 1;
            update messages set content = 'c' || cast(x'EDA080' as text) || 'd', reasoning = cast(x'FF' as text) where id = 2;
            """);
        var url = PostgresServer.NewDatabaseUrl();
        using var servers = MovedStores.Servers(url);
        using var from = SqliteMoveStore.OpenSource(path, StartProgress.None);
        using (var to = PostgresMoveStore.OpenTarget(servers, MovedStores.Instance, DateTimeOffset.UnixEpoch))
        {
            new StoreMove(from, to, StartProgress.None).Run(MoveTable.All(to.Flags()), _ => { });
        }

        Assert.Equal([("messages.content", 2L), ("messages.reasoning", 1L)], from.Replaced.Select(one => (one.Key, one.Value)).Order());
        using var connection = PostgresServer.Connect(url);
        Assert.Equal(
            ["a\uFFFDb", "c\uFFFD\uFFFD\uFFFDd"], OldRows.List(connection, "select content from messages where id < 3 order by id"));
    }

    [PostgresFact]
    public async Task The_text_of_answers_comes_along_that_a_kill_interrupted()
    {
        var boot = new string('b', 32);
        var path = _stores.NewFile(more: $"update runs set boot_id = '{boot}' where id = 4;");
        using (var live = new LiveText(path))
        {
            live.Begin(boot);
            await live.Append([new RunChunk { RunId = 4, Position = 5, Kind = RunChunk.Content, Value = "and went\0on" }]);
        }

        var url = PostgresServer.NewDatabaseUrl();
        MovedStores.ToServer(path, url, last: connection => LiveText.Put(connection, path));

        using var connection = PostgresServer.Connect(url);
        Assert.Equal(
            ["begun", "and went\uFFFDon"], OldRows.List(connection, "select value from run_chunks where run_id = 4 order by position"));
    }

    [PostgresFact]
    public void Ended_at_any_row_it_goes_on_to_the_same_end()
    {
        var path = _stores.NewFile(messages: 9_000);
        var url = PostgresServer.NewDatabaseUrl();
        var back = _stores.Path("back.db");
        int[] ends = [0, 1, 5, 20, 40, 4_050, 4_100, 1_100, 8_900, 9_000];

        foreach (var rows in ends)
        {
            Assert.Throws<EndOfProcessException>(() => MovedStores.ToServer(path, url, source => new EndedSource(source, rows)));
            RefusesServer(url);
        }

        var there = MovedStores.ToServer(path, url);
        foreach (var rows in ends)
        {
            Assert.Throws<EndOfProcessException>(() => MovedStores.ToFile(url, back, source => new EndedSource(source, rows)));
            Assert.False(File.Exists(back));
        }

        Assert.Equal(there.Select(table => table.Rows), MovedStores.ToFile(url, back).Select(table => table.Rows));
        OldRows.Text(path, "update daily_usage set held_messages = 0, held_tokens = 0");
        OldRows.Same(OldRows.Read(path), OldRows.Read(back));
    }

    [PostgresFact]
    public void A_source_that_changed_between_two_parts_is_told()
    {
        var path = _stores.NewFile();
        var url = PostgresServer.NewDatabaseUrl();
        Assert.Throws<EndOfProcessException>(() => MovedStores.ToServer(path, url, source => new EndedSource(source, 60)));
        OldRows.Text(path, "update users set username = 'Eve' where id = 1");

        var refused = Assert.Throws<StartupException>(() => MovedStores.ToServer(path, url));

        Assert.Contains("The table users has 3 rows", refused.Message);
        RefusesServer(url);
    }

    [PostgresFact]
    public void A_target_must_be_empty_or_of_this_move()
    {
        var path = _stores.NewFile();
        var (ours, foreign, begun) = (
            PostgresServer.NewDatabaseUrl(), PostgresServer.NewDatabaseUrl(), PostgresServer.NewDatabaseUrl());
        using (var servers = MovedStores.Servers(ours))
        {
            PostgresMigrator.Run(servers, DateTimeOffset.UnixEpoch);
        }

        using (var connection = PostgresServer.Connect(foreign))
        {
            PostgresServer.Run(connection, "create table guests (id bigint)");
        }

        using (var connection = PostgresServer.Connect(begun))
        {
            PostgresServer.Run(connection, """
                create table store_move (install_id text not null, ready boolean not null default false);
                insert into store_move (install_id) values ('other')
                """);
        }

        Assert.Contains("holds an AiChat already", Refused(() => MovedStores.ToServer(path, ours)));
        Assert.Contains("another program (guests)", Refused(() => MovedStores.ToServer(path, foreign)));
        Assert.Contains("another installation", Refused(() => MovedStores.ToServer(path, begun)));
        Assert.Contains("already", Refused(() => MovedStores.ToFile(ours, path)));
        var moved = PostgresServer.NewDatabaseUrl();
        MovedStores.ToServer(path, moved);
        Assert.Contains("a move into it is complete", Refused(() => MovedStores.ToServer(path, moved)));
    }

    /// <summary>As in TomBursch/kitchenowl#325 and dani-garcia/vaultwarden#656.</summary>
    [PostgresFact]
    public void Rows_that_refer_to_nothing_are_told_before_anything_is_moved()
    {
        var path = _stores.NewFile();
        OldRows.Text(path, "pragma foreign_keys = off; delete from sessions where id = 1");
        var url = PostgresServer.NewDatabaseUrl();

        Assert.Matches("rows of (messages|runs|shares|drafts) .* refer to rows of", Refused(() => MovedStores.ToServer(path, url)));

        using var connection = PostgresServer.Connect(url);
        Assert.Empty(
            OldRows.List(connection, "select cast(relname as text) from pg_class where relname = 'store_move'"));
    }

    [PostgresFact]
    public void An_older_schema_and_a_place_without_data_are_refused()
    {
        var old = _stores.Path("old.db");
        Migrator.Run(old, [.. Migrator.Load().SkipLast(1)]);

        Assert.Contains("start its server once", Refused(() => MovedStores.ToServer(old, PostgresServer.NewDatabaseUrl())));
        Assert.Contains("holds no AiChat", Refused(() => MovedStores.ToFile(PostgresServer.NewDatabaseUrl(), _stores.Path("new.db"))));
    }

    public void Dispose() => _stores.Dispose();

    private static void RefusesServer(string url)
    {
        using var servers = MovedStores.Servers(url);
        Assert.Contains("its move was interrupted", Refused(() => PostgresMigrator.Run(servers, DateTimeOffset.UnixEpoch)));
    }

    private static string Refused(Action work) => Assert.Throws<StartupException>(work).Message;
}
