using System.Diagnostics;
using System.Net;
using AiChat.Data.Sqlite;
using AiChat.Tests.Chat;

namespace AiChat.Tests.Torture;

/// <summary>
/// The native executable ended at every step of what it does to a folder, a step being one change of the disk: killed (faults F02, F31) or
/// asked to end (F30). The next start always succeeds and finds either what was before or what should be, never something between.
/// </summary>
public sealed class StepTests
{
    private const int Kill = 9, HangUp = 1, Interrupt = 2, Terminate = 15;

    /// <summary>What is interrupted: how the folder is before it, which command runs, and what must hold after the next start.</summary>
    public static TheoryData<string, int> Cases => new()
    {
        { "first start", Kill }, { "first start", Terminate }, { "upgrade", Kill }, { "upgrade", Terminate }, { "upgrade", Interrupt },
        { "upgrade", HangUp }, { "rollback", Kill }, { "start after a crash", Kill }, { "command", Kill }, { "change of the key", Kill },
    };

    [NativeTheory]
    [MemberData(nameof(Cases))]
    public async Task Ended_at_any_step_it_goes_on_at_the_next_start(string name, int signal)
    {
        var step = Step(name);
        using var template = new Machine();
        var promises = await step.Prepare(template.Data);
        var changes = await Changes(step, template.Data);
        Assert.True(changes > 3, $"{name}: {changes}");
        var tried = LongForm.Rounds(Math.Min(changes, 3), changes);
        var random = new Random(LongForm.Seed);
        var picked = tried == changes ? Enumerable.Range(1, changes) : Enumerable.Range(0, tried).Select(_ => random.Next(1, changes + 1));
        foreach (var at in picked)
        {
            using var machine = new Machine();
            CopyFolder(template.Data, machine.Data);
            var ended = await Run(machine, step.Arguments, ("TORTURE_AT", $"{at}"), ("TORTURE_SIGNAL", $"{signal}"));
            var end = $"{name} at {at} ended with {ended.Code}: {ended.Output}{ended.Complaint}";
            Assert.True(signal != Kill || ended.Code == 128 + Kill, end);
            try
            {
                await step.Check(machine.Data, promises);
            }
            catch (Exception error) when (error is ServerStartException or Xunit.Sdk.XunitException)
            {
                Assert.Fail($"{name}, signal {signal} at change {at} of {changes}: {error.Message}");
            }
        }

        LongForm.Report($"ended in the middle: {name}, signal {signal}", [new("steps", tried), new("starts that failed or found less", 0)]);
    }

    private static Interrupted Step(string name) => name switch
    {
        "first start" => new(_ => Task.FromResult<Promise[]>([]), ["serve"], async (folder, _) =>
        {
            await using var server = await TestServer.StartAsync(new TestServerOptions { DataDir = folder });
            await server.RegisterAdminAsync();
            await (await server.Client().PostJson(
                "/api/auth/register", new { username = "second", password = TestServer.Password, setupCode = TestServer.SetupCode }))
                .Expect(HttpStatusCode.Accepted); // waits for approval: there is one administrator
        }),
        "upgrade" => new(OldFolder, ["serve"], UpgradedRows),
        "rollback" => new(UpgradedFolder, ["rollback", "--yes"], UpgradedRows),
        "start after a crash" => new(CrashedFolder, ["serve"], Kept),
        "command" => new(CrashedFolder, ["user", "create", "bob"], Kept),
        "change of the key" => new(CrashedFolder, ["rotate-key"], Kept),
        _ => throw new ArgumentOutOfRangeException(nameof(name), name, null),
    };

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

    private static async Task<int> Changes(Interrupted step, string template)
    {
        using var machine = new Machine();
        CopyFolder(template, machine.Data);
        var whole = await Run(machine, step.Arguments);
        Assert.True(whole.Code == 0, whole.Output + whole.Complaint);
        return DiskLog.Read(machine.Log, machine.Data).Count(call => call.IsChange);
    }

    /// <summary>Runs a command to its end; a server is asked to end when it listens.</summary>
    private static async Task<Ran> Run(Machine machine, string[] arguments, params (string Name, string Value)[] more)
    {
        var variables = machine.With([.. more, ("PORT", "0"), ("HOST", "127.0.0.1"), ("AICHAT_SETUP_CODE", TestServer.SetupCode)]);
        using var process = Executable.Start(null, machine.Data, [.. variables.Select(pair => (pair.Key, pair.Value))], arguments);
        var complaint = process.StandardError.ReadToEndAsync();
        var output = "";
        while (await process.StandardOutput.ReadLineAsync().WaitAsync(TimeSpan.FromSeconds(30)) is { } line)
        {
            output += line + "\n";
            if (line.StartsWith("Listening on ", StringComparison.Ordinal))
            {
                using var kill = Process.Start("kill", ["-TERM", $"{process.Id}"]);
            }
        }

        await process.WaitForExitAsync().WaitAsync(TimeSpan.FromSeconds(30));
        return new Ran(process.ExitCode, output, await complaint);
    }

    private static string Value(Microsoft.Data.Sqlite.SqliteConnection connection, string sql)
    {
        using var command = connection.CreateCommand();
        command.CommandText = sql;
        return (string)command.ExecuteScalar()!;
    }

    private static void CopyFolder(string from, string to)
    {
        using var copy = Process.Start("cp", ["-a", from + "/.", to]);
        copy.WaitForExit();
        Assert.Equal(0, copy.ExitCode);
    }

    /// <param name="Prepare">Makes the folder as it is before, and tells what it holds.</param>
    /// <param name="Arguments">The command.</param>
    /// <param name="Check">Starts on the folder and looks at what it holds.</param>
    private sealed record Interrupted(Func<string, Task<Promise[]>> Prepare, string[] Arguments, Func<string, Promise[], Task> Check);
}
