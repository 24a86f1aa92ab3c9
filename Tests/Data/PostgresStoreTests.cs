using System.Data.Common;
using AiChat.Data;
using AiChat.Data.Accounts;
using AiChat.Data.Audit;
using AiChat.Data.Catalog;
using AiChat.Data.Chats;
using AiChat.Data.Postgres;
using AiChat.Data.Sqlite;
using AiChat.Data.Store;
using AiChat.Endpoints.Variables;
using AiChat.Tests.Nodes;
using Dapper;

namespace AiChat.Tests.Data;

/// <summary>What one thread that writes guarantees on SQLite holds on PostgreSQL with sixteen.</summary>
public sealed class PostgresStoreTests
{
    private static readonly DateTimeOffset Now = DateTimeOffset.Parse("2026-11-23T08:00:00Z");

    [PostgresFact]
    public async Task Of_480_calls_at_once_as_many_are_admitted_as_are_left()
    {
        using var db = Open(out _);
        var admin = await First(db);
        await db.Write(connection => connection.Execute("update users set role = 'USER' where id = @admin", new { admin }));
        var usage = new Usage(db);
        var limits = new DefaultLimits(200, null, null, null, null, null, null);

        var decisions = await Task.WhenAll(Enumerable.Range(0, 480).Select(_ => usage.Enter(new Admission(admin, null, limits), Now)));

        Assert.Equal(200, decisions.Count(decision => decision.Refusal is null));
        Assert.Equal(((long?)200, 200L), await usage.Quota(admin, limits, Now));
    }

    [PostgresFact]
    public async Task Of_two_administrators_who_demote_each_other_one_remains()
    {
        using var db = Open(out _);
        var cache = new AuthCache(db);
        var (users, admins) = (new Users(db, cache), new UserAdmin(db, cache));
        var one = await First(db);
        var (_, other) = await admins.Create(new Caller(one, "ip"), "other", "ADMIN", "code", Now.AddDays(1), Now);
        for (var round = 0; round < 10; round++)
        {
            await Task.WhenAll(
                admins.SetRole(new Caller(one, "ip"), other!.Value, "USER", Now),
                admins.SetRole(new Caller(other.Value, "ip"), one, "USER", Now));
            Assert.Equal(1, await db.Read(connection =>
                connection.ExecuteScalar<long>("select count(*) from users where role = 'ADMIN' and status = 'ACTIVE'")));
            await db.Write(connection => connection.Execute("update users set role = 'ADMIN'"));
        }

        Assert.True(await users.AnyAccount());
    }

    [PostgresFact]
    public async Task Of_first_registrations_at_once_one_becomes_the_administrator()
    {
        using var db = Open(out _);
        var users = new Users(db, new AuthCache(db));

        var all = await Task.WhenAll(Enumerable.Range(0, 40)
            .Select(i => users.Register($"user{i}", "hash", mayBeFirst: true, open: true, "ip", Now)));

        Assert.Single(all, one => one.Outcome == Registration.First);
        Assert.Equal(39, all.Count(one => one.Outcome == Registration.Pending));
    }

    [PostgresFact]
    public async Task The_audit_is_one_chain_however_many_write_it()
    {
        using var db = Open(out _);
        var audit = new AuditLog(db);
        await Task.WhenAll(Enumerable.Range(0, 100).Select(i =>
            audit.Write(new AuditEntry(null, "test.write", $"row:{i}", "ip"), Now)));

        var previous = "";
        var rows = await audit.List(long.MaxValue, 1_000);
        rows.Reverse();
        foreach (var row in rows)
        {
            var entry = new AuditEntry(row.ActorId, row.Action, row.Target, row.Ip, row.Detail);
            Assert.Equal(AuditLog.Hash(previous, entry, row.CreatedAt), row.Hash);
            previous = row.Hash;
        }

        Assert.Equal(100, rows.Count);
    }

    [PostgresFact]
    public async Task A_write_that_fails_undoes_itself_alone()
    {
        using var db = Open(out _);
        var good = Enumerable.Range(0, 50).Select(i => db.Write(connection => Put(connection, $"k{i}"))).ToList();
        var bad = db.Write(connection =>
        {
            Put(connection, "lost");
            throw new InvalidOperationException("mine");
        });

        await Task.WhenAll(good);
        Assert.Equal("mine", (await Assert.ThrowsAsync<InvalidOperationException>(() => bad)).Message);
        Assert.Equal(50, await db.Read(connection => connection.ExecuteScalar<long>("select count(*) from settings")));
    }

    [PostgresFact]
    public async Task Two_writes_in_each_others_way_are_both_done()
    {
        using var db = Open(out _);
        await db.Write(connection => Put(connection, "a"));
        await db.Write(connection => Put(connection, "b"));
        using var both = new Barrier(2);
        var attempts = 0;

        await Task.WhenAll(Twice("a", "b"), Twice("b", "a"));

        Assert.InRange(attempts, 3, 10);
        Assert.Equal(4, await db.Read(connection => connection.ExecuteScalar<long>("select sum(updated_at) from settings")));

        Task Twice(string first, string second) => db.Write(connection =>
        {
            connection.Execute("update settings set updated_at = updated_at + 1 where key = @first", new { first });
            if (Interlocked.Increment(ref attempts) <= 2)
            {
                both.SignalAndWait(TimeSpan.FromSeconds(20));
            }

            connection.Execute("update settings set updated_at = updated_at + 1 where key = @second", new { second });
        });
    }

    [PostgresFact]
    public async Task What_PostgreSQL_cannot_keep_of_a_text_is_replaced()
    {
        using var db = Open(out _);
        var text = "a\0b\uD83Dc\uDE00d😀";
        await db.Write(connection => connection.Execute("""
            insert into settings (key, value, updated_at) values ('x', @text, 0)
            """, new { text }));
        var kept = await db.Read(connection => connection.QuerySingle<string>("select value from settings where key = 'x'"));
        Assert.Equal("a\uFFFDb\uFFFDc\uFFFDd😀", kept);
    }

    [PostgresFact]
    public async Task Connections_that_the_server_cuts_are_opened_again()
    {
        using var db = Open(out var url);
        await db.Write(connection => Put(connection, "before"));
        Assert.Equal(1, await db.Read(connection => connection.ExecuteScalar<long>("select count(*) from settings")));
        using (var other = PostgresServer.Connect(url))
        {
            PostgresServer.Run(other, """
                select pg_terminate_backend(pid) from pg_stat_activity
                where datname = current_database() and pid <> pg_backend_pid()
                """);
        }

        Assert.Equal(1, await db.Read(connection => connection.ExecuteScalar<long>("select count(*) from settings")));
        for (var i = 0; i < 16; i++)
        {
            await db.Write(connection => Put(connection, $"after{i}"));
        }

        Assert.Equal(17, await db.Read(connection => connection.ExecuteScalar<long>("select count(*) from settings")));
    }

    [PostgresFact]
    public async Task Eight_first_starts_at_once_make_one_installation()
    {
        for (var round = 0; round < 20; round++)
        {
            var url = PostgresUrl.Parse(PostgresServer.NewDatabaseUrl(), out _)!;
            var markers = await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => Task.Run(() =>
            {
                using var servers = new PostgresServers(url);
                return PostgresMigrator.Run(servers, Now);
            })));
            Assert.Single(markers.Distinct());
        }
    }

    [PostgresFact]
    public async Task A_new_database_begins_with_the_demo_as_a_file_does()
    {
        using var db = Open(out _);
        var row = Assert.Single(await new Connections(db).List());
        Assert.Equal(("Demo", "demo", "none", true), (row.Name, row.Provider, row.AuthType, row.Enabled));
        Assert.Equal(32, row.RowUuid.Length);
    }

    [PostgresFact]
    public void A_process_that_must_be_alone_and_others_keep_each_other_away()
    {
        var address = PostgresServer.NewDatabaseUrl();
        var url = PostgresUrl.Parse(address, out _)!;
        using var older = PostgresServer.Connect(address);
        PostgresServer.Run(older, $"select pg_advisory_lock({0x4169_4368_6175})");
        using var first = new PostgresServers(url);
        using var second = new PostgresServers(url);

        Assert.Contains("older version", Assert.Throws<StartupException>(first.Claim).Message);
        PostgresServer.Run(older, $"select pg_advisory_unlock({0x4169_4368_6175})");
        first.Claim();
        second.Claim();
    }

    [PostgresFact]
    public void A_server_that_cannot_be_used_is_refused_in_one_line_with_what_to_do()
    {
        var address = PostgresServer.NewDatabaseUrl();
        var url = PostgresUrl.Parse(address, out _)!;
        Refused(url with { Database = "no_such_database" }, "create database");
        Refused(url with { User = "nobody", Password = "pw-CANARY" }, "nobody");
        Refused(url with { Hosts = "127.0.0.1:1" }, "cannot be reached");
        using (var connection = PostgresServer.Connect(address))
        {
            PostgresServer.Run(connection, $"alter database {url.Database} set synchronous_commit = off");
        }

        Refused(url, "synchronous_commit");
        using (var connection = PostgresServer.Connect(address))
        {
            PostgresServer.Run(connection, $"alter database {url.Database} reset synchronous_commit");
            PostgresServer.Run(connection, $"alter database {url.Database} set session_replication_role = replica");
        }

        Refused(url, "runs no triggers for this user");
        using (var connection = PostgresServer.Connect(address))
        {
            PostgresServer.Run(connection, $"create database {url.Database}_latin encoding 'LATIN1' locale 'C' template template0");
        }

        Refused(url with { Database = url.Database + "_latin" }, "UTF8");

        static void Refused(PostgresUrl url, string part)
        {
            using var servers = new PostgresServers(url);
            var refusal = Assert.Throws<StartupException>(() => PostgresMigrator.Run(servers, Now));
            Assert.Contains(part, refusal.Message);
            Assert.DoesNotContain("CANARY", refusal.ToString());
            Assert.DoesNotContain("\n", refusal.Message);
        }
    }

    /// <summary>As when a dump is restored into the database of a server that runs, or its user loses what it owned.</summary>
    [PostgresTheory]
    [InlineData("alter table prompts rename to prompts_gone", "alter table prompts_gone rename to prompts", "prompts")]
    [InlineData("alter table prompts set schema other", "alter table other.prompts set schema public", "prompts")]
    public async Task What_is_changed_under_a_server_that_runs_is_an_outage_until_it_is_back(string change, string back, string part)
    {
        using var db = Open(out var address);
        var prompts = new Prompts(db);
        Assert.Empty(await prompts.List(1));
        using var other = PostgresServer.Connect(address);
        PostgresServer.Run(other, "create schema other");

        PostgresServer.Run(other, change);
        var error = await Assert.ThrowsAsync<StoreException>(() => prompts.List(1));
        Assert.Equal(StoreFailure.Unavailable, error.Failure);
        Assert.Contains(part, error.Message);

        PostgresServer.Run(other, back);
        Assert.Empty(await prompts.List(1));
    }

    [Theory]
    [InlineData("42501")]
    [InlineData("42P01")]
    [InlineData("3F000")]
    [InlineData("25P04")]
    [InlineData("26000")]
    [InlineData("42P05")]
    public void What_an_administrator_takes_away_is_an_outage(string state) => Assert.Equal(
        StoreFailure.Unavailable,
        (PostgresErrors.Translate(new Npgsql.PostgresException("gone", "ERROR", "ERROR", state)) as StoreException)?.Failure);

    [Fact]
    public void A_url_is_shown_without_its_password()
    {
        Assert.Equal("postgres://a:1,b/chat", DatabaseUrl.Shown("postgres://ann:pw-CANARY@a:1,b/chat?sslmode=require"));
        Assert.Equal("postgres://", DatabaseUrl.Shown("postgres://ann:pw-CANARY@/chat"));
        Assert.Equal("file:./app.db", DatabaseUrl.Shown("file:./app.db"));
        Assert.Equal("p@ss:w/", PostgresUrl.Parse("postgres://ann:p%40ss%3Aw%2F@a/chat", out _)!.Password);
        Assert.DoesNotContain("CANARY", PostgresUrl.Parse("postgres://ann:pw-CANARY@a/chat", out _)!.ToString());
    }

    /// <summary>The same texts are found by both engines, from one letter on.</summary>
    [PostgresTheory]
    [InlineData("人工")]
    [InlineData("能")]
    [InlineData("strasse")]
    [InlineData("100%")]
    [InlineData("a_b")]
    [InlineData("😀")]
    [InlineData("カタカナ")]
    [InlineData("back\\slash")]
    [InlineData("weit")]
    [InlineData("日本")]
    [InlineData("日本語のテキスト")]
    [InlineData("Über")]
    [InlineData("👩‍👩‍👧")]
    [InlineData("_")]
    [InlineData("%")]
    public async Task Search_finds_what_it_finds_in_a_file(string text)
    {
        string[] contents =
        [
            "人工智能", "Große Straße", "STRASSE", "100% sure", "1000 sure", "a_b", "axb", "so 😀", "ｶﾀｶﾅ", "back\\slash", "能",
            "日本語のテキストです", "ÜBERALL", "eine 👩‍👩‍👧 Familie", "50 % off_now",
            new string('x', 20_000) + " weit \u0001\"",
        ];
        var folder = Directory.CreateTempSubdirectory("aichat-search-");
        try
        {
            Migrator.Run(Path.Combine(folder.FullName, "app.db"));
            using var file = new Db(Path.Combine(folder.FullName, "app.db"));
            using var server = Open(out var address);
            var expected = await Found(file, contents, text);
            Assert.NotEmpty(expected);
            Assert.Equal(expected, await Found(server, contents, text)); // through what is due

            using var servers = new PostgresServers(PostgresUrl.Parse(address, out _)!);
            using var connection = servers.Open("synchronous_commit = on");
            while (TextRows.AddDue(connection) > 0)
            {
                // The next group.
            }

            Assert.Empty(connection.Query<long>("select id from messages_text_due"));
            Assert.Equal(expected, await Matching(server, 1, text)); // through the index
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    private static async Task<List<string>> Found(Db db, string[] contents, string text)
    {
        var userId = await First(db);
        var sessions = new Sessions(db);
        var session = await sessions.Insert(userId, new("Chat", "user", null, null, null, null, false), Now);
        foreach (var content in contents)
        {
            await db.Write(connection => connection.Execute("""
                insert into messages (session_id, role, content, status, created_at) values (@Id, 'user', @content, 'done', 0)
                """, new { session.Id, content }));
        }

        return await Matching(db, userId, text);
    }

    private static async Task<List<string>> Matching(Db db, long userId, string text)
    {
        var terms = SearchTerms.Parse(text)!;
        var ids = await db.ReadLong(userId, connection => connection is PostgresConnection
            ? TextRows.Candidates(connection, userId, terms) : TextIndex.Candidates(connection, userId, terms), default);
        var rows = await db.Read(connection => connection.Query<string>("select content from messages order by id").ToList());
        var numbers = await db.Read(connection => connection.Query<long>("select id from messages order by id").ToList());
        return [.. rows.Where((row, at) => ids?.Contains(numbers[at]) != false && terms.AreIn(row))];
    }

    /// <summary>In a table that nobody has counted yet; a statement is ended after ten seconds.</summary>
    [PostgresFact]
    public async Task A_long_branch_goes_without_a_pass_over_the_table_for_each_message()
    {
        const int count = 8_000;
        using var db = Open(out _);
        var owner = await First(db);
        var session = await db.Write(connection => connection.ExecuteScalar<long>("""
            insert into sessions (user_id, title, model, message_count, created_at, updated_at) values (@owner, '', 'm', @count, 1, 1)
            returning id
            """, new { owner, count }));
        await db.Write(connection => connection.Execute("""
            insert into messages (id, session_id, parent_id, role, content, status, created_at)
            select i, @session, nullif(i - 1, 0), 'user', repeat('words of a text ', 30), 'done', 1 from generate_series(1, @count) i
            """, new { session, count }));

        Assert.True(await new Messages(db).DeleteBranch(owner, session, 2));

        Assert.Equal([1L], await db.Read(connection =>
            connection.Query<long>("select id from messages where session_id = @session", new { session }).ToList()));
        Assert.True(await new Messages(db).Clear(owner, session));
    }

    [PostgresFact]
    public async Task A_read_that_is_given_up_ends_its_statement_with_what_travels_with_it()
    {
        using var db = Open(out var address);
        using var gone = new CancellationTokenSource();
        var read = db.ReadLong(
            1,
            connection =>
            {
                using (Deferred.On(connection))
                {
                    connection.Execute("select set_config('enable_seqscan', 'off', true)");
                }

                return connection.QuerySingle<string>("select cast(pg_sleep(60) as text)");
            },
            gone.Token);
        using var other = PostgresServer.Connect(address);
        await Eventually.Holds(() => Asleep() == 1);

        await gone.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => read);
        Assert.Equal(0, Asleep());

        // What travelled with it held for it alone.
        Assert.Equal("on", await db.Read(connection => connection.QuerySingle<string>("select current_setting('enable_seqscan')")));

        long Asleep() => other.ExecuteScalar<long>("""
            select count(*) from pg_stat_activity
            where datname = current_database() and query like '%pg_sleep(60)%' and state = 'active' and pid <> pg_backend_pid()
            """);
    }

    /// <summary>Else all who use the table would wait behind the start, until the backup has ended.</summary>
    [PostgresFact]
    public void A_backup_keeps_a_new_version_waiting_and_nobody_else()
    {
        using var db = Open(out var address);
        using var backup = PostgresServer.Connect(address);
        PostgresServer.Run(backup, """
            delete from schema_steps where version = 8;
            alter table sessions add constraint sessions_title_source_check check (title_source <> '');
            alter table messages add constraint messages_role_check check (role <> '');
            alter table messages add constraint messages_status_check check (status <> '');
            alter table messages add constraint messages_usage_source_check check (usage_source <> '');
            alter table runs add constraint runs_kind_check check (kind <> ''), add constraint runs_status_check check (status <> '');
            alter table run_chunks add constraint run_chunks_kind_check check (kind <> '');
            alter table usage_entries add constraint usage_entries_source_check check (source <> '');
            """);
        var holding = backup.BeginTransaction();
        PostgresServer.Run(backup, "lock table messages in access share mode");
        using var servers = new PostgresServers(PostgresUrl.Parse(address, out _)!);

        var refused = Assert.Throws<StartupException>(() => PostgresMigrator.Run(servers, Now));

        Assert.Equal(StartupException.TemporaryFailure, refused.ExitCode);
        Assert.Contains("pg_dump", refused.Message);
        holding.Commit();
        PostgresMigrator.Run(servers, Now);
        Assert.Equal(PostgresMigrator.NewestSchema, backup.ExecuteScalar<int>("select max(version) from schema_steps"));
    }

    private static async Task<long> First(Db db) =>
        (await new Users(db, new AuthCache(db)).Register("first", "hash", mayBeFirst: true, open: true, "ip", Now)).Id;

    private static void Put(DbConnection connection, string key) =>
        connection.Execute("insert into settings (key, value, updated_at) values (@key, '', 0)", new { key });

    internal static Db Open(out string address, Wire? wire = null)
    {
        address = PostgresServer.NewDatabaseUrl();
        address = wire is null ? address : new UriBuilder(address) { Port = wire.Port }.Uri.AbsoluteUri;
        var servers = new PostgresServers(PostgresUrl.Parse(address, out _)!);
        PostgresMigrator.Run(servers, Now);
        using (var connection = servers.Open("default_transaction_read_only = off"))
        {
            NodeTable.Join(connection, servers.BootId, "place", "test", null);
        }

        return new Db(new PostgresWriter(servers), () => new PostgresReader(servers));
    }
}
