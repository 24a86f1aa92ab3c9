using System.Data.Common;
using System.Net;
using System.Text.Json;
using AiChat.Tests.Chat;
using Microsoft.Data.Sqlite;

namespace AiChat.Tests.Api;

/// <summary>
/// Recorded requests: who may record and read them, how long they are kept, and a damaged file.
/// </summary>
public sealed class TaskTraceTests
{
    private const string Question = "What is CANARY-question-4711?";

    [Fact]
    public async Task Nothing_is_recorded_or_opened_while_it_is_off()
    {
        await using var upstream = ChatSteps.Provider(exchange => OpenAiScript.Stream(exchange, "hello"));
        await using var server = await TestServer.StartAsync();
        var admin = await server.RegisterAdminAsync();
        var session = await admin.NewSession(await admin.Connect(upstream));

        await admin.Record(session, Question);

        Assert.Equal(0, (await admin.GetJson("/api/task-trace")).GetProperty("total").GetInt64());
        Assert.False(File.Exists(Path.Combine(server.DataDir, "traces.db")));
        Assert.DoesNotContain("trace", (await Permissions(admin)));
    }

    [Theory]
    [InlineData(false, null, 0)]
    [InlineData(false, true, 1)]
    [InlineData(true, null, 1)]
    [InlineData(true, false, 0)]
    public async Task A_request_is_recorded_when_it_asks_or_by_default(bool byDefault, bool? asked, int expected)
    {
        await using var upstream = ChatSteps.Provider(exchange => OpenAiScript.Stream(exchange, "hello"));
        await using var server = await TestServer.StartAsync();
        var admin = await server.RegisterAdminAsync();
        var session = await admin.NewSession(await admin.Connect(upstream));
        await admin.Trace(new { taskTraceEnabled = true, taskTraceDefaultOn = byDefault });

        await admin.Record(session, Question, asked);

        Assert.Equal(expected, (await admin.Traces()).Count);
    }

    [Theory]
    [InlineData(true, 0)]
    [InlineData(false, 1)]
    public async Task Members_are_recorded_only_where_they_may_be(bool adminOnly, int expected)
    {
        await using var upstream = ChatSteps.Provider(exchange => OpenAiScript.Stream(exchange, "hello"));
        await using var server = await TestServer.StartAsync();
        var admin = await server.RegisterAdminAsync();
        await admin.Connect(upstream);
        await admin.Trace(new { taskTraceEnabled = true, taskTraceAdminOnly = adminOnly });
        var member = await server.RegisterUserAsync(admin, "mia");

        await member.Record(await member.NewSession(), Question, true);

        var traces = await admin.Traces();
        Assert.Equal(expected, traces.Count);
        Assert.All(traces, trace => Assert.Equal("mia", trace.Text("actor")));
        Assert.Equal(expected == 1, (await Permissions(member)).Contains("trace"));
        Assert.Contains("trace", await Permissions(admin));
    }

    [Fact]
    public async Task The_environment_can_switch_it_off()
    {
        await using var upstream = ChatSteps.Provider(exchange => OpenAiScript.Stream(exchange, "hello"));
        await using var server = await TestServer.StartAsync();
        var admin = await server.RegisterAdminAsync();
        var session = await admin.NewSession(await admin.Connect(upstream));
        var (own, other) = TestServer.Binary is null ? ("dev", "prod") : ("prod", "dev");

        await admin.Trace(new { taskTraceEnabled = true, taskTraceEnv = other });
        await admin.Record(session, Question, true);
        Assert.Empty(await admin.Traces());
        Assert.DoesNotContain("trace", await Permissions(admin));

        await admin.Trace(new { taskTraceEnv = own });
        await admin.Record(session, Question, true);
        Assert.Single(await admin.Traces());
    }

    [Fact]
    public async Task The_list_is_paged_and_filtered()
    {
        await using var upstream = ChatSteps.Provider(exchange => exchange.Request.Text.Contains("fail", StringComparison.Ordinal)
            ? exchange.Reply(400, """{"error":{"message":"no"}}""")
            : OpenAiScript.Stream(exchange, "hello"));
        await using var server = await TestServer.StartAsync();
        var admin = await server.RegisterAdminAsync();
        var connection = await admin.Connect(upstream);
        await admin.Trace(new { taskTraceEnabled = true, taskTraceDefaultOn = true, taskTraceAdminOnly = false });
        var (first, second) = (await admin.NewSession(connection), await admin.NewSession(connection));
        await admin.Record(first, "one");
        await admin.Record(second, "two");
        await admin.Record(second, "fail now");
        var member = await server.RegisterUserAsync(admin, "Mia_K");
        await member.Record(await member.NewSession(), "three");

        var page = await admin.GetJson("/api/task-trace?page=2&pageSize=3");
        Assert.Equal(
            (4, 2, 3),
            (page.GetProperty("total").GetInt32(), page.GetProperty("page").GetInt32(), page.GetProperty("pageSize").GetInt32()));
        Assert.Equal(first, Assert.Single(page.GetProperty("items").EnumerateArray()).GetProperty("sessionId").GetInt64());
        Assert.Equal(2, (await admin.Traces($"?sessionId={second}")).Count);
        Assert.Equal("failed", Assert.Single(await admin.Traces("?status=failed")).Text("status"));
        Assert.Equal("Mia_K", Assert.Single(await admin.Traces("?q=mia")).Text("actor"));
        Assert.Equal(4, (await admin.Traces("?q=fake-MODEL")).Count);
        Assert.Empty(await admin.Traces("?q=%25"));
        foreach (var wrong in new[] { "page=0", "pageSize=101", "pageSize=0", "status=done", "q=" + new string('x', 201) })
        {
            await (await admin.GetAsync($"/api/task-trace?{wrong}")).ExpectProblem(HttpStatusCode.UnprocessableEntity, "validation_failed");
        }
    }

    [Fact]
    public async Task Looking_at_another_persons_shows_no_word_of_it_and_is_in_the_audit()
    {
        await using var upstream = ChatSteps.Provider(exchange => exchange.Request.Text.Contains("fail", StringComparison.Ordinal)
            ? exchange.Reply(400, JsonSerializer.Serialize(new { error = new { message = $"cannot answer: {Question} fail" } }))
            : OpenAiScript.Stream(exchange, "ANSWER-canary-4712 and more"));
        await using var server = await TestServer.StartAsync();
        var admin = await server.RegisterAdminAsync();
        await admin.Connect(upstream);
        await admin.Trace(new { taskTraceEnabled = true, taskTraceDefaultOn = true, taskTraceAdminOnly = false });
        var member = await server.RegisterUserAsync(admin, "mia");
        var session = await member.NewSession();
        await member.Record(session, Question);
        await member.Record(session, Question + " fail");

        foreach (var trace in await admin.Traces())
        {
            var detail = await admin.GetStringAsync($"/api/task-trace/{trace.Id()}");
            var text = await admin.GetStringAsync($"/api/task-trace/{trace.Id()}/export");
            Assert.DoesNotContain("canary", detail + text, StringComparison.OrdinalIgnoreCase);
            Assert.Contains("contentChars", detail);
        }

        var audit = (await admin.GetJson("/api/audit")).GetProperty("items").EnumerateArray().Select(row => row.Text("action")).ToList();
        Assert.Equal((2, 2), (audit.Count(action => action == "trace.view"), audit.Count(action => action == "trace.export")));
        foreach (var path in new[] { "", "/1", "/1/export" })
        {
            await (await member.GetAsync("/api/task-trace" + path)).ExpectProblem(HttpStatusCode.Forbidden, "forbidden");
        }
    }

    [Fact]
    public async Task The_export_is_a_text_file_with_every_event()
    {
        await using var upstream = ChatSteps.Provider(exchange => OpenAiScript.Stream(exchange, "hello"));
        await using var server = await TestServer.StartAsync();
        var admin = await server.RegisterAdminAsync();
        var session = await admin.NewSession(await admin.Connect(upstream));
        await admin.Trace(new { taskTraceEnabled = true });
        await admin.Record(session, Question, true);
        var id = Assert.Single(await admin.Traces()).Id();

        using var response = await admin.GetAsync($"/api/task-trace/{id}/export");
        var lines = (await response.Content.ReadAsStringAsync()).Split('\n');

        Assert.Equal("text/plain", response.Content.Headers.ContentType?.MediaType);
        Assert.Equal(
            $"trace-{id}.txt",
            response.Content.Headers.ContentDisposition?.FileNameStar ?? response.Content.Headers.ContentDisposition?.FileName);
        Assert.Equal($"Task trace {id}", lines[0]);
        Assert.Equal((await admin.TraceEvents(id)).Count, lines.Count(line => line.StartsWith("[0", StringComparison.Ordinal)));
        Assert.DoesNotContain(
            (await admin.GetJson("/api/audit")).GetProperty("items").EnumerateArray(),
            row => row.Text("action")!.StartsWith("trace.", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Deleting_takes_one_or_all_and_is_in_the_audit()
    {
        await using var upstream = ChatSteps.Provider(exchange => OpenAiScript.Stream(exchange, "hello"));
        await using var server = await TestServer.StartAsync();
        var admin = await server.RegisterAdminAsync();
        var session = await admin.NewSession(await admin.Connect(upstream));
        await admin.Trace(new { taskTraceEnabled = true, taskTraceDefaultOn = true });
        for (var i = 0; i < 3; i++)
        {
            await admin.Record(session, $"question {i}");
        }

        var ids = (await admin.Traces()).ConvertAll(trace => trace.Id());
        await (await admin.DeleteAsync($"/api/task-trace/{ids[0]}")).Expect(HttpStatusCode.NoContent);
        await (await admin.DeleteAsync($"/api/task-trace/{ids[0]}")).ExpectProblem(HttpStatusCode.NotFound, "not_found");
        await (await admin.GetAsync($"/api/task-trace/{ids[0]}")).ExpectProblem(HttpStatusCode.NotFound, "not_found");
        Assert.Equal(2, (await (await admin.DeleteAsync("/api/task-trace")).Json()).GetProperty("deleted").GetInt32());

        Assert.Empty(await admin.Traces());
        Assert.Equal(0, Scalar(server, "select count(*) from trace_events"));
        var audit = (await admin.GetJson("/api/audit"))
            .GetProperty("items").EnumerateArray().Where(row => row.Text("action") == "trace.delete").ToList();
        Assert.Equal(["traces", $"trace:{ids[0]}"], audit.Select(row => row.Text("target")));
    }

    [Fact]
    public async Task Cleaning_up_takes_what_is_older_than_the_days()
    {
        await using var upstream = ChatSteps.Provider(exchange => OpenAiScript.Stream(exchange, "hello"));
        await using var server = await TestServer.StartAsync();
        var admin = await server.RegisterAdminAsync();
        var session = await admin.NewSession(await admin.Connect(upstream));
        await admin.Trace(new { taskTraceEnabled = true, taskTraceDefaultOn = true, taskTraceRetentionDays = 10 });
        for (var i = 0; i < 3; i++)
        {
            await admin.Record(session, $"question {i}");
        }

        var ids = (await admin.Traces()).ConvertAll(trace => trace.Id());
        Execute(server, $"""
            update traces set started_at = started_at - 5 * 86400000 where id = {ids[1]};
            update traces set started_at = started_at - 11 * 86400000 where id = {ids[2]}
            """);

        await (await admin.PostJson("/api/task-trace/cleanup", new { retentionDays = 0 }))
            .ExpectProblem(HttpStatusCode.UnprocessableEntity, "validation_failed");
        Assert.Equal(1, (await (await admin.PostJson("/api/task-trace/cleanup", new { })).Json()).GetProperty("deleted").GetInt32());
        Assert.Equal(
            1,
            (await (await admin.PostJson("/api/task-trace/cleanup", new { retentionDays = 4 })).Json()).GetProperty("deleted").GetInt32());
        Assert.Equal(ids[0], Assert.Single(await admin.Traces()).Id());
    }

    [Theory]
    [InlineData("not a database at all, and long enough to be read as a header")]
    [InlineData("SQLite format 3\0 and then nothing that follows makes any sense")]
    public async Task A_damaged_file_is_set_aside_at_the_start(string content)
    {
        var folder = Directory.CreateTempSubdirectory("aichat-test-");
        try
        {
            await File.WriteAllTextAsync(Path.Combine(folder.FullName, "traces.db"), content);
            await using var upstream = ChatSteps.Provider(exchange => OpenAiScript.Stream(exchange, "hello"));
            await using var server = await TestServer.StartAsync(new TestServerOptions { DataDir = folder.FullName });
            var admin = await server.RegisterAdminAsync();
            var session = await admin.NewSession(await admin.Connect(upstream));
            await admin.Trace(new { taskTraceEnabled = true, taskTraceDefaultOn = true });

            await admin.Record(session, Question);

            Assert.Equal("completed", Assert.Single(await admin.Traces()).Text("status"));
            var left = PostgresServer.UrlFor(folder.FullName) is null ? "traces.db.aside" : "traces.db"; // tables leave the file alone
            Assert.Equal(content, await File.ReadAllTextAsync(Path.Combine(folder.FullName, left)));
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    [Fact]
    public async Task A_file_that_cannot_be_written_hurts_no_chat()
    {
        var folder = Directory.CreateTempSubdirectory("aichat-test-");
        try
        {
            folder.CreateSubdirectory("traces.db");
            await using var upstream = ChatSteps.Provider(exchange => OpenAiScript.Stream(exchange, "hello"));
            await using var server = await TestServer.StartAsync(new TestServerOptions { DataDir = folder.FullName });
            var admin = await server.RegisterAdminAsync();
            var session = await admin.NewSession(await admin.Connect(upstream));
            await admin.Trace(new { taskTraceEnabled = true, taskTraceDefaultOn = true });

            for (var i = 0; i < 3; i++)
            {
                Assert.Equal("done", (await admin.Record(session, $"question {i}")).Text("status"));
            }

            Assert.Equal(200, (int)(await admin.GetAsync("/api/health")).StatusCode);
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    private static async Task<List<string?>> Permissions(HttpClient client) =>
        [.. (await client.GetJson("/api/auth/me")).GetProperty("permissions").EnumerateArray().Select(word => word.GetString())];

    private static long Scalar(TestServer server, string sql)
    {
        using var connection = Open(server);
        using var command = connection.CreateCommand();
        command.CommandText = sql;
        return (long)command.ExecuteScalar()!;
    }

    private static void Execute(TestServer server, string sql)
    {
        using var connection = Open(server);
        using var command = connection.CreateCommand();
        command.CommandText = sql;
        Assert.True(command.ExecuteNonQuery() > 0);
    }

    /// <summary>Where the traces are: a file of their own, or tables beside the others.</summary>
    private static DbConnection Open(TestServer server)
    {
        if (PostgresServer.UrlFor(server.DataDir) is not null)
        {
            return TestStore.Open(server.DataDir);
        }

        var connection = new SqliteConnection($"Data Source={Path.Combine(server.DataDir, "traces.db")};Pooling=false");
        connection.Open();
        return connection;
    }
}
