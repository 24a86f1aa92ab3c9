using System.Net;
using AiChat.Tests.Chat;

namespace AiChat.Tests.Api;

/// <summary>The prompt library and drafts: stored, limited and private.</summary>
public sealed class PromptTests
{
    [Fact]
    public async Task Prompts_are_made_changed_and_removed()
    {
        await using var server = await TestServer.StartAsync();
        var admin = await server.RegisterAdminAsync();
        var made = await (await admin.PostJson(
            "/api/prompts",
            new { name = "mail", title = "A letter", text = "To {{name}} about {{主题}}, again {{name}}. {{not a name}}" }))
            .Json(HttpStatusCode.Created);

        Assert.Equal(["name", "主题"], made.GetProperty("variables").EnumerateArray().Select(item => item.GetString()));
        Assert.True(made.GetProperty("own").GetBoolean());
        await (await admin.PostJson("/api/prompts", new { name = "mail", title = "B", text = "b" }))
            .ExpectProblem(HttpStatusCode.Conflict, "name_taken");

        var other =
            await (await admin.PostJson("/api/prompts", new { name = "a-2", title = "B", text = "b" })).Json(HttpStatusCode.Created);
        await (await admin.PutJson($"/api/prompts/{other.Id()}", new { name = "mail", title = "B", text = "b" }))
            .ExpectProblem(HttpStatusCode.Conflict, "name_taken");
        var changed =
            await (await admin.PutJson($"/api/prompts/{made.Id()}", new { name = "mail", title = "Letter", text = "{{x}}" })).Json();
        Assert.Equal("Letter", changed.Text("title"));
        Assert.Equal(["a-2", "mail"], (await Names(admin)));

        await (await admin.DeleteAsync($"/api/prompts/{made.Id()}")).Expect(HttpStatusCode.NoContent);
        await (await admin.DeleteAsync($"/api/prompts/{made.Id()}")).ExpectProblem(HttpStatusCode.NotFound, "not_found");
        Assert.Equal(["a-2"], await Names(admin));
    }

    [Fact]
    public async Task Shared_prompts_are_for_everybody_to_read_and_only_administrators_share()
    {
        await using var server = await TestServer.StartAsync();
        var admin = await server.RegisterAdminAsync();
        var user = await server.RegisterUserAsync(admin);
        var shared = (await (await admin.PostJson(
            "/api/prompts", new { name = "team", title = "Team", text = "t", shared = true })).Json(HttpStatusCode.Created))
            .Id();
        var hidden =
            (await (await admin.PostJson("/api/prompts", new { name = "own", title = "Own", text = "o" })).Json(HttpStatusCode.Created))
            .Id();
        await (await user.PostJson("/api/prompts", new { name = "team", title = "Mine", text = "m" })).Expect(HttpStatusCode.Created);

        var seen = (await user.GetJson("/api/prompts")).GetProperty("items").EnumerateArray().ToList();
        Assert.Equal(["Mine", "Team"], seen.Select(prompt => prompt.Text("title"))); // the own one first
        Assert.Equal([true, false], seen.Select(prompt => prompt.GetProperty("own").GetBoolean()));
        await (await user.PostJson("/api/prompts", new { name = "x", title = "X", text = "x", shared = true }))
            .ExpectProblem(HttpStatusCode.Forbidden, "forbidden");
        foreach (var id in new[] { shared, hidden, 987654321 })
        {
            await (await user.PutJson($"/api/prompts/{id}", new { name = "stolen", title = "X", text = "x" }))
                .ExpectProblem(HttpStatusCode.NotFound, "not_found");
            await (await user.DeleteAsync($"/api/prompts/{id}")).ExpectProblem(HttpStatusCode.NotFound, "not_found");
        }

        Assert.Equal(["own", "team"], await Names(admin));
    }

    [Fact]
    public async Task A_prompt_that_breaks_a_rule_is_refused()
    {
        await using var server = await TestServer.StartAsync();
        var admin = await server.RegisterAdminAsync();
        (string Field, string Value)[] broken =
        [
            ("name", ""), ("name", "Upper"), ("name", "a b"), ("name", "a\n"), ("name", "a/b"), ("name", new string('a', 41)),
            ("title", " "), ("title", "two\nlines"), ("title", new string('x', 201)), ("text", " "), ("text", new string('x', 20_001)),
        ];
        foreach (var (field, value) in broken)
        {
            var prompt = new Dictionary<string, string> { ["name"] = "a", ["title"] = "A", ["text"] = "a", [field] = value };

            var problem = await (await admin.PostJson("/api/prompts", prompt))
                .ExpectProblem(HttpStatusCode.UnprocessableEntity, "validation_failed");

            Assert.Equal([field], problem.GetProperty("errors").EnumerateObject().Select(error => error.Name));
        }
    }

    [Fact]
    public async Task A_draft_follows_its_person_and_goes_with_its_chat()
    {
        await using var server = await TestServer.StartAsync();
        var admin = await server.RegisterAdminAsync();
        var session = await admin.NewSession();
        var text = new string('字', 100_000);

        await (await admin.PutJson($"/api/drafts/{session}", new { text })).Expect(HttpStatusCode.NoContent);
        await (await admin.PutJson("/api/drafts/new", new { text = "not yet a chat" })).Expect(HttpStatusCode.NoContent);
        await (await admin.PutJson("/api/drafts/new", new { text = "not yet a chat, more" })).Expect(HttpStatusCode.NoContent);
        await (await admin.PutJson($"/api/drafts/{session}", new { text = text + "x" }))
            .ExpectProblem(HttpStatusCode.UnprocessableEntity, "validation_failed");
        await server.RestartAsync();

        Assert.Equal(text, (await admin.GetJson($"/api/drafts/{session}")).Text("text"));
        Assert.Equal("not yet a chat, more", (await admin.GetJson("/api/drafts/new")).Text("text"));
        await (await admin.PutJson("/api/drafts/new", new { text = "" })).Expect(HttpStatusCode.NoContent);
        Assert.Equal("", (await admin.GetJson("/api/drafts/new")).Text("text"));
        await (await admin.DeleteAsync($"/api/sessions/{session}")).Expect(HttpStatusCode.NoContent);
        Assert.Equal("", (await admin.GetJson($"/api/drafts/{session}")).Text("text"));
        await (await admin.GetAsync("/api/drafts/other")).ExpectProblem(HttpStatusCode.NotFound, "not_found");
    }

    [Fact]
    public async Task Nobody_reads_or_writes_anothers_draft()
    {
        await using var server = await TestServer.StartAsync();
        var admin = await server.RegisterAdminAsync();
        var other = await server.RegisterUserAsync(admin);
        var session = await admin.NewSession();
        await (await admin.PutJson($"/api/drafts/{session}", new { text = "private" })).Expect(HttpStatusCode.NoContent);
        await (await admin.PutJson("/api/drafts/new", new { text = "private too" })).Expect(HttpStatusCode.NoContent);

        Assert.Equal(
            (await other.GetJson("/api/drafts/987654321")).GetRawText(), (await other.GetJson($"/api/drafts/{session}")).GetRawText());
        Assert.Equal("", (await other.GetJson("/api/drafts/new")).Text("text"));
        await (await other.PutJson($"/api/drafts/{session}", new { text = "mine" })).ExpectProblem(HttpStatusCode.NotFound, "not_found");
        await (await other.PutJson("/api/drafts/987654321", new { text = "mine" })).ExpectProblem(HttpStatusCode.NotFound, "not_found");
        await (await other.DeleteAsync($"/api/drafts/{session}")).Expect(HttpStatusCode.NoContent);
        Assert.Equal("private", (await admin.GetJson($"/api/drafts/{session}")).Text("text"));
    }

    private static async Task<IEnumerable<string?>> Names(HttpClient client) =>
        (await client.GetJson("/api/prompts")).GetProperty("items").EnumerateArray().Select(prompt => prompt.Text("name"));
}
