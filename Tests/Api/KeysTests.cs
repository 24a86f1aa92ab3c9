using System.Net;
using System.Net.Http.Headers;
using System.Text.Json;
using AiChat.Tests.Chat;

namespace AiChat.Tests.Api;

/// <summary>API keys: shown once, stored as a hash, valid for their scopes, models and time.</summary>
public sealed class KeysTests
{
    [Fact]
    public async Task A_key_is_shown_once_and_stored_only_as_a_hash()
    {
        await using var server = await TestServer.StartAsync();
        var admin = await server.RegisterAdminAsync();
        var made =
            await Make(admin, new
            {
                name = "script",
                scopes = new[] { "api" },
                models = new[] { "demo" },
                expiresAt = "2999-01-01T00:00:00.000Z",
                dailyBudget = 1.5,
            });
        var key = made.Text("key")!;

        Assert.StartsWith("sk-", key);
        Assert.True(key.Length >= 46);
        Assert.Equal(key[..10], made.Text("prefix"));
        var listed = (await admin.GetJson("/api/keys")).GetProperty("items")[0];
        Assert.DoesNotContain(key, listed.GetRawText());
        Assert.Equal("script", listed.Text("name"));
        Assert.Equal(1.5m, listed.GetProperty("dailyBudget").GetDecimal());
        Assert.Equal("demo", listed.GetProperty("models")[0].GetString());
        Assert.Equal(JsonValueKind.Null, listed.GetProperty("lastUsedAt").ValueKind);

        await (await With(server, key).GetAsync("/api/auth/me")).Expect(HttpStatusCode.OK);
        await Eventually.Holds(
            async () => (await admin.GetJson("/api/keys"))
                .GetProperty("items")[0].GetProperty("lastUsedAt").ValueKind != JsonValueKind.Null);

        foreach (var file in Directory.EnumerateFiles(server.DataDir, "app.db*"))
        {
            Assert.DoesNotContain(key, await Contents(file));
        }
    }

    [Fact]
    public async Task A_deleted_key_opens_nothing_from_then_on_and_is_nobody_elses()
    {
        await using var server = await TestServer.StartAsync();
        var admin = await server.RegisterAdminAsync();
        var other = await server.RegisterUserAsync(admin);
        var made = await Make(admin, new { name = "k", scopes = new[] { "api" } });
        var script = With(server, made.Text("key")!);
        await (await script.GetAsync("/api/auth/me")).Expect(HttpStatusCode.OK);

        await (await other.DeleteAsync($"/api/keys/{made.Id()}")).ExpectProblem(HttpStatusCode.NotFound, "not_found");
        Assert.Empty((await other.GetJson("/api/keys")).GetProperty("items").EnumerateArray());
        await (await admin.DeleteAsync($"/api/keys/{made.Id()}")).Expect(HttpStatusCode.NoContent);

        await (await script.GetAsync("/api/auth/me")).ExpectProblem(HttpStatusCode.Unauthorized, "unauthenticated");
    }

    [Fact]
    public async Task Keys_make_and_remove_no_keys_and_change_no_password()
    {
        await using var server = await TestServer.StartAsync();
        var admin = await server.RegisterAdminAsync();
        var made = await Make(admin, new { name = "k", scopes = new[] { "api", "chat", "models" } });
        var script = With(server, made.Text("key")!);

        await (await script.PostJson("/api/keys", new { name = "another" })).ExpectProblem(HttpStatusCode.Forbidden, "forbidden");
        await (await script.DeleteAsync($"/api/keys/{made.Id()}")).ExpectProblem(HttpStatusCode.Forbidden, "forbidden");
        await (await script.PutJson("/api/auth/password", new { currentPassword = TestServer.Password, newPassword = "another-pw-9876" }))
            .ExpectProblem(HttpStatusCode.Forbidden, "forbidden");
        Assert.Single((await admin.GetJson("/api/keys")).GetProperty("items").EnumerateArray());
    }

    [Fact]
    public async Task A_key_for_one_model_opens_no_other_through_the_chat_either()
    {
        await using var upstream = FakeUpstream.Start(OpenAiScript.Answer(["one", "two"], "ok"));
        await using var server = await TestServer.StartAsync();
        var admin = await server.RegisterAdminAsync();
        var connection = await admin.Connect(upstream, "one", "two");
        var script = With(server, (await Make(admin, new { name = "k", scopes = new[] { "api" }, models = new[] { "one" } })).Text("key")!);
        var session = await admin.NewSession(connection, "one");

        await (await Ask(script, session, "one")).Expect(HttpStatusCode.OK);
        await (await Ask(script, session, "two")).ExpectProblem(HttpStatusCode.NotFound, "not_found");
        Assert.Single(upstream.Chats());
    }

    [Fact]
    public async Task A_keys_budget_holds_for_the_key_alone()
    {
        await using var upstream = FakeUpstream.Start(OpenAiScript.Answer(["fake-model"], "a", "b", "c"));
        await using var server = await TestServer.StartAsync();
        var admin = await server.RegisterAdminAsync();
        var connection = await admin.Connect(upstream);
        await (await admin.PutJson(
            "/api/catalog/models",
            new { connectionId = connection, model = "fake-model", price = new { input = 1_000_000, output = 1_000_000 } }))
            .Expect(HttpStatusCode.OK);
        var script = With(server, (await Make(admin, new { name = "k", scopes = new[] { "api" }, dailyBudget = 10 })).Text("key")!);
        var session = await admin.NewSession(connection);

        await (await Ask(script, session, "fake-model")).Expect(HttpStatusCode.OK);
        await (await Ask(script, session, "fake-model")).ExpectProblem(HttpStatusCode.TooManyRequests, "budget_exceeded");
        await (await Ask(admin, session, "fake-model")).Expect(HttpStatusCode.OK);
        Assert.Equal(10m, (await admin.GetJson("/api/keys")).GetProperty("items")[0].GetProperty("spentToday").GetDecimal());
    }

    [Theory]
    [InlineData("""{"name":""}""", "name")]
    [InlineData("""{"name":"k","scopes":["root"]}""", "scopes")]
    [InlineData("""{"name":"k","scopes":[]}""", "scopes")]
    [InlineData("""{"name":"k","models":[]}""", "models")]
    [InlineData("""{"name":"k","expiresAt":"2001-01-01T00:00:00.000Z"}""", "expiresAt")]
    [InlineData("""{"name":"k","dailyBudget":-1}""", "dailyBudget")]
    public async Task What_a_key_may_be_has_rules(string body, string field)
    {
        await using var server = await TestServer.StartAsync();
        var admin = await server.RegisterAdminAsync();
        using var content = new StringContent(body, MediaTypeHeaderValue.Parse("application/json"));
        var problem = await (await admin.PostAsync("/api/keys", content))
            .ExpectProblem(HttpStatusCode.UnprocessableEntity, "validation_failed");
        Assert.True(problem.GetProperty("errors").TryGetProperty(field, out _));
    }

    internal static async Task<JsonElement> Make(HttpClient user, object key) =>
        await (await user.PostJson("/api/keys", key)).Json(HttpStatusCode.Created);

    /// <summary>A script that authenticates with the key alone.</summary>
    internal static HttpClient With(TestServer server, string key)
    {
        var client = server.Client();
        client.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", key);
        return client;
    }

    private static Task<HttpResponseMessage> Ask(HttpClient client, long session, string model) =>
        client.PostJson("/api/chat/completion", new { sessionId = session, content = "go", clientMessageId = ChatSteps.NewId(), model });

    private static async Task<string> Contents(string file)
    {
        await using var stream = new FileStream(file, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
        using var reader = new StreamReader(stream, System.Text.Encoding.Latin1);
        return await reader.ReadToEndAsync();
    }
}
