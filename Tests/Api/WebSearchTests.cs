using System.Net;
using System.Text.Json;
using AiChat.Tests.Chat;

namespace AiChat.Tests.Api;

/// <summary>
/// Web search setup: missing settings are reported, and a key goes only to the service it was entered for.
/// </summary>
public sealed class WebSearchTests
{
    private const string Key = "tvly-CANARY-0123456789";
    private const string Reply = """
        {"results":[{"title":"One","url":"https://example.org/1","content":"first"},
        {"title":"Metadata","url":"http://169.254.169.254/","content":"second"}]}
        """;

    [Fact]
    public async Task The_test_shows_hits_numbered_and_what_is_missing()
    {
        await using var engine = FakeUpstream.Start(exchange => exchange.Reply(200, Reply));
        await using var server = await TestServer.StartAsync();
        var admin = await server.RegisterAdminAsync();

        var unset = await (await admin.PostJson("/api/settings/web-search/test", new { })).Json();
        Assert.Equal((false, "This engine needs a key."), (unset.GetProperty("ok").GetBoolean(), unset.Text("detail")));

        await (await admin.PatchJson(
            "/api/settings/system", new { webSearchEndpoint = $"http://127.0.0.1:{engine.Port}", webSearchApiKey = Key })).Json();
        var blocked = await (await admin.PostJson("/api/settings/web-search/test", new { })).Json();
        Assert.Equal("provider_blocked", blocked.Text("code"));
        Assert.Equal("search_needs_key", unset.GetProperty("report").Text("reason"));
        Assert.Equal("address_forbidden", blocked.GetProperty("report").Text("reason"));

        await (await admin.PatchJson("/api/settings/system", new { webSearchLocal = true })).Json();
        var found = await (await admin.PostJson("/api/settings/web-search/test", new { query = "a question" })).Json();

        Assert.True(found.GetProperty("ok").GetBoolean());
        Assert.Equal("connect+ answer+ key+", Hops(found));
        Assert.Equal([(1, "One", "https://example.org/1"), (2, "Metadata", "http://169.254.169.254/")],
            found.GetProperty("results").EnumerateArray()
                .Select(hit => (hit.GetProperty("number").GetInt32(), hit.Text("title"), hit.Text("url"))));

        // The engine was called once; no URL from its results was fetched.
        var request = Assert.Single(engine.Exchanges).Request;
        Assert.Equal($"Bearer {Key}", request.Headers["Authorization"]);
        await (await admin.PostJson("/api/settings/web-search/test", new { query = new string('q', 401) }))
            .ExpectProblem(HttpStatusCode.UnprocessableEntity, "validation_failed");
    }

    [Theory]
    [InlineData(401, """{"error":"bad key"}""", "", "connect+ answer+ key!", "check_key")]
    [InlineData(403, "<html>", "none", "connect+ answer! key-", "check_search")] // SearXNG without the format json
    [InlineData(200, "<html>", "none", "connect+ answer! key-", "check_search")]
    [InlineData(503, "", "", "connect+ answer! key-", "try_later")]
    public async Task The_test_names_the_hop_that_failed(int status, string body, string key, string hops, string advice)
    {
        await using var engine = FakeUpstream.Start(exchange => exchange.Reply(status, body));
        await using var server = await TestServer.StartAsync();
        var admin = await server.RegisterAdminAsync();
        await (await admin.PatchJson("/api/settings/system", new
        {
            webSearchEngine = key.Length == 0 ? "tavily" : "searxng",
            webSearchEndpoint = $"http://127.0.0.1:{engine.Port}",
            webSearchLocal = true,
            webSearchApiKey = key.Length == 0 ? Key : null,
        })).Json();
        var answer = await (await admin.PostJson("/api/settings/web-search/test", new { })).Json();
        Assert.Equal((hops, advice), (Hops(answer), answer.GetProperty("report").Text("adviceCode")));
    }

    [Theory]
    [InlineData(301)]
    [InlineData(302)]
    [InlineData(307)]
    [InlineData(308)]
    public async Task An_engine_that_sends_elsewhere_is_not_followed(int status)
    {
        await using var inside = FakeUpstream.Start(exchange => exchange.Reply(200, Reply));
        await using var engine = FakeUpstream.Start(exchange =>
            exchange.Reply(status, Reply, "application/json", $"Location: http://127.0.0.1:{inside.Port}/latest/meta-data/"));
        await using var server = await TestServer.StartAsync();
        var admin = await server.RegisterAdminAsync();
        await (await admin.PatchJson(
            "/api/settings/system",
            new { webSearchEndpoint = $"http://127.0.0.1:{engine.Port}", webSearchLocal = true, webSearchApiKey = Key })).Json();

        var answer = await (await admin.PostJson("/api/settings/web-search/test", new { })).Json();

        Assert.False(answer.GetProperty("ok").GetBoolean());
        Assert.DoesNotContain("meta-data", answer.GetRawText());
        Assert.Single(engine.Exchanges);
        Assert.Empty(inside.Exchanges);
    }

    [Fact]
    public async Task A_key_stays_with_its_engine_and_address()
    {
        await using var mine = FakeUpstream.Start(exchange => exchange.Reply(200, Reply));
        await using var other = FakeUpstream.Start(exchange => exchange.Reply(200, Reply));
        await using var server = await TestServer.StartAsync();
        var admin = await server.RegisterAdminAsync();
        await (await admin.PatchJson(
            "/api/settings/system",
            new { webSearchEndpoint = $"http://127.0.0.1:{mine.Port}", webSearchLocal = true, webSearchApiKey = Key })).Json();

        foreach (var change in new object[]
        {
            new { webSearchEndpoint = $"http://127.0.0.1:{other.Port}" }, new { webSearchEngine = "exa" },
            new { webSearchEngine = "searxng" },
        })
        {
            var shown = await (await admin.PatchJson("/api/settings/system", change)).Json();
            Assert.False(shown.GetProperty("webSearchApiKey").GetProperty("set").GetBoolean());
            await (await admin.PostJson("/api/settings/web-search/test", new { })).Json();
        }

        Assert.All(other.Exchanges, exchange => Assert.DoesNotContain(Key, exchange.Request.Head));
        await server.RestartAsync();
        var back = await (await admin.PatchJson(
            "/api/settings/system", new { webSearchEngine = "tavily", webSearchEndpoint = $"http://127.0.0.1:{mine.Port}" })).Json();
        Assert.True(back.GetProperty("webSearchApiKey").GetProperty("set").GetBoolean());
        Assert.True((await (await admin.PostJson("/api/settings/web-search/test", new { })).Json()).GetProperty("ok").GetBoolean());
    }

    private static string Hops(JsonElement answer) => string.Join(' ', answer.GetProperty("report").GetProperty("hops").EnumerateArray()
        .Select(one => one.Text("hop") + (one.Text("state") switch { "passed" => "+", "failed" => "!", _ => "-" })));
}
