using System.Net;
using AiChat.Tests.Chat;
using Microsoft.Data.Sqlite;

namespace AiChat.Tests.Api;

/// <summary>Usage reports: their sums, who may read them, and a CSV without formulas.</summary>
public sealed class UsageTests
{
    [Fact]
    public async Task Sums_are_of_the_ledger_and_only_ones_own()
    {
        await using var upstream = FakeUpstream.Start(OpenAiScript.Answer(["fake-model"], "a", "b", "c"));
        await using var server = await TestServer.StartAsync();
        var admin = await server.RegisterAdminAsync();
        var member = await server.RegisterUserAsync(admin, "member");
        var connection = await admin.Connect(upstream);
        await (await admin.PutJson(
            "/api/catalog/models",
            new { connectionId = connection, model = "fake-model", price = new { input = 2, output = 10 }, contextLimit = 5_000 }))
            .Expect(HttpStatusCode.OK);
        var session = await admin.NewSession(connection);
        await admin.AskAndWait(session, "one");
        await admin.AskAndWait(session, "two");
        var foreign = await member.NewSession(connection);
        await member.AskAndWait(foreign, "three");

        var chat = await admin.GetJson($"/api/sessions/{session}/usage");
        Assert.Equal(2, chat.GetProperty("total").GetProperty("calls").GetInt64());
        Assert.Equal(20, chat.GetProperty("total").GetProperty("totalTokens").GetInt64());
        Assert.Equal(0.000088m, chat.GetProperty("total").GetProperty("cost").GetDecimal());
        Assert.Equal(
            20, chat.GetProperty("context").GetProperty("promptTokens").GetInt64()); // four short messages of the branch, by estimate
        Assert.Equal(5_000, chat.GetProperty("context").GetProperty("contextLimit").GetInt64());
        await (await admin.GetAsync($"/api/sessions/{foreign}/usage")).ExpectProblem(HttpStatusCode.NotFound, "not_found");

        foreach (var by in new[] { "day", "model", "session" })
        {
            var own = await member.GetJson($"/api/usage/summary?by={by}");
            Assert.Equal(1, own.GetProperty("total").GetProperty("calls").GetInt64());
            Assert.Equal(10, own.GetProperty("items")[0].GetProperty("totalTokens").GetInt64());
        }

        foreach (var by in new[] { "day", "model", "user", "connection" })
        {
            var all = await admin.GetJson($"/api/admin/usage?by={by}");
            Assert.Equal(3, all.GetProperty("total").GetProperty("calls").GetInt64());
            Assert.Equal(by == "user" ? 2 : 1, all.GetProperty("items").GetArrayLength());
        }

        var users = await admin.GetJson("/api/admin/usage?by=user");
        Assert.Equal(["admin", "member"], users.GetProperty("items").EnumerateArray().Select(line => line.Text("name")));
        Assert.Equal(
            0,
            (await admin.GetJson("/api/admin/usage?from=2001-01-01&to=2001-12-31")).GetProperty("total").GetProperty("calls").GetInt64());
    }

    [Theory]
    [InlineData("/api/usage/summary?by=user", "by")]
    [InlineData("/api/usage/summary?from=yesterday", "from")]
    [InlineData("/api/usage/summary?from=2026-02-30", "from")]
    [InlineData("/api/usage/summary?from=2001-01-01&to=2026-01-01", "from")]
    [InlineData("/api/usage/summary?from=2026-01-02&to=2026-01-01", "from")]
    [InlineData("/api/admin/usage?to=x", "to")]
    [InlineData("/api/admin/usage?format=xml", "format")]
    [InlineData("/api/admin/usage?by=session", "by")]
    public async Task Questions_that_make_no_sense_are_refused(string path, string field)
    {
        await using var server = await TestServer.StartAsync();
        var admin = await server.RegisterAdminAsync();
        var problem = await (await admin.GetAsync(path)).ExpectProblem(HttpStatusCode.UnprocessableEntity, "validation_failed");
        Assert.True(problem.GetProperty("errors").TryGetProperty(field, out _));
    }

    [Fact]
    public async Task Csv_holds_no_formula()
    {
        await using var upstream = FakeUpstream.Start(OpenAiScript.Answer(["=cmd|'/C_calc'!A0", "+1", "-1", "@x", "say\"hi\",then"], "ok"));
        await using var server = await TestServer.StartAsync();
        var admin = await server.RegisterAdminAsync();
        string[] models = ["=cmd|'/C_calc'!A0", "+1", "-1", "@x", "say\"hi\",then"];
        var connection = await admin.Connect(upstream, models);
        foreach (var model in models)
        {
            await admin.AskAndWait(await admin.NewSession(connection, model), "go");
        }

        using var answer = await admin.GetAsync("/api/admin/usage?by=model&format=csv");
        await answer.Expect(HttpStatusCode.OK);
        Assert.Equal("text/csv", answer.Content.Headers.ContentType?.MediaType);
        Assert.Equal("attachment", answer.Content.Headers.ContentDisposition?.DispositionType);
        var lines = (await answer.Content.ReadAsStringAsync()).Split("\r\n", StringSplitOptions.RemoveEmptyEntries);

        Assert.Equal(6, lines.Length);
        foreach (var cell in new[] { "\"'=cmd|'/C_calc'!A0\"", "\"'+1\"", "\"'-1\"", "\"'@x\"", "\"say\"\"hi\"\",then\"" })
        {
            Assert.Contains(lines, line => line.Contains(cell, StringComparison.Ordinal));
        }
    }

    [Fact]
    [Trait("Store", "File")]
    public async Task Every_sum_is_read_over_an_index()
    {
        await using var server = await TestServer.StartAsync();
        await using var connection = new SqliteConnection(
            $"Data Source={Path.Combine(server.DataDir, "app.db")};Mode=ReadOnly;Pooling=false");
        connection.Open();
        foreach (var (where, index) in new[]
        {
            ("user_id = 1 and created_at >= 0 and created_at < 9", "usage_entries_by_user"),
            ("created_at >= 0 and created_at < 9", "usage_entries_by_time"),
            ("session_id = 1 and user_id = 1", "usage_entries_by_user"),
        })
        {
            await using var command = connection.CreateCommand();
            command.CommandText = $"explain query plan select count(*), sum(cost_nanos) from usage_entries where {where}";
            await using var reader = await command.ExecuteReaderAsync();
            Assert.True(reader.Read());
            Assert.Contains(index, reader.GetString(3));
        }
    }
}
