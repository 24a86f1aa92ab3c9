using System.Globalization;
using System.Net;
using AiChat.Data.Postgres;
using AiChat.Data.Store;
using AiChat.Tests.Chat;
using Microsoft.Extensions.DependencyInjection;

namespace AiChat.Tests.Nodes;

/// <summary>A database that has few connections, or no room.</summary>
[Trait("Mode", "InProcess")]
public sealed class ScarceDatabaseTests
{
    [OwnPostgresFact]
    public async Task With_fewer_connections_than_it_would_take_every_request_is_answered()
    {
        using var database = new OwnPostgres();
        database.Start("-c max_connections=11 -c max_wal_senders=0"); // three of them are for administrators
        database.Run("postgres", "create role ann login password 'pw-CANARY'", "create database chat owner ann");
        await using var server = await TestServer.StartAsync(On(database));
        var admin = await server.RegisterAdminAsync();
        await (await admin.PatchJson("/api/settings/system", new { requestsPerMinute = 0 })).Expect(HttpStatusCode.OK);

        var answers = await Task.WhenAll(Enumerable.Range(0, 120).Select(i => i % 2 == 0
            ? admin.PostJson("/api/sessions", new { title = $"Chat {i}" }) : admin.GetAsync("/api/sessions?limit=5")));

        Assert.All(answers, answer => Assert.True(answer.IsSuccessStatusCode, $"{answer.StatusCode}"));
        var note = await server.Services.GetRequiredService<Db>().Read(connection => PostgresFacts.ConnectionNote(connection, 32));
        Assert.StartsWith("PostgreSQL has 8 connections for AiChat, and the servers on this database (1) may take 32;", note);
        Assert.Contains("Set max_connections = 35 there", note);
        Assert.Null(await server.Services.GetRequiredService<Db>().Read(connection => PostgresFacts.ConnectionNote(connection, 8)));
    }

    /// <summary>The database is on a small disk of its own, in memory, which only root can make.</summary>
    [OwnPostgresFact]
    public async Task On_a_full_disk_people_read_and_what_was_acknowledged_is_there_when_there_is_room_again()
    {
        if (Environment.UserName != "root")
        {
            return;
        }

        using var database = new OwnPostgres();
        var disk = Path.Combine(database.Folder, "disk");
        Directory.CreateDirectory(disk);
        PostgresServer.Call("mount", "-t", "tmpfs", "-o", "size=40m", "tmpfs", disk);
        try
        {
            OwnPostgres.Own(disk);
            database.Start();
            database.Run(
                "postgres", "create role ann login password 'pw-CANARY'", $"create tablespace small location '{disk}'",
                "create database chat owner ann tablespace small");
            await using var server = await TestServer.StartAsync(On(database));
            var admin = await server.RegisterAdminAsync();
            await (await admin.PatchJson("/api/settings/system", new { requestsPerMinute = 0 })).Expect(HttpStatusCode.OK);
            var ballast = Path.Combine(disk, "ballast");
            await File.WriteAllBytesAsync(ballast, new byte[(int)new DriveInfo(disk).AvailableFreeSpace - 2_000_000]);

            var acknowledged = new HashSet<long>();
            HttpResponseMessage last;
            while ((last = await admin.PostJson("/api/sessions", Chat(acknowledged.Count))).StatusCode == HttpStatusCode.Created)
            {
                acknowledged.Add((await last.Json(HttpStatusCode.Created)).Id());
            }

            await last.ExpectProblem(HttpStatusCode.InsufficientStorage, "storage_full");
            Assert.NotEmpty(acknowledged);
            Assert.Equal(acknowledged.Count, await Chats(server));
            await (await admin.GetAsync($"/api/sessions/{acknowledged.Max()}")).Expect(HttpStatusCode.OK);
            await (await server.Client().PostJson("/api/auth/login", new { username = "admin", password = TestServer.Password }))
                .Expect(HttpStatusCode.OK);

            File.Delete(ballast);
            await (await admin.PostJson("/api/sessions", Chat(-1))).Expect(HttpStatusCode.Created);
            Assert.Equal(acknowledged.Count + 1, await Chats(server));
        }
        finally
        {
            database.Stop();
            PostgresServer.Call("umount", disk);
        }
    }

    private static object Chat(int number)
    {
        var text = new byte[14_000];
        new Random(number).NextBytes(text); // nothing that the database could make smaller
        return new { title = $"Chat {number}", systemPrompt = Convert.ToBase64String(text) };
    }

    private static Task<long> Chats(TestServer server) => server.Services.GetRequiredService<Db>()
        .Read(connection => Dapper.SqlMapper.ExecuteScalar<long>(connection, "select count(*) from sessions"));

    private static TestServerOptions On(OwnPostgres database) => new()
    {
        Variables = new Dictionary<string, string>
        {
            ["DATABASE_URL"] = string.Create(CultureInfo.InvariantCulture, $"postgres://ann:pw-CANARY@127.0.0.1:{database.Port}/chat"),
            ["AICHAT_MASTER_KEY"] = NodeGroup.MasterKey,
        },
    };
}
