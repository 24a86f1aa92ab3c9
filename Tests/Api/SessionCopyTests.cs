using System.Net;
using System.Text.Json;
using AiChat.Tests.Chat;

namespace AiChat.Tests.Api;

/// <summary>Forks, exports and bulk changes: complete, with safe file names, and only the caller's own.</summary>
public sealed class SessionCopyTests
{
    [Fact]
    public async Task A_fork_holds_the_branch_up_to_an_answer_and_goes_its_own_way()
    {
        await using var upstream = FakeUpstream.Start(OpenAiScript.Answer(["fake-model"], "Yes."));
        await using var server = await TestServer.StartAsync();
        var admin = await server.RegisterAdminAsync();
        var session = await admin.NewSession(await admin.Connect(upstream));
        await (await admin.PatchJson($"/api/sessions/{session}", new { systemPrompt = "Be kind.", parameters = new { temperature = 0.5 } }))
            .Expect(HttpStatusCode.OK);
        await admin.AskAndWait(session, "first");
        var second = await admin.AskAndWait(session, "second");
        await admin.AskAndWait(session, "third");
        var before = await admin.Messages(session);

        var fork =
            await (await admin.PostJson($"/api/sessions/{session}/fork", new { messageId = second.Id() })).Json(HttpStatusCode.Created);

        Assert.Equal("first", fork.Text("title"));
        Assert.Equal("Be kind.", fork.Text("systemPrompt"));
        Assert.Equal(0.5, fork.GetProperty("parameters").GetProperty("temperature").GetDouble());
        Assert.Equal(4, fork.GetProperty("messageCount").GetInt64());
        var copies = await admin.Messages(fork.Id());
        Assert.Equal(["first", "Yes.", "second", "Yes."], copies.Select(message => message.Text("content")));
        Assert.Equal(
            new long?[] { null, copies[0].Id(), copies[1].Id(), copies[2].Id() },
            copies.Select(message => message.GetProperty("parentId").Deserialize<long?>()));
        Assert.Empty(copies.Select(message => message.Id()).Intersect(before.Select(message => message.Id())));
        Assert.Equal(before[3].GetProperty("usage").GetRawText(), copies[3].GetProperty("usage").GetRawText());

        await admin.AskAndWait(fork.Id(), "another third");
        Assert.Equal(
            "second",
            upstream.Chats().Single(chat => chat.Request.Text.Contains("another third")).Request.Json.GetProperty("messages")[3]
                .Text("content"));
        Assert.Equal(
            before.Select(message => message.GetRawText()), (await admin.Messages(session)).Select(message => message.GetRawText()));
        await (await admin.DeleteAsync($"/api/sessions/{session}")).Expect(HttpStatusCode.NoContent);
        Assert.Equal(6, (await admin.Messages(fork.Id())).Count);
        Assert.Equal(fork.Id(), (await admin.GetJson("/api/sessions?q=another")).GetProperty("items")[0].Id());

        var question = (await admin.Messages(fork.Id()))[0].Id();
        await (await admin.PostJson($"/api/sessions/{fork.Id()}/fork", new { messageId = question }))
            .ExpectProblem(HttpStatusCode.Conflict, "message_conflict");
    }

    [Fact]
    public async Task Exports_hold_every_message_under_a_safe_name()
    {
        await using var upstream = FakeUpstream.Start(OpenAiScript.Answer(["fake-model"], "# 答案 <script>alert(1)</script>"));
        await using var server = await TestServer.StartAsync();
        var admin = await server.RegisterAdminAsync();
        var session = await admin.NewSession(await admin.Connect(upstream));
        var first = await admin.AskAndWait(session, "问题");
        await using (var again = await admin.PostStream(
            "/api/chat/regenerate", new { messageId = first.Id(), clientMessageId = ChatSteps.NewId() }))
        {
            await again.ReadAllAsync();
        }

        await (await admin.PatchJson($"/api/sessions/{session}", new { title = "../../etc/计划\u202Egpj.exe; \"a\"%2f" }))
            .Expect(HttpStatusCode.OK);

        using var markdown = await admin.GetAsync($"/api/sessions/{session}/export?format=md");
        await markdown.Expect(HttpStatusCode.OK);
        Assert.Equal("text/markdown", markdown.Content.Headers.ContentType?.MediaType);
        var disposition = markdown.Content.Headers.ContentDisposition!;
        Assert.Equal("attachment", disposition.DispositionType);
        Assert.Equal("etc 计划 gpj.exe a 2f.md", disposition.FileNameStar);
        Assert.Equal("no-store", markdown.Headers.CacheControl?.ToString());
        Assert.Equal("nosniff", markdown.Headers.GetValues("X-Content-Type-Options").Single());
        var text = await markdown.Content.ReadAsStringAsync();
        Assert.Equal(1, Count(text, "# 答案 <script>alert(1)</script>"));
        Assert.Contains("## User", text);
        Assert.Contains("## Assistant (fake-model)", text);

        var json = await admin.GetJson($"/api/sessions/{session}/export?format=json");
        Assert.Equal(session, json.GetProperty("session").Id());
        var tree = (await admin.GetJson($"/api/sessions/{session}/messages?tree=true")).GetProperty("items").EnumerateArray().ToList();
        Assert.Equal(3, tree.Count);
        Assert.Equal(tree.Select(message => message.Id()), json.GetProperty("messages").EnumerateArray().Select(message => message.Id()));
        Assert.Equal(
            tree.Select(message => message.Text("content")),
            json.GetProperty("messages").EnumerateArray().Select(message => message.Text("content")));

        await (await admin.GetAsync($"/api/sessions/{session}/export?format=exe"))
            .ExpectProblem(HttpStatusCode.UnprocessableEntity, "validation_failed");
        using var empty = await admin.GetAsync($"/api/sessions/{await admin.NewSession()}/export?format=md");
        Assert.StartsWith("chat-", empty.Content.Headers.ContentDisposition!.FileNameStar);
    }

    [Fact]
    public async Task An_export_longer_than_a_page_is_whole()
    {
        await using var upstream = FakeUpstream.Start(OpenAiScript.Answer(["fake-model"], "ok"));
        await using var server = await TestServer.StartAsync();
        var admin = await server.RegisterAdminAsync();
        await (await admin.PatchJson("/api/settings/system", new { requestsPerMinute = 0 })).Expect(HttpStatusCode.OK);
        var session = await admin.NewSession(await admin.Connect(upstream));
        for (var i = 0; i < 30; i++)
        {
            await using var stream = await admin.Ask(session, $"question {i:00}.");
            await stream.ReadAllAsync();
        }

        var text = await admin.GetStringAsync($"/api/sessions/{session}/export?format=md");
        var json = await admin.GetJson($"/api/sessions/{session}/export?format=json");

        var places = Enumerable.Range(0, 30).Select(
            i => text.IndexOf($"question {i:00}.", text.IndexOf("## User", StringComparison.Ordinal), StringComparison.Ordinal)).ToList();
        Assert.DoesNotContain(-1, places);
        Assert.Equal(places.Order(), places);
        Assert.Equal(60, json.GetProperty("messages").GetArrayLength());
    }

    [Fact]
    [Trait("Nodes", "One")] // each server counts copies by itself
    public async Task Copies_in_a_row_are_limited_for_each_person()
    {
        await using var server = await TestServer.StartAsync();
        var admin = await server.RegisterAdminAsync();
        var session = await admin.NewSession();
        var answer = await admin.AskAndWait(session, "hello");
        for (var i = 0; i < 20; i++)
        {
            await (await admin.PostJson($"/api/sessions/{session}/fork", new { messageId = answer.Id() })).Expect(HttpStatusCode.Created);
        }

        using var refused = await admin.PostJson($"/api/sessions/{session}/fork", new { messageId = answer.Id() });
        await refused.ExpectProblem(HttpStatusCode.TooManyRequests, "rate_limited");
        Assert.InRange(refused.Headers.RetryAfter!.Delta!.Value.TotalSeconds, 1, 5);
    }

    [Fact]
    public async Task Many_sessions_change_at_once_and_only_ones_own()
    {
        await using var server = await TestServer.StartAsync();
        var admin = await server.RegisterAdminAsync();
        var other = await server.RegisterUserAsync(admin);
        long[] mine = [await admin.NewSession(), await admin.NewSession(), await admin.NewSession()];
        var theirs = await other.NewSession();

        var archived = await (await admin.PostJson(
            "/api/sessions/bulk", new { ids = new[] { mine[0], mine[1], theirs, 987654321 }, action = "archive" })).Json();
        Assert.Equal(2, archived.GetProperty("changed").GetInt32());
        Assert.Equal(mine[2], (await admin.GetJson("/api/sessions")).GetProperty("items").EnumerateArray().Single().Id());
        Assert.Equal(
            1,
            (await (await admin.PostJson("/api/sessions/bulk", new { ids = new[] { mine[1] }, action = "unarchive" })).Json())
                .GetProperty("changed").GetInt32());
        Assert.Equal(
            2,
            (await (await admin.PostJson("/api/sessions/bulk", new { ids = new[] { mine[0], mine[2], theirs }, action = "delete" })).Json())
                .GetProperty("changed").GetInt32());
        Assert.Equal(mine[1], (await admin.GetJson("/api/sessions")).GetProperty("items").EnumerateArray().Single().Id());
        Assert.False((await other.GetJson($"/api/sessions/{theirs}")).GetProperty("archived").GetBoolean());

        foreach (object body in new object[]
        {
            new { ids = Array.Empty<long>(), action = "delete" }, new { ids = new long[101], action = "delete" },
            new { ids = mine, action = "pin" },
        })
        {
            await (await admin.PostJson("/api/sessions/bulk", body)).ExpectProblem(HttpStatusCode.UnprocessableEntity, "validation_failed");
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

        await Same(
            other, client => client.PostJson($"/api/sessions/{session}/fork", new { messageId = answer.Id() }),
            client => client.PostJson("/api/sessions/987654321/fork", new { messageId = 987654321 }));
        await Same(
            other, client => client.PostJson($"/api/sessions/{own}/fork", new { messageId = answer.Id() }),
            client => client.PostJson($"/api/sessions/{own}/fork", new { messageId = 987654321 }));
        await Same(
            other, client => client.GetAsync($"/api/sessions/{session}/export?format=json"),
            client => client.GetAsync("/api/sessions/987654321/export?format=json"));
        Assert.Equal(own, (await other.GetJson("/api/sessions")).GetProperty("items").EnumerateArray().Single().Id());
    }

    /// <summary>Asserts equal 404s apart from the trace id.</summary>
    private static async Task Same(
        HttpClient client, Func<HttpClient, Task<HttpResponseMessage>> foreign, Func<HttpClient, Task<HttpResponseMessage>> never)
    {
        var one = await (await foreign(client)).ExpectProblem(HttpStatusCode.NotFound, "not_found");
        var two = await (await never(client)).ExpectProblem(HttpStatusCode.NotFound, "not_found");
        Assert.Equal(two.Text("detail"), one.Text("detail"));
        Assert.Equal(two.EnumerateObject().Select(member => member.Name), one.EnumerateObject().Select(member => member.Name));
    }

    private static int Count(string text, string part) => text.Split(part).Length - 1;
}
