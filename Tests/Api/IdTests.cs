using System.Net;
using AiChat.Tests.Chat;

namespace AiChat.Tests.Api;

/// <summary>Ids are never reused.</summary>
public sealed class IdTests
{
    [Fact]
    public async Task What_is_made_after_a_deletion_has_a_new_id()
    {
        await using var upstream = FakeUpstream.Start(OpenAiScript.Answer(["fake-model"], "answer"));
        await using var server = await TestServer.StartAsync();
        var admin = await server.RegisterAdminAsync();
        var connection = await admin.Connect(upstream);
        var session = await admin.NewSession(connection);
        var answer = (await admin.AskAndWait(session, "one")).Id();
        var prompt = (await (await admin.PostJson("/api/prompts", Prompt)).Json(HttpStatusCode.Created)).Id();

        await (await admin.DeleteAsync($"/api/sessions/{session}")).Expect(HttpStatusCode.NoContent);
        await (await admin.DeleteAsync($"/api/prompts/{prompt}")).Expect(HttpStatusCode.NoContent);
        await Eventually.Holds(() => LongChat.Number(server, "select count(*) from messages") == 0);

        var next = await admin.NewSession(connection);
        Assert.True(next > session);
        var messages = await admin.AskAndWait(next, "two");
        Assert.True(messages.Id() > answer + 1);
        Assert.True((await (await admin.PostJson("/api/prompts", Prompt)).Json(HttpStatusCode.Created)).Id() > prompt);
        await (await admin.GetAsync($"/api/chat/stream/{answer}")).ExpectProblem(HttpStatusCode.NotFound, "not_found"); // a late reader

        var fork =
            await (await admin.PostJson($"/api/sessions/{next}/fork", new { messageId = messages.Id() })).Json(HttpStatusCode.Created);
        var copied = (await admin.Messages(fork.Id()))[^1].Id();
        await (await admin.DeleteAsync($"/api/sessions/{fork.Id()}")).Expect(HttpStatusCode.NoContent);
        await Eventually.Holds(() => LongChat.Number(server, "select count(*) from messages") == 2);
        var again =
            await (await admin.PostJson($"/api/sessions/{next}/fork", new { messageId = messages.Id() })).Json(HttpStatusCode.Created);
        Assert.True((await admin.Messages(again.Id()))[0].Id() > copied);
    }

    [Fact]
    public async Task A_new_connection_gets_neither_the_usage_nor_the_chats_of_one_that_was_deleted()
    {
        await using var first = FakeUpstream.Start(OpenAiScript.Answer(["fake-model"], "first"));
        await using var second = FakeUpstream.Start(OpenAiScript.Answer(["fake-model"], "second"));
        await using var chosen = FakeUpstream.Start(OpenAiScript.Answer(["chosen"], "chosen"));
        await using var server = await TestServer.StartAsync();
        var admin = await server.RegisterAdminAsync();
        var chosenId = await admin.Connect(chosen, "chosen");
        await (await admin.PutJson("/api/catalog/models", new { connectionId = chosenId, model = "chosen", isDefault = true }))
            .Expect(HttpStatusCode.OK);
        var old = await admin.Connect(first);
        var session = await admin.NewSession(old);
        var answer = (await admin.AskAndWait(session, "a secret")).Id();
        await (await admin.DeleteAsync($"/api/connections/{old}")).Expect(HttpStatusCode.NoContent);

        var other = await admin.Connect(second);

        Assert.True(other > old);
        await (await admin.PostJson("/api/chat/continue", new { messageId = answer, clientMessageId = ChatSteps.NewId() }))
            .ExpectProblem(HttpStatusCode.NotFound, "not_found");
        // The administrator's default model answers and is named; the chat does not move to a model of the same name.
        var next = await admin.AskAndWait(session, "and now?");
        Assert.Equal("chosen", next.Text("content"));
        Assert.Equal("chosen", next.Text("model"));
        // As older releases left it.
        LongChat.Number(server, $"update sessions set connection_id = null, model = 'fake-model' where id = {session} returning 1");
        Assert.Equal("chosen", (await admin.AskAndWait(session, "and then?")).Text("content"));
        Assert.Empty(second.Chats());
    }

    private static object Prompt => new { name = "p", title = "P", text = "text" };
}
