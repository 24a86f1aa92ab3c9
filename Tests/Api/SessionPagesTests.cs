using System.Net;
using System.Text.Json;
using AiChat.Tests.Chat;

namespace AiChat.Tests.Api;

/// <summary>Pages of the list are kept while nothing is stored: each must be as if it were read anew.</summary>
public sealed class SessionPagesTests
{
    [Fact]
    public async Task A_kept_page_shows_every_change_at_once()
    {
        await using var upstream = FakeUpstream.Start(OpenAiScript.Answer(["fake-model"], "Hello"));
        await using var server = await TestServer.StartAsync();
        var admin = await server.RegisterAdminAsync();
        var connection = await admin.Connect(upstream);
        var id = await admin.NewSession(connection);
        Assert.Equal("", (await Kept(admin)).Single().Text("title"));

        await (await admin.PatchJson($"/api/sessions/{id}", new { title = "Named" })).Expect(HttpStatusCode.OK);
        Assert.Equal("Named", (await Kept(admin)).Single().Text("title"));

        await admin.AskAndWait(id, "Hello");
        var asked = (await Kept(admin)).Single();
        Assert.Equal(2, asked.GetProperty("messageCount").GetInt64());
        Assert.Equal(JsonValueKind.Null, asked.GetProperty("activeRunMessageId").ValueKind);

        var second = await admin.NewSession(connection);
        Assert.Equal(2, (await Kept(admin)).Count);
        await (await admin.DeleteAsync($"/api/sessions/{second}")).Expect(HttpStatusCode.NoContent);
        Assert.Equal(id, (await Kept(admin)).Single().Id());
    }

    [Fact]
    public async Task A_kept_page_is_its_owners_and_of_its_own_question()
    {
        await using var server = await TestServer.StartAsync();
        var admin = await server.RegisterAdminAsync();
        var member = await server.RegisterUserAsync(admin);
        await admin.NewSession();
        await admin.NewSession();

        Assert.Equal(2, (await Kept(admin)).Count);
        Assert.Empty(await Kept(member));
        Assert.Single(await Kept(admin, "?limit=1"));
        Assert.Empty(await Kept(admin, "?archived=true"));
        Assert.Equal(2, (await Kept(admin)).Count);
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
                Assert.Equal(transcript.Start!.AssistantId(), (await Kept(admin)).Single().GetProperty("activeRunMessageId").GetInt64());
                go.TrySetResult();
            }
        }

        Assert.Equal("one", transcript.Content);
    }

    /// <summary>Asks twice, so that the second answer is the kept one where one is kept.</summary>
    private static async Task<List<JsonElement>> Kept(HttpClient client, string query = "")
    {
        var first = await client.GetJson("/api/sessions" + query);
        var second = await client.GetJson("/api/sessions" + query);
        Assert.Equal(first.GetRawText(), second.GetRawText());
        return [.. second.GetProperty("items").EnumerateArray()];
    }
}
