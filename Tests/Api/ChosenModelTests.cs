using System.Net;
using AiChat.Tests.Chat;

namespace AiChat.Tests.Api;

/// <summary>
/// A request may name a model, but only one that its caller may use: no API reaches another connection.
/// </summary>
public sealed class ChosenModelTests
{
    [Theory]
    [InlineData("disabled")]
    [InlineData("hidden")]
    [InlineData("private")]
    [InlineData("missing")]
    public async Task A_connection_that_is_not_for_the_caller_is_not_found_by_any_api(string kind)
    {
        await using var upstream = FakeUpstream.Start(OpenAiScript.Answer(["fake-model"], "never"));
        await using var usable = FakeUpstream.Start(OpenAiScript.Answer(["usable"], "answer"));
        await using var server = await TestServer.StartAsync();
        var admin = await server.RegisterAdminAsync();
        var open = await admin.Connect(usable, "usable");
        var connectionId = kind == "missing" ? 987_654 : await admin.Connect(upstream);
        var member = await server.RegisterUserAsync(admin);
        var script = KeysTests.With(server, (await KeysTests.Make(member, new { name = "k" })).Text("key")!);
        var session = await member.NewSession(open, "usable");
        var messageId = (await member.AskAndWait(session, "go")).Id();
        var before = kind is "disabled" or "hidden" or "private" ? await member.NewSession(connectionId) : session;
        if (kind == "disabled")
        {
            await (await admin.PutJson($"/api/connections/{connectionId}", new { enabled = false })).Expect(HttpStatusCode.OK);
        }
        else if (kind != "missing")
        {
            var me = (await admin.GetJson("/api/auth/me")).GetProperty("user").Id();
            object form = kind == "hidden"
                ? new { connectionId, model = "fake-model", hidden = true }
                : new { connectionId, model = "fake-model", allowedUsers = new[] { me } };
            await (await admin.PutJson("/api/catalog/models", form)).Expect(HttpStatusCode.OK);
        }

        var model = "fake-model";
        var id = ChatSteps.NewId;
        HttpResponseMessage[] answers =
        [
            await member.PostJson("/api/sessions", new { connectionId, model }),
            await member.PatchJson($"/api/sessions/{session}", new { connectionId, model }),
            await member.PostJson(
                "/api/chat/stream", new { sessionId = session, content = "go", clientMessageId = id(), connectionId, model }),
            await member.PostJson(
                "/api/chat/completion", new { sessionId = session, content = "go", clientMessageId = id(), connectionId, model }),
            await member.PostJson("/api/chat/regenerate", new { messageId, clientMessageId = id(), connectionId, model }),
            await script.PostJson("/v1/chat/completions", CompatSteps.Ask("go")),
            await script.PostJson("/v1/responses", new { model, input = "go" }),
            await script.PostJson(
                "/v1/messages", new { model, max_tokens = 5, messages = new[] { new { role = "user", content = "go" } } }),
            await script.PostJson("/v1/messages/count_tokens", new { model, messages = new[] { new { role = "user", content = "go" } } }),
            await script.PostJson("/v1/embeddings", new { model, input = "go" }),
        ];

        Assert.All(answers, answer => Assert.True(
            answer.StatusCode == HttpStatusCode.NotFound,
            $"{answer.RequestMessage?.Method} {answer.RequestMessage?.RequestUri?.AbsolutePath}: {answer.StatusCode}"));

        // A chat that used it before is answered by a permitted model instead.
        Assert.Equal("answer", (await member.AskAndWait(before, "still there?")).Text("content"));
        Assert.Empty(upstream.Chats());
    }
}
