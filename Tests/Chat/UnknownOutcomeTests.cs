using System.Net;
using AiChat.Tests.Api;

namespace AiChat.Tests.Chat;

/// <summary>
/// A question that a provider has begun to answer may have been worked on and paid for, so it is not retried automatically, with no model.
/// A failure before the first token costs nothing and is shown as a failure everywhere.
/// </summary>
public sealed class UnknownOutcomeTests
{
    [Theory]
    [InlineData("reset", "provider_connection_lost")]
    [InlineData("end", "provider_connection_lost")]
    [InlineData("comment and end", "provider_connection_lost")]
    [InlineData("role and reset", "provider_connection_lost")]
    [InlineData("nonsense", "provider_protocol")]
    [InlineData("page", "provider_protocol")]
    public async Task After_the_response_head_the_question_is_not_sent_again(string how, string code)
    {
        await using var upstream = ChatSteps.Provider(exchange => BreakOff(exchange, how));
        await using var other = FakeUpstream.Start(OpenAiScript.Answer(["other-model"], "I am the other"));
        await using var server = await TestServer.StartAsync();
        var admin = await server.RegisterAdminAsync();
        var connection = await admin.ConnectWithKeys(upstream, "sk-one-0123456789", "sk-two-0123456789");
        await admin.Connect(other, "other-model");
        await UsageLimitTests.Set(admin, new { fallbackModels = new[] { "other-model" } });
        var session = await admin.NewSession(connection);

        await using var stream = await admin.Ask(session, "go");
        var events = await stream.ReadAllAsync();

        Assert.DoesNotContain(events, e => e.Event is "retry" or "delta");
        Assert.Equal(code, events.Single(e => e.Event == "error").Json.Text("code"));
        Assert.Single(upstream.Chats());
        Assert.Empty(other.Chats());
        await AssertCostsNothing(server, admin, session, events);

        // A user may ask again.
        var answer = (await admin.Messages(session))[^1];
        await using var again = await admin.PostStream(
            "/api/chat/regenerate", new { messageId = answer.Id(), clientMessageId = ChatSteps.NewId() });
        await again.ReadAllAsync();
        Assert.Equal(2, upstream.Chats().Count);
    }

    [Theory]
    [InlineData(502, "provider_server_error")]
    [InlineData(429, "provider_rate_limited")]
    [InlineData(401, "provider_unauthorized")]
    public async Task An_error_that_stands_alone_under_a_good_status_is_a_refusal(int status, string code)
    {
        await using var upstream = ChatSteps.Provider(async exchange =>
        {
            await exchange.StartSse();
            await exchange.SendEvent(new { error = new { message = "no", code = status } });
        });
        await using var other = FakeUpstream.Start(OpenAiScript.Answer(["other-model"], "I am the other"));
        await using var server = await TestServer.StartAsync();
        var admin = await server.RegisterAdminAsync();
        var connection = await admin.ConnectWithKeys(upstream, "sk-one-0123456789", "sk-two-0123456789");
        await admin.Connect(other, "other-model");
        await UsageLimitTests.Set(admin, new { fallbackModels = new[] { "other-model" }, providerMaxRetries = 0 });

        await using var stream = await admin.Ask(await admin.NewSession(connection), "go");
        var events = await stream.ReadAllAsync();

        var retries = events.FindAll(e => e.Event == "retry");
        Assert.NotEmpty(retries);
        Assert.All(retries, retry => Assert.Equal((code, "no"), (retry.Json.Text("code"), retry.Json.Text("detail"))));
        Assert.Equal("I am the other", string.Concat(events.Where(e => e.Event == "delta").Select(e => e.Json.Text("text"))));
        Assert.Equal("done", events[^1].Json.Text("status"));
    }

    [Fact]
    public async Task The_same_holds_for_programs()
    {
        await using var steps = await CompatSteps.StartAsync(exchange => BreakOff(exchange, "reset"));

        foreach (var stream in (bool[])[false, true])
        {
            Assert.Equal(HttpStatusCode.BadGateway, (await steps.Chat(CompatSteps.Ask("hi", stream))).StatusCode);
        }

        Assert.Equal(2, steps.Upstream.Chats().Count);
        Assert.Equal(
            2,
            UsageLimitTests.Number(steps.Server, "select count(*) from usage_entries where status = 'failed' and prompt_tokens = 0"));
        UsageLimitTests.AssertBalanced(steps.Server);
    }

    [Theory]
    [Trait("Nodes", "One")] // metrics are each server's own
    [InlineData(400)]
    [InlineData(500)]
    public async Task A_failure_before_the_first_token_is_a_failure_everywhere(int status)
    {
        await using var upstream = ChatSteps.Provider(exchange => exchange.Reply(status, """{"error":{"message":"no"}}"""));
        await using var server = await TestServer.StartAsync();
        var admin = await server.RegisterAdminAsync();
        await UsageLimitTests.Set(admin, new { providerMaxRetries = 0 });
        var session = await admin.NewSession(await admin.Connect(upstream));

        await using var stream = await admin.Ask(session, "go");
        var events = await stream.ReadAllAsync();

        await AssertCostsNothing(server, admin, session, events);
        var failures = (await admin.GetStringAsync("/metrics")).Split('\n').Where(line =>
            line.StartsWith("aichat_provider_errors_total", StringComparison.Ordinal) && !line.EndsWith(" 0", StringComparison.Ordinal));
        Assert.EndsWith(" 1", Assert.Single(failures));

        // A replay says the same.
        await using var later = await admin.GetStream($"/api/chat/stream/{events[0].AssistantId()}");
        var replay = await later.ReadAllAsync();
        Assert.Equal(events[^1].Data, replay[^1].Data);
        Assert.DoesNotContain(replay, e => e.Event == "usage");
    }

    private static async Task AssertCostsNothing(TestServer server, HttpClient admin, long session, List<ServerEvent> events)
    {
        var done = events[^1];
        Assert.Equal(("done", "failed"), (done.Event, done.Json.Text("status")));
        Assert.False(done.Json.TryGetProperty("usage", out _) || done.Json.TryGetProperty("firstTokenMs", out _));
        Assert.DoesNotContain(events, e => e.Event == "usage");
        var message = (await admin.Messages(session))[^1];
        Assert.Equal("failed", message.Text("status"));
        Assert.False(message.TryGetProperty("usage", out _));
        Assert.Equal(0, (await admin.GetJson("/api/auth/me")).GetProperty("quota").GetProperty("used").GetInt64());
        Assert.Equal(0, (await admin.GetJson($"/api/sessions/{session}/usage")).GetProperty("total").GetProperty("totalTokens").GetInt64());
        var summary = (await admin.GetJson("/api/usage/summary")).GetProperty("total");
        Assert.Equal((1, 1), (summary.GetProperty("calls").GetInt64(), summary.GetProperty("failed").GetInt64()));
        Assert.Equal(0, summary.GetProperty("totalTokens").GetInt64());
        UsageLimitTests.AssertBalanced(server);
    }

    private static async Task BreakOff(FakeExchange exchange, string how)
    {
        await exchange.StartSse();
        switch (how)
        {
            case "reset":
                exchange.Reset();
                break;
            case "comment and end":
                await exchange.Send(": OPENROUTER PROCESSING\n\n");
                break;
            case "role and reset":
                await exchange.SendEvent(new { choices = new[] { new { index = 0, delta = new { role = "assistant" } } } });
                exchange.Reset();
                break;
            case "nonsense":
                await exchange.Send("data: nonsense\n\n");
                break;
            case "page":
                await exchange.Send("<html></html>\n");
                break;
            default:
                break;
        }
    }
}
