using System.Net;
using AiChat.Data.Runs;

namespace AiChat.Tests.Chat;

/// <summary>
/// Limits on messages, tokens and money hold against many calls at once and with failing providers.
/// </summary>
public sealed class UsageLimitTests
{
    /// <summary>Calls that count as a message. A call that failed before its first token is in the ledger but costs no message.</summary>
    private const string Counted = "select count(*) from usage_entries where status <> 'failed' or prompt_tokens + completion_tokens > 0";

    private static readonly object Price = new { input = 1_000_000m, output = 1_000_000m }; // one unit a token

    [Fact]
    public async Task A_token_budget_lets_in_until_it_is_reached_and_says_when_it_is_new()
    {
        await using var upstream = FakeUpstream.Start(OpenAiScript.Answer(["fake-model"], "a", "b", "c"));
        await using var server = await TestServer.StartAsync();
        var admin = await server.RegisterAdminAsync();
        var session = await admin.NewSession(await admin.Connect(upstream));
        await Set(admin, new { defaultDailyTokenBudget = 20 });

        await admin.AskAndWait(session, "one"); // 7 + 3 tokens
        await admin.AskAndWait(session, "two");
        using var refused = await admin.PostJson(
            "/api/chat/completion", new { sessionId = session, content = "three", clientMessageId = ChatSteps.NewId() });

        await refused.ExpectProblem(HttpStatusCode.TooManyRequests, "budget_exceeded");
        Assert.InRange(refused.Headers.RetryAfter!.Delta!.Value, TimeSpan.FromSeconds(1), TimeSpan.FromDays(1) + TimeSpan.FromSeconds(1));
        Assert.Equal(2, upstream.Chats().Count);
        Assert.Equal(2, (await admin.GetJson("/api/auth/me")).GetProperty("quota").GetProperty("used").GetInt64());
        var me = (await admin.GetJson("/api/auth/me")).GetProperty("user").Id();
        var used = (await admin.GetJson($"/api/users/{me}")).GetProperty("used");
        Assert.Equal((2, 20, 20), (Count("messages"), Count("dayTokens"), Count("monthTokens")));

        long Count(string name) => used.GetProperty(name).GetInt64();
    }

    [Theory]
    [InlineData("dailyTokenBudget", "defaultDailyTokenBudget")]
    [InlineData("monthlyTokenBudget", "defaultMonthlyTokenBudget")]
    [InlineData("dailyMoneyBudget", "defaultDailyMoneyBudget")]
    [InlineData("monthlyMoneyBudget", "defaultMonthlyMoneyBudget")]
    public async Task Every_budget_holds_by_default_and_for_one_user(string own, string byDefault)
    {
        await using var upstream = FakeUpstream.Start(OpenAiScript.Answer(["fake-model"], "a", "b", "c"));
        await using var server = await TestServer.StartAsync();
        var admin = await server.RegisterAdminAsync();
        var connection = await admin.Connect(upstream);
        await (await admin.PutJson("/api/catalog/models", new { connectionId = connection, model = "fake-model", price = Price }))
            .Expect(HttpStatusCode.OK);
        var session = await admin.NewSession(connection);
        var me = (await admin.GetJson("/api/auth/me")).GetProperty("user").Id();

        await Set(admin, new Dictionary<string, object> { [byDefault] = 10 });
        await admin.AskAndWait(session, "one");
        await (await Try(admin, session)).ExpectProblem(HttpStatusCode.TooManyRequests, "budget_exceeded");

        var limit = new Dictionary<string, object?> { ["dailyLimit"] = null, [own] = 11 };
        var more = await (await admin.PutJson($"/api/users/{me}/quota", limit)).Json();
        Assert.Equal(11, more.GetProperty(own).GetInt64());
        await (await Try(admin, session)).Expect(HttpStatusCode.OK);
        await (await Try(admin, session)).ExpectProblem(HttpStatusCode.TooManyRequests, "budget_exceeded");

        limit[own] = -1;
        var none = await (await admin.PutJson($"/api/users/{me}/quota", limit)).Json();
        Assert.Equal(-1, none.GetProperty(own).GetInt64());
        await (await Try(admin, session)).Expect(HttpStatusCode.OK);
    }

    [Fact]
    public async Task A_budget_holds_against_many_at_once()
    {
        await using var upstream = FakeUpstream.Start(OpenAiScript.Answer(["fake-model"], "a", "b", "c"));
        await using var server = await TestServer.StartAsync();
        var admin = await server.RegisterAdminAsync();
        var connection = await admin.Connect(upstream);
        await Set(admin, new { defaultDailyTokenBudget = 4_000, maxRunsPerUser = 0, requestsPerMinute = 0 });
        var sessions = await Task.WhenAll(Enumerable.Range(0, 30).Select(_ => admin.NewSession(connection)));

        // Each reserves what an answer may cost, which is more than the budget, so they run one after the other, if at all.
        var answers = await Task.WhenAll(sessions.Select(session => Try(admin, session)));

        Assert.Equal(upstream.Chats().Count, answers.Count(answer => answer.StatusCode == HttpStatusCode.OK));
        Assert.All(answers, answer => Assert.True(answer.StatusCode is HttpStatusCode.OK or HttpStatusCode.TooManyRequests));
        Assert.InRange(upstream.Chats().Count, 1, 29);
        AssertBalanced(server);
    }

    [Fact]
    public async Task A_thousand_random_outcomes_leave_counters_and_ledger_equal()
    {
        const int chats = 20, turns = 50;
        var turn = 0;
        await using var upstream = ChatSteps.Provider(async exchange =>
        {
            switch (Interlocked.Increment(ref turn) % 7)
            {
                case 5:
                    await exchange.Reply(401, "{}");
                    break;
                case 6:
                    await exchange.StartSse();
                    await OpenAiScript.Piece(exchange, "until it is stopped");
                    await exchange.ClientGone.WaitAsync(TimeSpan.FromMilliseconds(100)).ContinueWith(_ => { }, TaskScheduler.Default);
                    await OpenAiScript.Finish(exchange, 4);
                    break;
                case 0:
                    await exchange.Reply(500, "{}");
                    break;
                case 1:
                    await exchange.StartSse();
                    exchange.Reset();
                    break;
                case 2:
                    await exchange.StartSse();
                    await OpenAiScript.Piece(exchange, "half");
                    exchange.Reset();
                    break;
                default:
                    await OpenAiScript.Stream(exchange, "whole");
                    break;
            }
        });
        await using var server = await TestServer.StartAsync();
        var admin = await server.RegisterAdminAsync();
        var connection = await admin.Connect(upstream);
        await Set(admin, new { maxRunsPerUser = 0, requestsPerMinute = 0, defaultUserDailyQuota = -1, providerMaxRetries = 0 });
        var sessions = await Task.WhenAll(Enumerable.Range(0, chats).Select(_ => admin.NewSession(connection)));

        await Task.WhenAll(sessions.Select(async session =>
        {
            var random = new Random((int)session);
            for (var i = 0; i < turns; i++)
            {
                await using var stream = await admin.Ask(session, "go");
                if (random.Next(4) == 0)
                {
                    var start = await stream.NextAsync();
                    await admin.PostJson("/api/chat/stop", new { messageId = start!.AssistantId() });
                }

                await stream.ReadAllAsync();
            }
        }));

        AssertBalanced(server);
        Assert.InRange(Number(server, Counted), chats * turns / 10, chats * turns * 9 / 10);
        Assert.Equal(chats * turns, Number(server, "select count(*) from runs where status <> 'running'"));
    }

    [NativeFact]
    public async Task A_killed_process_leaves_nothing_held_and_the_ledger_equal()
    {
        await using var upstream = ChatSteps.Provider(async exchange =>
        {
            await exchange.StartSse();
            if (exchange.Request.Text.Contains("silent"))
            {
                await exchange.Stall();
            }

            await OpenAiScript.Piece(exchange, "some text that was shown");
            await exchange.Stall();
        });
        await using var server = await TestServer.StartAsync();
        var admin = await server.RegisterAdminAsync();
        var connection = await admin.Connect(upstream);
        await using var silent = await admin.Ask(await admin.NewSession(connection), "silent");
        await using var spoken = await admin.Ask(await admin.NewSession(connection), "speak");
        await spoken.ReadUntilAsync(e => e.Event == "delta");
        await Eventually.Holds(() => ChatSteps.StoredText(server).Any(chunk => chunk.Kind == RunChunk.Content));

        await server.KillAsync();
        await server.RestartAsync();

        Assert.Equal(1, (await admin.GetJson("/api/auth/me")).GetProperty("quota").GetProperty("used").GetInt64());
        AssertBalanced(server);
    }

    internal static Task Set(HttpClient admin, object settings) => admin.PatchJson("/api/settings/system", settings).ContinueWith(
        answer => answer.Result.Expect(HttpStatusCode.OK), TaskScheduler.Default).Unwrap();

    /// <summary>The messages a day that the first administrator may send; by default there is no limit.</summary>
    internal static async Task LimitAdmin(HttpClient admin, long messages) =>
        await (await admin.PutJson("/api/users/1/quota", new { dailyLimit = messages })).Expect(HttpStatusCode.OK);

    /// <summary>The sum of the ledger equals the counters, and nothing is reserved.</summary>
    /// <param name="server">The server.</param>
    /// <param name="uncounted">Calls in the ledger that are no message: embeddings and the like, and steps of an agent.</param>
    internal static void AssertBalanced(TestServer server, long uncounted = 0)
    {
        Assert.Equal(0, Number(server, "select coalesce(sum(held_messages + held_tokens + held_nanos), 0) from daily_usage"));
        Assert.Equal(Number(server, Counted) - uncounted, Number(server, "select coalesce(sum(messages), 0) from daily_usage"));
        Assert.Equal(
            Number(server, "select coalesce(sum(prompt_tokens + completion_tokens), 0) from usage_entries"),
            Number(server, "select coalesce(sum(tokens), 0) from daily_usage"));
        Assert.Equal(
            Number(server, "select coalesce(sum(cost_nanos), 0) from usage_entries"),
            Number(server, "select coalesce(sum(cost_nanos), 0) from daily_usage"));
    }

    internal static long Number(TestServer server, string sql)
    {
        using var connection = TestStore.Open(server.DataDir);
        using var command = connection.CreateCommand();
        command.CommandText = sql;
        return Convert.ToInt64(command.ExecuteScalar()); // a sum of PostgreSQL has a type of its own
    }

    private static Task<HttpResponseMessage> Try(HttpClient client, long session) =>
        client.PostJson("/api/chat/completion", new { sessionId = session, content = "go", clientMessageId = ChatSteps.NewId() });
}
