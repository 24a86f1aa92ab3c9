using System.Net;
using System.Text.Json;

namespace AiChat.Tests.Providers;

/// <summary>Every vendor through the whole server, natively too: a connection, its models, an answer.</summary>
public sealed class VendorChatTests
{
    private const string OllamaTags = """{"models":[{"name":"model-1","model":"model-1"}]}""";
    private const string GoogleModels = """{"models":[{"name":"models/model-1","inputTokenLimit":1000,"supportedGenerationMethods":"""
        + """["generateContent"]}]}""";
    private const string Models = """{"data":[{"id":"model-1"}]}""";

    [Theory]
    [InlineData("openai", "basic", "Hello 世界 🎉!\n", 19, 10)]
    [InlineData("openai_responses", "basic", "Hello 世界 🎉", 37, 11)]
    [InlineData("azure_openai", "basic", "Hello", 5, 1)]
    [InlineData("anthropic", "basic", "Hello 世界 🎉", 2125, 15)]
    [InlineData("google_genai", "basic", "Hello 世界 🎉", 8, 12)]
    [InlineData("ollama", "basic", "Hello 世界 🎉", 26, 298)]
    public async Task Answer_of_every_vendor_is_streamed_and_stored(
        string vendor, string transcript, string text, int prompt, int completion)
    {
        var recorded = new Transcript(vendor, transcript);
        await using var upstream = FakeUpstream.Start(async exchange =>
        {
            if (exchange.Request.Path.Contains("/models", StringComparison.Ordinal) && exchange.Request.Method == "GET")
            {
                await exchange.Reply(200, vendor == "google_genai" ? GoogleModels : Models);
            }
            else if (exchange.Request.Path.EndsWith("/api/tags", StringComparison.Ordinal))
            {
                await exchange.Reply(200, OllamaTags);
            }
            else if (exchange.Request.Path.EndsWith("/api/show", StringComparison.Ordinal))
            {
                await exchange.Reply(200, "{}");
            }
            else
            {
                await exchange.StartAsync(200, recorded.MediaType);
                await exchange.Send(recorded.Bytes);
            }
        });
        await using var canary = FakeUpstream.Start(_ => Task.CompletedTask);
        var proxy = $"http://127.0.0.1:{canary.Port}";
        await using var server = await TestServer.StartAsync(new TestServerOptions
        {
            Variables = new Dictionary<string, string> { ["HTTP_PROXY"] = proxy, ["http_proxy"] = proxy, ["ALL_PROXY"] = proxy },
        });
        var admin = await server.RegisterAdminAsync();
        var root = vendor is "openai" or "openai_responses" ? upstream.BaseUrl : upstream.BaseUrl[..^3];
        var connection = (await (await admin.PostJson(
            "/api/connections", new { name = "Fake", provider = vendor, baseUrl = root, key = "sk-CANARY-7f3a9c1e5b", local = true }))
            .Json(HttpStatusCode.Created)).GetProperty("id").GetInt64();

        var session = (await (await admin.PostJson("/api/sessions", new { })).Json(HttpStatusCode.Created)).GetProperty("id").GetInt64();
        using var response = await admin.PostJson(
            "/api/chat/stream",
            new { sessionId = session, content = "Hi", clientMessageId = "c1", connectionId = connection, model = "model-1" });
        await using var events = await SseStream.OpenAsync(response);
        var answer = "";
        JsonElement? done = null;
        while (await events.NextAsync() is { } next)
        {
            answer += next.Event == "delta" ? next.Json.GetProperty("text").GetString() : "";
            done = next.Event == "done" ? next.Json : done;
        }

        Assert.Equal((text, "done"), (answer, done!.Value.GetProperty("status").GetString()));
        var usage = done.Value.GetProperty("usage");
        Assert.Equal(
            (prompt, completion), (usage.GetProperty("promptTokens").GetInt32(), usage.GetProperty("completionTokens").GetInt32()));
        Assert.Equal("provider", usage.GetProperty("source").GetString());
        Assert.Equal(0, canary.Connections);
    }

    [Fact]
    public async Task Entra_connection_to_another_host_is_refused_and_gets_no_token()
    {
        await using var canary = FakeUpstream.Start(_ => Task.CompletedTask);
        await using var server = await TestServer.StartAsync();
        var admin = await server.RegisterAdminAsync();
        var form = new
        {
            name = "Fake",
            provider = "azure_openai",
            baseUrl = $"http://127.0.0.1:{canary.Port}",
            authType = "entra",
            key = "tenant:client:secret-1",
            local = true,
        };

        foreach (var path in (string[])["/api/connections", "/api/connections/verify"])
        {
            await (await admin.PostJson(path, form)).ExpectProblem(HttpStatusCode.UnprocessableEntity, "validation_failed");
        }

        Assert.Equal(0, canary.Connections);
    }
}
