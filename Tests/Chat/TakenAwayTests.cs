using System.Net;
using AiChat.Tests.Api;

namespace AiChat.Tests.Chat;

/// <summary>A call to a provider ends as soon as its user, connection, key or model is taken away, whichever API it came by.</summary>
public sealed class TakenAwayTests
{
    private static readonly TimeSpan Soon = TimeSpan.FromSeconds(2);

    [Theory]
    [InlineData("delete", "provider_model_not_found")]
    [InlineData("disable", "provider_model_not_found")]
    [InlineData("key", "provider_unauthorized")]
    [InlineData("address", "provider_unauthorized")]
    [InlineData("model", "provider_model_not_found")]
    public async Task A_running_answer_ends_with_its_connection_and_keeps_what_came(string what, string code)
    {
        await using var steps = await StartAsync(StreamHalf);
        await using var stream = await steps.Admin.Ask(steps.Session, "go");
        await stream.ReadUntilAsync(e => e.Event == "delta");
        var exchange = await steps.Upstream.NextChatAsync();

        await TakeAway(steps, what);
        await exchange.ClientGone.WaitAsync(Soon);
        var events = await stream.ReadAllAsync();

        Assert.Equal(("failed", code), (events[^1].Json.Text("status"), events.Single(e => e.Event == "error").Json.Text("code")));
        var answer = (await steps.Admin.Messages(steps.Session))[^1];
        Assert.Equal(("half", "failed", code), (answer.Text("content"), answer.Text("status"), answer.GetProperty("error").Text("code")));
        Assert.Single(steps.Upstream.Chats());
    }

    [Fact]
    public async Task Before_the_first_token_too_and_nobody_else_is_asked()
    {
        await using var steps = await StartAsync(exchange => exchange.Stall());
        await using var stream = await steps.Admin.Ask(steps.Session, "go");
        var exchange = await steps.Upstream.NextChatAsync();

        await TakeAway(steps, "delete");
        await exchange.ClientGone.WaitAsync(Soon);
        var events = await stream.ReadAllAsync();

        Assert.Equal("failed", events[^1].Json.Text("status"));
        Assert.DoesNotContain(events, e => e.Event == "retry");
        Assert.Equal(0, (await steps.Admin.GetJson("/api/auth/me")).GetProperty("quota").GetProperty("used").GetInt64());
    }

    [Fact]
    public async Task A_change_that_takes_nothing_away_ends_nothing()
    {
        var go = new TaskCompletionSource();
        await using var steps = await StartAsync(async exchange =>
        {
            await exchange.StartSse();
            await OpenAiScript.Piece(exchange, "half");
            await go.Task;
            await OpenAiScript.Piece(exchange, " whole");
            await OpenAiScript.Finish(exchange, 2);
        });
        await using var stream = await steps.Admin.Ask(steps.Session, "go");
        await stream.ReadUntilAsync(e => e.Event == "delta");

        await (await steps.Admin.PutJson($"/api/connections/{steps.Connection}", new { name = "Another name" })).Expect(HttpStatusCode.OK);
        await (await steps.Admin.PostJson($"/api/connections/{steps.Connection}/refresh", new { })).Expect(HttpStatusCode.OK);
        go.SetResult();

        Assert.Equal("done", (await stream.ReadAllAsync())[^1].Json.Text("status"));
        Assert.Equal("half whole", (await steps.Admin.Messages(steps.Session))[^1].Text("content"));
    }

    [Theory]
    [InlineData("disable")]
    [InlineData("delete")]
    public async Task A_user_who_is_shut_out_has_nothing_written_any_more(string how)
    {
        await using var steps = await StartAsync(StreamHalf);
        var user = await steps.Server.RegisterUserAsync(steps.Admin);
        var id = (await user.GetJson("/api/auth/me")).GetProperty("user").Id();
        var sessions = new[] { await user.NewSession(steps.Connection), await user.NewSession(steps.Connection) };
        await using var first = await user.Ask(sessions[0], "go");
        await using var second = await user.Ask(sessions[1], "go");
        await first.ReadUntilAsync(e => e.Event == "delta");
        await second.ReadUntilAsync(e => e.Event == "delta");

        await (how == "delete" ? await steps.Admin.DeleteAsync($"/api/users/{id}")
            : await steps.Admin.PutJson($"/api/users/{id}/status", new { status = "DISABLED" }))
            .Expect(how == "delete" ? HttpStatusCode.NoContent : HttpStatusCode.OK);

        await Task.WhenAll(steps.Upstream.Chats().Select(exchange => exchange.ClientGone)).WaitAsync(Soon);
        Assert.Equal(2, steps.Upstream.Chats().Count);
        if (how == "disable")
        {
            await (await steps.Admin.PutJson($"/api/users/{id}/status", new { status = "ACTIVE" })).Expect(HttpStatusCode.OK);
            var name = (await steps.Admin.GetJson($"/api/users/{id}")).Text("username");
            await (await user.PostJson("/api/auth/login", new { username = name, password = TestServer.Password }))
                .Expect(HttpStatusCode.OK);
            var answer = (await user.Messages(sessions[0]))[^1];
            Assert.Equal(("half", "stopped"), (answer.Text("content"), answer.Text("status")));
        }
    }

    [Theory]
    [InlineData("hide")]
    [InlineData("demote")]
    public async Task A_model_that_a_user_may_not_use_any_more_writes_no_further(string how)
    {
        await using var steps = await StartAsync(StreamHalf);
        var user = await steps.Server.RegisterUserAsync(steps.Admin);
        var id = (await user.GetJson("/api/auth/me")).GetProperty("user").Id();
        if (how == "demote")
        {
            await (await steps.Admin.PutJson($"/api/users/{id}/role", new { role = "ADMIN" })).Expect(HttpStatusCode.OK);
            var name = (await steps.Admin.GetJson($"/api/users/{id}")).Text("username");
            await (await user.PostJson("/api/auth/login", new { username = name, password = TestServer.Password }))
                .Expect(HttpStatusCode.OK);
            await Hide(steps);
        }

        await using var stream = await user.Ask(await user.NewSession(steps.Connection), "go");
        await stream.ReadUntilAsync(e => e.Event == "delta");
        await using var admins = await steps.Admin.Ask(steps.Session, "go");
        await admins.ReadUntilAsync(e => e.Event == "delta");
        var exchange = await steps.Upstream.NextChatAsync();

        if (how == "demote")
        {
            await (await steps.Admin.PutJson($"/api/users/{id}/role", new { role = "USER" })).Expect(HttpStatusCode.OK);
        }
        else
        {
            await Hide(steps);
        }

        await exchange.ClientGone.WaitAsync(Soon);
        Assert.False((await steps.Upstream.NextChatAsync()).ClientGone.IsCompleted);
    }

    [Theory]
    [InlineData("key")]
    [InlineData("user")]
    [InlineData("connection")]
    public async Task A_call_of_a_program_ends_too(string what)
    {
        await using var steps = await CompatSteps.StartAsync(StreamHalf);
        await using var stream = await steps.Script.PostStream("/v1/chat/completions", CompatSteps.Ask("hi", stream: true));
        await stream.ReadUntilAsync(frame => frame.Data.Contains("half", StringComparison.Ordinal));
        var whole = steps.Chat(CompatSteps.Ask("hi"));
        var exchanges = new[] { await steps.Upstream.NextChatAsync(), await steps.Upstream.NextChatAsync() };

        switch (what)
        {
            case "key":
                await (await steps.Admin.DeleteAsync("/api/keys/1")).Expect(HttpStatusCode.NoContent);
                break;
            case "connection":
                await (await steps.Admin.DeleteAsync($"/api/connections/{steps.Connection}")).Expect(HttpStatusCode.NoContent);
                break;
            default:
                var other = await steps.Server.RegisterUserAsync(steps.Admin);
                var id = (await other.GetJson("/api/auth/me")).GetProperty("user").Id();
                await (await steps.Admin.PutJson($"/api/users/{id}/role", new { role = "ADMIN" })).Expect(HttpStatusCode.OK);
                var name = (await steps.Admin.GetJson($"/api/users/{id}")).Text("username");
                await (await other.PostJson("/api/auth/login", new { username = name, password = TestServer.Password }))
                    .Expect(HttpStatusCode.OK);
                await (await other.PutJson("/api/users/1/status", new { status = "DISABLED" })).Expect(HttpStatusCode.OK);
                break;
        }

        await Task.WhenAll(exchanges.Select(exchange => exchange.ClientGone)).WaitAsync(Soon);
        if (what == "connection")
        {
            Assert.Equal("provider_model_not_found", (await stream.ReadAllAsync())[^1].Json.GetProperty("error").Text("code"));
            Assert.False((await whole).IsSuccessStatusCode);
        }

        await Eventually.Holds(() => UsageLimitTests.Number(steps.Server, "select count(*) from usage_entries") == 2);
        UsageLimitTests.AssertBalanced(steps.Server);
    }

    [Fact]
    public async Task A_title_under_way_ends_too()
    {
        await using var steps = await StartAsync(
            exchange => exchange.Request.Text.Contains("You name conversations", StringComparison.Ordinal)
                ? exchange.Stall()
                : StreamHalf(exchange));
        await UsageLimitTests.Set(steps.Admin, new { titleModel = "fake-model" });
        await using var stream = await steps.Admin.Ask(steps.Session, "go");
        var exchanges = new[] { await steps.Upstream.NextChatAsync(), await steps.Upstream.NextChatAsync() };

        await TakeAway(steps, "disable");

        await Task.WhenAll(exchanges.Select(exchange => exchange.ClientGone)).WaitAsync(Soon);
        Assert.Equal(2, steps.Upstream.Chats().Count);
    }

    private static async Task StreamHalf(FakeExchange exchange)
    {
        await exchange.StartSse();
        await OpenAiScript.Piece(exchange, "half");
        await exchange.Stall();
    }

    private static async Task Hide(Steps steps) => await (await steps.Admin.PutJson(
        "/api/catalog/models", new { connectionId = steps.Connection, model = "fake-model", hidden = true })).Expect(HttpStatusCode.OK);

    private static async Task TakeAway(Steps steps, string what)
    {
        var path = $"/api/connections/{steps.Connection}";
        await (what switch
        {
            "delete" => await steps.Admin.DeleteAsync(path),
            "disable" => await steps.Admin.PutJson(path, new { enabled = false }),
            "key" => await steps.Admin.PutJson(path, new { keys = new[] { "sk-another-0123456789" } }),
            "address" => await steps.Admin.PutJson(
                path, new { baseUrl = steps.Upstream.BaseUrl + "/elsewhere", keys = new[] { "sk-first-0123456789" } }),
            _ => await steps.Admin.PutJson(path, new { modelIds = new[] { "another-model" } }),
        }).Expect(what == "delete" ? HttpStatusCode.NoContent : HttpStatusCode.OK);
    }

    private static async Task<Steps> StartAsync(Func<FakeExchange, Task> chat)
    {
        var upstream = ChatSteps.Provider(chat);
        var server = await TestServer.StartAsync();
        var admin = await server.RegisterAdminAsync();
        var form = new
        {
            name = "Fake",
            provider = "openai",
            baseUrl = upstream.BaseUrl,
            authType = "bearer",
            keys = new[] { "sk-first-0123456789" },
            local = true,
            modelIds = new[] { "fake-model" },
        };
        var connection = (await (await admin.PostJson("/api/connections", form)).Json(HttpStatusCode.Created)).Id();
        return new Steps(server, upstream, admin, connection, await admin.NewSession(connection));
    }

    private sealed record Steps(TestServer Server, FakeUpstream Upstream, HttpClient Admin, long Connection, long Session)
        : IAsyncDisposable
    {
        public async ValueTask DisposeAsync()
        {
            await Server.DisposeAsync();
            await Upstream.DisposeAsync();
        }
    }
}
