using System.Net;
using System.Text.Json;
using AiChat.Tests.Chat;
using Microsoft.Data.Sqlite;

namespace AiChat.Tests.Api;

/// <summary>
/// A server error says only that it is one: no exception text, stack, statement or path, in any environment.
/// </summary>
public sealed class ErrorTests
{
    private static readonly string[] Internal =
        [
            "SQLite", "no such table", "select ", "insert ", "Exception", " at AiChat", " at Microsoft", ".cs:line", "gone_",
            "Microsoft.Data", "AiChat.",
        ];

    [Fact]
    [Trait("Store", "File")]
    public async Task An_error_of_ours_has_a_trace_id_and_none_of_its_cause()
    {
        await using var upstream = FakeUpstream.Start(OpenAiScript.Answer(["fake-model"], "hi"));
        await using var server = await TestServer.StartAsync(new TestServerOptions
        {
            Variables = new Dictionary<string, string>
            {
                ["ASPNETCORE_ENVIRONMENT"] = "Development",
                ["DOTNET_ENVIRONMENT"] = "Development",
                ["NODE_ENV"] = "development",
            },
        });
        var admin = await server.RegisterAdminAsync();
        var session = await admin.NewSession(await admin.Connect(upstream));
        var key = (await (await admin.PostJson("/api/keys", new { name = "script" })).Json(HttpStatusCode.Created)).Text("key")!;
        var script = server.Client();
        script.DefaultRequestHeaders.Authorization = new("Bearer", key);
        Break(server, "prompts", "drafts", "shares", "images", "usage_entries", "daily_usage", "audit", "runs", "api_key_days");

        List<HttpResponseMessage> answers = [];
        foreach (var row in RouteTable.Rows.Where(row => row.Method == "GET"))
        {
            answers.Add(await admin.GetAsync(
                row.Path.Replace("{id:long}", $"{session}").Contains('{') ? row.Missing : row.Path.Replace("{id:long}", $"{session}")));
        }

        answers.Add(await admin.PostJson("/api/chat/stream", new { sessionId = session, content = "go", clientMessageId = "a" }));
        answers.Add(await admin.PostJson("/api/chat/completion", new { sessionId = session, content = "go", clientMessageId = "b" }));
        answers.Add(await admin.PostJson("/api/prompts", new { name = "p", content = "text", title = "p" }));
        answers.Add(await admin.PatchJson("/api/settings/system", new { brandText = "x" }));
        answers.Add(await script.PostJson(
            "/v1/chat/completions", new { model = "fake-model", messages = new[] { new { role = "user", content = "go" } } }));
        answers.Add(await script.PostJson(
            "/v1/messages", new { model = "fake-model", max_tokens = 9, messages = new[] { new { role = "user", content = "go" } } }));

        var failed = answers.Where(answer => answer.StatusCode == HttpStatusCode.InternalServerError).ToList();
        Assert.InRange(failed.Count, 10, answers.Count);
        Assert.Equal(
            2, failed.Count(answer => answer.RequestMessage!.RequestUri!.AbsolutePath.StartsWith("/v1/", StringComparison.Ordinal)));
        foreach (var answer in failed)
        {
            var body = await answer.Content.ReadAsStringAsync();
            var path = $"{answer.RequestMessage!.RequestUri!.AbsolutePath}: {body}";
            Assert.All([.. Internal, server.DataDir], word => Assert.False(body.Contains(word, StringComparison.OrdinalIgnoreCase), path));
            Assert.True(body.Length < 500, path);
            if (answer.Content.Headers.ContentType?.MediaType == "application/problem+json")
            {
                var problem = JsonSerializer.Deserialize<JsonElement>(body);
                Assert.Equal("internal_error", problem.Text("code"));
                Assert.Equal(answer.Headers.GetValues("X-Request-Id").Single(), problem.Text("traceId"));
            }
        }
    }

    /// <summary>
    /// Renames tables under the running server, so that requests fail in a way no handler expects.
    /// </summary>
    private static void Break(TestServer server, params string[] tables)
    {
        using var connection = new SqliteConnection($"Data Source={Path.Combine(server.DataDir, "app.db")};Pooling=false");
        connection.Open();
        using var command = connection.CreateCommand();
        command.CommandText = "pragma legacy_alter_table = on; pragma foreign_keys = off;" + string.Concat(
            tables.Select(table => $"alter table {table} rename to gone_{table};"));
        command.ExecuteNonQuery();
    }
}
