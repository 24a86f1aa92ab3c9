using System.Net;
using System.Text.Json;

namespace AiChat.Tests.Chat;

/// <summary>
/// A provider fails before the first token: the question is retried, with another key or by another model. Retries are visible, bounded
/// and ended by stop, and there is none after the first token.
/// </summary>
public sealed class RetryTests
{
    [Fact]
    public async Task A_failure_before_the_first_token_is_repeated_and_seen()
    {
        var calls = 0;
        await using var upstream = ChatSteps.Provider(exchange => Interlocked.Increment(ref calls) switch
        {
            1 => exchange.Reply(503, """{"error":{"message":"warming up"}}"""),
            2 => exchange.Reply(429, """{"error":{"message":"slow down"}}""", "application/json", "Retry-After: 0"),
            _ => OpenAiScript.Stream(exchange, "at last"),
        });
        await using var server = await TestServer.StartAsync();
        var admin = await server.RegisterAdminAsync();
        var session = await admin.NewSession(await admin.Connect(upstream));

        await using var stream = await admin.Ask(session, "go");
        var events = await stream.ReadAllAsync();

        Assert.Equal(["provider_server_error", "provider_rate_limited"], Retries(events).Select(retry => retry.Text("code")));
        Assert.Equal("at last", string.Concat(events.Where(e => e.Event == "delta").Select(e => e.Json.Text("text"))));
        Assert.True(Retries(events)[0].GetProperty("waitMs").GetInt64() is > 0 and <= 400);
        Assert.Contains("warming up", Retries(events)[0].Text("detail"));
    }

    [Fact]
    public async Task The_provider_says_when_to_come_back()
    {
        var calls = 0;
        await using var upstream = ChatSteps.Provider(exchange => Interlocked.Increment(ref calls) == 1
            ? exchange.Reply(429, """{"error":{"message":"slow down"}}""", "application/json", "Retry-After: 1")
            : OpenAiScript.Stream(exchange, "now"));
        await using var server = await TestServer.StartAsync();
        var admin = await server.RegisterAdminAsync();
        var session = await admin.NewSession(await admin.Connect(upstream));

        await using var stream = await admin.Ask(session, "go");
        var events = await stream.ReadAllAsync();

        var retry = Assert.Single(Retries(events));
        Assert.Equal("provider_rate_limited", retry.Text("code"));
        Assert.True(retry.GetProperty("waitMs").GetInt64() is >= 1_000 and <= 1_400);
        Assert.Equal("done", events[^1].Json.Text("status"));
    }

    [Theory]
    [InlineData(429, "Retry-After: 1000000000", 1)]
    [InlineData(503, "X-Nothing: 0", 3)]
    [InlineData(400, "X-Nothing: 0", 1)]
    [InlineData(401, "X-Nothing: 0", 1)]
    public async Task Attempts_are_bounded(int status, string header, int expected)
    {
        await using var upstream = ChatSteps.Provider(
            exchange => exchange.Reply(status, """{"error":{"message":"no"}}""", "application/json", header));
        await using var server = await TestServer.StartAsync();
        var admin = await server.RegisterAdminAsync();
        var session = await admin.NewSession(await admin.Connect(upstream));

        var answer = await admin.AskAndWait(session, "go");

        Assert.Equal("failed", answer.Text("status"));
        Assert.Equal(expected, upstream.Chats().Count);
        Assert.Equal(0, (await admin.GetJson("/api/auth/me")).GetProperty("quota").GetProperty("used").GetInt64());
    }

    [Fact]
    public async Task Nothing_is_repeated_after_the_first_token()
    {
        await using var upstream = ChatSteps.Provider(async exchange =>
        {
            await exchange.StartSse();
            await OpenAiScript.Piece(exchange, "half");
            exchange.Reset();
        });
        await using var server = await TestServer.StartAsync();
        var admin = await server.RegisterAdminAsync();
        var session = await admin.NewSession(await admin.Connect(upstream));

        var answer = await admin.AskAndWait(session, "go");

        Assert.Equal("half", answer.Text("content"));
        Assert.Single(upstream.Chats());
        Assert.Equal(1, (await admin.GetJson("/api/auth/me")).GetProperty("quota").GetProperty("used").GetInt64());
    }

    [Fact]
    public async Task Stop_ends_the_wait()
    {
        await using var upstream = ChatSteps.Provider(exchange =>
            exchange.Reply(429, """{"error":{"message":"later"}}""", "application/json", "Retry-After: 19"));
        await using var server = await TestServer.StartAsync();
        var admin = await server.RegisterAdminAsync();
        var session = await admin.NewSession(await admin.Connect(upstream));
        await using var stream = await admin.Ask(session, "go");
        var seen = await stream.ReadUntilAsync(e => e.Event == "retry");

        await (await admin.PostJson("/api/chat/stop", new { messageId = seen[0].AssistantId() })).Expect(HttpStatusCode.NoContent);
        var rest = await stream.ReadAllAsync().WaitAsync(TimeSpan.FromSeconds(1));

        Assert.Equal("stopped", rest[^1].Json.Text("status"));
        Assert.DoesNotContain(rest, e => e.Event == "error");
        Assert.Single(upstream.Chats());
        Assert.Equal(0, (await admin.GetJson("/api/auth/me")).GetProperty("quota").GetProperty("used").GetInt64());
    }

    [Fact]
    public async Task One_that_waits_holds_up_no_other()
    {
        await using var upstream = ChatSteps.Provider(exchange => exchange.Request.Text.Contains("busy", StringComparison.Ordinal)
            ? exchange.Reply(429, """{"error":{"message":"later"}}""", "application/json", "Retry-After: 19")
            : OpenAiScript.Stream(exchange, "at once"));
        await using var server = await TestServer.StartAsync();
        var admin = await server.RegisterAdminAsync();
        var connection = await admin.Connect(upstream);
        var (waiting, other) = (await admin.NewSession(connection), await admin.NewSession(connection));
        await using var stream = await admin.Ask(waiting, "busy");
        var seen = await stream.ReadUntilAsync(e => e.Event == "retry");

        // The same person, connection and model.
        Assert.Equal("at once", (await admin.AskAndWait(other, "free")).Text("content"));

        var running = Assert.Single((await admin.GetJson("/api/chat/runs")).EnumerateArray());
        Assert.Equal(seen[0].AssistantId(), running.GetProperty("messageId").GetInt64());
        await (await admin.PostJson("/api/chat/stop", new { messageId = seen[0].AssistantId() })).Expect(HttpStatusCode.NoContent);
        Assert.Equal("stopped", (await stream.ReadAllAsync())[^1].Json.Text("status"));
    }

    [Fact]
    public async Task Stop_before_the_first_token_closes_the_providers_connection()
    {
        await using var upstream = ChatSteps.Provider(exchange => exchange.Stall());
        await using var server = await TestServer.StartAsync();
        var admin = await server.RegisterAdminAsync();
        var session = await admin.NewSession(await admin.Connect(upstream));
        await using var stream = await admin.Ask(session, "go");
        var start = (await stream.ReadUntilAsync(e => e.Event == "start"))[0];
        var exchange = await upstream.NextChatAsync();

        await (await admin.PostJson("/api/chat/stop", new { messageId = start.AssistantId() })).Expect(HttpStatusCode.NoContent);
        await exchange.ClientGone.WaitAsync(TimeSpan.FromSeconds(1));

        Assert.Equal("stopped", (await stream.ReadAllAsync())[^1].Json.Text("status"));
        Assert.Equal(0, (await admin.GetJson("/api/auth/me")).GetProperty("quota").GetProperty("used").GetInt64());
    }

    [Fact]
    public async Task A_refused_key_is_followed_by_the_next_and_rests()
    {
        await using var upstream = ChatSteps.Provider(exchange => exchange.Request.Headers["Authorization"] == "Bearer sk-good-0123456789"
            ? OpenAiScript.Stream(exchange, "yes")
            : exchange.Reply(401, """{"error":{"message":"bad key"}}"""));
        await using var server = await TestServer.StartAsync();
        var admin = await server.RegisterAdminAsync();
        var connection = await admin.ConnectWithKeys(upstream, "sk-bad-0123456789", "sk-good-0123456789");
        var session = await admin.NewSession(connection);

        for (var i = 0; i < 4; i++)
        {
            Assert.Equal("done", (await admin.AskAndWait(session, $"go {i}")).Text("status"));
        }

        Assert.Single(upstream.Chats(), exchange => exchange.Request.Headers["Authorization"].Contains("bad", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Keys_take_turns()
    {
        await using var upstream = ChatSteps.Provider(exchange => OpenAiScript.Stream(exchange, "yes"));
        await using var server = await TestServer.StartAsync();
        var admin = await server.RegisterAdminAsync();
        var connection = await admin.ConnectWithKeys(upstream, "sk-one-0123456789", "sk-two-0123456789");
        var session = await admin.NewSession(connection);

        for (var i = 0; i < 4; i++)
        {
            await admin.AskAndWait(session, $"go {i}");
        }

        Assert.Equal([2, 2], upstream.Chats().CountBy(exchange => exchange.Request.Headers["Authorization"]).Select(pair => pair.Value));
    }

    [Fact]
    public async Task Another_model_stands_in_and_is_named()
    {
        await using var broken = ChatSteps.Provider(exchange => exchange.Reply(500, """{"error":{"message":"down"}}"""));
        await using var working = FakeUpstream.Start(OpenAiScript.Answer(["other-model"], "I am the other"));
        await using var server = await TestServer.StartAsync();
        var admin = await server.RegisterAdminAsync();
        var first = await admin.Connect(broken);
        var second = await admin.Connect(working, "other-model");
        await (await admin.PatchJson(
            "/api/settings/system", new { providerMaxRetries = 0, fallbackModels = new[] { "gone", "fake-model", "other-model" } }))
            .Expect(HttpStatusCode.OK);
        var session = await admin.NewSession(first);

        await using var stream = await admin.Ask(session, "go");
        var events = await stream.ReadAllAsync();

        var retry = Assert.Single(Retries(events));
        Assert.Equal("other-model", retry.Text("model"));
        Assert.Equal("provider_server_error", retry.Text("code"));
        var done = events[^1].Json;
        Assert.Equal(
            ("done", "other-model", second),
            (done.Text("status"), done.Text("model"), done.GetProperty("connectionId").GetInt64()));
        var answer = (await admin.Messages(session))[^1];
        Assert.Equal(
            ("I am the other", "other-model", second),
            (answer.Text("content"), answer.Text("model"), answer.GetProperty("connectionId").GetInt64()));
        Assert.Single(broken.Chats());

        // A replay says the same.
        await using var again = await admin.GetStream($"/api/chat/stream/{answer.Id()}");
        var replay = await again.ReadAllAsync();
        Assert.Equal("other-model", replay[0].Json.Text("model"));
        Assert.Equal(events[^1].Data, replay[^1].Data);
    }

    [Fact]
    public async Task A_refused_connection_shows_its_class_and_the_same_question_can_be_asked_again()
    {
        await using var server = await TestServer.StartAsync();
        var admin = await server.RegisterAdminAsync();
        var gone = ChatSteps.Provider(exchange => Task.CompletedTask);
        var session = await admin.NewSession(await admin.Connect(gone));
        await gone.DisposeAsync();

        await using var stream = await admin.Ask(session, "go");
        var events = await stream.ReadAllAsync().WaitAsync(TimeSpan.FromSeconds(10));

        Assert.Equal(2, Retries(events).Count);
        Assert.Equal("provider_unreachable", events.Single(e => e.Event == "error").Json.Text("code"));
        var messages = await admin.Messages(session);
        Assert.Equal(["user", "assistant"], messages.Select(message => message.Text("role")));
        Assert.Equal(0, (await admin.GetJson("/api/auth/me")).GetProperty("quota").GetProperty("used").GetInt64());

        await using var again = await admin.PostStream(
            "/api/chat/regenerate", new { messageId = messages[1].Id(), clientMessageId = ChatSteps.NewId() });
        await again.ReadAllAsync();
        Assert.Equal(messages[0].Id(), (await admin.Messages(session))[0].Id());
    }

    private static List<JsonElement> Retries(IEnumerable<ServerEvent> events) =>
        [.. events.Where(e => e.Event == "retry").Select(e => e.Json)];
}
