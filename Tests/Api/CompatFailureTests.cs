using System.Net;
using System.Text.Json;
using AiChat.Tests.Chat;

namespace AiChat.Tests.Api;

/// <summary>
/// One failure of a provider is one failure for a client under /v1: it comes at once and in the provider's words, because the client's own
/// library repeats the call.
/// </summary>
public sealed class CompatFailureTests
{
    /// <param name="provider">The kind of provider.</param>
    /// <param name="inbound">The client's protocol.</param>
    /// <param name="reply">The provider's status.</param>
    /// <param name="body">The provider's error.</param>
    /// <param name="status">The client's status.</param>
    /// <param name="type">The client's type.</param>
    /// <param name="code">The client's code; null is null or, for Anthropic, nothing.</param>
    /// <param name="again">The client's x-should-retry; null is none.</param>
    [Theory]
    [InlineData("openai", "chat", 429, """{"error":{"message":"m","type":"requests","param":null,"code":"rate_limit_exceeded"}}""",
        429, "requests", "rate_limit_exceeded", null)]
    [InlineData("openai", "chat", 429, """{"error":{"message":"m","type":"insufficient_quota","code":"insufficient_quota"}}""",
        429, "insufficient_quota", "insufficient_quota", "false")]
    [InlineData("openai", "chat", 500, """{"error":{"message":"m","type":"server_error","code":null}}""", 500, "server_error", null, null)]
    [InlineData("openai", "responses", 503, "overloaded", 503, "server_error", "provider_server_error", null)]
    [InlineData("openai", "responses", 404,
        """{"error":{"message":"no model m","type":"invalid_request_error","code":"model_not_found"}}""",
        404, "invalid_request_error", "model_not_found", null)]
    [InlineData("openai_responses", "chat", 409, """{"error":{"message":"m","type":"conflict"}}""", 409, "conflict", null, null)]
    [InlineData("openai", "chat", 401, """{"error":{"message":"m","type":"invalid_request_error","code":"invalid_api_key"}}""",
        502, "server_error", "provider_unauthorized", "false")]
    [InlineData("openai", "chat", 422, """{"detail":"bad"}""", 422, "invalid_request_error", "provider_bad_request", null)]
    [InlineData("openai", "messages", 429, """{"error":{"message":"m","type":"requests"}}""", 429, "rate_limit_error", null, null)]
    [InlineData("openai", "messages", 503, """{"error":{"message":"m"}}""", 529, "overloaded_error", null, null)]
    [InlineData("openai", "messages", 500, """{"error":{"message":"m"}}""", 502, "api_error", null, null)]
    [InlineData("anthropic", "messages", 529, """{"type":"error","error":{"type":"overloaded_error","message":"m"}}""",
        529, "overloaded_error", null, null)]
    [InlineData("anthropic", "messages", 413, """{"type":"error","error":{"type":"request_too_large","message":"m"}}""",
        413, "request_too_large", null, null)]
    [InlineData("anthropic", "messages", 402, """{"type":"error","error":{"type":"billing_error","message":"m"}}""",
        402, "billing_error", null, null)]
    [InlineData("anthropic", "chat", 529, """{"type":"error","error":{"type":"overloaded_error","message":"m"}}""",
        503, "server_error", "provider_server_error", null)]
    [InlineData("google_genai", "chat", 429, """{"error":{"code":429,"message":"m","status":"RESOURCE_EXHAUSTED"}}""",
        429, "rate_limit_error", "provider_rate_limited", null)]
    [InlineData("ollama", "messages", 404, """{"error":"model 'm' not found"}""", 404, "not_found_error", null, null)]
    public async Task It_comes_at_once_and_the_provider_was_asked_once(
        string provider, string inbound, int reply, string body, int status, string type, string? code, string? again)
    {
        await using var steps = await CompatSteps.StartAsync(
            exchange => exchange.Reply(reply, body, "application/json", "Retry-After: 7"), provider);
        foreach (var stream in new[] { false, true })
        {
            var before = Asked(steps);
            using var answer = await steps.Script.PostJson(Path(inbound), Body(inbound, stream));

            Assert.Equal(status, (int)answer.StatusCode);
            Assert.Equal(1, Asked(steps) - before);
            Assert.Equal(TimeSpan.FromSeconds(7), answer.Headers.RetryAfter?.Delta);
            Assert.Equal(again, answer.Headers.TryGetValues("x-should-retry", out var said) ? said.Single() : null);
            var error = JsonSerializer.Deserialize<JsonElement>(await answer.Content.ReadAsStringAsync()).GetProperty("error");
            Assert.Equal(type, error.Text("type"));
            Assert.Equal(code, error.TryGetProperty("code", out var word) ? word.GetString() : null);
        }
    }

    [Fact]
    public async Task A_param_and_the_wish_of_the_provider_come_too()
    {
        await using var steps = await CompatSteps.StartAsync(exchange => exchange.Reply(
            500, """{"error":{"message":"m","type":"t","param":"messages[0]","code":"c"}}""", "application/json", "x-should-retry: false"));
        using var answer = await steps.Chat(CompatSteps.Ask("hi"));
        Assert.Equal("false", answer.Headers.GetValues("x-should-retry").Single());
        var error = (await answer.Json(HttpStatusCode.InternalServerError)).GetProperty("error");
        Assert.Equal("messages[0]", error.Text("param"));
    }

    [Fact]
    public async Task An_unreachable_provider_is_said_at_once()
    {
        await using var steps = await CompatSteps.StartAsync(exchange => exchange.Reply(200, "{}"));
        await (await steps.Admin.PutJson($"/api/connections/{steps.Connection}", new { baseUrl = "http://127.0.0.1:1/v1" }))
            .Expect(HttpStatusCode.OK);
        using var answer = await steps.Chat(CompatSteps.Ask("hi"));
        await answer.Expect(HttpStatusCode.BadGateway);
        Assert.False(answer.Headers.Contains("x-should-retry"));
    }

    [Fact]
    public async Task What_was_tried_with_another_key_or_model_is_not_to_be_tried_again()
    {
        await using var steps = await CompatSteps.StartAsync(
            exchange => exchange.Reply(429, """{"error":{"message":"m"}}""", "application/json", "Retry-After: 7"));
        await (await steps.Admin.PutJson(
            $"/api/connections/{steps.Connection}", new { authType = "bearer", keys = new[] { "key-one", "key-two" } }))
            .Expect(HttpStatusCode.OK);
        foreach (var (path, body) in new (string, object)[]
        {
            (Path("chat"), CompatSteps.Ask("hi")), ("/v1/embeddings", new { model = "fake-model", input = "x" }),
            ("/v1/moderations", new { model = "fake-model", input = "x" }),
        })
        {
            var before = Asked(steps);
            using var answer = await steps.Script.PostJson(path, body);
            await answer.Expect(HttpStatusCode.TooManyRequests);
            Assert.Equal("false", answer.Headers.GetValues("x-should-retry").Single());
            Assert.Equal(2, Asked(steps) - before);
        }
    }

    private static int Asked(CompatSteps steps) => steps.Upstream.Exchanges.Count(exchange => exchange.Request.Method == "POST"
        && !exchange.Request.Path.EndsWith("/show", StringComparison.Ordinal));

    private static string Path(string inbound) => inbound switch
    {
        "chat" => "/v1/chat/completions",
        _ => $"/v1/{inbound}",
    };

    private static object Body(string inbound, bool stream) => inbound switch
    {
        "responses" => new { model = "fake-model", input = "hi", stream },
        _ => new { model = "fake-model", max_tokens = 9, stream, messages = new[] { new { role = "user", content = "hi" } } },
    };
}
