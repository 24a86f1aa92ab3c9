using System.Text.Json;
using AiChat.Providers.Search;
using AiChat.Providers.Transport;

namespace AiChat.Tests.Providers;

/// <summary>
/// Each search service in its own protocol, with replies as its documentation shows them; everything they answer stays in bounds.
/// </summary>
public sealed class SearchEngineTests
{
    private const string Question = "who maintains sqlite?";

    [Theory]
    [InlineData("tavily")]
    [InlineData("brave")]
    [InlineData("searxng")]
    [InlineData("exa")]
    public async Task Every_engine_gives_the_same_hits(string kind)
    {
        var (hits, _) = await Ask(
            kind, await File.ReadAllTextAsync(Path.Combine(AppContext.BaseDirectory, "Providers", "SearchReplies", kind + ".json")));

        Assert.Equal(
        [
            new SearchHit(
                "About SQLite",
                "https://www.sqlite.org/about.html",
                "SQLite is an in-process library that implements a self-contained database engine."),
            new SearchHit(
                "SQLite - Wikipedia", "https://en.wikipedia.org/wiki/SQLite", "D. Richard Hipp designed SQLite in the spring of 2000."),
        ], SearchHits.Clean(hits, 4, [], 10_000));
    }

    [Fact]
    public async Task Requests_are_what_the_services_document()
    {
        var (_, tavily) = await Ask("tavily", "{}", "sqlite.org");
        Assert.Equal(("POST", "/search", "Bearer key-0123456789"), (tavily.Method, tavily.Path, tavily.Headers["Authorization"]));
        Assert.Equal(
            """{"query":"who maintains sqlite?","max_results":4,"search_depth":"basic","include_domains":["sqlite.org"]}""", tavily.Text);

        var (_, exa) = await Ask("exa", "{}", "sqlite.org");
        Assert.Equal(("POST", "/search", "key-0123456789"), (exa.Method, exa.Path, exa.Headers["x-api-key"]));
        Assert.Equal(
            """{"query":"who maintains sqlite?","numResults":4,"includeDomains":["sqlite.org"],"contents":{"text":"""
                + """{"maxCharacters":2000}}}""",
            exa.Text);

        var (_, brave) = await Ask("brave", "{}", "sqlite.org", "example.org");
        Assert.Equal("key-0123456789", brave.Headers["X-Subscription-Token"]);
        Assert.Equal(
            "/res/v1/web/search?q=who%20maintains%20sqlite%3F%20%28site%3Asqlite.org%20OR%20site%3Aexample.org%29"
                + "&count=4&text_decorations=false&result_filter=web",
            brave.Path);

        var (_, searxng) = await Ask("searxng", "{}");
        Assert.Equal(("GET", "/search?q=who%20maintains%20sqlite%3F&format=json"), (searxng.Method, searxng.Path));
    }

    [Theory]
    [InlineData(401, """{"detail":{"error":"Unauthorized: missing or invalid API key key-0123456789."}}""", "provider_unauthorized")]
    [InlineData(429, """{"type":"ErrorResponse","error":{"status":429,"code":"RATE_LIMITED","detail":"slow"}}""", "provider_rate_limited")]
    [InlineData(200, "<html>sign in</html>", "provider_protocol")]
    [InlineData(301, "", "provider_redirected")]
    public async Task Failures_have_their_class_and_show_no_key(int status, string body, string expected)
    {
        var error = await Assert.ThrowsAsync<ProviderException>(() => Ask("tavily", body, status, []));

        Assert.Equal(expected, error.Failure.Code());
        Assert.DoesNotContain("key-0123456789", error.ToString());
    }

    [Fact]
    public void Hits_are_bounded_whatever_an_engine_says()
    {
        var wild = Enumerable.Range(0, 500).Select(
            i => new SearchHit(new string('t', 10_000), $"https://example.org/{i}", new string('x', 1_000_000) + "\u0000\u001b"));
        var bad = new[]
        {
            new SearchHit("a", "javascript:alert(1)", ""),
            new SearchHit("b", "file:///etc/passwd", ""),
            new SearchHit("c", "/relative", ""),
            new SearchHit("d", "https://user:secret@example.org/", ""),
            new SearchHit("e", "https://example.org/" + new string('u', 3_000), ""),
            new SearchHit("f", "https://evil-example.org/", ""), new SearchHit("g", "https://sub.example.org/", "kept\u0007 \r\n  once"),
        };

        var clean = SearchHits.Clean([.. bad, .. wild], 500, ["example.org"], 48 * 1024);

        Assert.Equal(SearchHits.MaxCount, clean.Count);
        Assert.Equal(new SearchHit("g", "https://sub.example.org/", "kept once"), clean[0]);
        Assert.True(JsonSerializer.Serialize(clean).Length <= 64 * 1024);
        Assert.All(clean.Skip(1), hit => Assert.True(hit.Title.Length <= 300));
    }

    private static async Task<(IReadOnlyList<SearchHit> Hits, FakeRequest Request)> Ask(
        string kind, string reply, params string[] domains) =>
        await Ask(kind, reply, 200, domains);

    private static async Task<(IReadOnlyList<SearchHit> Hits, FakeRequest Request)> Ask(
        string kind, string reply, int status, params string[] domains)
    {
        await using var upstream = FakeUpstream.Start(exchange => exchange.Reply(status, reply));
        using var http = new ProviderHttp(TimeProvider.System);
        var endpoint = new ProviderEndpoint
        {
            ConnectionId = 1,
            Provider = kind,
            BaseUrl = new Uri($"http://127.0.0.1:{upstream.Port}"),
            ApiKey = "key-0123456789",
            Scope = NetworkScope.Loopback,
        };
        var hits = await new SearchEngines(http).Get(kind).SearchAsync(
            new SearchQuery(endpoint, Question, 4, domains), CancellationToken.None);
        return (hits, upstream.Exchanges.Single().Request);
    }
}
