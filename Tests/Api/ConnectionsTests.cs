using System.Data.Common;
using System.Net;
using System.Text.Json;

namespace AiChat.Tests.Api;

public sealed class ConnectionsTests
{
    private const string Key = "sk-CANARY-abcdefgh1234";

    [Fact]
    public async Task A_saved_connection_offers_its_models_and_shows_no_secret()
    {
        await using var server = await TestServer.StartAsync();
        await using var upstream = FakeUpstream.Start(OpenAiScript.Answer(["gpt-4o", "o3"], "hi"));
        var admin = await server.RegisterAdminAsync();

        var created = await (await admin.PostJson(
            "/api/connections", Form(upstream, new() { ["headers"] = Headers("X-Org", "head-CANARY") }))).Json(HttpStatusCode.Created);

        Assert.Equal(2, created.GetProperty("modelCount").GetInt32());
        Assert.True(created.GetProperty("hasKey").GetBoolean());
        Assert.Equal("…1234", created.GetProperty("keyHint").GetString());
        Assert.Equal("••••••••", created.GetProperty("headers").GetProperty("X-Org").GetString());
        Assert.Equal($"Bearer {Key}", upstream.Exchanges.First().Request.Headers["Authorization"]);
        Assert.Equal("head-CANARY", upstream.Exchanges.First().Request.Headers["X-Org"]);
        foreach (var path in new[]
        {
            "/api/connections", "/api/catalog/models?all=true", "/api/catalog/models/overrides", "/api/settings/system",
        })
        {
            Assert.DoesNotContain("CANARY", (await admin.GetJson(path)).GetRawText());
        }

        await server.StopAsync();
        Assert.All(
            Directory.GetFiles(server.DataDir, "app.db*"),
            file => Assert.DoesNotContain("CANARY-abc", File.ReadAllText(file, System.Text.Encoding.Latin1)));
        Assert.DoesNotContain(
            "CANARY", server.Output.Replace(TestServer.SetupCode, "", StringComparison.Ordinal)); // the code is for the console
    }

    [Fact]
    public async Task The_stored_secrets_stay_when_the_form_leaves_them_out_or_sends_the_mask()
    {
        await using var server = await TestServer.StartAsync();
        await using var upstream = FakeUpstream.Start(OpenAiScript.Answer(["gpt-4o"], "hi"));
        var admin = await server.RegisterAdminAsync();
        var id = await Create(admin, upstream, new() { ["headers"] = Headers("X-Org", "head-1") });

        await (await admin.PutJson($"/api/connections/{id}", new { name = "Renamed" })).Expect(HttpStatusCode.OK);
        await (await admin.PutJson(
            $"/api/connections/{id}", new { key = "…1234", headers = Headers("X-Org", "••••••••", "X-New", "head-2") }))
            .Expect(HttpStatusCode.OK);
        await (await admin.PutJson($"/api/connections/{id}", new { keys = new[] { "…1234", "sk-second-key-5678" } }))
            .Expect(HttpStatusCode.OK);
        await server.RestartAsync();
        var shown = await (await admin.PostJson($"/api/connections/{id}/refresh", new { })).Json();

        Assert.Equal("Renamed", shown.GetProperty("name").GetString());
        Assert.Equal(["…1234", "…5678"], shown.GetProperty("keys").EnumerateArray().Select(hint => hint.GetString()));
        Assert.All(upstream.Exchanges, exchange => Assert.Equal($"Bearer {Key}", exchange.Request.Headers["Authorization"]));
        Assert.All(upstream.Exchanges, exchange => Assert.Equal("head-1", exchange.Request.Headers["X-Org"]));
        Assert.Contains(upstream.Exchanges, exchange => exchange.Request.Headers.ContainsKey("X-New"));
    }

    [Fact]
    public async Task A_key_never_moves_to_another_origin()
    {
        await using var server = await TestServer.StartAsync();
        await using var home = FakeUpstream.Start(OpenAiScript.Answer(["gpt-4o"], "hi"));
        await using var other = FakeUpstream.Start(OpenAiScript.Answer(["gpt-4o"], "hi"));
        var admin = await server.RegisterAdminAsync();
        var id = await Create(admin, home, new() { ["headers"] = Headers("X-Org", "head-1") });

        foreach (var path in new[] { $"PUT /api/connections/{id}", "POST /api/connections/verify" })
        {
            var (method, url) = (new HttpMethod(path.Split(' ')[0]), path.Split(' ')[1]);
            var move = new Dictionary<string, object> { ["baseUrl"] = other.BaseUrl };
            if (method == HttpMethod.Post)
            {
                move["id"] = id;
            }

            var problem = await (await admin.SendJson(method, url, move))
                .ExpectProblem(HttpStatusCode.UnprocessableEntity, "validation_failed");
            Assert.Equal(["headers", "key"], problem.GetProperty("errors").EnumerateObject().Select(error => error.Name).Order());
            move["headers"] = Headers("X-Org", "••••••••");
            move["key"] = "…1234";
            await (await admin.SendJson(method, url, move)).ExpectProblem(HttpStatusCode.UnprocessableEntity, "validation_failed");
        }

        Assert.Equal(0, other.Connections);
        await (await admin.PutJson(
            $"/api/connections/{id}", new { baseUrl = other.BaseUrl, key = "sk-other-key-0000", headers = Headers() }))
            .Expect(HttpStatusCode.OK);
        Assert.Equal("Bearer sk-other-key-0000", other.Exchanges.First().Request.Headers["Authorization"]);
        Assert.False(other.Exchanges.First().Request.Headers.ContainsKey("X-Org"));
    }

    [Fact]
    public async Task Verify_tells_why_without_saving()
    {
        await using var server = await TestServer.StartAsync();
        await using var good = FakeUpstream.Start(OpenAiScript.Answer(["gpt-4o"], "hi"));
        await using var refusing =
            FakeUpstream.Start(exchange => exchange.Reply(401, $$$"""{"error":{"message":"Incorrect API key provided: {{{Key}}}"}}"""));
        await using var broken = FakeUpstream.Start(exchange => exchange.Reply(200, "<html>"));
        await using var cut = FakeUpstream.Start(exchange => { exchange.Reset(); return Task.CompletedTask; });
        var admin = await server.RegisterAdminAsync();

        var verified = await (await admin.PostJson("/api/connections/verify", Form(good))).Json();
        Assert.True(verified.GetProperty("ok").GetBoolean());
        Assert.Equal("gpt-4o", verified.GetProperty("models")[0].GetProperty("id").GetString());
        foreach (var (upstream, code) in new[] { (refusing, "provider_unauthorized"), (broken, "provider_protocol"), (cut, null) })
        {
            var failed = await (await admin.PostJson("/api/connections/verify", Form(upstream))).Json();
            Assert.False(failed.GetProperty("ok").GetBoolean());
            Assert.StartsWith(code ?? "provider_", failed.GetProperty("code").GetString());
            Assert.NotEmpty(failed.GetProperty("detail").GetString()!);
            Assert.DoesNotContain("CANARY", failed.GetRawText());
        }

        Assert.Equal(1, (await admin.GetJson("/api/connections")).GetProperty("items").GetArrayLength());
    }

    [Fact]
    public async Task Verify_of_a_saved_connection_uses_its_key()
    {
        await using var server = await TestServer.StartAsync();
        await using var upstream = FakeUpstream.Start(OpenAiScript.Answer(["gpt-4o"], "hi"));
        var admin = await server.RegisterAdminAsync();
        var id = await Create(admin, upstream);

        var verified = await (await admin.PostJson("/api/connections/verify", new { id })).Json();

        Assert.True(verified.GetProperty("ok").GetBoolean());
        Assert.All(upstream.Exchanges, exchange => Assert.Equal($"Bearer {Key}", exchange.Request.Headers["Authorization"]));
        await (await admin.PostJson("/api/connections/verify", new { id = 999 })).ExpectProblem(HttpStatusCode.NotFound, "not_found");
    }

    [Fact]
    public async Task Addresses_that_no_connection_may_have_are_refused()
    {
        await using var server = await TestServer.StartAsync();
        var admin = await server.RegisterAdminAsync();
        (string BaseUrl, bool Local)[] cases =
        [
            ("http://169.254.169.254/v1", false),
            ("http://169.254.169.254/v1", true),
            ("http://[fd00:ec2::254]/v1", true),
            ("http://[fe80::1%25lo]/v1", true),
            ("http://0.0.0.0/v1", true),
            ("http://[::]/v1", true),
            ("http://127.0.0.1:1/v1", false),
            ("http://10.0.0.1/v1", false),
            ("file:///etc/passwd", true),
            ("ftp://example.org", true),
            ("gopher://example.org", true),
            ("unix:/run/docker.sock", true),
            ("//example.org", true),
            ("http://user:pw@example.org/v1", false),
            ("http://evil.example/?api.openai.com", false),
            ("", false),
        ];
        foreach (var (baseUrl, local) in cases)
        {
            var form = new { provider = "openai", baseUrl, key = Key, local };
            foreach (var path in new[] { "/api/connections", "/api/connections/verify" })
            {
                var problem = await (await admin.PostJson(path, form))
                    .ExpectProblem(HttpStatusCode.UnprocessableEntity, "validation_failed");
                Assert.True(problem.GetProperty("errors").TryGetProperty("baseUrl", out _), baseUrl);
            }
        }
    }

    [Fact]
    public async Task A_name_that_leads_inside_is_refused_at_connect()
    {
        await using var server = await TestServer.StartAsync();
        await using var upstream = FakeUpstream.Start(OpenAiScript.Answer(["gpt-4o"], "hi"));
        var admin = await server.RegisterAdminAsync();
        var form = new { provider = "openai", baseUrl = $"http://localhost:{upstream.Port}/v1", key = Key, local = true };

        Assert.True((await (await admin.PostJson("/api/connections/verify", form)).Json()).GetProperty("ok").GetBoolean());
        var seen = upstream.Connections;
        var blocked = await (await admin.PostJson("/api/connections/verify", form with { local = false })).Json();

        Assert.Equal("provider_blocked", blocked.GetProperty("code").GetString());
        Assert.Equal(seen, upstream.Connections);
    }

    [Fact]
    public async Task Forms_that_break_a_rule_are_refused_by_field()
    {
        await using var server = await TestServer.StartAsync();
        await using var upstream = FakeUpstream.Start(OpenAiScript.Answer(["gpt-4o"], "hi"));
        var admin = await server.RegisterAdminAsync();
        (string Field, string Value)[] cases =
        [
            ("headers", """{"X-A":"a\r\nEvil: 1"}"""),
            ("headers", """{"X-A":"a\u0000"}"""),
            ("headers", """{"X-A":"é"}"""),
            ("headers", """{"X A":"a"}"""),
            ("headers", """{"X:A":"a"}"""),
            ("headers", """{"Host":"a"}"""),
            ("headers", """{"content-length":"1"}"""),
            ("headers", """{"Transfer-Encoding":"chunked"}"""),
            ("headers", """{"Connection":"a"}"""),
            ("headers", """{"Cookie":"a"}"""),
            ("headers", """{"Proxy-Authorization":"a"}"""),
            ("headers", """{"Expect":"a"}"""),
            ("headers", """{"X-A":"a","x-a":"b"}"""),
            ("key", "\"sk-a\\r\\nEvil: 1\""),
            ("keys", "[\"\"]"),
            ("keys", "[null]"),
            ("provider", "\"nobody\""),
            ("authType", "\"entra\""),
            ("prefix", "\"a.b\""),
            ("modelIds", "[null]"),
            ("tags", "[\"\"]"),
            ("azureApiVersion", "\"2024/10\""),
        ];
        foreach (var (field, value) in cases)
        {
            var response = await admin.PostJson(
                "/api/connections", Form(upstream, new() { [field] = JsonSerializer.Deserialize<JsonElement>(value) }));
            var problem = await response.ExpectProblem(HttpStatusCode.UnprocessableEntity, "validation_failed");
            Assert.Contains(
                problem.GetProperty("errors").EnumerateObject(), error => error.Name == field || (field == "keys" && error.Name == "key"));
        }

        Assert.Equal(0, upstream.Connections);
    }

    [Fact]
    public async Task Only_administrators_come_near_connections()
    {
        await using var server = await TestServer.StartAsync();
        var admin = await server.RegisterAdminAsync();
        var user = await server.RegisterUserAsync(admin);
        foreach (var (client, status, code) in new[]
        {
            (user, HttpStatusCode.Forbidden, "forbidden"), (server.Client(), HttpStatusCode.Unauthorized, "unauthenticated"),
        })
        {
            await (await client.GetAsync("/api/connections")).ExpectProblem(status, code);
            await (await client.PostJson("/api/connections", new { })).ExpectProblem(status, code);
            await (await client.PostJson("/api/connections/verify", new { id = 1 })).ExpectProblem(status, code);
            await (await client.PutJson("/api/connections/1", new { })).ExpectProblem(status, code);
            await (await client.DeleteAsync("/api/connections/1")).ExpectProblem(status, code);
            await (await client.PostJson("/api/connections/1/refresh", new { })).ExpectProblem(status, code);
        }
    }

    [Fact]
    public async Task The_demo_is_there_from_the_start_and_can_go()
    {
        await using var server = await TestServer.StartAsync();
        var admin = await server.RegisterAdminAsync();
        var demo = (await admin.GetJson("/api/connections")).GetProperty("items")[0];
        Assert.Equal("demo", demo.GetProperty("provider").GetString());
        Assert.True(demo.GetProperty("enabled").GetBoolean());
        Assert.True(demo.GetProperty("modelCount").GetInt32() > 0);

        var id = demo.GetProperty("id").GetInt64();
        await (await admin.PutJson($"/api/connections/{id}", new { enabled = false })).Expect(HttpStatusCode.OK);
        Assert.Equal(0, (await admin.GetJson("/api/catalog/models")).GetProperty("items").GetArrayLength());
        await (await admin.DeleteAsync($"/api/connections/{id}")).Expect(HttpStatusCode.NoContent);
        await (await admin.DeleteAsync($"/api/connections/{id}")).ExpectProblem(HttpStatusCode.NotFound, "not_found");
        await server.RestartAsync();
        Assert.Equal(0, (await admin.GetJson("/api/connections")).GetProperty("items").GetArrayLength());
    }

    [Fact]
    public async Task A_lost_master_key_stops_the_start_instead_of_losing_the_keys()
    {
        var options = new TestServerOptions { DataDir = Directory.CreateTempSubdirectory("aichat-test-").FullName };
        await using (var server = await TestServer.StartAsync(options))
        {
            await using var upstream = FakeUpstream.Start(OpenAiScript.Answer(["gpt-4o"], "hi"));
            await Create(await server.RegisterAdminAsync(), upstream);
        }

        File.Delete(Path.Combine(options.DataDir, "master.key"));
        var error = await Assert.ThrowsAsync<ServerStartException>(() => TestServer.StartAsync(options));
        Assert.Contains("master.key", error.Message);
        Directory.Delete(options.DataDir, recursive: true);
    }

    [Fact]
    public async Task A_key_moved_to_another_row_is_not_used_and_said_to_be_unreadable()
    {
        await using var server = await TestServer.StartAsync();
        await using var upstream = FakeUpstream.Start(OpenAiScript.Answer(["gpt-4o"], "hi"));
        var admin = await server.RegisterAdminAsync();
        var first = await Create(admin, upstream);
        var second = await Create(admin, upstream);
        await server.StopAsync();
        Run(
            server, "update connections set secret_keys = (select secret_keys from connections where id = @first) where id = @second",
            first, second);
        await server.RestartAsync();
        var asked = upstream.Connections;

        var refreshed = await (await admin.PostJson($"/api/connections/{second}/refresh", new { })).Json();
        var verified = await (await admin.PostJson("/api/connections/verify", new { id = second })).Json();

        Assert.Equal("provider_unauthorized", refreshed.GetProperty("lastErrorCode").GetString());
        Assert.False(verified.GetProperty("ok").GetBoolean());
        Assert.InRange(upstream.Connections, asked, asked + 1); // the first connection's own check at start
    }

    [Fact]
    public async Task Every_change_leaves_its_line_in_the_audit_without_secrets()
    {
        await using var server = await TestServer.StartAsync();
        await using var upstream = FakeUpstream.Start(OpenAiScript.Answer(["gpt-4o"], "hi"));
        var admin = await server.RegisterAdminAsync();
        var id = await Create(admin, upstream, new() { ["headers"] = Headers("X-Org", "head-CANARY") });
        await (await admin.PutJson("/api/catalog/models", new { connectionId = id, model = "gpt-4o", hidden = true }))
            .Expect(HttpStatusCode.OK);
        await (await admin.PutJson($"/api/connections/{id}", new { enabled = false })).Expect(HttpStatusCode.OK);
        await (await admin.PatchJson("/api/settings/system", new { webSearchApiKey = "tvly-CANARY-0123456789", brandText = "Team" }))
            .Expect(HttpStatusCode.OK);
        await (await admin.DeleteAsync($"/api/connections/{id}")).Expect(HttpStatusCode.NoContent);
        await server.StopAsync();

        using var connection = Open(server);
        using var command = connection.CreateCommand();
        command.CommandText = """
            select action || ' ' || target || ' ' || coalesce(detail, '')
            from audit
            where action like 'connection.%' or action like 'model.%' or action like 'settings.%'
            order by id
            """;
        using var reader = command.ExecuteReader();
        List<string> lines = [];
        while (reader.Read())
        {
            lines.Add(reader.GetString(0));
        }

        Assert.Equal(
            [
                $"connection.create connection:{id}", "model.override catalog", $"connection.update connection:{id}",
                "settings.change settings", $"connection.delete connection:{id}",
            ],
            lines.Select(line => string.Join(' ', line.Split(' ').Take(2))));
        Assert.Contains("brandText = \"Team\"", lines[3]);
        Assert.DoesNotContain("CANARY", string.Concat(lines));
    }

    private static DbConnection Open(TestServer server)
    {
        var connection = TestStore.Open(server.DataDir);
        return connection;
    }

    private static void Run(TestServer server, string sql, long first, long second)
    {
        using var connection = Open(server);
        using var command = connection.CreateCommand();
        command.CommandText = sql;
        command.Add("@first", first);
        command.Add("@second", second);
        Assert.Equal(1, command.ExecuteNonQuery());
    }

    private static Dictionary<string, string> Headers(params string[] pairs) =>
        pairs.Chunk(2).ToDictionary(pair => pair[0], pair => pair[1]);

    private static Dictionary<string, object> Form(FakeUpstream upstream, Dictionary<string, object>? more = null)
    {
        var form = new Dictionary<string, object>
        {
            ["name"] = "Fake",
            ["provider"] = "openai",
            ["baseUrl"] = upstream.BaseUrl,
            ["key"] = Key,
            ["local"] = true,
        };
        foreach (var (name, value) in more ?? [])
        {
            form[name] = value;
        }

        if (form.ContainsKey("keys"))
        {
            form.Remove("key");
        }

        return form;
    }

    private static async Task<long> Create(HttpClient admin, FakeUpstream upstream, Dictionary<string, object>? more = null) =>
        (await (await admin.PostJson("/api/connections", Form(upstream, more))).Json(HttpStatusCode.Created)).GetProperty("id").GetInt64();
}
