using System.Net;
using System.Text.Json;

namespace AiChat.Tests.Api;

/// <summary>Duplicate names: connections are numbered, and models keep distinct ids.</summary>
public sealed class TwinTests
{
    private const string Key = "sk-CANARY-abcdefgh1234";

    [Fact]
    public async Task Connections_of_one_name_are_numbered_and_both_answer()
    {
        await using var server = await TestServer.StartAsync();
        await using var upstream = FakeUpstream.Start(OpenAiScript.Answer(["gpt-4o"], "hi"));
        var admin = await server.RegisterAdminAsync();

        var names = new List<string?>();
        foreach (var name in new[] { "Team", "Team", "team", "Demo" })
        {
            names.Add((await Create(admin, upstream, name)).GetProperty("name").GetString());
        }

        Assert.Equal(["Team", "Team 2", "team 3", "Demo 2"], names);
        var audit = (await admin.GetJson("/api/audit")).GetProperty("items").EnumerateArray()
            .Where(entry => entry.GetProperty("action").GetString() == "connection.create")
            .Select(entry => entry.GetProperty("detail").GetString()!);
        Assert.Contains(audit, detail => detail.StartsWith("Team 2,", StringComparison.Ordinal));
        var models = (await admin.GetJson("/api/catalog/models")).GetProperty("items").EnumerateArray()
            .Where(model => model.GetProperty("model").GetString() == "gpt-4o").ToList();
        Assert.Equal(4, models.Select(model => model.GetProperty("id").GetString()).Distinct().Count());
        foreach (var model in models)
        {
            var session = await (await admin.PostJson("/api/sessions", new
            {
                connectionId = model.GetProperty("connectionId").GetInt64(),
                model = "gpt-4o",
            })).Json(HttpStatusCode.Created);
            var answer = await (await admin.PostJson("/api/chat/completion", new
            {
                sessionId = session.GetProperty("id").GetInt64(),
                content = "Hello",
                clientMessageId = $"twin-{session.GetProperty("id").GetInt64()}",
            })).Json();
            Assert.Contains("hi", answer.GetRawText());
        }
    }

    [Fact]
    public async Task Forms_at_the_same_moment_get_names_of_their_own()
    {
        await using var server = await TestServer.StartAsync();
        await using var upstream = FakeUpstream.Start(OpenAiScript.Answer(["gpt-4o"], "hi"));
        var admin = await server.RegisterAdminAsync();

        var made = await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => Create(admin, upstream, "Other, OpenAI-compatible")));

        Assert.Equal(8, made.Select(one => one.GetProperty("name").GetString()).Distinct().Count());
    }

    [Fact]
    public async Task A_long_name_is_numbered_within_its_bound_and_between_characters()
    {
        await using var server = await TestServer.StartAsync();
        await using var upstream = FakeUpstream.Start(OpenAiScript.Answer(["gpt-4o"], "hi"));
        var admin = await server.RegisterAdminAsync();
        var name = new string('n', 77) + "😀n";

        await Create(admin, upstream, name);
        var second = (await Create(admin, upstream, name)).GetProperty("name").GetString()!;

        Assert.Equal(new string('n', 77) + " 2", second);
    }

    [Fact]
    public async Task A_rename_onto_a_taken_name_is_numbered_and_a_name_that_stays_is_left_alone()
    {
        await using var server = await TestServer.StartAsync();
        await using var upstream = FakeUpstream.Start(OpenAiScript.Answer(["gpt-4o"], "hi"));
        var admin = await server.RegisterAdminAsync();
        var first = (await Create(admin, upstream, "One")).GetProperty("id").GetInt64();
        var second = (await Create(admin, upstream, "Two")).GetProperty("id").GetInt64();

        Assert.Equal("One 2", await Rename(second, "One"));
        Assert.Equal("One 2", await Rename(second, "One"));
        Assert.Equal("One", await Rename(first, "One"));
        Assert.Equal("ONE", await Rename(first, "ONE"));

        // A database from a release that did not number names.
        await server.StopAsync();
        using (var connection = TestStore.Open(server.DataDir))
        {
            using var command = connection.CreateCommand();
            command.CommandText = "update connections set name = 'Twin' where provider <> 'demo'";
            Assert.Equal(2, command.ExecuteNonQuery());
        }

        await server.RestartAsync();
        Assert.Equal("Twin", await Rename(second, "Twin"));
        await (await admin.PutJson($"/api/connections/{first}", new { enabled = false })).Expect(HttpStatusCode.OK);
        var items = (await admin.GetJson("/api/connections")).GetProperty("items").EnumerateArray();
        Assert.Equal(2, items.Count(one => one.GetProperty("name").GetString() == "Twin"));

        async Task<string?> Rename(long id, string name) =>
            (await (await admin.PutJson($"/api/connections/{id}", new { name })).Json()).GetProperty("name").GetString();
    }

    [Fact]
    public async Task A_check_names_the_saved_connection_of_the_same_address_and_key()
    {
        await using var server = await TestServer.StartAsync();
        await using var upstream = FakeUpstream.Start(OpenAiScript.Answer(["gpt-4o"], "hi"));
        await using var other = FakeUpstream.Start(OpenAiScript.Answer(["gpt-4o"], "hi"));
        var admin = await server.RegisterAdminAsync();
        Assert.Null(await Same(Form(upstream, "Team")));
        var id = (await Create(admin, upstream, "Team")).GetProperty("id").GetInt64();

        Assert.Equal(id, await Same(Form(upstream, "Any name")));
        Assert.Equal(id, await Same(Form(upstream, "Team") with { BaseUrl = upstream.BaseUrl + "/" }));
        Assert.Null(await Same(Form(upstream, "Team") with { Key = "sk-another-key-5678" }));
        Assert.Null(await Same(Form(upstream, "Team") with { Key = null, AuthType = "none" }));
        Assert.Null(await Same(Form(upstream, "Team") with { Headers = new() { ["X-Org"] = "blue" } }));
        Assert.Null(await Same(Form(other, "Team")));

        // The enabled one of several; a form for a saved connection does not match itself.
        await (await admin.PutJson($"/api/connections/{id}", new { enabled = false })).Expect(HttpStatusCode.OK);
        Assert.Equal(id, await Same(Form(upstream, "Team")));
        var enabled = (await Create(admin, upstream, "Team")).GetProperty("id").GetInt64();
        Assert.Equal(enabled, await Same(Form(upstream, "Team")));
        var itself = await (await admin.PostJson("/api/connections/verify", new { id = enabled, enabled = true })).Json();
        Assert.Equal(id, itself.GetProperty("sameAs").GetInt64());

        async Task<long?> Same(TwinForm form)
        {
            var verified = await (await admin.PostJson("/api/connections/verify", form)).Json();
            Assert.True(verified.GetProperty("ok").GetBoolean(), verified.GetRawText());
            return verified.TryGetProperty("sameAs", out var same) && same.ValueKind == JsonValueKind.Number ? same.GetInt64() : null;
        }
    }

    [Fact]
    public async Task Model_ids_stay_unique_when_prefixes_look_like_numbers_of_connections()
    {
        await using var server = await TestServer.StartAsync();
        await using var upstream = FakeUpstream.Start(OpenAiScript.Answer(["gpt-4o"], "hi"));
        var admin = await server.RegisterAdminAsync();
        var first = (await Create(admin, upstream, "A")).GetProperty("id").GetInt64();
        await Create(admin, upstream, "B");
        await (await admin.PostJson("/api/connections", Form(upstream, "C") with { Prefix = $"{first}" })).Expect(HttpStatusCode.Created);

        var ids = (await admin.GetJson("/api/catalog/models"))
            .GetProperty("items").EnumerateArray().Select(model => model.GetProperty("id").GetString()).ToList();

        Assert.Equal(ids.Count, ids.Distinct().Count());
    }

    private static TwinForm Form(FakeUpstream upstream, string name) =>
        new(name, "openai", upstream.BaseUrl, "bearer", Key, null, null, true);

    private static async Task<JsonElement> Create(HttpClient admin, FakeUpstream upstream, string name) =>
        await (await admin.PostJson("/api/connections", Form(upstream, name))).Json(HttpStatusCode.Created);

    private sealed record TwinForm(
        string Name, string Provider, string BaseUrl, string AuthType, string? Key, string? Prefix, Dictionary<string, string>? Headers,
        bool Local);
}
