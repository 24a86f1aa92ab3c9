using System.Net;
using System.Text;
using System.Text.Json;
using AiChat.Tests.Chat;
using Microsoft.Data.Sqlite;

namespace AiChat.Tests.Api;

/// <summary>
/// Which proxy a provider is reached through, by the environment, the server's setting and the connection's own choice, and that its
/// password goes nowhere else. The targets are names of the internet, which only the fake proxy resolves.
/// </summary>
public sealed class OutboundTests
{
    private const string Url = "http://model.example.com/v1";
    private const string Password = "p@:ss/#CANARY-proxy-77";

    [Theory]
    [InlineData("HTTP_PROXY", "http://user:{0}@127.0.0.1:{1}")]
    [InlineData("http_proxy", "user:{0}@127.0.0.1:{1}")]
    [InlineData("ALL_PROXY", "socks5h://user:{0}@127.0.0.1:{1}")]
    public async Task The_environment_names_the_way_out_and_private_addresses_go_past_it(string variable, string form)
    {
        await using var provider = FakeUpstream.Start(OpenAiScript.Answer(["m"], "hi"));
        await using var proxy = new FakeProxy(provider.Port) { Credential = $"user:{Password}" };
        await using var server = await TestServer.StartAsync(new TestServerOptions
        {
            Variables = new Dictionary<string, string> { [variable] = string.Format(form, Password, proxy.Port) },
        });
        var admin = await server.RegisterAdminAsync();

        var through = await Create(admin, new() { ["baseUrl"] = Url });
        Assert.Equal(("inherit", 1), (through.Text("proxy"), through.GetProperty("modelCount").GetInt32()));
        var asked = proxy.Connections;
        Assert.NotEqual(0, asked);
        var answer = await admin.AskAndWait(await admin.NewSession(through.Id(), "m"), "hello");
        Assert.Equal("hi", answer.Text("content"));
        asked = proxy.Connections;

        await Create(admin, new() { ["baseUrl"] = provider.BaseUrl, ["local"] = true });
        var blocked = await Verify(admin, new() { ["baseUrl"] = $"http://localhost:{provider.Port}/v1" });
        Assert.Equal("provider_blocked", blocked.Text("code"));
        Assert.Equal(asked, proxy.Connections);

        var none = await Verify(admin, new() { ["baseUrl"] = "http://model.invalid/v1", ["proxy"] = "none" });
        Assert.Equal(("provider_dns", JsonValueKind.Undefined), (none.Text("code"), Member(none.GetProperty("report"), "via").ValueKind));
        Assert.Equal(asked, proxy.Connections);
        Assert.DoesNotContain("CANARY", (await admin.GetJson("/api/settings/system")).GetRawText());
        AssertNoCanary(server);
    }

    [Fact]
    public async Task No_proxy_and_a_variable_that_is_no_proxy_are_told_apart()
    {
        await using var proxy = new FakeProxy(0) { Credential = "user:other" };
        await using var server = await TestServer.StartAsync(new TestServerOptions
        {
            Variables = new Dictionary<string, string>
            {
                ["HTTP_PROXY"] = proxy.Http,
                ["HTTPS_PROXY"] = "socks4://CANARY-host:1",
                ["NO_PROXY"] = "10.0.0.0/8, .past.invalid",
            },
        });
        var admin = await server.RegisterAdminAsync();

        var past = await Verify(admin, new() { ["baseUrl"] = "http://a.past.invalid/v1" });
        var through = await Verify(admin, new() { ["baseUrl"] = "http://a.past.example.com/v1" });
        var broken = await Verify(admin, new() { ["baseUrl"] = "https://a.example.com/v1" });

        Assert.Equal(("provider_dns", "dns"), (past.Text("code"), past.GetProperty("report").Text("hop")));
        Assert.Equal(("proxy", proxy.Http), (through.GetProperty("report").Text("hop"), through.GetProperty("report").Text("via")));
        Assert.Equal("provider_proxy", broken.Text("code"));
        Assert.Equal("HTTPS_PROXY cannot be used as a proxy: it starts with http://, https:// or socks5h://.", broken.Text("detail"));
        Assert.Equal(["10.0.0.0/8", ".past.invalid"], (await admin.GetJson("/api/settings/system")).GetProperty("noProxy")
            .EnumerateArray().Select(item => item.GetString()));
    }

    [Fact]
    public async Task The_servers_own_proxy_takes_effect_at_once_and_its_password_is_sealed()
    {
        await using var provider = FakeUpstream.Start(OpenAiScript.Answer(["m"], "hi"));
        await using var first = new FakeProxy(provider.Port) { Credential = $"user:{Password}" };
        await using var second = new FakeProxy(provider.Port);
        await using var server = await TestServer.StartAsync();
        var admin = await server.RegisterAdminAsync();
        Assert.Equal("inherit", (await admin.GetJson("/api/settings/system")).Text("outboundProxy"));

        var shown = await Set(admin, $"http://user:{Password}@127.0.0.1:{first.Port}");
        Assert.Equal($"http://user:••••••••@127.0.0.1:{first.Port}", shown);
        var id = (await Create(admin, new() { ["baseUrl"] = Url })).Id();
        var asked = first.Targets.Count;
        Assert.NotEqual(0, asked);

        await server.RestartAsync();
        Assert.Equal(shown, await Set(admin, shown)); // the mask keeps the password
        Assert.Equal("hi", (await admin.AskAndWait(await admin.NewSession(id, "m"), "hello")).Text("content"));
        Assert.True(first.Targets.Count > asked);

        var moved = shown.Replace($":{first.Port}", $":{second.Port}", StringComparison.Ordinal);
        await (await admin.PatchJson("/api/settings/system", new { outboundProxy = moved }))
            .ExpectProblem(HttpStatusCode.UnprocessableEntity, "validation_failed");
        Assert.Equal(0, second.Connections);
        asked = first.Targets.Count;
        await Set(admin, second.Socks);
        Assert.Equal("hi", (await admin.AskAndWait(await admin.NewSession(id, "m"), "hello")).Text("content"));
        Assert.Equal((asked, true), (first.Targets.Count, second.Targets.Count > 0));

        foreach (var wrong in new object[] { "ftp://x", "http://", 7, new[] { "x" }, "socks5://only-user@x" })
        {
            await (await admin.PatchJson("/api/settings/system", new { outboundProxy = wrong }))
                .ExpectProblem(HttpStatusCode.UnprocessableEntity, "validation_failed");
        }

        Assert.Equal("none", await Set(admin, "none"));
        Assert.Equal("inherit", await Set(admin, null));
        Assert.DoesNotContain("CANARY", (await admin.GetJson("/api/audit")).GetRawText());
        await server.StopAsync();
        AssertNoCanary(server);
    }

    [Fact]
    public async Task A_connections_own_proxy_is_sealed_kept_and_never_moved_silently()
    {
        await using var provider = FakeUpstream.Start(OpenAiScript.Answer(["m"], "hi"));
        await using var proxy = new FakeProxy(provider.Port) { Credential = $"user:{Password}" };
        await using var other = new FakeProxy(provider.Port);
        await using var server = await TestServer.StartAsync();
        var admin = await server.RegisterAdminAsync();
        var own = $"http://user:{Password}@127.0.0.1:{proxy.Port}";

        var created = await Create(
            admin, new() { ["baseUrl"] = Url, ["proxy"] = own, ["authType"] = "bearer", ["key"] = "sk-CANARY-key-1" });
        var id = created.Id();
        var shown = $"http://user:••••••••@127.0.0.1:{proxy.Port}";
        Assert.Equal((shown, 1), (created.Text("proxy"), created.GetProperty("modelCount").GetInt32()));

        await server.RestartAsync();
        await (await admin.PutJson($"/api/connections/{id}", new { name = "Renamed", proxy = shown })).Json();
        Assert.Equal("hi", (await admin.AskAndWait(await admin.NewSession(id, "m"), "hello")).Text("content"));

        // The key would go in clear through another proxy, and its password to another host.
        await Refused(admin, id, "key", new { proxy = other.Http });
        await Refused(admin, id, "proxy", new { proxy = shown.Replace($":{proxy.Port}", ":1", StringComparison.Ordinal) });
        await Refused(admin, id, "proxy", new { local = true });
        await Refused(admin, id, "proxy", new { proxy = "gopher://x" });
        Assert.Equal(0, other.Connections);
        await (await admin.PutJson($"/api/connections/{id}", new { proxy = other.Http, key = "sk-CANARY-key-2" })).Json();
        Assert.NotEqual(0, other.Connections);
        var none = await (await admin.PutJson(
            $"/api/connections/{id}", new { proxy = "none", baseUrl = "http://model.invalid/v1", key = "sk-CANARY-key-3" })).Json();
        Assert.Equal(("none", "provider_dns"), (none.Text("proxy"), none.Text("lastErrorCode")));

        await server.StopAsync();
        AssertNoCanary(server);
    }

    [Fact]
    public async Task A_proxy_that_refuses_ends_an_answer_with_its_own_code_and_no_secret()
    {
        await using var proxy = new FakeProxy(0) { Credential = "user:other" };
        await using var server = await TestServer.StartAsync();
        var admin = await server.RegisterAdminAsync();
        await (await admin.PatchJson("/api/settings/system", new { taskTraceEnabled = true, taskTraceDefaultOn = true })).Json();
        var id = (await Create(admin, new()
        {
            ["baseUrl"] = Url,
            ["modelIds"] = new[] { "m" },
            ["proxy"] = $"http://user:{Password}@127.0.0.1:{proxy.Port}",
        })).Id();

        var answer = await admin.AskAndWait(await admin.NewSession(id, "m"), "hello");

        Assert.Equal("provider_proxy", answer.GetProperty("error").Text("code"));
        Assert.Equal("The proxy refused the user name or the password (407).", answer.GetProperty("error").Text("detail"));
        foreach (var trace in (await admin.GetJson("/api/task-trace")).GetProperty("items").EnumerateArray())
        {
            Assert.DoesNotContain("CANARY", (await admin.GetJson($"/api/task-trace/{trace.GetProperty("id")}")).GetRawText());
        }

        Assert.DoesNotContain("CANARY", (await admin.GetJson("/api/connections")).GetRawText());
        AssertNoCanary(server);
    }

    [Fact]
    public async Task Web_search_takes_the_servers_proxy()
    {
        await using var engine = FakeUpstream.Start(exchange => exchange.Reply(200, """{"results":[]}"""));
        await using var proxy = new FakeProxy(engine.Port);
        await using var server = await TestServer.StartAsync();
        var admin = await server.RegisterAdminAsync();
        await (await admin.PatchJson("/api/settings/system", new
        {
            outboundProxy = proxy.Http,
            webSearchEngine = "searxng",
            webSearchEndpoint = "http://search.example.com",
        })).Json();

        var found = await (await admin.PostJson("/api/settings/web-search/test", new { query = "words" })).Json();

        Assert.True(found.GetProperty("ok").GetBoolean());
        Assert.StartsWith("GET http://search.example.com/search?q=words", proxy.Targets.Single());
    }

    private static async Task<string> Set(HttpClient admin, string? proxy) =>
        (await (await admin.PatchJson("/api/settings/system", new { outboundProxy = proxy })).Json()).Text("outboundProxy")!;

    private static async Task Refused(HttpClient admin, long id, string field, object change)
    {
        var problem = await (await admin.PutJson($"/api/connections/{id}", change))
            .ExpectProblem(HttpStatusCode.UnprocessableEntity, "validation_failed");
        Assert.Equal(field, problem.GetProperty("errors").EnumerateObject().Single().Name);
    }

    private static async Task<JsonElement> Create(HttpClient admin, Dictionary<string, object> more) =>
        await (await admin.PostJson("/api/connections", Form(more))).Json(HttpStatusCode.Created);

    private static async Task<JsonElement> Verify(HttpClient admin, Dictionary<string, object> more) =>
        await (await admin.PostJson("/api/connections/verify", Form(more))).Json();

    private static Dictionary<string, object> Form(Dictionary<string, object> more)
    {
        more.TryAdd("name", "Fake");
        more.TryAdd("provider", "openai");
        more.TryAdd("authType", "none");
        return more;
    }

    private static JsonElement Member(JsonElement element, string name) => element.TryGetProperty(name, out var member) ? member : default;

    /// <summary>Neither the files nor the log hold a secret, in any of the forms in which it is sent.</summary>
    private static void AssertNoCanary(TestServer server)
    {
        SqliteConnection.ClearAllPools();
        var forms = new[] { "CANARY-proxy", "CANARY-key", Convert.ToBase64String(Encoding.UTF8.GetBytes($"user:{Password}"))[..24] };
        Assert.All(Directory.GetFiles(server.DataDir, "*.db*"), file =>
        {
            using var stream = new FileStream(file, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
            using var reader = new StreamReader(stream, Encoding.Latin1);
            var text = reader.ReadToEnd();
            Assert.All(forms, form => Assert.DoesNotContain(form, text));
        });
        Assert.All(forms, form => Assert.DoesNotContain(form, server.Output));
    }
}
