using System.Net;
using System.Text.Json;
using AiChat.Tests.Chat;

namespace AiChat.Tests.NodePlatform;

/// <summary>A move from the Node.js platform, by the command, as a person makes it.</summary>
public sealed class NodePlatformImportTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("aichat-test-").FullName;

    /// <summary>Missing at first.</summary>
    private string Data => Path.Combine(_folder, "new");

    private string Old => Path.Combine(_folder, "old");

    [NativeTheory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_whole_database_moves_and_nothing_moves_twice(bool migrated)
    {
        await using var upstream = ChatSteps.Provider(exchange => OpenAiScript.Stream(exchange, "from the old key"));
        var image = SampleImages.Png(5, 6);
        using var old = new NodePlatformDatabase(Old, migrated);
        var user = Fill(old, upstream.BaseUrl, migrated ? 200 : 2_000, image);
        var before = File.ReadAllBytes(old.Path);

        var forecast = (await Run("--dry-run")).Expect(0).Json;
        Assert.False(Directory.Exists(Data));
        var report = (await Run()).Expect(0).Json;

        Assert.Equal("done", report.Text("state"));
        Assert.Equal(old.Messages, report.GetProperty("taken").GetProperty("messages").GetInt64());
        Assert.Equal(forecast.GetProperty("taken").GetRawText(), report.GetProperty("taken").GetRawText());
        Assert.Equal(before, File.ReadAllBytes(old.Path));
        Assert.Equal(["app.db"], Directory.EnumerateFiles(Path.GetDirectoryName(old.Path)!).Select(Path.GetFileName));

        await using var server = await TestServer.StartAsync(new TestServerOptions { DataDir = Data });
        var again = (await Run()).Expect(0).Json; // through the running server
        Assert.Equal("nothing_new", again.Text("state"));
        Assert.All(again.GetProperty("taken").EnumerateObject(), count => Assert.Equal(0, count.Value.GetInt64()));

        var browser = await Login(server, "Member_1", NodePlatformDatabase.Password);
        await Login(server, "Member_1", NodePlatformDatabase.Password); // by the new hash
        var chats = (await browser.GetJson("/api/sessions?limit=100")).GetProperty("items").EnumerateArray().ToList();
        var first = chats.Single(chat => chat.Text("title") == "With a picture");
        Assert.Equal(NodePlatformDatabase.Start, first.GetProperty("createdAt").GetDateTimeOffset().ToUnixTimeMilliseconds(), 60_000.0);
        var messages = (await browser.GetJson($"/api/sessions/{first.GetProperty("id").GetInt64()}/messages"))
            .GetProperty("items").EnumerateArray().ToList();
        Assert.Equal(
            ["Look at this", "second version", "And now?", "It failed half way"], messages.Select(message => message.Text("content")));
        Assert.Equal(2, messages[1].GetProperty("siblings").GetArrayLength());
        Assert.Equal("because", messages[1].Text("reasoning"));
        Assert.Equal("failed", messages[3].Text("status"));
        var url = messages[0].GetProperty("images")[0].Text("url");
        Assert.Equal(image, await browser.GetByteArrayAsync(url));

        var settings = await (await Login(server, "the_admin", NodePlatformDatabase.LongPassword)).GetJson("/api/settings/system");
        Assert.Contains("Old Chat", settings.GetRawText());
        await Login(server, "the_admin", NodePlatformDatabase.LongPassword[..72] + "whatever follows");
        await Login(server, "王小明", NodePlatformDatabase.ChinesePassword);
        await (await server.Client().PostJson("/api/auth/login", new { username = "waiting", password = NodePlatformDatabase.Password }))
            .ExpectProblem(HttpStatusCode.Forbidden, "account_pending");

        var answer = await browser.AskAndWait(first.GetProperty("id").GetInt64(), "Go on");
        Assert.Equal("from the old key", answer.Text("content"));
        Assert.Equal($"Bearer {NodePlatformDatabase.PlainKey}", (await upstream.NextChatAsync()).Request.Headers["Authorization"]);
        Assert.True(user > 0);
    }

    [NativeFact]
    public async Task A_grown_database_adds_what_is_new_and_leaves_what_was_done_here()
    {
        using var old = new NodePlatformDatabase(Old);
        var user = old.User("member", NodePlatformDatabase.Hash);
        old.Setting("brand_text", "Old Chat");
        var kept = old.Chat(user, "Kept");
        old.Answer(kept, old.Ask(kept, "one"), "two");
        var gone = old.Chat(user, "Gone");
        old.Ask(gone, "delete me");
        Directory.CreateDirectory(Data);
        await using var server = await TestServer.StartAsync(new TestServerOptions { DataDir = Data });
        var admin = await server.RegisterAdminAsync();
        await Run();

        var browser = await Login(server, "member", NodePlatformDatabase.Password);
        var chats = (await browser.GetJson("/api/sessions")).GetProperty("items").EnumerateArray().ToList();
        var deleted = chats.Single(chat => chat.Text("title") == "Gone").GetProperty("id").GetInt64();
        (await browser.DeleteAsync($"/api/sessions/{deleted}")).EnsureSuccessStatusCode();
        await (await admin.PatchJson("/api/settings/system", new { brandText = "New Chat" })).Expect(HttpStatusCode.OK);
        old.Answer(kept, old.Ask(kept, "three"), "four");
        old.Ask(old.Chat(old.User("later", NodePlatformDatabase.Hash), "Later"), "hello");
        var report = (await Run()).Expect(0).Json;

        Assert.Equal(3, report.GetProperty("taken").GetProperty("messages").GetInt64());
        Assert.Equal(1, report.GetProperty("taken").GetProperty("users").GetInt64());
        Assert.Contains("it was changed here", report.GetProperty("skipped").GetRawText());
        chats = [.. (await browser.GetJson("/api/sessions")).GetProperty("items").EnumerateArray()];
        var messages = await browser.GetJson($"/api/sessions/{chats.Single().GetProperty("id").GetInt64()}/messages");
        Assert.Equal(
            ["one", "two", "three", "four"],
            messages.GetProperty("items").EnumerateArray().Select(message => message.Text("content")));
    }

    [NativeFact]
    public async Task A_name_that_is_here_is_merged_only_when_told_so()
    {
        using var old = new NodePlatformDatabase(Old);
        old.Ask(old.Chat(old.User("admin", NodePlatformDatabase.Hash, "ADMIN"), "Of the old admin"), "hello");
        Directory.CreateDirectory(Data);
        await using var server = await TestServer.StartAsync(new TestServerOptions { DataDir = Data });
        var admin = await server.RegisterAdminAsync();

        var report = (await Run()).Expect(1).Json; // no chat was taken
        Assert.Contains("--merge-users", report.GetProperty("skipped").GetRawText());
        Assert.Empty((await admin.GetJson("/api/sessions")).GetProperty("items").EnumerateArray());
        (await Run("--merge-users")).Expect(0);

        Assert.Single((await admin.GetJson("/api/sessions")).GetProperty("items").EnumerateArray());
        await Login(server, "admin", TestServer.Password);
        await (await server.Client().PostJson("/api/auth/login", new { username = "admin", password = NodePlatformDatabase.Password }))
            .Expect(HttpStatusCode.Unauthorized);
    }

    [NativeFact]
    public async Task Keys_of_another_passphrase_and_visitors_chats_come_when_asked_for()
    {
        using var old = new NodePlatformDatabase(Old);
        old.User("boss", NodePlatformDatabase.Hash, "admin", "Active");
        old.Connection("openai", "http://192.168.1.5:8000/v1", NodePlatformDatabase.OwnKey);
        old.Ask(old.Chat(null, "A visitor's", guest: "visitor_key_0123456789"), "hello");
        var report = (await Run()).Expect(0).Json;
        Assert.Contains("ENCRYPTION_KEY", report.GetProperty("skipped").GetRawText());
        Assert.Contains("--guests", report.GetProperty("skipped").GetRawText());
        var wrong = (await Run("--encryption-key", "a wrong one")).Expect(0).Json;
        Assert.Equal("nothing_new", wrong.Text("state"));
        var locked = Assert.Single(wrong.GetProperty("skipped").EnumerateArray(), left => left.Text("what") == "keys");
        Assert.Equal(1, locked.GetProperty("count").GetInt64());
        Assert.Contains("--encryption-key-file", locked.Text("why"));
        var opened = (await Run("--encryption-key", NodePlatformDatabase.OwnPassphrase)).Expect(0).Json.GetProperty("taken");
        Assert.Equal(1, opened.GetProperty("keys").GetInt64());
        Assert.Equal(0, opened.GetProperty("connections").GetInt64());
        var late = (await Executable.RunAsync(Data, "connection", "list", "--json")).Expect(0).Json.GetProperty("items");
        Assert.DoesNotContain("could not be opened", late.GetRawText());
        var last = (await Run("--encryption-key", NodePlatformDatabase.OwnPassphrase)).Expect(0).Json;
        Assert.Equal("nothing_new", last.Text("state"));
        Assert.DoesNotContain("opens it", last.GetRawText());

        var other = Path.Combine(_folder, "other");
        var env = Path.Combine(_folder, "old.env");
        File.WriteAllText(env, $"PORT=1\nENCRYPTION_KEY=\"{NodePlatformDatabase.OwnPassphrase}\"\n");
        var whole = (await Executable.RunAsync(
            other, "import", Old, "--json", "--encryption-key-file", env, "--guests-to", "boss")).Expect(0).Json;

        Assert.Equal(1, whole.GetProperty("taken").GetProperty("keys").GetInt64());
        Assert.Equal(1, whole.GetProperty("taken").GetProperty("chats").GetInt64());
        var connections = (await Executable.RunAsync(other, "connection", "list", "--json")).Expect(0).Json.GetProperty("items");
        Assert.True(connections.EnumerateArray().Single(one => one.Text("provider") == "openai").GetProperty("local").GetBoolean());
    }

    [NativeFact]
    public async Task Traces_come_with_their_events_and_those_that_are_nowhere_are_named()
    {
        using var old = new NodePlatformDatabase(Old);
        var user = old.User("boss", NodePlatformDatabase.Hash, "ADMIN");
        var chat = old.Chat(user, "Traced");
        old.Ask(chat, "hello");
        var now = TimeProvider.System.GetUtcNow();
        var whole = old.Trace(user, chat, 3, now, "/app/logs/task-trace/trace-1.log");
        var (lost, stored) = (old.Trace(user, chat, 4, now), old.Trace(user, chat, 1, now));
        var ancient = old.Trace(user, chat, 1, now.AddYears(-1));
        old.Insert("task_trace_events", ("traceId", stored), ("seq", 1L), ("eventType", "of the table"), ("payload", "{}"),
            ("timestamp", old.Time(NodePlatformDatabase.Start)));
        var logs = Directory.CreateDirectory(Path.Combine(_folder, "elsewhere")).FullName;
        File.WriteAllText(Path.Combine(Old, "trace-1.log"), """
            {"seq":1,"eventType":"request:init","payload":{"content":"héllo"},"timestamp":"2025-06-01T00:00:01.000Z"}
            {"seq":2,"eventType":"sse:dispatch","payload":"a text","timestamp":"2025-06-01T00:00:02.000Z"}
            {"seq":3,"eventType":"db:persist_f
            """);

        Assert.Contains("--traces", (await Run()).Expect(0).Output);
        var report = (await Run("--traces")).Expect(0).Json;

        Assert.Equal(3, report.GetProperty("taken").GetProperty("traces").GetInt64());
        Assert.Equal(6, report.GetProperty("taken").GetProperty("trace events").GetInt64()); // three of them tell of a whole trace
        Assert.Contains(report.GetProperty("skipped").EnumerateArray(), left => left.Text("what") == "traces"
            && left.Text("why")!.Contains("taskTraceRetentionDays", StringComparison.Ordinal)
            && left.GetProperty("names")[0].GetString() == $"trace {ancient}");
        var left = report.GetProperty("skipped").EnumerateArray().Where(left => left.Text("what") == "trace events").ToList();
        Assert.Contains(left, one => one.GetRawText().Contains("damaged", StringComparison.Ordinal)
            && one.GetRawText().Contains($"trace {whole}", StringComparison.Ordinal));
        Assert.Contains(left, one => one.Text("why")!.Contains("--trace-logs", StringComparison.Ordinal)
            && one.GetProperty("count").GetInt64() == 4 && one.GetRawText().Contains($"trace {lost}", StringComparison.Ordinal));

        File.WriteAllLines(Path.Combine(logs, $"trace-{lost}.log"), Enumerable.Range(1, 4).Select(seq =>
            $$"""{"seq":{{seq}},"eventType":"step {{seq}}","payload":{},"timestamp":"2025-06-01T00:00:0{{seq}}.000Z"}"""));
        Assert.Equal(4, (await Run("--trace-logs", logs)).Expect(0).Json.GetProperty("taken").GetProperty("trace events").GetInt64());
        Assert.Equal("nothing_new", (await Run("--trace-logs", logs)).Expect(0).Json.Text("state"));

        await using var server = await TestServer.StartAsync(new TestServerOptions { DataDir = Data });
        var browser = await Login(server, "boss", NodePlatformDatabase.Password);
        var traces = (await browser.GetJson("/api/task-trace")).GetProperty("items").EnumerateArray().ToList();
        Assert.Equal([2, 5, 3], traces.OrderBy(trace => trace.GetProperty("id").GetInt64()).Reverse()
            .Select(trace => trace.GetProperty("eventCount").GetInt32()));
        var first = await browser.GetJson($"/api/task-trace/{traces.Min(trace => trace.GetProperty("id").GetInt64())}");
        Assert.Contains("héllo", first.GetProperty("events")[1].GetProperty("payload").Text("content"));
        Assert.Equal(
            ["summary", "request:init", "sse:dispatch"], first.GetProperty("events").EnumerateArray().Select(one => one.Text("type")));
    }

    [NativeTheory]
    [InlineData("Chats.json", "[{\"title\": \"cut", 1)]
    [InlineData("notes.txt", "no export at all", 1)]
    [InlineData("empty.db", "", 1)]
    [InlineData("chatgpt.json", """
        [{"id":"c1","title":"Old","create_time":1700000000,"current_node":"a","mapping":{
            "q":{"id":"q","parent":null,"children":["a"],"message":{"author":{"role":"user"},
                "content":{"content_type":"text","parts":["hi"]}}},
            "a":{"id":"a","parent":"q","children":[],"message":{"author":{"role":"assistant"},
                "content":{"content_type":"text","parts":["hello"]}}}}}]
        """, 0)]
    public async Task Exported_chats_go_into_the_account_that_is_named(string name, string content, int code)
    {
        (await Executable.RunAsync(Data, "user", "create", "boss", "--admin")).Expect(0);
        var path = Path.Combine(_folder, name);
        File.WriteAllText(path, content);
        (await Executable.RunAsync(Data, "import", path)).Expect(1); // whose?
        (await Executable.RunAsync(Data, "import", path, "--user", "nobody")).Expect(1);
        (await Executable.RunAsync(Data, "import", path, "--user", "boss")).Expect(code);
    }

    [NativeFact]
    public async Task The_old_database_in_place_of_the_new_one_is_told_from_it_and_stays_as_it_is()
    {
        using (var old = new NodePlatformDatabase(Old))
        {
            old.User("boss", NodePlatformDatabase.Hash);
        }

        var path = Path.Combine(Old, "data", "app.db");
        var before = File.ReadAllBytes(path);
        var refused = await Executable.RunAsync(Data, [("DATABASE_URL", $"file:{path}")], "serve");
        Assert.Equal(78, refused.Code);
        Assert.Contains($"aichat import {path}", refused.Complaint);
        Assert.Equal(before, File.ReadAllBytes(path));
        Assert.False(File.Exists(path + "-wal"));
    }

    /// <summary>A chat that no request and no memory has room for, with versions whose question came in an earlier piece.</summary>
    [NativeFact]
    public async Task A_large_chat_comes_in_pieces_and_a_text_beyond_the_bound_ends_early()
    {
        var long1 = string.Concat(Enumerable.Repeat("many words ", 20_000));
        var giant = string.Concat(Enumerable.Repeat("中ab ", 1_100_000));
        using (var old = new NodePlatformDatabase(Old))
        {
            var chat = old.Chat(old.User("Member_1", NodePlatformDatabase.Hash), "Large");
            var first = old.Ask(chat, "First");
            for (var i = 0; i < 12; i++)
            {
                old.Answer(chat, first, $"{i}: {long1}", version: i + 1);
            }

            old.Image(old.Ask(chat, "Then"), SampleImages.Png());
            old.Message(chat, "assistant", giant);
            old.Ask(chat, "Last");
        }

        var forecast = (await Run("--dry-run")).Expect(0).Json;
        var report = (await Run()).Expect(0).Json;

        foreach (var taken in new[] { forecast.GetProperty("taken"), report.GetProperty("taken") })
        {
            Assert.Equal((1, 16, 1), (Count(taken, "chats"), Count(taken, "messages"), Count(taken, "images")));
        }

        Assert.Contains("longer than 2 MiB", report.GetRawText());
        await using var server = await TestServer.StartAsync(new TestServerOptions { DataDir = Data });
        Assert.Equal("nothing_new", (await Run()).Expect(0).Json.Text("state"));
        var browser = await Login(server, "Member_1", NodePlatformDatabase.Password);
        var id = (await browser.GetJson("/api/sessions")).GetProperty("items")[0].Id();
        var branch = (await browser.GetJson($"/api/sessions/{id}/messages")).GetProperty("items").EnumerateArray().ToList();
        Assert.Equal(["First", $"11: {long1}", "Then", giant[..(2 << 20)], "Last"], branch.Select(message => message.Text("content")));
        Assert.Equal(12, branch[1].GetProperty("siblings").GetArrayLength());
        Assert.Equal(1, branch[2].GetProperty("images").GetArrayLength());
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [NativePostgresFact]
    public async Task A_dry_run_before_the_first_start_leaves_the_database_server_alone()
    {
        using var old = new NodePlatformDatabase(Old, false);
        Fill(old, "http://127.0.0.1:9", 10, SampleImages.Png(5, 6));
        var database = PostgresServer.NewDatabaseUrl();

        (await Executable.RunAsync(Data, [("DATABASE_URL", database)], "import", Old, "--json", "--dry-run")).Expect(0);

        using var connection = PostgresServer.Connect(database);
        using var tables = connection.CreateCommand();
        tables.CommandText = "select count(*) from pg_tables where schemaname = 'public'";
        Assert.Equal(0L, tables.ExecuteScalar());
    }

    private static long Fill(NodePlatformDatabase old, string provider, int messages, byte[] image)
    {
        old.Execute("begin");
        old.User("the_admin", NodePlatformDatabase.LongHash, "ADMIN");
        var user = old.User("Member_1", NodePlatformDatabase.Hash);
        old.User("王小明", NodePlatformDatabase.ChineseHash);
        old.User("waiting", NodePlatformDatabase.Hash, status: "PENDING");
        var connection = old.Connection("openai", provider, NodePlatformDatabase.Key);
        old.Setting("brand_text", "Old Chat");
        old.Quota(user, 500);
        var chat = old.Chat(user, "With a picture", connection: connection, model: "fake-model");
        var question = old.Ask(chat, "Look at this");
        old.Image(question, image);
        old.Answer(chat, question, "first version");
        old.Usage(chat, old.Answer(chat, question, "second version", version: 2, reasoning: "because"), 10, 5);
        old.Answer(chat, old.Ask(chat, "And now?"), "It failed half way", "error");
        while (old.Messages < messages)
        {
            var next = old.Chat(user, $"Chat {old.Messages}", connection: connection, model: "fake-model");
            for (var turn = 0; turn < 20 && old.Messages < messages; turn++)
            {
                old.Answer(next, old.Ask(next, $"Question {turn}"), $"Answer {turn}");
            }
        }

        old.Execute("commit");
        return user;
    }

    private static int Count(JsonElement taken, string kind) => taken.GetProperty(kind).GetInt32();

    private static async Task<HttpClient> Login(TestServer server, string username, string password)
    {
        var browser = server.Client();
        await (await browser.PostJson("/api/auth/login", new { username, password })).Expect(HttpStatusCode.OK);
        return browser;
    }

    private Task<Ran> Run(params string[] options) => Executable.RunAsync(Data, ["import", Old, "--json", .. options]);
}
