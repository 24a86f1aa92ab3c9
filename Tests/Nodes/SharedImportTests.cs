using System.Net;
using System.Text.Json;
using AiChat.Data.Imports;
using AiChat.Data.Nodes;
using AiChat.Data.Sqlite;
using AiChat.Data.Store;
using AiChat.Endpoints.Imports;
using AiChat.Tests.Api;
using AiChat.Tests.Chat;
using Microsoft.Extensions.Time.Testing;
using static AiChat.Tests.Api.ImportSteps;

namespace AiChat.Tests.Nodes;

/// <summary>A browser behind a balancer uploads an archive to one server, and watches and ends its import at another.</summary>
public sealed class SharedImportTests
{
    [PostgresFact]
    public async Task An_import_is_shown_and_ended_at_another_server_than_the_one_that_has_its_file()
    {
        await using var nodes = await NodeGroup.Two();
        var admin = await nodes.Admin();
        Assert.Equal("done 1 0 0", (await admin.Http.Import(Json(new[] { Simple("c2", "Two") }), "conversations.json")).Counts());
        var two = (await admin.Http.Chat("Two")).GetProperty("id").GetInt64();
        long id;
        using (var connection = PostgresServer.Connect(nodes.Database))
        using (var transaction = connection.BeginTransaction())
        {
            // The import takes the first chat, and waits at the second, which has grown.
            PostgresServer.Run(connection, $"select 1 from sessions where id = {two} for no key update");
            id = (await (await admin.At(nodes.A).Send(Json(new[] { Simple("c1", "One"), Grown() }), "conversations.json"))
                .Json(HttpStatusCode.Accepted)).GetProperty("id").GetInt64();
            JsonElement seen = default;
            await Eventually.Holds(async () => (seen = await admin.At(nodes.B).GetJson($"/api/imports/{id}"))
                .GetProperty("report").GetProperty("taken").GetInt32() == 1);
            Assert.Equal("running", seen.Text("state"));
            Assert.InRange(seen.GetProperty("progress").GetDouble(), 0.01, 0.99);

            await (await admin.Http.DeleteAsync($"/api/imports/{id}")).Expect(HttpStatusCode.NoContent);
            Assert.Equal("cancelled", (await admin.Http.GetJson($"/api/imports/{id}")).ErrorCode());
        }

        // The server that has the file ends as well, and says what it had taken.
        await Eventually.Holds(() => Task.FromResult(Directory.GetFiles(Path.Combine(nodes.A.DataDir, "imports")).Length == 0));
        var ended = await admin.At(nodes.A).GetJson($"/api/imports/{id}");
        Assert.Equal(("failed", "cancelled", 1), (ended.Text("state"), ended.ErrorCode(),
            ended.GetProperty("report").GetProperty("taken").GetInt32()));
        await (await admin.At(nodes.B).DeleteAsync($"/api/imports/{id}")).Expect(HttpStatusCode.NoContent);
        await (await admin.At(nodes.A).GetAsync($"/api/imports/{id}")).Expect(HttpStatusCode.NotFound);
    }

    [PostgresFact]
    public async Task The_same_archive_at_two_servers_at_once_is_taken_once()
    {
        await using var nodes = await NodeGroup.Two();
        var admin = await nodes.Admin();
        var archive = Json(Enumerable.Range(0, 40).Select(i => Simple($"c{i}", $"Chat {i}")).ToArray());

        var ids = new List<long>();
        foreach (var server in nodes.All)
        {
            ids.Add((await (await admin.At(server).Send(archive, "conversations.json")).Json(HttpStatusCode.Accepted))
                .GetProperty("id").GetInt64());
        }

        var ended = new List<JsonElement>();
        foreach (var id in ids)
        {
            ended.Add(await admin.Http.Ended(id));
        }

        Assert.All(ended, one => Assert.Equal("done", one.Text("state")));
        Assert.Equal((40, 0, 40), (Sum("taken"), Sum("updated"), Sum("unchanged")));
        Assert.Equal(40, (await admin.Http.Chats()).Length);

        int Sum(string name) => ended.Sum(one => one.GetProperty("report").GetProperty(name).GetInt32());
    }

    [PostgresFact]
    public async Task Those_that_did_not_end_count_at_all_servers_and_one_of_a_server_that_is_away_can_be_ended()
    {
        await using var nodes = await NodeGroup.Two();
        var admin = await nodes.Admin();
        using (var connection = PostgresServer.Connect(nodes.Database))
        {
            PostgresServer.Run(connection, """
                insert into imports (user_id, state, name, bytes, options, created_at)
                select (select min(id) from users), 'running', 'away', 1, '{"place":"away"}', 1 from generate_series(1, 4)
                """);
        }

        var archive = Json(new[] { Simple("c1") });
        await (await admin.At(nodes.A).Send(archive)).ExpectProblem(HttpStatusCode.TooManyRequests, "too_many_imports");
        await (await admin.At(nodes.B).Send(archive)).ExpectProblem(HttpStatusCode.TooManyRequests, "too_many_imports");
        var away = (await admin.Http.GetJson("/api/imports")).GetProperty("items")[0].GetProperty("id").GetInt64();
        await (await admin.At(nodes.A).DeleteAsync($"/api/imports/{away}")).Expect(HttpStatusCode.NoContent);
        Assert.Equal("cancelled", (await admin.At(nodes.B).GetJson($"/api/imports/{away}")).ErrorCode());
        Assert.Equal("done 1 0 0", (await admin.Http.Import(archive, "conversations.json")).Counts());
    }

    [Fact]
    public async Task A_server_that_is_away_is_waited_for_and_not_for_ever()
    {
        var folder = Directory.CreateTempSubdirectory("aichat-imports-");
        try
        {
            var path = Path.Combine(folder.FullName, "app.db");
            Migrator.Run(path);
            using var db = new Db(path);
            var clock = new FakeTimeProvider();
            var rows = new ImportRows(db);
            var shared = new SharedImports(rows, new NodeStore(db), clock);
            await db.Write(connection => Dapper.SqlMapper.Execute(connection, """
                insert into users (id, username, username_key, role, status, created_at) values (7, 'Ann', 'ann', 'USER', 'ACTIVE', 1)
                """));
            var here = await rows.Insert(7, "here", 1, "{}", 4, clock.GetUtcNow());
            var away = await rows.Insert(7, "away", 1, """{"place":"away"}""", 4, clock.GetUtcNow());

            Assert.Empty(await shared.Abandoned());
            clock.Advance(TimeSpan.FromMinutes(9));
            Assert.Empty(await shared.Abandoned());
            clock.Advance(TimeSpan.FromMinutes(2));
            Assert.Equal(away!.Id, Assert.Single(await shared.Abandoned()).Id);
            Assert.NotEqual(away.Id, here!.Id);
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    private static object Grown() => ChatGpt(
        "c2", "Two", "b", ("r", Node("r", null, null, null)), ("q", Node("q", "r", "user", Text("Where?"))),
        ("a", Node("a", "q", "assistant", Text("Here."))), ("p", Node("p", "a", "user", Text("And then?"))),
        ("b", Node("b", "p", "assistant", Text("There."))));
}
