using System.Net;
using AiChat.Tests.Api;

namespace AiChat.Tests.Chat;

/// <summary>
/// Money at the usage limits: free models stay usable, a reservation is no more than a model can cost, and every end settles it.
/// </summary>
public sealed class ReservationTests
{
    private const string ThinkingRequest = """
        {
            "model":"fake-model","max_tokens":1000000000,"thinking":{"type":"enabled","budget_tokens":999999999},
            "messages":[{"role":"user","content":"x"}]
        }
        """;

    private static readonly object Free = new { input = 0m, output = 0m };
    private static readonly object Dear = new { input = 1_000_000m, output = 1_000_000m };

    [Theory]
    [InlineData("defaultDailyMoneyBudget")]
    [InlineData("defaultMonthlyMoneyBudget")]
    [InlineData("key")]
    public async Task A_free_model_stays_usable_by_every_api_when_the_money_is_used_up(string budget)
    {
        await using var upstream = FakeUpstream.Start(exchange => exchange.Request.Method == "GET"
            ? OpenAiScript.Models(exchange, ["dear", "free", "unknown"])
            : exchange.Request.Path.EndsWith("/embeddings", StringComparison.Ordinal)
            ? exchange.Reply(200, """{"data":[{"embedding":[1]}]}""")
            : OpenAiScript.Stream(exchange, "a", "b", "c"));
        await using var server = await TestServer.StartAsync();
        var admin = await server.RegisterAdminAsync();
        var connection = await admin.Connect(upstream, "dear", "free", "unknown");
        await Price(admin, connection, "dear", Dear);
        await Price(admin, connection, "free", Free);
        var session = await admin.NewSession(connection, "free");
        var limited = new Dictionary<string, object> { [budget] = 5, ["titleModel"] = "free" };
        await UsageLimitTests.Set(admin, budget == "key" ? new { titleModel = "free" } : limited);
        var form = new { name = "k", dailyBudget = budget == "key" ? 5 : (int?)null, scopes = new[] { "chat", "models" } };
        var key = (await KeysTests.Make(admin, form)).Text("key")!;
        var script = KeysTests.With(server, key);
        await (await Chat(script, "dear")).Expect(HttpStatusCode.OK);

        foreach (var model in new[] { "dear", "unknown" })
        {
            Assert.Equal(HttpStatusCode.TooManyRequests, (await Chat(script, model)).StatusCode);
            Assert.Equal(HttpStatusCode.TooManyRequests, (await script.PostJson("/v1/embeddings", new { model, input = "x" })).StatusCode);
        }

        await (await Chat(script, "free")).Expect(HttpStatusCode.OK);
        var message = new { model = "free", max_tokens = 10, messages = new[] { new { role = "user", content = "x" } } };
        await (await script.PostJson("/v1/messages", message)).Expect(HttpStatusCode.OK);
        await (await script.PostJson("/v1/responses", new { model = "free", input = "x" })).Expect(HttpStatusCode.OK);
        await (await script.PostJson("/v1/embeddings", new { model = "free", input = "x" })).Expect(HttpStatusCode.OK);
        if (budget != "key")
        {
            await (await Ask(admin, session, "dear")).ExpectProblem(HttpStatusCode.TooManyRequests, "budget_exceeded");
            await (await Ask(admin, session, "free")).Expect(HttpStatusCode.OK);
            await Eventually.Holds(async () => (await admin.GetJson($"/api/sessions/{session}")).Text("title") == "abc");
        }

        // A budget of tokens also counts for free models.
        await UsageLimitTests.Set(admin, new { defaultDailyTokenBudget = 1 });
        Assert.Equal(HttpStatusCode.TooManyRequests, (await Chat(script, "free")).StatusCode);
        await Eventually.Holds(() => Reserved(server) == 0);
    }

    /// <summary>A budget of zero is used up before the first call; the list of models is not a call.</summary>
    [Fact]
    public async Task A_budget_of_zero_leaves_the_free_models_and_the_list()
    {
        await using var steps = await CompatSteps.StartAsync(exchange => OpenAiScript.Stream(exchange, "a"));
        await UsageLimitTests.Set(steps.Admin, new { defaultDailyMoneyBudget = 0 });
        Assert.Equal(HttpStatusCode.TooManyRequests, (await Chat(steps.Script, "fake-model")).StatusCode);
        Assert.NotEqual(0, (await steps.Script.GetJson("/v1/models")).GetProperty("data").GetArrayLength());
        await Price(steps.Admin, steps.Connection, "fake-model", new { input = 0m, output = 0m, cachedInput = 1m });
        Assert.Equal(HttpStatusCode.TooManyRequests, (await Chat(steps.Script, "fake-model")).StatusCode);
        await Price(steps.Admin, steps.Connection, "fake-model", Free);
        await (await Chat(steps.Script, "fake-model")).Expect(HttpStatusCode.OK);
        UsageLimitTests.AssertBalanced(steps.Server);
    }

    /// <summary>A client that leaves just before the usage at the end of the stream has had the answer and is charged for it.</summary>
    [Fact]
    public async Task A_client_that_leaves_before_the_usage_came_pays_for_what_was_said()
    {
        await using var steps = await CompatSteps.StartAsync(async exchange =>
        {
            await exchange.StartSse();
            await OpenAiScript.Piece(exchange, string.Concat(Enumerable.Repeat("many words ", 200)));
            await exchange.Stall();
        });
        await using (var stream = await steps.Script.PostStream("/v1/chat/completions", CompatSteps.Ask("x", stream: true)))
        {
            await stream.ReadUntilAsync(next => next.Data.Contains("many words", StringComparison.Ordinal));
        }

        await Eventually.Holds(() => Reserved(steps.Server) == 0);
        Assert.InRange(UsageLimitTests.Number(steps.Server, "select sum(tokens) from daily_usage"), 300, 3_000);
        UsageLimitTests.AssertBalanced(steps.Server);
    }

    [Fact]
    public async Task Nothing_that_costs_stands_in_for_a_free_model_once_the_money_is_used_up()
    {
        await using var upstream = ChatSteps.Provider(exchange => exchange.Request.Json.Text("model") == "free"
            ? exchange.Reply(500, "{}")
            : OpenAiScript.Stream(exchange, "a", "b", "c"));
        await using var server = await TestServer.StartAsync();
        var admin = await server.RegisterAdminAsync();
        var connection = await admin.Connect(upstream, "free", "dear");
        await Price(admin, connection, "dear", Dear);
        await Price(admin, connection, "free", Free);
        await UsageLimitTests.Set(admin, new { fallbackModels = new[] { "dear" }, providerMaxRetries = 0, defaultDailyMoneyBudget = 5 });
        var session = await admin.NewSession(connection, "free");
        var script = KeysTests.With(server, (await KeysTests.Make(admin, new { name = "k" })).Text("key")!);
        await (await Chat(script, "free")).Expect(HttpStatusCode.OK); // the fallback answers, is charged and uses up the budget

        Assert.Equal(HttpStatusCode.InternalServerError, (await Chat(script, "free")).StatusCode);
        Assert.Equal("failed", (await admin.AskAndWait(session, "go")).Text("status"));
        Assert.Single(upstream.Chats(), exchange => exchange.Request.Json.Text("model") == "dear");
        UsageLimitTests.AssertBalanced(server);
    }

    [Theory]
    [InlineData("/v1/chat/completions", """{"model":"fake-model","max_tokens":1000000000,"messages":[{"role":"user","content":"x"}]}""", 1)]
    [InlineData(
        "/v1/chat/completions",
        """{"model":"fake-model","max_completion_tokens":2147483647,"messages":[{"role":"user","content":"x"}]}""", 1)]
    [InlineData(
        "/v1/chat/completions", """{"model":"fake-model","max_tokens":1000000000,"n":8,"messages":[{"role":"user","content":"x"}]}""", 8)]
    [InlineData("/v1/responses", """{"model":"fake-model","max_output_tokens":1000000000,"input":"x"}""", 1)]
    [InlineData("/v1/messages", ThinkingRequest, 1)]
    public async Task What_is_held_is_no_more_than_the_model_can_answer(string path, string body, int answers)
    {
        var end = new TaskCompletionSource();
        await using var steps = await CompatSteps.StartAsync(async exchange =>
        {
            if (exchange.Request.Method == "POST")
            {
                await end.Task;
            }

            await OpenAiScript.Stream(exchange, "a");
        });
        var limits = new
        {
            connectionId = steps.Connection,
            model = "fake-model",
            maxOutputTokens = 1_000,
            contextLimit = 8_000,
            price = Dear,
        };
        await (await steps.Admin.PutJson("/api/catalog/models", limits)).Expect(HttpStatusCode.OK);
        await UsageLimitTests.Set(steps.Admin, new { defaultDailyTokenBudget = 20_000, defaultDailyMoneyBudget = 20_000 });

        var first = steps.Script.PostRaw(path, body);
        await steps.Upstream.NextChatAsync();
        Assert.InRange(
            UsageLimitTests.Number(steps.Server, "select sum(held_tokens) from daily_usage"),
            1_000 * answers,
            (1_000 * answers) + 100);
        Assert.InRange(
            UsageLimitTests.Number(steps.Server, "select sum(held_nanos) / 1000000000 from daily_usage"),
            1_000 * answers,
            (1_000 * answers) + 100);
        var second = steps.Chat(CompatSteps.Ask("also"));
        end.SetResult();

        await (await first).Expect(HttpStatusCode.OK);
        await (await second).Expect(HttpStatusCode.OK);
        UsageLimitTests.AssertBalanced(steps.Server);
    }

    [Fact]
    public async Task Without_known_limits_and_with_a_prompt_beyond_the_context_the_hold_stays_within_reason()
    {
        var end = new TaskCompletionSource();
        await using var steps = await CompatSteps.StartAsync(async exchange =>
        {
            if (exchange.Request.Method == "POST")
            {
                await end.Task;
            }

            await OpenAiScript.Stream(exchange, "a");
        });
        await UsageLimitTests.Set(steps.Admin, new { defaultContextTokenLimit = 10_000 });
        var prompt = string.Concat(Enumerable.Repeat("wörter und 漢字, ", 20_000));
        var first = steps.Script.PostJson(
            "/v1/chat/completions",
            new { model = "fake-model", max_tokens = 1_000_000_000, messages = new[] { new { role = "user", content = prompt } } });
        await steps.Upstream.NextChatAsync();
        Assert.Equal(20_000, UsageLimitTests.Number(steps.Server, "select sum(held_tokens) from daily_usage"));
        end.SetResult();
        await (await first).Expect(HttpStatusCode.OK);
        UsageLimitTests.AssertBalanced(steps.Server);
    }

    [Theory]
    [InlineData("""{"model":"fake-model","max_tokens":-5,"messages":[{"role":"user","content":"x"}]}""")]
    [InlineData("""{"model":"fake-model","max_tokens":0,"messages":[{"role":"user","content":"x"}]}""")]
    [InlineData("""{"model":"fake-model","max_completion_tokens":-1,"messages":[{"role":"user","content":"x"}]}""")]
    [InlineData("""{"model":"fake-model","max_tokens":1e400,"messages":[{"role":"user","content":"x"}]}""")]
    [InlineData("""{"model":"fake-model","max_tokens":99999999999999999999,"messages":[{"role":"user","content":"x"}]}""")]
    [InlineData("""{"model":"fake-model","n":1000,"messages":[{"role":"user","content":"x"}]}""")]
    [InlineData("""{"model":"fake-model","n":-1,"messages":[{"role":"user","content":"x"}]}""")]
    public async Task Numbers_that_mean_nothing_are_refused_and_hold_nothing(string body)
    {
        await using var steps = await CompatSteps.StartAsync(exchange => OpenAiScript.Stream(exchange, "a"));
        await (await steps.Script.PostRaw("/v1/chat/completions", body)).Expect(HttpStatusCode.BadRequest);
        Assert.Empty(steps.Upstream.Chats());
        Assert.Equal(0, Reserved(steps.Server));
    }

    [Theory]
    [InlineData("done")]
    [InlineData("failed")]
    [InlineData("cut")]
    [InlineData("reset before")]
    [InlineData("gone")]
    [InlineData("timeout")]
    [InlineData("revoked")]
    [InlineData("refused")]
    public async Task Every_end_of_a_call_by_key_lets_go_what_was_held(string ending)
    {
        var reached = new TaskCompletionSource();
        await using var steps = await CompatSteps.StartAsync(async exchange =>
        {
            if (exchange.Request.Method == "GET")
            {
                await OpenAiScript.Models(exchange, ["fake-model"]);
                return;
            }

            if (ending is "failed")
            {
                await exchange.Reply(500, "{}");
                return;
            }

            if (ending is "reset before")
            {
                exchange.Reset();
                return;
            }

            await exchange.StartSse();
            await OpenAiScript.Piece(exchange, "begun");
            reached.TrySetResult();
            if (ending == "cut")
            {
                exchange.Reset();
            }
            else if (ending is "gone" or "timeout" or "revoked")
            {
                await exchange.Stall();
            }
            else
            {
                await OpenAiScript.Finish(exchange, 1);
            }
        });
        await UsageLimitTests.Set(steps.Admin, new
        {
            providerMaxRetries = 0,
            providerMaxIdleMs = ending == "timeout" ? 1_000 : 60_000,
        });
        if (ending == "refused")
        {
            await UsageLimitTests.LimitAdmin(steps.Admin, 0);
        }

        foreach (var stream in new[] { true, false })
        {
            using var leave = new CancellationTokenSource();
            var body = new { model = "fake-model", stream, messages = new[] { new { role = "user", content = "x" } } };
            using var request = new HttpRequestMessage(HttpMethod.Post, "/v1/chat/completions");
            request.Content = System.Net.Http.Json.JsonContent.Create(body);
            var answer = Read(steps.Script, request, leave.Token);
            if (ending is "gone" or "revoked")
            {
                await reached.Task;
                await Eventually.Holds(() => Reserved(steps.Server) > 0);
            }

            if (ending == "gone")
            {
                await leave.CancelAsync();
            }
            else if (ending == "revoked")
            {
                await (await steps.Admin.DeleteAsync("/api/keys/1")).Expect(HttpStatusCode.NoContent);
            }

            await answer;
            await Eventually.Holds(() => Reserved(steps.Server) == 0);
            if (ending == "revoked")
            {
                return; // no key, no second call
            }
        }

        UsageLimitTests.AssertBalanced(steps.Server);
    }

    [Theory]
    [InlineData("done")]
    [InlineData("failed")]
    [InlineData("cut")]
    [InlineData("stopped")]
    [InlineData("deleted")]
    [InlineData("restart")]
    [InlineData("timeout")]
    [InlineData("conflict")]
    public async Task Every_end_of_an_answer_lets_go_what_was_held(string ending)
    {
        await using var upstream = ChatSteps.Provider(async exchange =>
        {
            if (ending is "failed")
            {
                await exchange.Reply(500, "{}");
                return;
            }

            await exchange.StartSse();
            await OpenAiScript.Piece(exchange, "begun");
            if (ending == "cut")
            {
                exchange.Reset();
            }
            else if (ending is "stopped" or "deleted" or "restart" or "timeout")
            {
                await exchange.Stall();
            }
            else
            {
                await OpenAiScript.Finish(exchange, 1);
            }
        });
        await using var server = await TestServer.StartAsync(
            new TestServerOptions { Variables = new Dictionary<string, string> { ["SHUTDOWN_GRACE_SECONDS"] = "0" } });
        var admin = await server.RegisterAdminAsync();
        var connection = await admin.Connect(upstream);
        await Price(admin, connection, "fake-model", Dear);
        await UsageLimitTests.Set(admin, new { providerMaxRetries = 0, providerMaxIdleMs = ending == "timeout" ? 1_000 : 60_000 });
        var session = await admin.NewSession(connection);
        var id = ChatSteps.NewId();
        await using var stream = await admin.Ask(session, "go", id);
        var start = (await stream.NextAsync())!;
        if (ending is "stopped" or "deleted" or "restart")
        {
            await stream.ReadUntilAsync(next => next.Event == "delta");
            Assert.NotEqual(0, Reserved(server));
        }

        switch (ending)
        {
            case "stopped":
                await admin.PostJson("/api/chat/stop", new { messageId = start.AssistantId() });
                break;
            case "deleted":
                await (await admin.DeleteAsync($"/api/sessions/{session}")).Expect(HttpStatusCode.NoContent);
                break;
            case "restart":
                await server.RestartAsync();
                break;
            case "conflict":
                await (await admin.PostJson("/api/chat/completion", new { sessionId = session, content = "other", clientMessageId = id }))
                    .ExpectProblem(HttpStatusCode.Conflict, "message_conflict");
                break;
        }

        await Eventually.Holds(() => Reserved(server) == 0);
        UsageLimitTests.AssertBalanced(server);
    }

    [Fact]
    public async Task What_the_store_cannot_take_at_the_end_is_settled_later()
    {
        var end = new TaskCompletionSource();
        await using var steps = await CompatSteps.StartAsync(async exchange =>
        {
            if (exchange.Request.Method == "POST")
            {
                await end.Task;
            }

            await OpenAiScript.Stream(exchange, "whole");
        });
        var answer = steps.Chat(CompatSteps.Ask("x"));
        await steps.Upstream.NextChatAsync();
        Execute(steps.Server, "alter table usage_entries rename to usage_entries_away");
        end.SetResult();
        await (await answer).Expect(HttpStatusCode.OK);
        Assert.NotEqual(0, Reserved(steps.Server));

        Execute(steps.Server, "alter table usage_entries_away rename to usage_entries");

        await Eventually.Holds(() => Reserved(steps.Server) == 0);
        UsageLimitTests.AssertBalanced(steps.Server);
    }

    [Fact]
    public async Task The_usage_of_a_connection_that_is_gone_stays_under_its_own_number()
    {
        await using var steps = await CompatSteps.StartAsync(exchange => OpenAiScript.Stream(exchange, "a"));
        await (await steps.Chat(CompatSteps.Ask("x"))).Expect(HttpStatusCode.OK);
        await (await steps.Admin.DeleteAsync($"/api/connections/{steps.Connection}")).Expect(HttpStatusCode.NoContent);

        var line = (await steps.Admin.GetJson("/api/admin/usage?by=connection")).GetProperty("items").EnumerateArray().Single();
        Assert.Equal(steps.Connection, line.Id());
        Assert.False(line.TryGetProperty("name", out _));
        Assert.Equal("openai", line.Text("provider"));
    }

    private static async Task Read(HttpClient client, HttpRequestMessage request, CancellationToken leave)
    {
        try
        {
            using var answer = await client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, leave);
            await answer.Content.ReadAsStringAsync(leave);
        }
        catch (Exception error) when (error is OperationCanceledException or HttpRequestException or IOException)
        {
            // The call was meant to end like this.
        }
    }

    private static long Reserved(TestServer server) =>
        UsageLimitTests.Number(server, "select coalesce(sum(held_messages + held_tokens + held_nanos), 0) from daily_usage")
        + UsageLimitTests.Number(server, "select coalesce(sum(held_nanos), 0) from api_key_days")
        + UsageLimitTests.Number(server, "select coalesce(sum(held), 0) from guest_days");

    private static void Execute(TestServer server, string sql)
    {
        using var connection = TestStore.Open(server.DataDir);
        using var command = connection.CreateCommand();
        command.CommandText = sql;
        command.ExecuteNonQuery();
    }

    private static async Task Price(HttpClient admin, long connection, string model, object price) =>
        await (await admin.PutJson("/api/catalog/models", new { connectionId = connection, model, price })).Expect(HttpStatusCode.OK);

    private static Task<HttpResponseMessage> Chat(HttpClient script, string model) =>
        script.PostJson("/v1/chat/completions", new { model, messages = new[] { new { role = "user", content = "x" } } });

    private static Task<HttpResponseMessage> Ask(HttpClient client, long session, string model) =>
        client.PostJson("/api/chat/completion", new { sessionId = session, content = "go", clientMessageId = ChatSteps.NewId(), model });
}
