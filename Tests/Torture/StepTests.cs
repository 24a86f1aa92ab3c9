using System.Diagnostics;
using System.Net;
using AiChat.Data.Sqlite;
using AiChat.Tests.Chat;

namespace AiChat.Tests.Torture;

/// <summary>
/// The native executable ended at every step of what it does to a folder, a step being one change of the disk: killed or
/// asked to end. The next start always succeeds and finds either what was before or what should be, never something between.
/// </summary>
[Trait("Store", "File")]
public sealed class StepTests
{
    private const int Kill = Interrupted.Kill, Terminate = Interrupted.Terminate;

    public static TheoryData<string, int> Cases => new()
    {
        { "first start", Kill }, { "first start", Terminate }, { "upgrade", Kill }, { "upgrade", Terminate },
        { "upgrade", Interrupted.Interrupt }, { "upgrade", Interrupted.HangUp }, { "rollback", Kill }, { "start after a crash", Kill },
        { "command", Kill }, { "change of the key", Kill },
    };

    [NativeTheory]
    [MemberData(nameof(Cases))]
    public Task Ended_at_any_step_it_goes_on_at_the_next_start(string name, int signal) =>
        Step(name).EndEverywhere(name, signal, few: 3);

    private static Interrupted Step(string name) => name switch
    {
        "first start" => Of(_ => Task.FromResult<Promise[]>([]), ["serve"], async (folder, _) =>
        {
            await using var server = await TestServer.StartAsync(new TestServerOptions { DataDir = folder });
            await server.RegisterAdminAsync();
            await (await server.Client().PostJson(
                "/api/auth/register", new { username = "second", password = TestServer.Password, setupCode = TestServer.SetupCode }))
                .Expect(HttpStatusCode.Accepted); // waits for approval: there is one administrator
        }),
        "upgrade" => Of(OldFolder, ["serve"], UpgradedRows),
        "rollback" => Of(UpgradedFolder, ["rollback", "--yes"], UpgradedRows),
        "start after a crash" => Of(CrashedFolder, ["serve"], Kept),
        "command" => Of(CrashedFolder, ["user", "create", "bob"], Kept),
        "change of the key" => Of(CrashedFolder, ["rotate-key"], Kept),
        _ => throw new ArgumentOutOfRangeException(nameof(name), name, null),
    };

    private static Interrupted Of(Func<string, Task<Promise[]>> prepare, string[] arguments, Func<string, Promise[], Task> check) =>
        new() { Prepare = prepare, Arguments = () => arguments, Check = check, Varies = arguments[0] == "serve" };

    private const string Counted = "select (select count(*) from users) || ' ' || (select count(*) from messages)";

    private static Task<Promise[]> OldFolder(string folder)
    {
        var archive = Path.Combine(Machine.Source, "Tests/Data/data-folder-schema-3.tar.gz");
        using var tar = Process.Start("tar", ["-xzf", archive, "-C", folder, "--strip-components=1"]);
        tar.WaitForExit();
        Assert.Equal(0, tar.ExitCode);
        return Task.FromResult<Promise[]>([]);
    }

    private static async Task<Promise[]> UpgradedFolder(string folder)
    {
        await OldFolder(folder);
        await UpgradedRows(folder, []);
        return [];
    }

    private static async Task UpgradedRows(string folder, Promise[] promises)
    {
        await using var server = await TestServer.StartAsync(new TestServerOptions { DataDir = folder });
        await server.StopAsync();
        using var connection = SqliteConnections.OpenReader(Path.Combine(folder, "app.db"));
        Assert.Equal("ok", Value(connection, "pragma integrity_check"));
        Assert.Equal(OldRows(folder), Value(connection, Counted));
    }

    /// <summary>The rows before the upgrade, from a fresh copy of the old folder.</summary>
    private static string OldRows(string near)
    {
        var folder = near + ".old";
        Directory.CreateDirectory(folder);
        OldFolder(folder);
        using var connection = SqliteConnections.OpenReader(Path.Combine(folder, "app.db"));
        return Value(connection, Counted);
    }

    /// <summary>A server was killed: its log holds what the database does not.</summary>
    private static async Task<Promise[]> CrashedFolder(string folder)
    {
        await using var server = await TestServer.StartAsync(new TestServerOptions { DataDir = folder });
        var admin = await server.RegisterAdminAsync();
        var connection = await (await admin.PostJson("/api/connections", new
        {
            name = "Keyed",
            provider = "openai",
            baseUrl = "http://127.0.0.1:9/v1",
            authType = "bearer",
            keys = new[] { "sk-kept-0123456789" },
            local = true,
            modelIds = new[] { "m" },
        })).Json(HttpStatusCode.Created);
        var session = await (await admin.PostJson("/api/sessions", new { title = "kept" })).Json(HttpStatusCode.Created);
        await server.KillAsync();
        return
        [
            new(Promise.User, 0, "admin"), new(Promise.Chat, session.Id(), "kept"),
            new(Promise.Secret, connection.Id(), "sk-kept-0123456789"),
        ];
    }

    private static async Task Kept(string folder, Promise[] promises)
    {
        var survival = await Survival.Look(folder, promises);
        Assert.True(survival.IsWell, survival.ToString());
    }

    private static string Value(Microsoft.Data.Sqlite.SqliteConnection connection, string sql)
    {
        using var command = connection.CreateCommand();
        command.CommandText = sql;
        return (string)command.ExecuteScalar()!;
    }
}
