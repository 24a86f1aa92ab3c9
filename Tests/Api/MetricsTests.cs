using System.Net;
using System.Net.Http.Headers;
using AiChat.Tests.Chat;

namespace AiChat.Tests.Api;

public sealed class MetricsTests
{
    private const string Token = "metrics-CANARY-5f6e7d8c";

    [Fact]
    [Trait("Nodes", "One")] // metrics are each server's own
    public async Task Metrics_count_what_happens()
    {
        await using var upstream = FakeUpstream.Start(OpenAiScript.Answer(["fake-model"], "Good", " morning", "."));
        await using var server = await TestServer.StartAsync();
        var admin = await server.RegisterAdminAsync();
        var session = await admin.NewSession(await admin.Connect(upstream));
        await admin.AskAndWait(session, "Hello");
        await (await admin.GetAsync("/api/sessions/987654321")).Expect(HttpStatusCode.NotFound);

        var metrics = await Read(admin);

        Assert.True(metrics["process_resident_memory_bytes"] > 1_000_000);
        Assert.True(metrics["process_cpu_seconds_total"] > 0);
        Assert.True(metrics["process_start_time_seconds"] > 1_700_000_000);
        Assert.Contains("aichat_runs", metrics.Keys);
        Assert.Equal(3, metrics["aichat_stream_deltas_total"]);
        Assert.True(metrics["aichat_commits_total"] >= 3);
        Assert.True(metrics["aichat_allocated_bytes_total"] > 100_000);
        Assert.True(metrics["aichat_collections_total"] >= 0);
        Assert.Equal(0, metrics["aichat_index_failures_total"]);
        Assert.True(metrics["""aichat_http_requests_total{status="2xx"}"""] >= 3);
        Assert.True(metrics["""aichat_http_requests_total{status="4xx"}"""] >= 1);
        Assert.Equal(0, metrics["""aichat_provider_errors_total{code="provider_unreachable"}"""]);
    }

    [Fact]
    [Trait("Nodes", "One")] // metrics are each server's own
    public async Task A_failing_provider_is_counted_by_its_code()
    {
        await using var server = await TestServer.StartAsync();
        var admin = await server.RegisterAdminAsync();
        var connection = (await (await admin.PostJson("/api/connections", new
        {
            name = "Closed",
            provider = "openai",
            baseUrl = "http://127.0.0.1:1/v1",
            authType = "none",
            local = true,
            modelIds = new[] { "gone" },
        })).Json(HttpStatusCode.Created)).GetProperty("id").GetInt64();
        var session =
            (await (await admin.PostJson("/api/sessions", new { connectionId = connection, model = "gone" })).Json(HttpStatusCode.Created))
            .GetProperty("id").GetInt64();
        await admin.PostJson("/api/chat/completion", new { sessionId = session, content = "Hello", clientMessageId = "m1" });

        Assert.True((await Read(admin))["""aichat_provider_errors_total{code="provider_unreachable"}"""] >= 1);
    }

    [Fact]
    public async Task The_token_opens_metrics_and_nothing_else()
    {
        await using var server =
            await TestServer.StartAsync(new TestServerOptions { Variables = new Dictionary<string, string> { ["METRICS_TOKEN"] = Token } });
        await server.RegisterAdminAsync();
        Assert.Equal(HttpStatusCode.OK, await Status(server, "/metrics", Token));
        Assert.Equal(HttpStatusCode.Unauthorized, await Status(server, "/metrics", Token + "x"));
        Assert.Equal(HttpStatusCode.Unauthorized, await Status(server, "/metrics", Token[..^1]));
        Assert.Equal(HttpStatusCode.Unauthorized, await Status(server, "/metrics", null));
        Assert.Equal(HttpStatusCode.Unauthorized, await Status(server, "/api/users", Token));
        Assert.Equal(HttpStatusCode.Unauthorized, await Status(server, "/api/sessions", Token));
    }

    [Fact]
    public async Task A_token_that_is_easy_to_guess_is_refused()
    {
        var options = new TestServerOptions { Variables = new Dictionary<string, string> { ["METRICS_TOKEN"] = "short" } };
        var error = await Assert.ThrowsAsync<ServerStartException>(() => TestServer.StartAsync(options));
        Assert.Contains("METRICS_TOKEN", error.Message);
    }

    private static async Task<Dictionary<string, double>> Read(HttpClient client)
    {
        using var response = await client.GetAsync("/metrics");
        Assert.Equal("text/plain", response.Content.Headers.ContentType?.MediaType);
        var text = await response.Content.ReadAsStringAsync();
        return text.Split('\n', StringSplitOptions.RemoveEmptyEntries).Where(line => line[0] != '#')
            .Select(line => line.Split(' '))
            .ToDictionary(parts => parts[0], parts => double.Parse(parts[1], System.Globalization.CultureInfo.InvariantCulture));
    }

    private static async Task<HttpStatusCode> Status(TestServer server, string path, string? token)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, path);
        request.Headers.Authorization = token is null ? null : new AuthenticationHeaderValue("Bearer", token);
        using var response = await server.Client().SendAsync(request);
        return response.StatusCode;
    }
}
