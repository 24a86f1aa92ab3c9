using System.Net;
using System.Text.Json;
using AiChat.Tests.Chat;

namespace AiChat.Tests.Api;

/// <summary>The list of sessions: every session is on exactly one page.</summary>
public sealed class SessionListTests
{
    [Fact]
    public async Task Pages_hold_every_session_once_the_pinned_first()
    {
        await using var server = await TestServer.StartAsync();
        var admin = await server.RegisterAdminAsync();
        List<long> made = [];
        for (var i = 0; i < 7; i++)
        {
            made.Add((await (await admin.PostJson("/api/sessions", new { title = $"chat {i}" })).Json(HttpStatusCode.Created)).Id());
        }

        await (await admin.PatchJson($"/api/sessions/{made[0]}", new { pinned = true })).Json();
        await (await admin.PatchJson($"/api/sessions/{made[2]}", new { pinned = true })).Json();
        await (await admin.PatchJson($"/api/sessions/{made[4]}", new { archived = true })).Json();

        List<long> seen = [];
        var cursor = "";
        do
        {
            var page = await admin.GetJson($"/api/sessions?limit=1{cursor}");
            seen.AddRange(page.GetProperty("items").EnumerateArray().Select(item => item.GetProperty("id").GetInt64()));
            cursor = page.GetProperty("nextCursor").ValueKind == JsonValueKind.Null
                ? null
                : $"&cursor={page.GetProperty("nextCursor").GetString()}";
        }
        while (cursor is not null);

        Assert.Equal([made[2], made[0], made[6], made[5], made[3], made[1]], seen);
        var archived = await admin.GetJson("/api/sessions?archived=true");
        Assert.Equal(made[4], Assert.Single(archived.GetProperty("items").EnumerateArray()).GetProperty("id").GetInt64());
    }

    [Fact]
    public async Task A_page_shows_every_change_at_once()
    {
        await using var upstream = FakeUpstream.Start(OpenAiScript.Answer(["fake-model"], "Hello"));
        await using var server = await TestServer.StartAsync();
        var admin = await server.RegisterAdminAsync();
        var connection = await admin.Connect(upstream);
        var id = await admin.NewSession(connection);
        Assert.Equal("", (await Items(admin)).Single().Text("title"));

        await (await admin.PatchJson($"/api/sessions/{id}", new { title = "Named" })).Expect(HttpStatusCode.OK);
        Assert.Equal("Named", (await Items(admin)).Single().Text("title"));

        await admin.AskAndWait(id, "Hello");
        var asked = (await Items(admin)).Single();
        Assert.Equal(2, asked.GetProperty("messageCount").GetInt64());
        Assert.Equal(JsonValueKind.Null, asked.GetProperty("activeRunMessageId").ValueKind);

        var second = await admin.NewSession(connection);
        Assert.Equal(2, (await Items(admin)).Count);
        await (await admin.DeleteAsync($"/api/sessions/{second}")).Expect(HttpStatusCode.NoContent);
        Assert.Equal(id, (await Items(admin)).Single().Id());
    }

    [Fact]
    public async Task A_page_holds_the_callers_own_sessions_only()
    {
        await using var server = await TestServer.StartAsync();
        var admin = await server.RegisterAdminAsync();
        var member = await server.RegisterUserAsync(admin);
        await admin.NewSession();
        await admin.NewSession();

        Assert.Equal(2, (await Items(admin)).Count);
        Assert.Empty(await Items(member));
        Assert.Single(await Items(admin, "?limit=1"));
        Assert.Empty(await Items(admin, "?archived=true"));
        Assert.Equal(2, (await Items(admin)).Count);
    }

    [Fact]
    public async Task While_an_answer_runs_the_page_says_which()
    {
        var go = new TaskCompletionSource();
        await using var upstream = ChatSteps.Provider(async exchange =>
        {
            await exchange.StartSse();
            await OpenAiScript.Piece(exchange, "one");
            await go.Task;
            await OpenAiScript.Finish(exchange, 1);
        });
        await using var server = await TestServer.StartAsync();
        var admin = await server.RegisterAdminAsync();
        var session = await admin.NewSession(await admin.Connect(upstream));
        await using var stream = await admin.Ask(session, "go");
        var transcript = new Transcript();
        await foreach (var next in stream.Events())
        {
            transcript.Take(next);
            if (next.Event == "delta")
            {
                Assert.Equal(transcript.Start!.AssistantId(), (await Items(admin)).Single().GetProperty("activeRunMessageId").GetInt64());
                go.TrySetResult();
            }
        }

        Assert.Equal("one", transcript.Content);
    }

    [Theory]
    [InlineData("x")]
    [InlineData("1-2")]
    [InlineData("2-1-1")]
    [InlineData("0--1-1")]
    public async Task A_cursor_of_ones_own_making_is_refused(string cursor)
    {
        await using var server = await TestServer.StartAsync();
        var admin = await server.RegisterAdminAsync();
        await (await admin.GetAsync($"/api/sessions?cursor={cursor}"))
            .ExpectProblem(HttpStatusCode.UnprocessableEntity, "validation_failed");
    }

    [Fact]
    public async Task How_to_reason_is_the_chats_where_a_request_does_not_say()
    {
        await using var upstream = FakeUpstream.Start(OpenAiScript.Answer(["gpt-5"], "answer"));
        await using var server = await TestServer.StartAsync();
        var admin = await server.RegisterAdminAsync();
        var session = await admin.NewSession(await admin.Connect(upstream, "gpt-5"), "gpt-5");
        var path = $"/api/sessions/{session}";

        await (await admin.PatchJson(path, new { parameters = new { maxOutputTokens = 50 } })).Expect(HttpStatusCode.OK);
        var set = await (await admin.PatchJson(path, new { reasoning = new { enabled = true, effort = "high" } })).Json();
        Assert.Equal("high", set.GetProperty("reasoning").Text("effort"));
        Assert.Equal("""{"maxOutputTokens":50}""", set.GetProperty("parameters").GetRawText());
        Assert.Equal(set.GetProperty("reasoning").GetRawText(), (await admin.GetJson(path)).GetProperty("reasoning").GetRawText());

        await admin.AskAndWait(session, "one");
        Assert.Equal("high", upstream.Chats().Single(chat => chat.Request.Text.Contains("\"one\"")).Request.Json.Text("reasoning_effort"));
        await using (var stream = await admin.PostStream(
            "/api/chat/stream",
            new { sessionId = session, content = "two", clientMessageId = ChatSteps.NewId(), reasoning = new { effort = "low" } }))
        {
            await stream.ReadAllAsync();
        }

        Assert.Equal("low", upstream.Chats().Single(chat => chat.Request.Text.Contains("\"two\"")).Request.Json.Text("reasoning_effort"));

        var cleared = await (await admin.PatchJson(path, new { reasoning = (object?)null })).Json();
        Assert.False(cleared.TryGetProperty("reasoning", out _));
        Assert.Equal(50, cleared.GetProperty("parameters").GetProperty("maxOutputTokens").GetInt32());
        var problem = await (await admin.PatchJson(path, new { reasoning = new { effort = "extreme" } }))
            .ExpectProblem(HttpStatusCode.UnprocessableEntity, "validation_failed");
        Assert.True(problem.GetProperty("errors").TryGetProperty("reasoning.effort", out _));
        await (await admin.PatchJson(path, new { parameters = new { reasoning = new { effort = "low" } } }))
            .ExpectProblem(HttpStatusCode.UnprocessableEntity, "validation_failed");
    }

    private static async Task<List<JsonElement>> Items(HttpClient client, string query = "") =>
        [.. (await client.GetJson("/api/sessions" + query)).GetProperty("items").EnumerateArray()];
}
