using System.Net;
using AiChat.Data;
using AiChat.Tests.Chat;

namespace AiChat.Tests.Nodes;

/// <summary>Limits and secrets that all servers on one database have in common.</summary>
public sealed class SharedLimitTests
{
    [PostgresFact]
    public async Task A_server_with_another_master_key_or_none_does_not_start()
    {
        const string other = "/////////////////////////////////////////v8=";
        await using var nodes = NodeGroup.Empty();
        await nodes.Add();

        var wrong = await Assert.ThrowsAsync<ServerStartException>(() => nodes.Add(masterKey: other));
        var none = await Assert.ThrowsAsync<ServerStartException>(() => nodes.Add(masterKey: null));

        Assert.Equal(StartupException.Configuration, wrong.ExitCode);
        Assert.Contains("AICHAT_MASTER_KEY", wrong.Message);
        Assert.Equal(StartupException.Configuration, none.ExitCode);
        Assert.Contains("AICHAT_MASTER_KEY", none.Message);
    }

    [PostgresFact]
    public async Task Servers_without_a_setup_code_of_their_own_have_that_of_the_first()
    {
        await using var nodes = NodeGroup.Empty();
        foreach (var _ in Enumerable.Range(0, 2))
        {
            await nodes.Add(variables: new() { ["AICHAT_SETUP_CODE"] = "" });
        }

        var codes = nodes.All.Select(server => File.ReadAllText(Path.Combine(server.DataDir, "setup-code")).Trim()).ToList();

        Assert.Equal(codes[0], codes[1]);
        var admin = nodes.Browser(nodes.B);
        var registered = await (await admin.Http.PostJson(
            "/api/auth/register", new { username = "admin", password = TestServer.Password, setupCode = codes[0] }))
            .Json(HttpStatusCode.Created);
        Assert.Equal("ADMIN", registered.GetProperty("user").Text("role"));
        await Eventually.Holds(() => !File.Exists(Path.Combine(nodes.A.DataDir, "setup-code")));
    }

    [PostgresFact]
    public async Task Wrong_passwords_count_whichever_server_is_asked()
    {
        await using var nodes = await NodeGroup.Two();
        await nodes.Admin();
        var guesser = nodes.Browser(nodes.A);
        var codes = new List<HttpStatusCode>();
        for (var guess = 0; guess < 14; guess++)
        {
            using var answer = await guesser.At(nodes.All[guess % 2])
                .PostJson("/api/auth/login", new { username = $"nobody{guess}", password = "wrong-password" });
            codes.Add(answer.StatusCode);
        }

        // Ten at once from one address, and one more every six seconds.
        Assert.All(codes.Take(10), code => Assert.Equal(HttpStatusCode.Unauthorized, code));
        Assert.InRange(codes.Count(code => code == HttpStatusCode.TooManyRequests), 2, 4);
    }

    [PostgresFact]
    public async Task A_pause_after_wrong_passwords_for_a_name_holds_at_every_server()
    {
        await using var nodes = await NodeGroup.Two();
        await nodes.Admin();
        var guesser = nodes.Browser(nodes.A);
        for (var guess = 0; guess < 5; guess++)
        {
            await (await Try(guesser.At(nodes.All[guess % 2]), "wrong-password")).Expect(HttpStatusCode.Unauthorized);
        }

        await (await Try(guesser.At(nodes.A), TestServer.Password)).ExpectProblem(HttpStatusCode.TooManyRequests, "rate_limited");
        await (await Try(guesser.At(nodes.B), TestServer.Password)).ExpectProblem(HttpStatusCode.TooManyRequests, "rate_limited");

        static Task<HttpResponseMessage> Try(HttpClient http, string password) =>
            http.PostJson("/api/auth/login", new { username = "admin", password });
    }

    [PostgresFact]
    public async Task A_refresh_that_is_repeated_at_another_server_gets_the_same_token()
    {
        await using var nodes = await NodeGroup.Two();
        await nodes.Admin();
        using var script = new HttpClient(new BrowserHandler(() => nodes.A.BaseUri, BrowserHandler.RandomLoopback()));
        var first = await (await script.PostJson(
            $"{nodes.A.BaseUri}api/auth/token", new { username = "admin", password = TestServer.Password })).Json();
        var given = new { refreshToken = first.Text("refreshToken") };

        var next = await (await script.PostJson($"{nodes.A.BaseUri}api/auth/token", given)).Json();
        var again = await (await script.PostJson($"{nodes.B.BaseUri}api/auth/token", given)).Json();

        Assert.NotEqual(given.refreshToken, next.Text("refreshToken"));
        Assert.Equal(next.Text("refreshToken"), again.Text("refreshToken"));
    }

    [PostgresFact]
    public async Task Answers_at_once_count_over_all_servers()
    {
        await using var upstream = ChatSteps.HangingProvider();
        await using var nodes = await NodeGroup.Two();
        var admin = await nodes.Admin();
        await NodeGroup.Set(admin, new { maxRunsPerUser = 2 });
        var connection = await admin.Http.Connect(upstream);
        var sessions = new[]
        {
            await admin.Http.NewSession(connection), await admin.Http.NewSession(connection), await admin.Http.NewSession(connection),
        };
        await using var first = await admin.At(nodes.A).Ask(sessions[0], "go");
        await using var second = await admin.At(nodes.B).Ask(sessions[1], "go");
        var messageId = (await second.ReadUntilAsync(e => e.Event == "delta"))[0].AssistantId();
        await first.ReadUntilAsync(e => e.Event == "delta");

        foreach (var server in nodes.All)
        {
            using var refused = await admin.At(server).PostJson(
                "/api/chat/stream", new { sessionId = sessions[2], content = "go", clientMessageId = ChatSteps.NewId() });
            await refused.ExpectProblem(HttpStatusCode.TooManyRequests, "too_many_runs");
        }

        await (await admin.At(nodes.A).PostJson("/api/chat/stop", new { messageId })).Expect(HttpStatusCode.NoContent);
        await second.ReadAllAsync();
        await using var third = await admin.At(nodes.A).Ask(sessions[2], "go");
        Assert.Equal("start", (await third.NextAsync())!.Event);
    }

    [PostgresFact]
    public async Task A_server_that_is_alone_takes_the_whole_limit_of_requests_from_the_first_moment()
    {
        await using var nodes = NodeGroup.Empty();
        await nodes.Add(variables: new() { ["REQUESTS_PER_MINUTE"] = "30" });
        var admin = nodes.Browser(nodes.A);
        await (await admin.Http.PostJson(
            "/api/auth/register", new { username = "admin", password = TestServer.Password, setupCode = TestServer.SetupCode }))
            .Expect(HttpStatusCode.Created);

        var answers = await Task.WhenAll(Enumerable.Range(0, 30).Select(_ => admin.Http.GetAsync("/api/auth/me")));

        Assert.All(answers, answer => Assert.Equal(HttpStatusCode.OK, answer.StatusCode));
    }

    [PostgresFact]
    public async Task Requests_a_minute_exceed_their_limit_by_a_fifth_at_most()
    {
        await using var nodes = await NodeGroup.Two();
        var admin = await nodes.Admin();
        var user = await nodes.User(admin);
        var other = nodes.Browser(nodes.B);
        await (await other.Http.PostJson("/api/auth/login", new { username = "person", password = TestServer.Password }))
            .Expect(HttpStatusCode.OK);
        await NodeGroup.Set(admin, new { requestsPerMinute = 100 });
        var begun = TimeProvider.System.GetTimestamp();
        var admitted = 0;
        while (TimeProvider.System.GetElapsedTime(begun) < TimeSpan.FromSeconds(5))
        {
            var answers = await Task.WhenAll(Enumerable.Range(0, 20).Select(i =>
                (i % 2 == 0 ? user : other).Http.GetAsync("/api/auth/me")));
            admitted += answers.Count(answer => answer.IsSuccessStatusCode);
        }

        var refilled = TimeProvider.System.GetElapsedTime(begun).TotalMinutes * 100;
        Assert.InRange(admitted, 50, 120 + refilled);
    }
}
