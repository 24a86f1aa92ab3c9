using System.Net;
using System.Text.Json;

namespace AiChat.Tests.Chat;

/// <summary>
/// Sending, stopping, repeating and limiting answers; another user can neither see nor change them.
/// </summary>
public sealed class ChatStreamTests
{
    [Fact]
    public async Task An_answer_streams_and_is_stored()
    {
        await using var upstream = FakeUpstream.Start(OpenAiScript.Answer(["fake-model"], "Hello", ", ", "世界 ", "😀"));
        await using var server = await TestServer.StartAsync();
        var admin = await server.RegisterAdminAsync();
        var session = await admin.NewSession(await admin.Connect(upstream));

        await using var stream = await admin.Ask(session, "Say hello");
        var events = await stream.ReadAllAsync();

        Assert.Equal("text/event-stream", stream.Response.Content.Headers.ContentType?.MediaType);
        Assert.Equal("no", stream.Response.Headers.GetValues("X-Accel-Buffering").Single());
        Assert.Equal("start", events[0].Event);
        Assert.Equal("done", events[^1].Event);
        Assert.Equal("Hello, 世界 😀", string.Concat(events.Where(e => e.Event == "delta").Select(e => e.Json.Text("text"))));
        Assert.Equal("done", events[^1].Json.Text("status"));
        var usage = events.Single(e => e.Event == "usage").Json;
        Assert.Equal(7, usage.GetProperty("promptTokens").GetInt64());
        Assert.Equal("provider", usage.Text("source"));
        Assert.Equal("Say hello", events.Single(e => e.Event == "title").Json.Text("title"));

        var messages = await admin.Messages(session);
        Assert.Equal(["user", "assistant"], messages.Select(message => message.Text("role")));
        Assert.Equal("Hello, 世界 😀", messages[1].Text("content"));
        Assert.Equal("done", messages[1].Text("status"));
        Assert.Equal("stop", messages[1].Text("finishReason"));
        Assert.Equal("fake-model", messages[1].Text("model"));
        Assert.Equal(messages[0].Id(), messages[1].GetProperty("parentId").GetInt64());
    }

    [Fact]
    public async Task The_provider_gets_the_branch_without_empty_turns()
    {
        await using var upstream = FakeUpstream.Start(OpenAiScript.Answer(["fake-model"], "Yes."));
        await using var server = await TestServer.StartAsync();
        var admin = await server.RegisterAdminAsync();
        var session = await admin.NewSession(await admin.Connect(upstream));
        await admin.AskAndWait(session, "continue");
        await admin.AskAndWait(session, "continue");
        await admin.AskAndWait(session, "third");

        var last = upstream.Chats().Select(exchange => exchange.Request)
            .Single(request => request.Text.Contains("third")).Json.GetProperty("messages");

        Assert.Equal(
            ["user:continue", "assistant:Yes.", "user:continue", "assistant:Yes.", "user:third"],
            last.EnumerateArray().Select(turn => $"{turn.Text("role")}:{turn.Text("content")}"));
    }

    [Fact]
    public async Task The_first_message_streams_from_the_demo_without_any_set_up()
    {
        await using var server = await TestServer.StartAsync();
        var admin = await server.RegisterAdminAsync();

        var answer = await admin.AskAndWait(await admin.NewSession(), "Hello");

        Assert.Equal("done", answer.Text("status"));
        Assert.Equal("demo", answer.Text("provider"));
        Assert.NotEmpty(answer.Text("content")!);
    }

    [Fact]
    public async Task The_same_request_again_attaches_and_costs_nothing()
    {
        var release = new TaskCompletionSource();
        await using var upstream = ChatSteps.Provider(async exchange =>
        {
            await exchange.StartSse();
            await OpenAiScript.Piece(exchange, "once");
            await release.Task;
            await OpenAiScript.Finish(exchange, 1);
        });
        await using var server = await TestServer.StartAsync();
        var admin = await server.RegisterAdminAsync();
        await UsageLimitTests.Set(admin, new { maxRunsPerUser = 0 });
        var session = await admin.NewSession(await admin.Connect(upstream));
        var id = ChatSteps.NewId();

        var streams = await Task.WhenAll(Enumerable.Range(0, 50).Select(_ => admin.Ask(session, "again", id)));
        release.SetResult();
        var transcripts = new List<Transcript>();
        foreach (var stream in streams)
        {
            var transcript = new Transcript();
            await transcript.ReadAll(stream);
            transcripts.Add(transcript);
            await stream.DisposeAsync();
        }

        var afterwards = new Transcript();
        await using (var late = await admin.Ask(session, "again", id))
        {
            await afterwards.ReadAll(late);
        }

        await server.RestartAsync();
        var restarted = new Transcript();
        await using (var late = await admin.Ask(session, "again", id))
        {
            await restarted.ReadAll(late);
        }

        transcripts.AddRange([afterwards, restarted]);
        Assert.All(transcripts, transcript => Assert.Equal("once", transcript.Content));
        Assert.All(transcripts, transcript => Assert.NotNull(transcript.Done));
        Assert.Single(upstream.Chats());
        Assert.Equal(2, (await admin.Messages(session)).Count);
        Assert.Equal(1, (await admin.GetJson("/api/auth/me")).GetProperty("quota").GetProperty("used").GetInt64());
        await (await admin.PostJson("/api/chat/stream", new { sessionId = session, content = "other", clientMessageId = id }))
            .ExpectProblem(HttpStatusCode.Conflict, "message_conflict");
    }

    [Fact]
    public async Task Stop_closes_the_providers_connection_and_keeps_the_text()
    {
        await using var upstream = ChatSteps.Provider(async exchange =>
        {
            await exchange.StartSse();
            await OpenAiScript.Piece(exchange, "as far as");
            await exchange.ClientGone;
        });
        await using var server = await TestServer.StartAsync();
        var admin = await server.RegisterAdminAsync();
        var session = await admin.NewSession(await admin.Connect(upstream));
        await using var stream = await admin.Ask(session, "go");
        var seen = await stream.ReadUntilAsync(e => e.Event == "delta");
        var messageId = seen[0].AssistantId();
        var exchange = await upstream.NextChatAsync();

        await (await admin.PostJson("/api/chat/stop", new { messageId })).Expect(HttpStatusCode.NoContent);
        await exchange.ClientGone.WaitAsync(TimeSpan.FromSeconds(1));
        var rest = await stream.ReadAllAsync();
        await (await admin.PostJson("/api/chat/stop", new { messageId })).Expect(HttpStatusCode.NoContent);

        Assert.Equal("stopped", rest[^1].Json.Text("status"));
        var answer = (await admin.Messages(session))[^1];
        Assert.Equal("as far as", answer.Text("content"));
        Assert.Equal("stopped", answer.Text("status"));
    }

    [Fact]
    public async Task A_failing_provider_leaves_a_failed_answer_with_the_reason_and_no_charge()
    {
        await using var upstream = ChatSteps.Provider(exchange => exchange.Reply(401, """{"error":{"message":"bad key"}}"""));
        await using var server = await TestServer.StartAsync();
        var admin = await server.RegisterAdminAsync();
        var session = await admin.NewSession(await admin.Connect(upstream));

        await using var stream = await admin.Ask(session, "go");
        var events = await stream.ReadAllAsync();

        Assert.Equal("provider_unauthorized", events.Single(e => e.Event == "error").Json.Text("code"));
        Assert.Equal("failed", events[^1].Json.Text("status"));
        var answer = (await admin.Messages(session))[^1];
        Assert.Equal("provider_unauthorized", answer.GetProperty("error").Text("code"));
        Assert.Equal(0, (await admin.GetJson("/api/auth/me")).GetProperty("quota").GetProperty("used").GetInt64());
    }

    [Fact]
    public async Task A_broken_stream_keeps_what_came()
    {
        await using var upstream = ChatSteps.Provider(async exchange =>
        {
            await exchange.StartSse();
            await OpenAiScript.Piece(exchange, "half of it");
            await exchange.Send("data: {\"choices\":[{\"delta\":{\"content\":\"lost");
            exchange.Reset();
        });
        await using var server = await TestServer.StartAsync();
        var admin = await server.RegisterAdminAsync();
        var session = await admin.NewSession(await admin.Connect(upstream));

        var answer = await admin.AskAndWait(session, "go");

        Assert.Equal("half of it", answer.Text("content"));
        Assert.Equal("failed", answer.Text("status"));
        Assert.Equal("provider_connection_lost", answer.GetProperty("error").Text("code"));
    }

    [Fact]
    public async Task Regenerating_adds_a_sibling_and_continuing_goes_on_in_place()
    {
        var calls = 0;
        await using var upstream = ChatSteps.Provider(
            exchange => OpenAiScript.Stream(exchange, $"answer {Interlocked.Increment(ref calls)}"));
        await using var server = await TestServer.StartAsync();
        var admin = await server.RegisterAdminAsync();
        var session = await admin.NewSession(await admin.Connect(upstream));
        var first = await admin.AskAndWait(session, "go");

        await using (var again = await admin.PostStream(
            "/api/chat/regenerate", new { messageId = first.Id(), clientMessageId = ChatSteps.NewId() }))
        {
            await again.ReadAllAsync();
        }

        var second = (await admin.Messages(session))[^1];
        Assert.Equal("answer 2", second.Text("content"));
        Assert.Equal([first.Id(), second.Id()], second.GetProperty("siblings").EnumerateArray().Select(id => id.GetInt64()));

        await (await admin.PostJson($"/api/sessions/{session}/branch", new { messageId = first.Id() })).Expect(HttpStatusCode.NoContent);
        Assert.Equal("answer 1", (await admin.Messages(session))[^1].Text("content"));

        var transcript = new Transcript();
        await using (var more = await admin.PostStream(
            "/api/chat/continue", new { messageId = first.Id(), clientMessageId = ChatSteps.NewId() }))
        {
            await transcript.ReadAll(more);
        }

        Assert.Equal("answer 1answer 3", transcript.Content);
        Assert.Equal("answer 1answer 3", (await admin.Messages(session))[^1].Text("content"));
    }

    [Fact]
    public async Task The_daily_limit_holds_against_many_at_once()
    {
        await using var upstream = FakeUpstream.Start(OpenAiScript.Answer(["fake-model"], "ok"));
        await using var server = await TestServer.StartAsync();
        var admin = await server.RegisterAdminAsync();
        var connection = await admin.Connect(upstream);
        await UsageLimitTests.Set(admin, new { maxRunsPerUser = 0 });
        await UsageLimitTests.LimitAdmin(admin, 5);
        var sessions = new List<long>();
        for (var i = 0; i < 30; i++)
        {
            sessions.Add(await admin.NewSession(connection));
        }

        var statuses = await Task.WhenAll(sessions.Select(async session =>
        {
            using var response = await admin.PostJson(
                "/api/chat/completion", new { sessionId = session, content = "go", clientMessageId = ChatSteps.NewId() });
            return response.StatusCode;
        }));

        Assert.Equal(5, statuses.Count(status => status == HttpStatusCode.OK));
        Assert.Equal(25, statuses.Count(status => status == HttpStatusCode.TooManyRequests));
        Assert.Equal(5, upstream.Chats().Count);
        var quota = (await admin.GetJson("/api/auth/me")).GetProperty("quota");
        Assert.Equal(0, quota.GetProperty("remaining").GetInt64());
    }

    [Fact]
    public async Task Nobody_else_sees_follows_or_stops_an_answer()
    {
        var release = new TaskCompletionSource();
        await using var upstream = ChatSteps.Provider(async exchange =>
        {
            await exchange.StartSse();
            await OpenAiScript.Piece(exchange, "secret");
            await release.Task;
            await OpenAiScript.Finish(exchange, 1);
        });
        await using var server = await TestServer.StartAsync();
        var admin = await server.RegisterAdminAsync();
        var connection = await admin.Connect(upstream);
        var stranger = await server.RegisterUserAsync(admin);
        var session = await admin.NewSession(connection);
        await using var stream = await admin.Ask(session, "go");
        var messageId = (await stream.ReadUntilAsync(e => e.Event == "delta"))[0].AssistantId();

        foreach (var path in new[] { $"/api/chat/stream/{messageId}", $"/api/sessions/{session}", $"/api/sessions/{session}/messages" })
        {
            var foreign = await (await stranger.GetAsync(path)).ExpectProblem(HttpStatusCode.NotFound, "not_found");
            var missing = await (await stranger.GetAsync(path.Replace($"{messageId}", "999999").Replace($"/{session}", "/888888")))
                .ExpectProblem(HttpStatusCode.NotFound, "not_found");
            Assert.Equal(Comparable(missing), Comparable(foreign));
        }

        await (await stranger.PostJson("/api/chat/stop", new { messageId })).ExpectProblem(HttpStatusCode.NotFound, "not_found");
        await (await stranger.PostJson("/api/chat/regenerate", new { messageId, clientMessageId = "a" }))
            .ExpectProblem(HttpStatusCode.NotFound, "not_found");
        await (await stranger.PostJson("/api/chat/continue", new { messageId, clientMessageId = "b" }))
            .ExpectProblem(HttpStatusCode.NotFound, "not_found");
        await (await stranger.PostJson("/api/chat/stream", new { sessionId = session, content = "x", clientMessageId = "c" }))
            .ExpectProblem(HttpStatusCode.NotFound, "not_found");
        await (await stranger.PatchJson($"/api/sessions/{session}", new { title = "mine" }))
            .ExpectProblem(HttpStatusCode.NotFound, "not_found");
        await (await stranger.DeleteAsync($"/api/sessions/{session}")).ExpectProblem(HttpStatusCode.NotFound, "not_found");
        await (await stranger.DeleteAsync($"/api/sessions/{session}/messages")).ExpectProblem(HttpStatusCode.NotFound, "not_found");
        release.SetResult();
        var rest = await stream.ReadAllAsync();

        Assert.Equal("done", rest[^1].Json.Text("status"));
        Assert.Equal("secret", (await admin.Messages(session))[^1].Text("content"));

        static string Comparable(JsonElement problem) => problem.GetRawText().Replace(problem.Text("traceId")!, "");
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Guessed_numbers_of_answers_give_a_stranger_nothing(bool live)
    {
        var release = new TaskCompletionSource();
        await using var upstream = ChatSteps.Provider(async exchange =>
        {
            await exchange.StartSse();
            await OpenAiScript.Piece(exchange, "SECRET");
            await (live ? release.Task : Task.CompletedTask);
            await OpenAiScript.Finish(exchange, 1);
        });
        await using var server = await TestServer.StartAsync();
        var admin = await server.RegisterAdminAsync();
        var stranger = await server.RegisterUserAsync(admin);
        await UsageLimitTests.Set(admin, new { requestsPerMinute = 0 });
        await using var stream = await admin.Ask(await admin.NewSession(await admin.Connect(upstream)), "go");
        var messageId = (await stream.ReadUntilAsync(e => e.Event == (live ? "delta" : "done")))[0].AssistantId();

        for (var id = Math.Max(1, messageId - 100); id <= messageId + 100; id++)
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, $"/api/chat/stream/{id}");
            request.Headers.Add("Last-Event-ID", "0");
            using var answer = await stranger.SendAsync(request);
            Assert.DoesNotContain("SECRET", await answer.Content.ReadAsStringAsync());
            Assert.Equal(HttpStatusCode.NotFound, answer.StatusCode);
        }

        release.SetResult();
    }

    [Fact]
    public async Task Whoever_signs_out_follows_nothing_any_more_and_the_answer_goes_on()
    {
        var release = new TaskCompletionSource();
        await using var upstream = ChatSteps.Provider(async exchange =>
        {
            await exchange.StartSse();
            await OpenAiScript.Piece(exchange, "before");
            await release.Task;
            await OpenAiScript.Piece(exchange, "SECRET");
            await OpenAiScript.Finish(exchange, 1);
        });
        await using var server = await TestServer.StartAsync();
        var admin = await server.RegisterAdminAsync();
        var session = await admin.NewSession(await admin.Connect(upstream));
        var elsewhere = server.Client();
        await (await elsewhere.PostJson("/api/auth/login", new { username = "admin", password = TestServer.Password }))
            .Expect(HttpStatusCode.OK);
        await using var stream = await admin.Ask(session, "go");
        var messageId = (await stream.ReadUntilAsync(e => e.Event == "delta"))[0].AssistantId();
        await using var followed = await elsewhere.GetStream($"/api/chat/stream/{messageId}");

        await (await elsewhere.PostJson("/api/auth/logout", new { })).Expect(HttpStatusCode.NoContent);
        var seen = await followed.ReadAllAsync().WaitAsync(TimeSpan.FromSeconds(2));
        await (await elsewhere.GetAsync($"/api/chat/stream/{messageId}")).ExpectProblem(HttpStatusCode.Unauthorized, "unauthenticated");
        release.SetResult();

        Assert.DoesNotContain(seen, e => e.Data.Contains("SECRET", StringComparison.Ordinal));
        Assert.Equal("done", (await stream.ReadAllAsync())[^1].Event);
    }

    [Fact]
    [Trait("Store", "File")]
    public async Task An_end_that_the_store_refuses_is_stored_and_told_once_it_can_be()
    {
        await using var upstream = FakeUpstream.Start(OpenAiScript.Answer(["fake-model"], "all of it"));
        await using var server = await TestServer.StartAsync();
        var admin = await server.RegisterAdminAsync();
        var session = await admin.NewSession(await admin.Connect(upstream));
        Execute(server, "create trigger no_end before update on runs when new.status = 'done' begin select raise(abort, 'not now'); end");

        await using var stream = await admin.Ask(session, "go");
        var before = await stream.ReadUntilAsync(e => e.Event == "error");
        Assert.Equal("all of it", string.Concat(before.Where(e => e.Event == "delta").Select(e => e.Json.Text("text"))));
        Assert.Equal(1, (await admin.GetJson("/api/chat/runs")).GetArrayLength());
        Execute(server, "drop trigger no_end");

        var rest = await stream.ReadAllAsync();
        Assert.Equal("done", rest[^1].Json.Text("status"));
        Assert.Equal(0, (await admin.GetJson("/api/chat/runs")).GetArrayLength());
        var stored = (await admin.GetJson($"/api/sessions/{session}/messages")).GetProperty("items")[1];
        Assert.Equal(("all of it", "done"), (stored.Text("content"), stored.Text("status")));
    }

    private static void Execute(TestServer server, string sql)
    {
        using var connection = TestStore.Open(server.DataDir);
        using var command = connection.CreateCommand();
        command.CommandText = sql;
        command.ExecuteNonQuery();
    }
}
