using System.Diagnostics;
using System.Net;
using AiChat.Tests.Chat;

namespace AiChat.Tests.Api;

/// <summary>The command line as an operator uses it, on the folder of a stopped server and through a running one.</summary>
public sealed class CommandTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("aichat-test-").FullName;

    [NativeFact]
    public async Task Accounts_are_managed_on_the_folder_of_a_stopped_server()
    {
        (await Run("user", "list")).Expect(66);
        (await Run("user", "create", "first")).Expect(1); // there would be no administrator
        var created = (await Run("user", "create", "Boss", "--admin", "--json")).Expect(0).Json;
        Assert.Equal("ADMIN", created.GetProperty("user").Text("role"));
        Assert.Equal("username_taken", (await Run("user", "create", "BOSS", "--json")).Expect(1).Json.Text("code"));
        var member = (await Run("user", "create", "member")).Expect(0);
        Assert.Contains($"On the folder {_folder} of a stopped server.", member.Complaint);
        Assert.Matches("One-time code: [a-z2-9]{16}\n", member.Output);

        foreach (var action in new[] { "demote", "disable", "delete" })
        {
            Assert.Equal("last_admin", (await Run("user", action, "boss", "--json")).Expect(1).Json.Text("code"));
        }

        (await Run("user", "promote", "MEMBER")).Expect(0);
        (await Run("user", "demote", "boss")).Expect(0);
        (await Run("user", "disable", "boss", "--reason", "on leave")).Expect(0);
        (await Run("user", "create", "goes")).Expect(0);
        (await Run("user", "delete", "goes")).Expect(0);
        var list = (await Run("user", "list")).Expect(0).Output.Split('\n');
        Assert.Matches(@"^member +Administrator +Active ", list[1]);
        Assert.Matches(@"^Boss +Member +Disabled \(on leave\) ", list[2]);
        var waiting = (await Run("user", "list", "--status", "PENDING", "--json")).Expect(0).Json;
        Assert.Equal(0, waiting.GetProperty("items").GetArrayLength());
        (await Run("user", "enable", "boss")).Expect(0);
        (await Run("user", "promote", "boss")).Expect(0);

        await using var server = await TestServer.StartAsync(new TestServerOptions { DataDir = _folder });
        var browser = server.Client();
        Assert.False((await browser.GetJson("/api/settings/branding")).GetProperty("setupRequired").GetBoolean());
        await (await browser.PostJson("/api/auth/login", new { username = "boss", password = created.Text("code") }))
            .Expect(HttpStatusCode.OK);
        var audit = (await browser.GetJson("/api/audit")).GetProperty("items").EnumerateArray().First(
            entry => entry.Text("action") == "user.delete");
        Assert.Equal("command line", audit.Text("ip"));
        Assert.False(audit.TryGetProperty("actorId", out _));
    }

    [NativeFact]
    public async Task Accounts_are_managed_through_a_running_server_at_once()
    {
        await using var server = await TestServer.StartAsync(new TestServerOptions { DataDir = _folder });
        var admin = await server.RegisterAdminAsync();
        var member = await server.RegisterUserAsync(admin, "Member");
        await server.RegisterUserAsync(null, "newcomer");
        await server.RegisterUserAsync(null, "stranger");

        Assert.Contains("Through the running server.", (await Run("user", "approve", "newcomer")).Expect(0).Complaint);
        (await Run("user", "approve", "newcomer")).Expect(1);
        (await Run("user", "reject", "stranger", "--reason", "who?")).Expect(0);
        await (await server.Client().PostJson("/api/auth/login", new { username = "newcomer", password = TestServer.Password }))
            .Expect(HttpStatusCode.OK);

        var me = await member.GetJson("/api/auth/me");
        Assert.Equal("Member", me.GetProperty("user").Text("username"));
        (await Run("user", "disable", "member")).Expect(0);
        await (await member.GetAsync("/api/auth/me")).Expect(HttpStatusCode.Unauthorized);
        (await Run("user", "enable", "member")).Expect(0);
        (await Run("user", "delete", "member")).Expect(0);
        Assert.Equal(1, (await Run("user", "delete", "member")).Code);

        await (await admin.PatchJson("/api/settings/system", new { requestsPerMinute = 1 })).Expect(HttpStatusCode.OK);
        for (var repeat = 0; repeat < 3; repeat++)
        {
            (await Run("connection", "list")).Expect(0); // the operator is under no limit of requests
        }
    }

    [NativeTheory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_forgotten_password_of_the_only_administrator_is_reset(bool running)
    {
        await using var server = await TestServer.StartAsync(new TestServerOptions { DataDir = _folder });
        var admin = await server.RegisterAdminAsync("The_Boss");
        if (!running)
        {
            await server.StopAsync();
        }

        var code = (await Run("user", "reset-password", "the_boss", "--json")).Expect(0).Json.Text("code");
        if (!running)
        {
            await server.RestartAsync();
        }

        await (await admin.GetAsync("/api/auth/me")).Expect(HttpStatusCode.Unauthorized);
        var browser = server.Client();
        await (await browser.PostJson("/api/auth/login", new { username = "The_Boss", password = TestServer.Password }))
            .Expect(HttpStatusCode.Unauthorized);
        await (await browser.PostJson("/api/auth/login", new { username = "THE_BOSS", password = code })).Expect(HttpStatusCode.OK);
        await (await server.Client().PostJson("/api/auth/login", new { username = "the_boss", password = code }))
            .Expect(HttpStatusCode.Unauthorized);
    }

    [NativeFact]
    public async Task Commands_at_the_same_time_wait_for_one_another()
    {
        (await Run("user", "create", "boss", "--admin")).Expect(0);
        var all = await Task.WhenAll(Enumerable.Range(1, 5).Select(number => Run("user", "create", $"user_{number}")));
        Assert.All(all, ran => ran.Expect(0));
        Assert.Equal(6, (await Run("user", "list", "--json")).Json.GetProperty("items").GetArrayLength());
    }

    [NativeFact]
    public async Task A_killed_servers_socket_does_not_mislead()
    {
        await using var server = await TestServer.StartAsync(new TestServerOptions { DataDir = _folder });
        await server.RegisterAdminAsync();
        await server.KillAsync();
        Assert.True(File.Exists(Path.Combine(_folder, "control.sock")));
        Assert.Contains("stopped server", (await Run("user", "list")).Expect(0).Complaint);
        await server.RestartAsync();
        Assert.Contains("running server", (await Run("user", "list")).Expect(0).Complaint);
    }

    [NativeFact]
    public async Task A_folder_with_a_long_path_has_its_socket()
    {
        var deep = Directory.CreateDirectory(Path.Combine(_folder, new string('d', 120))).FullName;
        await using var server = await TestServer.StartAsync(new TestServerOptions { DataDir = deep });
        await server.RegisterAdminAsync();
        Assert.Contains("running server", (await Executable.RunAsync(deep, "user", "list")).Expect(0).Complaint);
        await server.StopAsync();
        Assert.Contains("stopped server", (await Executable.RunAsync(deep, "user", "list")).Expect(0).Complaint);
    }

    [NativeFact]
    public async Task Providers_are_tested_with_the_stored_keys()
    {
        var upstream = FakeUpstream.Start(OpenAiScript.Answer(["gpt-4o"], "hi"));
        await using var server = await TestServer.StartAsync(new TestServerOptions { DataDir = _folder });
        var admin = await server.RegisterAdminAsync();
        await (await admin.PostJson("/api/connections", new
        {
            name = "Ours",
            provider = "openai",
            baseUrl = upstream.BaseUrl,
            key = "sk-CANARY-abcdefgh1234",
            local = true,
        })).Expect(HttpStatusCode.Created);
        var running = (await Run("connection", "test")).Expect(0);
        await server.StopAsync();
        var stopped = (await Run("connection", "test", "ours", "--json")).Expect(0);
        await upstream.DisposeAsync();

        Assert.Contains("Ours: OK, 1 model", running.Output);
        Assert.Equal(1, stopped.Json.GetProperty("items")[0].GetProperty("models").GetInt32());
        Assert.Contains("Ours: Failed (", (await Run("connection", "test", "Ours")).Expect(1).Output);
        Assert.Contains("no connection named", (await Run("connection", "test", "nobody")).Expect(1).Complaint);
        Assert.DoesNotContain("CANARY", (await Run("connection", "list", "--json")).Expect(0).Output);
    }

    [NativeFact]
    public async Task The_doctor_names_what_is_broken_and_what_to_do()
    {
        await using var server = await TestServer.StartAsync(new TestServerOptions { DataDir = _folder });
        await server.RegisterAdminAsync();
        (string, string)[] port = [("PORT", $"{server.BaseUri.Port}"), ("HOST", "127.0.0.1")];
        Assert.DoesNotContain("FAILED", (await Executable.RunAsync(_folder, port, "doctor")).Expect(0).Output);
        Assert.Contains("FAILED   port: ", (await Executable.RunAsync(_folder, [("PORT", "1")], "doctor")).Expect(1).Output);
        await server.StopAsync();

        (await Executable.RunAsync(_folder, port, "doctor")).Expect(0);
        File.Move(Path.Combine(_folder, "master.key"), Path.Combine(_folder, "away"));
        File.WriteAllText(Path.Combine(_folder, "master.key"), "garbage");
        var broken = (await Executable.RunAsync(_folder, port, "doctor", "--json")).Expect(1).Json.GetProperty("items").EnumerateArray();
        var keys = broken.Single(item => item.Text("name") == "folder");
        Assert.Equal($"chmod 600 {_folder}/master.key", keys.Text("action"));
        Assert.Contains(broken, item => item.Text("name") == "installation" && item.Text("state") == "failed");
        Assert.Contains("LOG_LEVEL", (await Executable.RunAsync(_folder, [("LOG_LEVEL", "loud")], "doctor")).Expect(1).Output);
        Assert.Contains("There is no AiChat", (await Executable.RunAsync(_folder + "/none", "doctor")).Expect(1).Output);
        Assert.False(Directory.Exists(_folder + "/none"));
    }

    [NativePostgresFact]
    public async Task The_doctor_does_not_speak_of_a_check_that_PostgreSQL_has_no_need_of()
    {
        (string Name, string Value)[] variables = [("DATABASE_URL", PostgresServer.NewDatabaseUrl())];
        await using var server = await TestServer.StartAsync(new TestServerOptions
        {
            DataDir = _folder,
            Variables = variables.ToDictionary(one => one.Name, one => one.Value),
        });
        await server.RegisterAdminAsync();
        variables = [.. variables, ("PORT", $"{server.BaseUri.Port}"), ("HOST", "127.0.0.1")];
        var running = (await Executable.RunAsync(_folder, variables, "doctor")).Expect(0).Output;
        await server.StopAsync();

        Assert.All(new[] { running, (await Executable.RunAsync(_folder, variables, "doctor")).Expect(0).Output }, said =>
        {
            Assert.Contains("OK       database: It opens, on the server 127.0.0.1:", said);
            Assert.DoesNotContain("damage", said);
        });
    }

    [NativeTheory]
    [InlineData("usr")]
    [InlineData("user")]
    [InlineData("user", "create")]
    [InlineData("user", "create", "anna", "bert")]
    [InlineData("user", "list", "--status", "ASLEEP")]
    [InlineData("user", "list", "--jsn")]
    [InlineData("completion", "tcsh")]
    [InlineData("serve", "--port", "80")]
    public async Task Wrong_arguments_end_with_64_and_touch_nothing(params string[] arguments)
    {
        var ran = (await Run(arguments)).Expect(64);
        Assert.Equal("", ran.Output);
        Assert.Matches("See: aichat[a-z -]* --help\n$", ran.Complaint);
        Assert.Empty(Directory.EnumerateFileSystemEntries(_folder));
    }

    [NativeFact]
    public async Task A_folder_that_is_mounted_read_only_is_named()
    {
        (await Run("user", "create", "boss", "--admin")).Expect(0);
        var commands = $"mount --bind {_folder} {_folder} && mount -o remount,bind,ro {_folder} && exec \"$0\" user list";
        using var process = Process.Start(new ProcessStartInfo("unshare", ["--mount", "sh", "-c", commands, TestServer.Binary!])
        {
            Environment = { ["DATA_DIR"] = _folder },
            RedirectStandardError = true,
        })!;
        var said = await process.StandardError.ReadToEndAsync();
        await process.WaitForExitAsync();
        Assert.Equal(78, process.ExitCode);
        Assert.EndsWith($"{_folder} is mounted read-only. Mount a writable folder or volume at {_folder}.\n", said);
    }

    [NativeFact]
    public async Task Ctrl_C_ends_a_command_that_waits_and_leaves_the_folder_free()
    {
        (await Run("user", "create", "boss", "--admin")).Expect(0);
        using (File.Open(Path.Combine(_folder, "lock"), FileMode.Open, FileAccess.ReadWrite, FileShare.None)) // as a server that hangs
        {
            // A test that runs in the background ignores the signal, and so would its children.
            using var waiting = Process.Start(new ProcessStartInfo("env", ["--default-signal=INT", TestServer.Binary!, "user", "list"])
            {
                Environment = { ["DATA_DIR"] = _folder },
                RedirectStandardOutput = true,
            })!;
            await Eventually.Holds(() => Task.FromResult(new FileInfo($"/proc/{waiting.Id}/exe").LinkTarget == TestServer.Binary));
            using var kill = Process.Start("kill", ["-INT", $"{waiting.Id}"]);
            Assert.Equal("", await waiting.StandardOutput.ReadToEndAsync());
            await waiting.WaitForExitAsync();
            Assert.Equal(130, waiting.ExitCode);
        }

        (await Run("user", "list")).Expect(0);
    }

    [NativeFact]
    public async Task Help_version_and_completion_need_no_folder()
    {
        foreach (var path in new[] { "", "user", "user create", "connection test", "rotate-key", "doctor", "healthcheck", "migrate-store" })
        {
            var help = (await Run([.. path.Split(' ', StringSplitOptions.RemoveEmptyEntries), "--help"])).Expect(0).Output;
            Assert.Contains("Usage:", help);
        }

        Assert.NotEqual("", (await Run("version", "--json")).Expect(0).Json.Text("version"));
        var completions = (await Run("[suggest:9]", "aichat us")).Expect(0).Output.Split('\n');
        Assert.Contains("user", completions);
        Assert.Contains("reset-password", (await Run("[suggest:12]", "aichat user ")).Expect(0).Output.Split('\n'));
        Assert.Contains("[suggest:", (await Run("completion", "bash")).Expect(0).Output);
        Assert.Empty(Directory.EnumerateFileSystemEntries(_folder));
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private Task<Ran> Run(params string[] arguments) => Executable.RunAsync(_folder, arguments);
}
