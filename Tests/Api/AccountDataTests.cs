using System.Net;
using System.Text.Json;
using AiChat.Tests.Chat;

namespace AiChat.Tests.Api;

/// <summary>Account export, account deletion and the audit log.</summary>
public sealed class AccountDataTests
{
    [Fact]
    [Trait("Nodes", "One")] // each server counts exports by itself
    public async Task An_export_holds_all_that_is_ones_own_and_nothing_else()
    {
        await using var upstream = FakeUpstream.Start(OpenAiScript.Answer(["fake-model"], "An answer."));
        await using var server = await TestServer.StartAsync();
        var admin = await server.RegisterAdminAsync();
        var connection = await admin.Connect(upstream);
        var user = await server.RegisterUserAsync(admin, "leaver");
        var sessions = new List<long>();
        for (var i = 0; i < 3; i++)
        {
            sessions.Add(await user.NewSession(connection));
            await user.AskAndWait(sessions[i], $"question {i}");
        }

        await (await user.PatchJson($"/api/sessions/{sessions[0]}", new { archived = true })).Expect(HttpStatusCode.OK);
        await (await user.PostJson("/api/prompts", new { name = "own", title = "Own", text = "mine" })).Expect(HttpStatusCode.Created);
        await (await user.PutJson($"/api/drafts/{sessions[1]}", new { text = "not sent" })).Expect(HttpStatusCode.NoContent);
        await (await admin.PostJson("/api/prompts", new { name = "team", title = "Team", text = "OTHERS", shared = true }))
            .Expect(HttpStatusCode.Created);
        await admin.AskAndWait(await admin.NewSession(connection), "OTHERS");
        await (await user.PutJson("/api/settings/personal", new { locale = "zh" })).Expect(HttpStatusCode.OK);

        using var response = await user.GetAsync("/api/account/export");
        Assert.StartsWith("aichat-leaver-", response.Content.Headers.ContentDisposition!.FileNameStar);
        var text = await response.Content.ReadAsStringAsync();
        var export = await response.Json();

        Assert.Equal("leaver", export.GetProperty("user").Text("username"));
        Assert.Equal("zh", export.GetProperty("preferences").Text("locale"));
        Assert.Equal("own", export.GetProperty("prompts").EnumerateArray().Single().Text("name"));
        Assert.Equal("not sent", export.GetProperty("drafts").EnumerateArray().Single().Text("text"));
        Assert.Equal(0, export.GetProperty("images").GetArrayLength());
        Assert.Equal(sessions, export.GetProperty("sessions").EnumerateArray().Select(item => item.GetProperty("session").Id()));
        Assert.All(export.GetProperty("sessions").EnumerateArray(), item => Assert.Equal(2, item.GetProperty("messages").GetArrayLength()));
        foreach (var hidden in new[] { "OTHERS", "password", "argon2", "hash" })
        {
            Assert.DoesNotContain(hidden, text, StringComparison.OrdinalIgnoreCase);
        }

        for (var i = 0; i < 4; i++)
        {
            using var again = await user.GetAsync("/api/account/export");
            await again.Expect(HttpStatusCode.OK);
        }

        await (await user.GetAsync("/api/account/export")).ExpectProblem(HttpStatusCode.TooManyRequests, "rate_limited");
        Assert.Contains(
            "account.export",
            (await admin.GetJson("/api/audit")).GetProperty("items").EnumerateArray().Select(item => item.Text("action")));
    }

    [Fact]
    public async Task An_account_that_is_deleted_leaves_nothing_and_ends_everywhere()
    {
        var release = new TaskCompletionSource();
        await using var upstream = ChatSteps.Provider(async exchange =>
        {
            await exchange.StartSse();
            await OpenAiScript.Piece(exchange, "begun");
            await release.Task;
        });
        await using var server = await TestServer.StartAsync();
        var admin = await server.RegisterAdminAsync();
        var connection = await admin.Connect(upstream);
        var user = await server.RegisterUserAsync(admin, "leaver");
        var phone = server.Client();
        await (await phone.PostJson("/api/auth/login", new { username = "leaver", password = TestServer.Password }))
            .Expect(HttpStatusCode.OK);
        await (await user.PutJson("/api/drafts/new", new { text = "draft" })).Expect(HttpStatusCode.NoContent);
        var session = await user.NewSession(connection);
        await using var stream = await user.Ask(session, "long one");
        var exchange = await upstream.NextChatAsync();

        await (await user.DeleteJson("/api/account", new { password = "wrong-password" }))
            .ExpectProblem(HttpStatusCode.UnprocessableEntity, "wrong_password");
        await (await user.GetAsync($"/api/sessions/{session}")).Expect(HttpStatusCode.OK);
        using var deleted = await user.DeleteJson("/api/account", new { password = TestServer.Password });
        await deleted.Expect(HttpStatusCode.NoContent);

        await exchange.ClientGone.WaitAsync(TimeSpan.FromSeconds(10)); // the provider is not kept working
        release.SetResult();
        await (await user.GetAsync("/api/auth/me")).ExpectProblem(HttpStatusCode.Unauthorized, "unauthenticated");
        await (await phone.GetAsync("/api/auth/me")).ExpectProblem(HttpStatusCode.Unauthorized, "unauthenticated");
        await (await server.Client().PostJson("/api/auth/login", new { username = "leaver", password = TestServer.Password }))
            .ExpectProblem(HttpStatusCode.Unauthorized, "invalid_credentials");
        Assert.Contains(
            (await admin.GetJson("/api/audit")).GetProperty("items").EnumerateArray(),
            item => item.Text("action") == "account.delete" && item.Text("target")!.EndsWith(" leaver", StringComparison.Ordinal));
        using var store = TestStore.Open(server.DataDir);
        using var command = store.CreateCommand();
        command.CommandText = "select (select count(*) from drafts) + (select count(*) from users) - 1";
        Assert.Equal(0L, command.ExecuteScalar());
        command.CommandText = "select (select count(*) from sessions) + (select count(*) from messages) + (select count(*) from runs)";
        await Eventually.Holds(() => command.ExecuteScalar() is 0L);
    }

    [Fact]
    public async Task The_last_administrator_stays()
    {
        await using var server = await TestServer.StartAsync();
        var admin = await server.RegisterAdminAsync();

        await (await admin.DeleteJson("/api/account", new { password = TestServer.Password }))
            .ExpectProblem(HttpStatusCode.Conflict, "last_admin");
        await (await admin.GetAsync("/api/auth/me")).Expect(HttpStatusCode.OK);

        await server.RegisterUserAsync(admin, "second");
        var id = (await admin.GetJson("/api/users?q=second")).GetProperty("items")[0].Id();
        await (await admin.PutJson($"/api/users/{id}/role", new { role = "ADMIN" })).Expect(HttpStatusCode.OK);
        await (await admin.DeleteJson("/api/account", new { password = TestServer.Password })).Expect(HttpStatusCode.NoContent);
    }

    [Fact]
    public async Task The_record_is_read_page_by_page_with_names()
    {
        await using var server = await TestServer.StartAsync();
        var admin = await server.RegisterAdminAsync();
        await server.RegisterUserAsync(admin, "someone");

        var all = (await admin.GetJson("/api/audit")).GetProperty("items").EnumerateArray().ToList();
        Assert.Contains(
            all,
            item => item.Text("action") == "user.approve" && item.Text("actor") == "admin" && item.Text("target")!.Contains("someone"));
        var first = await admin.GetJson("/api/audit?limit=2");
        var second = await admin.GetJson($"/api/audit?limit=100&cursor={first.Text("nextCursor")}");
        Assert.Equal(
            all.Select(item => item.Id()),
            first.GetProperty("items").EnumerateArray().Concat(second.GetProperty("items").EnumerateArray()).Select(item => item.Id()));
        Assert.Equal(JsonValueKind.Null, second.GetProperty("nextCursor").ValueKind);
        Assert.DoesNotContain(TestServer.Password, JsonSerializer.Serialize(all));
    }
}
