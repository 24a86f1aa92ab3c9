using System.Globalization;
using System.Net;
using System.Text.Json;
using AiChat.Tests.Chat;

namespace AiChat.Tests.Api;

/// <summary>The limits on use as clients under /v1 meet them.</summary>
public sealed class CompatLimitTests
{
    /// <summary>A question, then the rounds of tools that follow from it, in each protocol.</summary>
    public static TheoryData<string, string, string[]> Agents { get; } = new()
    {
        {
            "chat/completions", """{"role":"user","content":"go"}""",
            [
                """{"role":"assistant","tool_calls":[{"id":"c1","type":"function","function":{"name":"f","arguments":"{}"}}]},"""
                + """{"role":"tool","tool_call_id":"c1","content":"1"}""",
                """{"role":"assistant","tool_calls":[{"id":"c2","type":"function","function":{"name":"f","arguments":"{}"}}]},"""
                + """{"role":"tool","tool_call_id":"c2","content":"2"},{"role":"system","content":"Be quick."}""",
            ]
        },
        {
            "responses", """{"role":"user","content":"go"}""",
            [
                """{"type":"function_call","call_id":"c1","name":"f","arguments":"{}"},"""
                + """{"type":"function_call_output","call_id":"c1","output":"1"}""",
            ]
        },
        {
            "messages", """{"role":"user","content":"go"}""",
            [
                """{"role":"assistant","content":[{"type":"tool_use","id":"c1","name":"f","input":{}}]},"""
                + """{"role":"user","content":[{"type":"tool_result","tool_use_id":"c1","content":"1"},"""
                + """{"type":"text","text":"reminder"}]}""",
            ]
        },
    };

    [Theory]
    [MemberData(nameof(Agents))]
    public async Task The_steps_of_an_agent_are_one_message(string path, string question, string[] rounds)
    {
        await using var steps = await CompatSteps.StartAsync(exchange => OpenAiScript.Stream(exchange, "ok"));
        var member = await steps.Server.RegisterUserAsync(steps.Admin);
        var script = KeysTests.With(steps.Server, (await KeysTests.Make(member, new { name = "k" })).Text("key")!);
        await UsageLimitTests.Set(steps.Admin, new { defaultUserDailyQuota = 1 });
        var (list, bound) = path == "responses" ? ("input", "max_output_tokens") : ("messages", "max_tokens");
        Task<HttpResponseMessage> Send(string items) => script.PostRaw(
            $"/v1/{path}", $$"""{"model":"fake-model","{{bound}}":9,"{{list}}":[{{items}}]}""");

        await (await Send(question)).Expect(HttpStatusCode.OK);
        var conversation = question;
        foreach (var round in rounds)
        {
            conversation += "," + round;
            await (await Send(conversation)).Expect(HttpStatusCode.OK);
        }

        // The next question is a message again, whatever came before it.
        var next = conversation + """,{"role":"assistant","content":"done"},""" + question;
        await (await Send(next)).Expect(HttpStatusCode.TooManyRequests);
        Assert.Equal(1, (await member.GetJson("/api/auth/me")).GetProperty("quota").GetProperty("used").GetInt64());
        UsageLimitTests.AssertBalanced(steps.Server, uncounted: rounds.Length);

        // Nobody gets round a limit of 0 by sending results of tools.
        await UsageLimitTests.Set(steps.Admin, new { defaultUserDailyQuota = 0 });
        await (await Send(conversation)).Expect(HttpStatusCode.TooManyRequests);
    }

    [Fact]
    public async Task An_administrator_has_a_limit_only_when_given_one()
    {
        await using var steps = await CompatSteps.StartAsync(exchange => OpenAiScript.Stream(exchange, "ok"));
        await UsageLimitTests.Set(steps.Admin, new { defaultUserDailyQuota = 1 });
        for (var at = 0; at < 3; at++)
        {
            await (await steps.Chat(CompatSteps.Ask("go"))).Expect(HttpStatusCode.OK);
        }

        var quota = (await steps.Admin.GetJson("/api/auth/me")).GetProperty("quota");
        Assert.Equal(JsonValueKind.Null, quota.GetProperty("limit").ValueKind);
        Assert.Equal(3, quota.GetProperty("used").GetInt64());
        await UsageLimitTests.LimitAdmin(steps.Admin, 3);
        await (await steps.Chat(CompatSteps.Ask("go"))).Expect(HttpStatusCode.TooManyRequests);
    }

    [Theory]
    [InlineData("messages", "limit of 0 messages a day of this account")]
    [InlineData("tokens", "budget of 1,000 tokens a month of this account")]
    [InlineData("money", "budget of 0.50 a day of this account")]
    [InlineData("key", "budget of 0.25 a day of this API key")]
    [Trait("Store", "File")]
    public async Task A_refusal_says_which_limit_until_when_and_who_can_raise_it(string limit, string said)
    {
        await using var steps = await CompatSteps.StartAsync(exchange => OpenAiScript.Stream(exchange, "ok"));
        var member = await steps.Server.RegisterUserAsync(steps.Admin);
        object form = limit == "key" ? new { name = "k", dailyBudget = 0.25m } : new { name = "k" };
        var script = KeysTests.With(steps.Server, (await KeysTests.Make(member, form)).Text("key")!);
        await (await steps.Admin.PutJson("/api/catalog/models", new
        {
            connectionId = steps.Connection,
            model = "fake-model",
            price = new { input = 1_000_000m, output = 1_000_000m },
        })).Expect(HttpStatusCode.OK);
        await UsageLimitTests.Set(steps.Admin, limit switch
        {
            "messages" => new { defaultUserDailyQuota = 0 },
            "tokens" => new { defaultMonthlyTokenBudget = 1_000, requestsPerMinute = 0 },
            "money" => new { defaultDailyMoneyBudget = 0.5m },
            _ => new { requestsPerMinute = 0 },
        });
        if (limit == "tokens")
        {
            await (await steps.Admin.PutJson("/api/users/2/quota", new { dailyLimit = (long?)null })).Expect(HttpStatusCode.OK);
            await using var db = new Microsoft.Data.Sqlite.SqliteConnection(
                $"Data Source={System.IO.Path.Combine(steps.Server.DataDir, "app.db")};Pooling=false");
            db.Open();
            using var spent = db.CreateCommand();
            spent.CommandText =
                "insert into daily_usage (user_id, day, tokens) values (2, cast(strftime('%s','now') / 86400 as integer), 1000)";
            spent.ExecuteNonQuery();
        }
        else if (limit != "messages")
        {
            await (await script.PostJson("/v1/chat/completions", CompatSteps.Ask("go"))).Expect(HttpStatusCode.OK);
        }

        using var refused = await script.PostJson("/v1/chat/completions", CompatSteps.Ask("go"));

        Assert.Equal("false", refused.Headers.GetValues("x-should-retry").Single());
        var wait = refused.Headers.RetryAfter!.Delta!.Value;
        var error = (await refused.Json(HttpStatusCode.TooManyRequests)).GetProperty("error");
        Assert.Equal("insufficient_quota", error.Text("code"));
        Assert.Equal("insufficient_quota", error.Text("type"));
        var message = error.Text("message")!;
        Assert.Contains(said, message);
        Assert.Contains(limit == "key" ? "owner can make a key" : "administrator can raise", message);
        var iso = message[(message.IndexOf('(', StringComparison.Ordinal) + 1)..message.IndexOf(')', StringComparison.Ordinal)];
        var until = DateTimeOffset.Parse(iso, CultureInfo.InvariantCulture);
        Assert.InRange(until - DateTimeOffset.UtcNow - wait, TimeSpan.FromSeconds(-60), TimeSpan.FromSeconds(60));
        Assert.Contains(until.ToLocalTime().ToString("yyyy-MM-dd HH:mm zzz", CultureInfo.InvariantCulture), message);

        using var anthropic = await script.PostRaw(
            "/v1/messages", """{"model":"fake-model","max_tokens":9,"messages":[{"role":"user","content":"go"}]}""");
        Assert.Equal("false", anthropic.Headers.GetValues("x-should-retry").Single());
        var body = await anthropic.Json(HttpStatusCode.TooManyRequests);
        Assert.Equal("rate_limit_error", body.GetProperty("error").Text("type"));
        Assert.Contains(said, body.GetProperty("error").Text("message"));
    }

    [Theory]
    [InlineData("Authorization", "Bearer sk-nothing")]
    [InlineData("x-api-key", "sk-nothing")]
    [InlineData("Authorization", "Bearer not-a-key-at-all")]
    public async Task A_wrong_key_is_told_as_a_wrong_key(string header, string value)
    {
        await using var server = await TestServer.StartAsync();
        var client = server.Client();
        client.DefaultRequestHeaders.TryAddWithoutValidation(header, value);
        var error = (await (await client.GetAsync("/v1/models")).Json(HttpStatusCode.Unauthorized)).GetProperty("error");
        Assert.Equal("invalid_api_key", error.Text("code"));
        Assert.Contains("key", error.Text("message"));
        var anthropic = await (await client.PostRaw("/v1/messages", "{}")).Json(HttpStatusCode.Unauthorized);
        Assert.Equal("authentication_error", anthropic.GetProperty("error").Text("type"));
        var none = (await (await server.Client().GetAsync("/v1/models")).Json(HttpStatusCode.Unauthorized)).GetProperty("error");
        Assert.Contains("x-api-key", none.Text("message"));
    }
}
