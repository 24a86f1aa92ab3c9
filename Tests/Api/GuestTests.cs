using System.Net;
using AiChat.Tests.Chat;

namespace AiChat.Tests.Api;

/// <summary>
/// Visitors without an account: permissions, quota, retention, and the move of their data to an account.
/// </summary>
public sealed class GuestTests
{
    [Fact]
    public async Task Nobody_is_let_in_unless_the_administrator_says_so()
    {
        await using var server = await TestServer.StartAsync();
        var admin = await server.RegisterAdminAsync();
        await (await server.Client().GetAsync("/api/auth/me")).ExpectProblem(HttpStatusCode.Unauthorized, "unauthenticated");

        await Allow(admin, 2);
        var guest = server.Client();
        await guest.NewSession();
        await Allow(admin, 0);
        await (await guest.GetAsync("/api/auth/me")).ExpectProblem(HttpStatusCode.Unauthorized, "unauthenticated");
        await (await guest.GetAsync("/api/sessions")).ExpectProblem(HttpStatusCode.Unauthorized, "unauthenticated");
    }

    [Fact]
    public async Task Looking_leaves_no_trace_and_the_first_chat_makes_a_guest()
    {
        await using var server = await TestServer.StartAsync();
        await Allow(await server.RegisterAdminAsync(), 3);
        var visitor = server.Client();

        var me = await visitor.GetJson("/api/auth/me");
        Assert.True(me.GetProperty("guest").GetBoolean());
        Assert.Equal(System.Text.Json.JsonValueKind.Null, me.GetProperty("user").ValueKind);
        Assert.Equal(3, me.GetProperty("quota").GetProperty("limit").GetInt64());
        Assert.Empty((await visitor.GetJson("/api/sessions")).GetProperty("items").EnumerateArray());
        Assert.NotEmpty((await visitor.GetJson("/api/catalog/models")).GetProperty("items").EnumerateArray());
        await (await visitor.PostJson("/api/chat/stop", new { messageId = 1 })).ExpectProblem(HttpStatusCode.Forbidden, "forbidden");
        Assert.Equal(0, Guests(server));

        using var made = await visitor.PostJson("/api/sessions", new { });
        await made.Expect(HttpStatusCode.Created);
        var cookie = made.Headers.GetValues("Set-Cookie").Single(value => value.StartsWith("aichat_guest_", StringComparison.Ordinal));
        Assert.Contains("httponly", cookie);
        Assert.Contains("samesite=lax", cookie);
        Assert.Equal(1, Guests(server));
        Assert.Single((await visitor.GetJson("/api/sessions")).GetProperty("items").EnumerateArray());
        Assert.Empty((await server.Client().GetJson("/api/sessions")).GetProperty("items").EnumerateArray());
    }

    [Fact]
    public async Task A_guest_has_a_limit_and_all_guests_have_one_together()
    {
        await using var upstream = FakeUpstream.Start(OpenAiScript.Answer(["fake-model"], "ok"));
        await using var server = await TestServer.StartAsync();
        var admin = await server.RegisterAdminAsync();
        var connection = await admin.Connect(upstream);
        await Allow(admin, 2, total: 3);
        var (first, second) = (server.Client(), server.Client());
        var (one, two) = (await first.NewSession(connection), await second.NewSession(connection));

        await first.AskAndWait(one, "1");
        await first.AskAndWait(one, "2");
        await (await Try(first, one)).ExpectProblem(HttpStatusCode.TooManyRequests, "quota_exceeded");
        await second.AskAndWait(two, "1");
        await (await Try(second, two)).ExpectProblem(HttpStatusCode.TooManyRequests, "quota_exceeded");
        Assert.Equal(3, upstream.Chats().Count);
        Assert.Equal(0, (await first.GetJson("/api/auth/me")).GetProperty("quota").GetProperty("remaining").GetInt64());
        UsageLimitTests.AssertBalanced(server);

        await (await second.GetAsync($"/api/sessions/{one}")).ExpectProblem(HttpStatusCode.NotFound, "not_found");
        await (await second.PostJson("/api/chat/stream", new { sessionId = one, content = "x", clientMessageId = "x" }))
            .ExpectProblem(HttpStatusCode.NotFound, "not_found");
    }

    [Fact]
    public async Task What_a_guest_did_goes_along_into_the_account()
    {
        await using var upstream = FakeUpstream.Start(OpenAiScript.Answer(["fake-model"], "a", "b", "c"));
        await using var server = await TestServer.StartAsync();
        var admin = await server.RegisterAdminAsync();
        var connection = await admin.Connect(upstream);
        await server.RegisterUserAsync(admin, "member");
        await Allow(admin, 5);
        var browser = server.Client();
        var session = await browser.NewSession(connection);
        await browser.AskAndWait(session, "as a guest");

        await (await browser.PostJson("/api/auth/login", new { username = "member", password = TestServer.Password }))
            .Expect(HttpStatusCode.OK);

        Assert.Equal("as a guest", (await browser.Messages(session))[0].Text("content"));
        Assert.Equal(1, (await browser.GetJson("/api/auth/me")).GetProperty("quota").GetProperty("used").GetInt64());
        Assert.Equal(1, (await browser.GetJson("/api/usage/summary")).GetProperty("total").GetProperty("calls").GetInt64());
        Assert.Equal(0, Guests(server));
        UsageLimitTests.AssertBalanced(server);
        await browser.AskAndWait(session, "as a member");
        await (await browser.PostJson("/api/auth/logout", new { })).Expect(HttpStatusCode.NoContent);
        Assert.Empty((await browser.GetJson("/api/sessions")).GetProperty("items").EnumerateArray());
    }

    [Fact]
    public async Task Guests_open_nothing_that_is_for_accounts()
    {
        await using var server = await TestServer.StartAsync();
        await Allow(await server.RegisterAdminAsync(), 3);
        var guest = server.Client();
        await guest.NewSession();
        foreach (var row in RouteTable.Rows.Where(
            row => row.Access is AiChat.Endpoints.Auth.Access.User or AiChat.Endpoints.Auth.Access.Admin))
        {
            using var request = new HttpRequestMessage(new HttpMethod(row.Method), row.Missing)
            {
                Content = row.Body ? System.Net.Http.Json.JsonContent.Create(new { }) : null,
            };
            using var answer = await guest.SendAsync(request);
            Assert.True(answer.StatusCode == HttpStatusCode.Unauthorized, $"{row.Method} {row.Path} answered {(int)answer.StatusCode}");
        }
    }

    [Fact]
    public async Task One_address_makes_only_so_many_guests()
    {
        await using var server = await TestServer.StartAsync();
        await Allow(await server.RegisterAdminAsync(), 3);
        var address = BrowserHandler.RandomLoopback();
        var statuses = new List<HttpStatusCode>();
        for (var i = 0; i < 25; i++)
        {
            using var request = new HttpRequestMessage(HttpMethod.Post, "/api/sessions")
            {
                Content = System.Net.Http.Json.JsonContent.Create(new { }),
            };
            request.Headers.Add("X-Forwarded-For", "203.0.113.7"); // not straight from this machine any more
            using var answer = await server.Client(address).SendAsync(request);
            statuses.Add(answer.StatusCode);
        }

        Assert.Equal(20, statuses.Count(status => status == HttpStatusCode.Created));
        Assert.Equal(5, statuses.Count(status => status == HttpStatusCode.TooManyRequests));
        Assert.Equal(20, Guests(server));
    }

    [Fact]
    public async Task Guests_whose_time_is_over_go_with_what_is_theirs()
    {
        await using var server = await TestServer.StartAsync();
        await Allow(await server.RegisterAdminAsync(), 3);
        var (old, young) = (server.Client(), server.Client());
        await old.AskAndWait(await old.NewSession(), "/fast old");
        await young.NewSession();
        await server.StopAsync();
        await using (var connection = TestStore.Open(server.DataDir))
        {
            await using var command = connection.CreateCommand();
            command.CommandText = "update users set expires_at = 1 where id = (select min(id) from users where role = 'GUEST')";
            Assert.Equal(1, command.ExecuteNonQuery());
        }

        await server.RestartAsync();
        Assert.Empty((await old.GetJson("/api/sessions")).GetProperty("items").EnumerateArray());
        await Eventually.Holds(() => Guests(server) <= 1);

        await Eventually.Holds(() => UsageLimitTests.Number(server, "select count(*) from sessions") == 1); // the rows go in steps
        Assert.Equal(0, UsageLimitTests.Number(server, "select count(*) from messages"));
        Assert.Single((await young.GetJson("/api/sessions")).GetProperty("items").EnumerateArray());
    }

    [Fact]
    public async Task Another_site_makes_no_guest()
    {
        await using var server = await TestServer.StartAsync();
        await Allow(await server.RegisterAdminAsync(), 3);
        using var request = new HttpRequestMessage(HttpMethod.Post, "/api/sessions")
        {
            Content = System.Net.Http.Json.JsonContent.Create(new { }),
        };
        request.Headers.Add("Sec-Fetch-Site", "cross-site");
        await (await server.Client().SendAsync(request)).ExpectProblem(HttpStatusCode.Forbidden, "forbidden");
        Assert.Equal(0, Guests(server));
    }

    private static Task Allow(HttpClient admin, int perDay, int total = -1) =>
        UsageLimitTests.Set(admin, new { anonymousDailyQuota = perDay, anonymousTotalDailyQuota = total });

    private static long Guests(TestServer server) => UsageLimitTests.Number(server, "select count(*) from users where role = 'GUEST'");

    private static Task<HttpResponseMessage> Try(HttpClient client, long session) =>
        client.PostJson("/api/chat/completion", new { sessionId = session, content = "go", clientMessageId = ChatSteps.NewId() });
}
