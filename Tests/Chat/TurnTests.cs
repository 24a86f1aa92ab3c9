using System.Net;

namespace AiChat.Tests.Chat;

/// <summary>
/// Removing turns, clearing chats and choosing branches: what is removed, what stays, and that nobody else can do it.
/// </summary>
public sealed class TurnTests
{
    [Fact]
    public async Task A_turn_goes_with_what_follows_and_its_sibling_is_shown()
    {
        await using var upstream = FakeUpstream.Start(OpenAiScript.Answer(["fake-model"], "answer"));
        await using var server = await TestServer.StartAsync();
        var admin = await server.RegisterAdminAsync();
        var session = await admin.NewSession(await admin.Connect(upstream));
        var first = await admin.AskAndWait(session, "first");
        await admin.AskAndWait(session, "unwanted");
        await using (var edited = await admin.PostStream(
            "/api/chat/stream",
            new { sessionId = session, content = "instead", parentId = first.Id(), clientMessageId = ChatSteps.NewId() }))
        {
            await edited.ReadAllAsync();
        }

        Assert.Equal(6, (await admin.GetJson($"/api/sessions/{session}")).GetProperty("messageCount").GetInt64());
        var instead = (await admin.Messages(session))[2];
        await (await admin.DeleteAsync($"/api/sessions/{session}/messages/{instead.Id()}")).Expect(HttpStatusCode.NoContent);

        Assert.Equal(["first", "answer", "unwanted", "answer"], (await admin.Messages(session)).Select(message => message.Text("content")));
        Assert.Equal(4, (await admin.GetJson($"/api/sessions/{session}")).GetProperty("messageCount").GetInt64());
        Assert.Empty((await admin.GetJson("/api/sessions?q=instead")).GetProperty("items").EnumerateArray());
        await (await admin.DeleteAsync($"/api/sessions/{session}/messages/{instead.Id()}"))
            .ExpectProblem(HttpStatusCode.NotFound, "not_found");

        await (await admin.DeleteAsync($"/api/sessions/{session}/messages")).Expect(HttpStatusCode.NoContent);
        Assert.Empty(await admin.Messages(session));
        Assert.Equal("answer", (await admin.AskAndWait(session, "anew")).Text("content"));
    }

    [Fact]
    public async Task Only_the_answer_that_is_removed_stops_being_written()
    {
        var release = new TaskCompletionSource();
        var calls = 0;
        await using var upstream = ChatSteps.Provider(async exchange =>
        {
            if (Interlocked.Increment(ref calls) == 1)
            {
                await OpenAiScript.Stream(exchange, "old");
                return;
            }

            await exchange.StartSse();
            await OpenAiScript.Piece(exchange, "new");
            await release.Task;
            await OpenAiScript.Finish(exchange, 1);
        });
        await using var server = await TestServer.StartAsync();
        var admin = await server.RegisterAdminAsync();
        var session = await admin.NewSession(await admin.Connect(upstream));
        var old = await admin.AskAndWait(session, "question");
        await using var stream = await admin.PostStream(
            "/api/chat/regenerate", new { messageId = old.Id(), clientMessageId = ChatSteps.NewId() });
        Assert.Equal("start", (await stream.NextAsync())!.Event);

        await (await admin.DeleteAsync($"/api/sessions/{session}/messages/{old.Id()}")).Expect(HttpStatusCode.NoContent);
        release.SetResult();
        Assert.Equal("done", (await stream.ReadAllAsync())[^1].Json.Text("status"));
        var answer = (await admin.Messages(session))[^1];
        Assert.Equal("new", answer.Text("content"));

        release = new TaskCompletionSource();
        await using var second = await admin.PostStream(
            "/api/chat/regenerate", new { messageId = answer.Id(), clientMessageId = ChatSteps.NewId() });
        var started = (await second.NextAsync())!;
        await upstream.NextChatAsync();
        await upstream.NextChatAsync();
        var exchange = await upstream.NextChatAsync();
        await (await admin.DeleteAsync($"/api/sessions/{session}/messages/{started.AssistantId()}")).Expect(HttpStatusCode.NoContent);
        await exchange.ClientGone.WaitAsync(TimeSpan.FromSeconds(10));
        Assert.Equal(answer.Id(), (await admin.Messages(session))[^1].Id());
    }

    [Fact]
    public async Task An_answer_begins_with_the_same_words_live_and_replayed()
    {
        await using var upstream = ChatSteps.Provider(exchange => OpenAiScript.Stream(exchange, "text"));
        await using var server = await TestServer.StartAsync();
        var admin = await server.RegisterAdminAsync();
        var session = await admin.NewSession(await admin.Connect(upstream));

        long messageId;
        await using (var sent = await admin.Ask(session, "question"))
        {
            messageId = await AssertReplays(sent);
        }

        foreach (var kind in new[] { "regenerate", "continue" })
        {
            await using var again = await admin.PostStream($"/api/chat/{kind}", new { messageId, clientMessageId = ChatSteps.NewId() });
            await AssertReplays(again);
        }

        // An edited question has versions of its own, also when another answer to it is asked for.
        foreach (var (path, body) in new (string, Func<object>)[]
        {
            (
                "stream",
                () => new { sessionId = session, content = "question", parentId = (long?)null, clientMessageId = ChatSteps.NewId() }),
            ("regenerate", () => new { messageId, clientMessageId = ChatSteps.NewId() }),
        })
        {
            await using var stream = await admin.PostStream($"/api/chat/{path}", body());
            messageId = await AssertReplays(stream);
        }

        var questions = (await admin.Messages(session))[0].GetProperty("siblings").EnumerateArray().Select(id => id.GetInt64()).ToList();
        Assert.Equal(2, questions.Count);
        Assert.Equal(2, (await admin.Messages(session))[1].GetProperty("siblings").GetArrayLength());

        var next = new { sessionId = session, content = "next", clientMessageId = ChatSteps.NewId() };
        var whole = await (await admin.PostJson("/api/chat/completion", next)).Json();
        foreach (var message in new[] { "userMessage", "assistantMessage" })
        {
            Assert.Equal(
                [whole.GetProperty(message).Id()],
                whole.GetProperty(message).GetProperty("siblings").EnumerateArray().Select(id => id.GetInt64()));
        }

        async Task<long> AssertReplays(SseStream stream)
        {
            var live = (await stream.ReadAllAsync())[0];
            await using var stored = await admin.GetStream($"/api/chat/stream/{live.AssistantId()}");
            var replayed = (await stored.ReadAllAsync())[0];
            Assert.Equal(("start", "start"), (live.Event, replayed.Event));
            Assert.Equal("question", live.Json.GetProperty("userMessage").Text("content"));
            foreach (var message in new[] { "userMessage", "assistantMessage" })
            {
                Assert.Equal(live.Json.GetProperty(message).GetRawText(), replayed.Json.GetProperty(message).GetRawText());
            }

            var rows = await admin.Messages(session);
            var row = rows.Single(row => row.Id() == live.AssistantId());
            Assert.Equal(row.Text("createdAt"), live.Json.GetProperty("assistantMessage").Text("createdAt"));
            Assert.Equal(
                row.GetProperty("siblings").GetRawText(),
                live.Json.GetProperty("assistantMessage").GetProperty("siblings").GetRawText());
            Assert.Equal(
                rows.Single(question => question.Id() == row.GetProperty("parentId").GetInt64()).GetProperty("siblings").GetRawText(),
                live.Json.GetProperty("userMessage").GetProperty("siblings").GetRawText());
            return live.AssistantId();
        }
    }

    [Fact]
    public async Task What_is_somebody_elses_is_not_there()
    {
        await using var server = await TestServer.StartAsync();
        var admin = await server.RegisterAdminAsync();
        var session = await admin.NewSession();
        var answer = await admin.AskAndWait(session, "private");
        var other = await server.RegisterUserAsync(admin);
        var own = await other.NewSession();

        foreach (var (id, message) in new[] { (session, answer.Id()), (own, answer.Id()), (987654321, 987654321) })
        {
            await (await other.DeleteAsync($"/api/sessions/{id}/messages/{message}")).ExpectProblem(HttpStatusCode.NotFound, "not_found");
            await (await other.PostJson($"/api/sessions/{id}/branch", new { messageId = message }))
                .ExpectProblem(HttpStatusCode.NotFound, "not_found");
        }

        await (await other.DeleteAsync($"/api/sessions/{session}/messages")).ExpectProblem(HttpStatusCode.NotFound, "not_found");
        Assert.Equal(2, (await admin.Messages(session)).Count);
    }
}
