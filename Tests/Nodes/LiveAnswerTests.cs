using System.Diagnostics;
using System.Net;
using AiChat.Tests.Chat;

namespace AiChat.Tests.Nodes;

/// <summary>Answers that one server writes, followed and ended at another.</summary>
public sealed class LiveAnswerTests
{
    private static readonly TimeSpan Second = TimeSpan.FromSeconds(1);

    [PostgresTheory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task An_answer_is_read_at_another_server_as_where_it_is_written(bool isReached)
    {
        using var seen = new SemaphoreSlim(0);
        var start = new TaskCompletionSource();
        await using var upstream = ChatSteps.SteppedProvider(start.Task, seen, 40);
        await using var nodes = NodeGroup.Empty();
        await nodes.Add(reached: isReached);
        await nodes.Add();
        var admin = await nodes.Admin();
        var session = await admin.Http.NewSession(await admin.Http.Connect(upstream));
        await using var here = await admin.Http.Ask(session, "go");
        var first = (await here.NextAsync())!;
        var messageId = first.AssistantId();
        var (live, mirrored) = (new Transcript(), new Transcript());
        live.Take(first);
        start.SetResult();

        await using var there = await admin.At(nodes.B).GetStream($"/api/chat/stream/{messageId}");
        while (mirrored.Content.Length == 0)
        {
            mirrored.Take((await there.NextAsync())!);
        }

        var listed = (await admin.Http.GetJson("/api/sessions")).GetProperty("items")[0];
        Assert.Equal(messageId, listed.GetProperty("activeRunMessageId").GetInt64());
        Assert.Equal(messageId, (await admin.Http.GetJson("/api/chat/runs"))[0].GetProperty("messageId").GetInt64());
        seen.Release(40);
        await Task.WhenAll(live.ReadAll(here), mirrored.ReadAll(there));

        Assert.Equal(string.Concat(Enumerable.Range(0, 40).Select(i => $"{i} ")), live.Content);
        Assert.Equal(live.Content, mirrored.Content);
        Assert.Equal((live.LastId, "done"), (mirrored.LastId, mirrored.Done!.Json.Text("status")));
        Assert.Equal(live.Content, (await admin.Http.Messages(session))[^1].Text("content"));
        Assert.Equal(0, (await admin.Http.GetJson("/api/chat/runs")).GetArrayLength());
    }

    [PostgresFact]
    public async Task Who_comes_back_at_another_server_each_time_loses_no_character()
    {
        const int cuts = 60;
        using var pieces = new SemaphoreSlim(0);
        await using var upstream = ChatSteps.Provider(async exchange =>
        {
            await exchange.StartSse();
            for (var i = 0; i < cuts * 3; i++)
            {
                await pieces.WaitAsync();
                await OpenAiScript.Piece(exchange, $"Stück {i} 😀\n");
            }

            await OpenAiScript.Finish(exchange, cuts);
        });
        await using var nodes = await NodeGroup.Two();
        var admin = await nodes.Admin();
        var session = await admin.Http.NewSession(await admin.Http.Connect(upstream));
        var random = new Random(20261130);
        var transcript = new Transcript();
        await using (var stream = await admin.Http.Ask(session, "go"))
        {
            transcript.Take((await stream.NextAsync())!);
        }

        var messageId = transcript.Start!.AssistantId();
        for (var cut = 0; cut < cuts; cut++)
        {
            await using var stream = await admin.At(nodes.All[(cut + 1) % 2]).GetStream($"/api/chat/stream/{messageId}", transcript.LastId);
            for (var events = random.Next(1, 3); events > 0; events--)
            {
                pieces.Release();
                transcript.Take((await stream.NextAsync())!);
            }
        }

        pieces.Release(cuts * 3);
        await using (var last = await admin.At(nodes.B).GetStream($"/api/chat/stream/{messageId}", transcript.LastId))
        {
            await transcript.ReadAll(last);
        }

        Assert.Equal(string.Concat(Enumerable.Range(0, cuts * 3).Select(i => $"Stück {i} 😀\n")), transcript.Content);
        Assert.Equal(transcript.Content, (await admin.Http.Messages(session))[^1].Text("content"));
        Assert.NotNull(transcript.Done);
    }

    [PostgresFact]
    public async Task A_page_that_loads_in_the_middle_elsewhere_goes_on_from_its_snapshot()
    {
        using var pieces = new SemaphoreSlim(1);
        await using var upstream = ChatSteps.ReleasedProvider(pieces);
        await using var nodes = await NodeGroup.Two();
        var admin = await nodes.Admin();
        var session = await admin.Http.NewSession(await admin.Http.Connect(upstream));
        await using var stream = await admin.Http.Ask(session, "go");
        await stream.ReadUntilAsync(e => e.Event == "delta");
        await Eventually.Holds(async () => (await admin.At(nodes.B).Messages(session))[^1].Text("content") == "one ");

        var snapshot = (await admin.Http.Messages(session))[^1];
        await using var rest = await admin.Http.GetStream(
            $"/api/chat/stream/{snapshot.Id()}?after={snapshot.GetProperty("eventId").GetInt64()}");
        pieces.Release(2);
        var events = await rest.ReadAllAsync();

        Assert.DoesNotContain(events, e => e.Event == "start");
        Assert.Equal("two three", string.Concat(events.Where(e => e.Event == "delta").Select(e => e.Json.Text("text"))));
        Assert.Equal("done", events[^1].Event);
    }

    [PostgresTheory]
    [InlineData("stop", "")]
    [InlineData("stop", "?pooler=transaction")]
    [InlineData("delete", "")]
    [InlineData("clear", "")]
    [InlineData("disable", "")]
    [InlineData("account", "")]
    public async Task What_ends_an_answer_ends_it_from_any_server(string how, string query)
    {
        await using var upstream = ChatSteps.HangingProvider();
        await using var nodes = await NodeGroup.Two(query);
        var admin = await nodes.Admin();
        var connection = await admin.Http.Connect(upstream);
        var user = await nodes.User(admin);
        var session = await user.Http.NewSession(connection);
        await using var stream = await user.Http.Ask(session, "go");
        var messageId = (await stream.ReadUntilAsync(e => e.Event == "delta"))[0].AssistantId();
        var me = (await user.Http.GetJson("/api/auth/me")).GetProperty("user").Id();
        var begun = Stopwatch.GetTimestamp();

        var http = user.At(nodes.B);
        using var answer = how switch
        {
            "stop" => await http.PostJson("/api/chat/stop", new { messageId }),
            "delete" => await http.DeleteAsync($"/api/sessions/{session}"),
            "clear" => await http.DeleteAsync($"/api/sessions/{session}/messages"),
            "disable" => await admin.At(nodes.B).PutJson($"/api/users/{me}/status", new { status = "DISABLED" }),
            _ => await http.DeleteJson("/api/account", new { password = TestServer.Password }),
        };

        Assert.True(answer.IsSuccessStatusCode, await answer.Content.ReadAsStringAsync());
        await (await upstream.NextChatAsync()).ClientGone.WaitAsync(TimeSpan.FromSeconds(10));
        var limit = query.Length > 0 ? 2.5 * Second : 1.5 * Second; // a second, and what two loaded cores take
        Assert.InRange(Stopwatch.GetElapsedTime(begun), TimeSpan.Zero, limit);
        if (how == "stop")
        {
            Assert.Equal("stopped", (await stream.ReadAllAsync())[^1].Json.Text("status"));
        }
    }

    [PostgresFact]
    public async Task The_same_request_at_two_servers_is_one_answer()
    {
        await using var upstream = FakeUpstream.Start(OpenAiScript.Answer(["fake-model"], "abc"));
        await using var nodes = await NodeGroup.Two();
        var admin = await nodes.Admin();
        var session = await admin.Http.NewSession(await admin.Http.Connect(upstream));
        await Eventually.Holds(async () => (await admin.At(nodes.B).GetJson("/api/catalog/models")).GetRawText().Contains("fake-model"));
        var other = nodes.Browser(nodes.A);
        await (await other.Http.PostJson("/api/auth/login", new { username = "admin", password = TestServer.Password }))
            .Expect(HttpStatusCode.OK);
        for (var round = 0; round < 5; round++)
        {
            var id = ChatSteps.NewId();
            var body = new { sessionId = session, content = $"go {round}", clientMessageId = id };
            var both = await Task.WhenAll(
                admin.At(nodes.B).PostJson("/api/chat/completion", body), other.Http.PostJson("/api/chat/completion", body));

            var answers = new List<long>();
            foreach (var response in both)
            {
                answers.Add((await response.Json()).GetProperty("assistantMessage").Id());
            }

            Assert.Single(answers.Distinct());
        }

        Assert.Equal(5, upstream.Chats().Count);
    }

    [PostgresFact]
    public async Task Nobody_else_opens_what_servers_ask_each_other()
    {
        await using var upstream = ChatSteps.HangingProvider();
        await using var nodes = await NodeGroup.Two();
        var admin = await nodes.Admin();
        var session = await admin.Http.NewSession(await admin.Http.Connect(upstream));
        await using var stream = await admin.Http.Ask(session, "go");
        var messageId = (await stream.NextAsync())!.AssistantId();
        foreach (var path in new[] { "/internal/nodes/boot", $"/internal/nodes/answers/1/{messageId}?after=0", "/internal/nodes/other" })
        {
            await (await admin.Http.GetAsync(path)).ExpectProblem(HttpStatusCode.NotFound, "not_found");
            using var forged = new HttpRequestMessage(HttpMethod.Get, path);
            var now = TimeProvider.System.GetUtcNow().ToUnixTimeMilliseconds();
            forged.Headers.Add("X-AiChat-Node", $"{now}.{new string('a', 32)}.{new string('b', 43)}");
            await (await admin.Http.SendAsync(forged)).ExpectProblem(HttpStatusCode.NotFound, "not_found");
        }
    }
}
