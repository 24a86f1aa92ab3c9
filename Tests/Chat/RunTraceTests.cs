using System.Net;
using System.Text.Json;

namespace AiChat.Tests.Chat;

/// <summary>What a task trace records of a request, however it ends, and that it holds no secret.</summary>
public sealed class RunTraceTests
{
    private const string Key = "sk-CANARY-trace-00112233445566";

    [Fact]
    public async Task An_answer_leaves_its_whole_life()
    {
        await using var upstream = ChatSteps.Provider(exchange => OpenAiScript.Stream(exchange, "Hello ", "world"));
        await using var server = await TestServer.StartAsync();
        var admin = await server.RegisterAdminAsync();
        var session = await admin.NewSession(await admin.Connect(upstream));
        await admin.Trace(new { taskTraceEnabled = true });

        var answer = await admin.Record(session, "How are you?", true);

        var (trace, events) = await admin.OnlyTrace();
        Assert.Equal(
            ("completed", "send", "admin", "fake-model"),
            (trace.Text("status"), trace.Text("kind"), trace.Text("actor"), trace.Text("model")));
        Assert.Equal((session, answer.Id()), (trace.GetProperty("sessionId").GetInt64(), trace.GetProperty("messageId").GetInt64()));
        Assert.True(trace.GetProperty("durationMs").GetInt64() >= 0);
        Assert.Equal(Enumerable.Range(1, events.Count).Select(at => (long)at), events.Select(item => item.GetProperty("seq").GetInt64()));
        Assert.Equal(
            ["request", "gate", "context", "upstream.request", "upstream.first", "usage", "persist.final", "end"],
            events.Types().Where(type => !type!.StartsWith("stream.", StringComparison.Ordinal)));
        Assert.Contains("stream.attach", events.Types());
        Assert.Equal(12, events.Payload("request").GetProperty("contentChars").GetInt32());
        Assert.Equal(11, events.Payload("persist.final").GetProperty("contentChars").GetInt32());
        Assert.Equal($"127.0.0.1:{upstream.Port}", events.Payload("upstream.request").Text("host"));
        var usage = events.Payload("usage");
        Assert.Equal(
            (7, 2, "provider"),
            (usage.GetProperty("promptTokens").GetInt32(), usage.GetProperty("completionTokens").GetInt32(), usage.Text("source")));
        Assert.True(events.Payload("gate").GetProperty("admitted").GetBoolean());
        Assert.DoesNotContain("How are you", JsonSerializer.Serialize(events));
        Assert.DoesNotContain("Hello", JsonSerializer.Serialize(events));
    }

    [Fact]
    public async Task Attempts_that_failed_and_the_model_that_stood_in_are_seen()
    {
        await using var broken = ChatSteps.Provider(exchange => exchange.Reply(500, """{"error":{"message":"down"}}"""));
        await using var working = FakeUpstream.Start(OpenAiScript.Answer(["other-model"], "I am the other"));
        await using var server = await TestServer.StartAsync();
        var admin = await server.RegisterAdminAsync();
        var first = await admin.Connect(broken);
        await admin.Connect(working, "other-model");
        await admin.Trace(new { taskTraceEnabled = true, providerMaxRetries = 0, fallbackModels = new[] { "other-model" } });
        var session = await admin.NewSession(first);

        await admin.Record(session, "go", true);

        var (trace, events) = await admin.OnlyTrace();
        Assert.Equal("completed", trace.Text("status"));
        var retry = events.Payload("upstream.retry");
        Assert.Equal(
            ("provider_server_error", 500, "other-model"),
            (retry.Text("code"), retry.GetProperty("status").GetInt32(), retry.Text("nextModel")));
        Assert.Equal(
            ["fake-model", "other-model"],
            events.Where(item => item.Text("type") == "upstream.request").Select(item => item.GetProperty("payload").Text("model")));
        Assert.Equal("other-model", events.Payload("end").Text("model"));
    }

    [Fact]
    public async Task A_key_that_the_provider_echoes_is_nowhere()
    {
        await using var upstream = ChatSteps.Provider(exchange => exchange.Reply(
            401,
            JsonSerializer.Serialize(new { error = new { message = $"Incorrect API key provided: {Key}. Authorization: Bearer {Key}" } }),
            "application/json",
            $"X-Echo: {Key}"));
        await using var server = await TestServer.StartAsync();
        var admin = await server.RegisterAdminAsync();
        var connection = await admin.ConnectWithKeys(upstream, Key);
        await admin.Trace(new { taskTraceEnabled = true });

        Assert.Equal("failed", (await admin.Record(await admin.NewSession(connection), "go", true)).Text("status"));

        var (trace, events) = await admin.OnlyTrace();
        Assert.Equal("failed", trace.Text("status"));
        var error = events.Payload("error");
        Assert.Equal(("provider_unauthorized", 401), (error.Text("code"), error.GetProperty("status").GetInt32()));
        Assert.Contains("[redacted]", error.Text("detail"));
        var seen = await admin.GetStringAsync($"/api/task-trace/{trace.Id()}")
            + await admin.GetStringAsync($"/api/task-trace/{trace.Id()}/export");
        Assert.DoesNotContain("CANARY", seen);
        foreach (var file in Directory.EnumerateFiles(server.DataDir, "traces.db*"))
        {
            using var bytes = new FileStream(file, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
            using var reader = new StreamReader(bytes, System.Text.Encoding.Latin1);
            Assert.DoesNotContain("CANARY", await reader.ReadToEndAsync());
        }
    }

    [Fact]
    public async Task Tools_are_seen_by_their_size_only()
    {
        await using var engine = ToolSteps.Engine();
        await using var upstream = ChatSteps.Provider(exchange =>
            exchange.HasResults() ? OpenAiScript.Stream(exchange, "Found it.") : ToolSteps.CallSearch(exchange, "CANARY-query"));
        await using var server = await TestServer.StartAsync();
        var admin = await server.RegisterAdminAsync();
        var session = await admin.SearchSession(upstream, engine);
        await admin.Trace(new { taskTraceEnabled = true, taskTraceDefaultOn = true });

        await using (var stream = await admin.AskWithSearch(session, "look"))
        {
            await stream.ReadAllAsync();
        }

        var (_, events) = await admin.OnlyTrace();
        Assert.Equal("web_search", events.Payload("tool.call").Text("tool"));
        Assert.True(events.Payload("tool.call").GetProperty("argumentsChars").GetInt32() > 10);
        Assert.False(events.Payload("tool.result").GetProperty("failed").GetBoolean());
        Assert.Equal(2, events.Count(item => item.Text("type") == "upstream.request"));
        Assert.DoesNotContain("CANARY", JsonSerializer.Serialize(events));
    }

    [Fact]
    public async Task A_stop_is_seen_and_a_reader_who_leaves()
    {
        await using var upstream = ChatSteps.HangingProvider();
        await using var server = await TestServer.StartAsync();
        var admin = await server.RegisterAdminAsync();
        var session = await admin.NewSession(await admin.Connect(upstream));
        await admin.Trace(new { taskTraceEnabled = true, taskTraceDefaultOn = true });
        await using var stream = await admin.Ask(session, "go");
        var seen = await stream.ReadUntilAsync(e => e.Event == "delta");
        await NodesHost.Shows(async () => (await admin.Traces()).Count == 1);
        Assert.Equal("running", Assert.Single(await admin.Traces()).Text("status"));

        await (await admin.PostJson("/api/chat/stop", new { messageId = seen[0].AssistantId() })).Expect(HttpStatusCode.NoContent);
        await stream.ReadAllAsync();

        var (trace, events) = await admin.OnlyTrace();
        Assert.Equal("stopped", trace.Text("status"));
        Assert.Equal("stopped", events.Payload("stop").Text("as"));
        Assert.Equal("stopped", events.Payload("end").Text("status"));
        Assert.Equal(4, events.Payload("persist.final").GetProperty("contentChars").GetInt32());
    }

    [Fact]
    public async Task A_refused_request_is_recorded_as_such()
    {
        await using var upstream = ChatSteps.Provider(exchange => OpenAiScript.Stream(exchange, "hello"));
        await using var server = await TestServer.StartAsync();
        var admin = await server.RegisterAdminAsync();
        await admin.Connect(upstream);
        await admin.Trace(
            new { taskTraceEnabled = true, taskTraceDefaultOn = true, taskTraceAdminOnly = false, defaultUserDailyQuota = 0 });
        var member = await server.RegisterUserAsync(admin);

        await (await member.PostJson(
            "/api/chat/completion", new { sessionId = await member.NewSession(), content = "go", clientMessageId = ChatSteps.NewId() }))
            .ExpectProblem(HttpStatusCode.TooManyRequests, "quota_exceeded");

        var (trace, events) = await admin.OnlyTrace();
        Assert.Equal("failed", trace.Text("status"));
        Assert.Equal(["request", "gate", "end"], events.Types());
        Assert.Equal(
            (false, "quota_exceeded"),
            (events.Payload("gate").GetProperty("admitted").GetBoolean(), events.Payload("gate").Text("code")));
    }

    [Fact]
    public async Task Writing_again_and_on_are_recorded_too()
    {
        await using var upstream = ChatSteps.Provider(exchange => OpenAiScript.Stream(exchange, "hello"));
        await using var server = await TestServer.StartAsync();
        var admin = await server.RegisterAdminAsync();
        var session = await admin.NewSession(await admin.Connect(upstream));
        await admin.Trace(new { taskTraceEnabled = true });
        var messageId = (await admin.Record(session, "go")).Id();

        foreach (var kind in new[] { "regenerate", "continue" })
        {
            await using var stream = await admin.PostStream(
                $"/api/chat/{kind}", new { messageId, clientMessageId = ChatSteps.NewId(), trace = true });
            await stream.ReadAllAsync();
        }

        await NodesHost.Shows(async () => (await admin.Traces()).Count == 2);
        Assert.Equal(["continue", "regenerate"], (await admin.Traces()).Select(trace => trace.Text("kind")));
    }

    [Fact]
    public async Task Programs_are_recorded_by_default_only()
    {
        await using var upstream = ChatSteps.Provider(exchange => OpenAiScript.Stream(exchange, "hello"));
        await using var server = await TestServer.StartAsync();
        var admin = await server.RegisterAdminAsync();
        await admin.Connect(upstream);
        await admin.Trace(new { taskTraceEnabled = true, taskTraceDefaultOn = true });
        var key = (await (await admin.PostJson("/api/keys", new { name = "bot" })).Json(HttpStatusCode.Created)).Text("key");
        using var request = new HttpRequestMessage(HttpMethod.Post, "/v1/chat/completions")
        {
            Content = new StringContent(
                """{"model":"fake-model","messages":[{"role":"user","content":"CANARY-words"}]}""",
                System.Text.Encoding.UTF8,
                "application/json"),
        };
        request.Headers.Add("Authorization", $"Bearer {key}");
        (await server.Client().SendAsync(request)).EnsureSuccessStatusCode();

        var (trace, events) = await admin.OnlyTrace();
        Assert.Equal(("completed", "ChatCompletions"), (trace.Text("status"), trace.Text("kind")));
        Assert.Equal(["request", "upstream.request", "upstream.first", "usage", "end"], events.Types());
        Assert.DoesNotContain("CANARY", JsonSerializer.Serialize(events));
    }

    [Fact]
    public async Task More_events_than_allowed_are_left_out_and_the_end_is_kept()
    {
        // Each tool call is two events, so three rounds of sixty-four calls exceed a hundred events.
        await using var upstream = ChatSteps.Provider(
            exchange => exchange.Request.Text.Contains("\"tool_choice\":\"none\"", StringComparison.Ordinal)
            ? OpenAiScript.Stream(exchange, "enough")
            : ToolSteps.CallSearch(exchange, [.. Enumerable.Range(0, 64).Select(at => $"query {at}")]));
        await using var engine = ToolSteps.Engine();
        await using var server = await TestServer.StartAsync();
        var admin = await server.RegisterAdminAsync();
        var session = await admin.SearchSession(upstream, engine);
        await admin.Trace(new { taskTraceEnabled = true, taskTraceDefaultOn = true, taskTraceMaxEvents = 100 });

        await using (var stream = await admin.AskWithSearch(session, "look"))
        {
            await stream.ReadAllAsync();
        }

        var (trace, events) = await admin.OnlyTrace();
        Assert.True(trace.GetProperty("truncated").GetBoolean());
        Assert.Equal(101, events.Count);
        Assert.Equal("end", events[^1].Text("type"));
        Assert.True((await admin.GetJson($"/api/task-trace/{trace.Id()}")).GetProperty("truncated").GetBoolean());
    }

    [NativeFact]
    public async Task What_a_killed_process_was_recording_is_failed_after_the_next_start()
    {
        await using var upstream = ChatSteps.HangingProvider();
        await using var server = await TestServer.StartAsync();
        var admin = await server.RegisterAdminAsync();
        var session = await admin.NewSession(await admin.Connect(upstream));
        await admin.Trace(new { taskTraceEnabled = true, taskTraceDefaultOn = true });
        await using var stream = await admin.Ask(session, "go");
        await stream.ReadUntilAsync(e => e.Event == "delta");
        Assert.Equal("running", Assert.Single(await admin.Traces()).Text("status"));

        await server.KillAsync();
        await server.RestartAsync();

        var (trace, events) = await admin.OnlyTrace();
        Assert.Equal("failed", trace.Text("status"));
        Assert.Equal("interrupted", events[^1].GetProperty("payload").Text("status"));
        Assert.NotEqual(JsonValueKind.Null, trace.GetProperty("endedAt").ValueKind);
    }
}
