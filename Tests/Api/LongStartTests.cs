using System.Diagnostics;
using System.Net;
using System.Net.Http.Headers;
using System.Text.Json;
using AiChat.Data.Sqlite;
using AiChat.Tests.Data;
using Microsoft.Data.Sqlite;

namespace AiChat.Tests.Api;

/// <summary>
/// A start that takes long, as after an upgrade with much data: it answers, tells how far it is, is not ended by a probe, and a signal ends
/// it with the database as before. Another program's lock holds the upgrade where the test looks.
/// </summary>
[Trait("Store", "File")]
public sealed class LongStartTests : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("aichat-long-start-");
    private readonly int _port = TestPorts.Free();

    private string Database => Path.Combine(_folder.FullName, "app.db");

    [NativeFact]
    public async Task A_start_that_takes_long_says_so_to_everybody_and_then_serves()
    {
        Old();
        using var manager = new NotifySocket();
        using var client = new HttpClient { BaseAddress = new Uri($"http://127.0.0.1:{_port}") };
        using var held = Hold();
        var starting = TestServer.StartAsync(new TestServerOptions
        {
            DataDir = _folder.FullName,
            Variables = new Dictionary<string, string>
            {
                ["PORT"] = $"{_port}",
                ["NOTIFY_SOCKET"] = manager.Name,
                ["WATCHDOG_USEC"] = "300000",
            },
        });
        await Eventually.Holds(async () => await client.Status("/api/health") == HttpStatusCode.OK
            && (await Body(client, "/api/settings/health")).Contains("migrating_database", StringComparison.Ordinal));

        var ready = await client.GetAsync("/api/settings/health");
        Assert.Equal(HttpStatusCode.ServiceUnavailable, ready.StatusCode);
        Assert.Equal(
            """{"status":"starting","step":"migrating_database","share":0}""", await ready.Content.ReadAsStringAsync());
        var call = await client.GetAsync("/api/sessions");
        Assert.Equal((HttpStatusCode.ServiceUnavailable, TimeSpan.FromSeconds(2)), (call.StatusCode, call.Headers.RetryAfter!.Delta));
        var problem = JsonDocument.Parse(await call.Content.ReadAsStringAsync()).RootElement;
        Assert.Equal("starting", problem.GetProperty("code").GetString());
        Assert.Contains("<h1>AiChat is starting</h1>", await Page(client, "en-GB,zh;q=0.5"));
        Assert.Contains("<p>正在升级数据库</p>", await Page(client, "zh-CN,zh;q=0.9,en;q=0.5"));
        Assert.StartsWith("EXTEND_TIMEOUT_USEC=", await manager.Next());
        Assert.Matches(@"WATCHDOG=1\nSTATUS=Starting for \d+ s: migrating database", await manager.Next("migrating database"));
        (await Executable.RunAsync(_folder.FullName, [("PORT", $"{_port}")], "healthcheck")).Expect(0);

        await held.DisposeAsync();
        await using var server = await starting;
        Assert.Equal(HttpStatusCode.OK, await client.Status("/api/settings/health"));
        Assert.Contains("was brought from schema 3 to ", server.Output);
        Assert.Contains("Starting for 1 s: ", server.Output);
        Assert.Equal("3004", OldRows.Text(Database, "select count(*) from messages"));
    }

    [NativeTheory]
    [InlineData("TERM")]
    [InlineData("HUP")]
    public async Task A_signal_in_the_middle_ends_it_with_the_database_as_before(string signal)
    {
        Old();
        var before = OldRows.Read(Database);
        using var client = new HttpClient { BaseAddress = new Uri($"http://127.0.0.1:{_port}") };
        using var held = Hold();
        using var process = Executable.Start(null, _folder.FullName, [("PORT", $"{_port}")]);
        await Eventually.Holds(async () => await client.Status("/api/health") == HttpStatusCode.OK);

        using var kill = Process.Start("kill", [$"-{signal}", $"{process.Id}"]);
        await kill.WaitForExitAsync();
        await held.DisposeAsync();
        await process.WaitForExitAsync().WaitAsync(TimeSpan.FromSeconds(20));

        Assert.Equal(0, process.ExitCode);
        OldRows.Same(before, OldRows.Read(Database));
        Assert.Equal("3", OldRows.Text(Database, "select user_version from pragma_user_version"));
        Assert.Empty(_folder.GetFiles("*.new"));
    }

    /// <summary>Killed at any moment of the copy and of the migration, the next start brings all of it.</summary>
    [NativeFact]
    public async Task Killed_at_any_moment_the_next_start_succeeds_with_every_row()
    {
        foreach (var milliseconds in new[] { 30, 60, 100, 150, 220, 300 })
        {
            Old();
            using var process = Executable.Start(null, _folder.FullName, [("PORT", "0")]);
            await Task.Delay(milliseconds); // the moment itself is what differs
            process.Kill();
            await process.WaitForExitAsync();

            Migrator.Run(Database);
            Assert.Equal("3004", OldRows.Text(Database, "select count(*) from messages"));
            Assert.Equal("ok", OldRows.Text(Database, "pragma integrity_check"));
            Assert.NotEmpty(UpgradeCopies.Find(Database, UpgradeCopies.Upgrade));
            foreach (var file in _folder.GetFiles("app.db*"))
            {
                file.Delete();
            }
        }
    }

    [NativeFact]
    public async Task One_command_takes_it_back_and_what_was_written_in_between_stays()
    {
        Old();
        await using var server = await TestServer.StartAsync(new TestServerOptions { DataDir = _folder.FullName });
        var running = (await Executable.RunAsync(_folder.FullName, "rollback")).Expect(75);
        Assert.Contains("Stop the server first", running.Complaint);
        var message = "insert into messages (session_id, role, content, status, created_at) values (1, 'user', 'between', 'done', 5)";
        OldRows.Text(Database, message);
        await server.StopAsync();

        var back = (await Executable.RunAsync(_folder.FullName, "rollback", "--json")).Expect(0).Json;

        Assert.Equal(3, back.GetProperty("to").GetInt32());
        Assert.Equal("3", OldRows.Text(Database, "select user_version from pragma_user_version"));
        Assert.Equal("1", OldRows.Text(Database, "select count(*) from messages where content = 'between'"));
        Assert.True(File.Exists(back.GetProperty("aside").GetString()));
        Assert.Contains("already", (await Executable.RunAsync(_folder.FullName, "rollback")).Expect(0).Output);
        await server.RestartAsync();
        Assert.Equal("1", OldRows.Text(Database, "select count(*) from messages where content = 'between'"));
    }

    [NativeFact]
    public async Task A_database_file_that_was_put_back_beside_a_later_log_is_asked_about()
    {
        await using var server = await TestServer.StartAsync(new TestServerOptions { DataDir = _folder.FullName });
        var admin = await server.RegisterAdminAsync();
        await server.StopAsync();
        File.Copy(Database, Database + ".mine");
        await server.RestartAsync();
        for (var chat = 0; chat < 3; chat++) // the first change after a start is in the file at once
        {
            (await admin.PostJson("/api/sessions", new { })).EnsureSuccessStatusCode();
        }

        await server.KillAsync();
        File.Copy(Database + ".mine", Database, overwrite: true);

        var error = await Assert.ThrowsAsync<ServerStartException>(() => server.RestartAsync());
        Assert.Equal(78, error.ExitCode);
        Assert.Contains("aichat serve --keep-file", error.Message);
        Assert.Contains("0 chats", error.Message);
        Assert.Contains("3 chats", error.Message);

        using var client = new HttpClient { BaseAddress = new Uri($"http://127.0.0.1:{_port}") };
        using var process = Executable.Start(null, _folder.FullName, [("PORT", $"{_port}")], "serve", "--keep-file");
        await Eventually.Holds(async () => await client.Status("/api/settings/health") == HttpStatusCode.OK);
        process.Kill();
        await process.WaitForExitAsync();
        Assert.Equal("0", OldRows.Text(Database, "select count(*) from sessions"));
        Assert.Single(_folder.GetFiles("app.db-wal.aside-*"));
    }

    public void Dispose() => _folder.Delete(recursive: true);

    /// <summary>A database of the first releases with 3,004 messages.</summary>
    private void Old()
    {
        Migrator.Run(Database, Migrator.Load()[..3]);
        OldRows.Fill(Database, messages: 3000);
        OldRows.Text(Database, "update connections set secret_keys = null");
    }

    /// <summary>As sqlite3 in the middle of a transaction; the upgrade waits for at most five seconds.</summary>
    private SqliteConnection Hold()
    {
        var connection = new SqliteConnection($"Data Source={Database};Pooling=false");
        connection.Open();
        OldRows.List(connection, "begin immediate");
        return connection;
    }

    private static async Task<string> Page(HttpClient client, string languages)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, "/c/5");
        request.Headers.Accept.Add(new MediaTypeWithQualityHeaderValue("text/html"));
        request.Headers.TryAddWithoutValidation("Accept-Language", languages);
        var reply = await client.SendAsync(request);
        Assert.Equal(HttpStatusCode.ServiceUnavailable, reply.StatusCode);
        Assert.Equal("2", Assert.Single(reply.Headers.GetValues("Refresh")));
        return await reply.Content.ReadAsStringAsync();
    }

    private static async Task<string> Body(HttpClient client, string path) =>
        await (await client.GetAsync(path)).Content.ReadAsStringAsync();
}
