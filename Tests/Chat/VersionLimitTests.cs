using System.Net;

namespace AiChat.Tests.Chat;

/// <summary>How many answers to one question are kept, and that none is removed before the new one is done.</summary>
public sealed class VersionLimitTests
{
    [Fact]
    public async Task The_oldest_answers_go_when_a_new_one_is_done_and_not_before()
    {
        var works = true;
        await using var upstream = ChatSteps.Provider(
            exchange => works ? OpenAiScript.Stream(exchange, "answer") : exchange.Reply(400, """{"error":{"message":"no"}}"""));
        await using var server = await TestServer.StartAsync();
        var admin = await server.RegisterAdminAsync();
        await (await admin.PatchJson("/api/settings/system", new { assistantReplyHistoryLimit = 2 })).Expect(HttpStatusCode.OK);
        var session = await admin.NewSession(await admin.Connect(upstream));
        var first = (await admin.AskAndWait(session, "question")).Id();
        var second = await Regenerate(admin, session, first);
        Assert.Equal([first, second], await Siblings(admin, session));

        works = false;
        var failed = await Regenerate(admin, session, second);
        Assert.Equal([first, second, failed], await Siblings(admin, session)); // a failed answer removes nothing

        works = true;
        await using var told = await admin.PostStream(
            "/api/chat/regenerate", new { messageId = second, clientMessageId = ChatSteps.NewId() });
        var done = (await told.ReadAllAsync())[^1].Json;
        var fourth = done.GetProperty("messageId").GetInt64();
        Assert.Equal([first, second], done.GetProperty("removedVersions").EnumerateArray().Select(id => id.GetInt64()).Order());
        Assert.Equal([failed, fourth], await Siblings(admin, session));
        Assert.Equal(3, (await admin.GetJson($"/api/sessions/{session}")).GetProperty("messageCount").GetInt64());
    }

    [Fact]
    public async Task An_answer_that_the_chat_went_on_from_stays()
    {
        await using var upstream = FakeUpstream.Start(OpenAiScript.Answer(["fake-model"], "answer"));
        await using var server = await TestServer.StartAsync();
        var admin = await server.RegisterAdminAsync();
        await (await admin.PatchJson("/api/settings/system", new { assistantReplyHistoryLimit = 1 })).Expect(HttpStatusCode.OK);
        var session = await admin.NewSession(await admin.Connect(upstream));
        var first = (await admin.AskAndWait(session, "question")).Id();
        await admin.AskAndWait(session, "go on");

        var second = await Regenerate(admin, session, first);
        var third = await Regenerate(admin, session, second);

        Assert.Equal([first, third], await Siblings(admin, session));
        await (await admin.PostJson($"/api/sessions/{session}/branch", new { messageId = first })).Expect(HttpStatusCode.NoContent);
        Assert.Equal(4, (await admin.Messages(session)).Count);
    }

    private static async Task<long> Regenerate(HttpClient client, long session, long messageId)
    {
        await using var stream = await client.PostStream("/api/chat/regenerate", new { messageId, clientMessageId = ChatSteps.NewId() });
        await stream.ReadAllAsync();
        return (await client.Messages(session))[^1].Id();
    }

    private static async Task<IEnumerable<long>> Siblings(HttpClient client, long session) =>
        (await client.Messages(session))[1].GetProperty("siblings").EnumerateArray().Select(id => id.GetInt64());
}
