using System.Diagnostics;
using System.Net;
using System.Text.RegularExpressions;
using AiChat.Data;
using AiChat.Tests.Chat;
using AiChat.Tests.Data;
using AiChat.Tests.Torture;
using Microsoft.Data.Sqlite;

namespace AiChat.Tests.Moves;

/// <summary>
/// The command as an operator gives it, killed again and again: the servers before and after it show every account the same. The long form
/// has 100,000 messages and 50 kills each way.
/// </summary>
[Trait("Store", "File")]
public sealed partial class MoveKillTests : IAsyncLifetime
{
    private static readonly int Messages = LongForm.IsOn ? 100_000 : 20_000;

    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("aichat-move-");
    private readonly List<(HttpClient Browser, string Before)> _accounts = [];
    private Uri _address = new("http://127.0.0.1");
    private string _url = "";

    private string Data => _folder.FullName;

    private string File => Path.Combine(Data, "app.db");

    private string Back => Path.Combine(Data, "back.db");

    public Task InitializeAsync() => Task.CompletedTask;

    public Task DisposeAsync()
    {
        _accounts.ForEach(account => account.Browser.Dispose());
        _folder.Delete(recursive: true);
        return Task.CompletedTask;
    }

    [NativePostgresFact]
    public async Task Killed_at_many_points_it_moves_every_account_there_and_back()
    {
        _url = PostgresServer.NewDatabaseUrl();
        await Fill();
        var kills = LongForm.Rounds(3, 50);

        var named = Path.Combine(_folder.FullName, "url");
        await System.IO.File.WriteAllTextAsync(named, _url + "\n");
        var there = await Move([], ["--to-file", named], kills, Rows(OnServer));
        await Show(_url);
        var back = await Move([("DATABASE_URL", _url)], ["--to", $"file:{Back}"], kills, Rows(InFile));
        await Show($"file:{Back}");

        LongForm.Report("moved there", [new("kills", kills), new("messages", Messages), .. there]);
        LongForm.Report("moved back", [new("kills", kills), new("messages", Messages), .. back]);
    }

    [NativePostgresFact]
    public async Task What_stands_in_the_way_is_said_in_one_line()
    {
        _url = PostgresServer.NewDatabaseUrl();
        var missing = _url + "_missing";
        await Refused(66, "There is no AiChat in", [], "--to", _url);
        await using (var server = await TestServer.StartAsync(new TestServerOptions { DataDir = Data }))
        {
            await server.RegisterAdminAsync();
            await Refused(75, "in use by another AiChat process", [], "--to", _url);
        }

        await Refused(64, "Say where to", [], "--to", "");
        await Refused(64, "exclude each other", [], "--to", _url, "--to-file", "x");
        await Refused(64, "/nowhere/url cannot be read", [], "--to-file", "/nowhere/url");
        await Refused(64, "The target is postgres://user:password@host", [], "--to", "postgres://nobody");
        await Refused(64, "The data are in a file already", [], "--to", "file:/tmp/other.db");
        await Refused(78, "create database", [], "--to", missing);
        await Refused(75, "cannot be reached", [], "--to", "postgres://a:secret-CANARY@127.0.0.1:1/b");
        await using (var node = await TestServer.StartAsync(new TestServerOptions
        {
            Variables = new Dictionary<string, string> { ["DATABASE_URL"] = _url },
        }))
        {
            await Refused(75, "A server uses the database", [("DATABASE_URL", _url)], "--to", $"file:{Back}");
            await node.StopAsync();
        }

        await Refused(78, "belongs to another installation", [("DATABASE_URL", _url)], "--to", $"file:{Back}");
        await Refused(78, "holds an AiChat already", [], "--to", _url);
    }

    /// <summary>Two accounts whose chats hold many messages.</summary>
    private async Task Fill()
    {
        await using (var server = await TestServer.StartAsync(new TestServerOptions { DataDir = Data }))
        {
            _address = server.BaseUri;
            var (admin, user) = (Browser(), Browser());
            await (await admin.PostJson(
                "/api/auth/register", new { username = "admin", password = TestServer.Password, setupCode = TestServer.SetupCode }))
                .Expect(HttpStatusCode.Created);
            var registered = await (await user.PostJson("/api/auth/register", new { username = "ann", password = TestServer.Password }))
                .Json(HttpStatusCode.Accepted);
            (await admin.PostJson($"/api/users/{registered.GetProperty("user").Id()}/approve", new { })).EnsureSuccessStatusCode();
            await (await user.PostJson("/api/auth/login", new { username = "ann", password = TestServer.Password }))
                .Expect(HttpStatusCode.OK);
            foreach (var browser in new[] { admin, user })
            {
                await (await browser.PostJson("/api/sessions", new { title = "人工智能 & \"Ünïcode\" 🌳" })).Expect(HttpStatusCode.Created);
                await (await browser.PostJson("/api/prompts", new { name = "p", title = "P", text = "Prompt" }))
                    .Expect(HttpStatusCode.Created);
            }

            await server.StopAsync();
        }

        OldRows.Text(File, $"""
            with recursive n (i) as (select 0 union all select i + 1 from n where i < {Messages - 1})
            insert into messages (id, session_id, parent_id, role, content, reasoning, status, created_at)
            select i + 1, i % 2 + 1, iif(i < 2, null, i - 1), iif(i / 2 % 2 = 0, 'user', 'assistant'),
                'Message ' || i || ' von vielen: 树下的宝藏 ' || hex(randomblob(80 + i % 200)), iif(i % 5 = 0, 'Because', null), 'done', i
            from n;
            update sessions set message_count = {Messages / 2}, leaf_id = (select max(id) from messages m where m.session_id = sessions.id);
            """);
        await using var again = await TestServer.StartAsync(new TestServerOptions { DataDir = Data });
        _address = again.BaseUri;
        foreach (var (place, account) in _accounts.Index().ToList())
        {
            _accounts[place] = account with { Before = await Exported(account.Browser) };
            Assert.True(_accounts[place].Before.Length > Messages * 50, _accounts[place].Before[..200]);
        }

        await again.StopAsync();
    }

    private HttpClient Browser()
    {
        var browser = new HttpClient(new BrowserHandler(() => _address, BrowserHandler.RandomLoopback()))
        {
            BaseAddress = BrowserHandler.Placeholder,
            Timeout = TimeSpan.FromMinutes(2),
        };
        _accounts.Add((browser, ""));
        return browser;
    }

    private static async Task<string> Exported(HttpClient browser)
    {
        var response = await browser.GetAsync("/api/account/export");
        await response.Expect(HttpStatusCode.OK);
        return ExportTime().Replace(await response.Content.ReadAsStringAsync(), "");
    }

    /// <summary>Whoever was logged in still is, and their exports are the same.</summary>
    private async Task Show(string store)
    {
        await using var server = await TestServer.StartAsync(new TestServerOptions
        {
            DataDir = Data,
            Variables = new Dictionary<string, string> { ["DATABASE_URL"] = store },
        });
        _address = server.BaseUri;
        foreach (var (browser, before) in _accounts)
        {
            Assert.True(before == await Exported(browser), "an export differs");
        }

        await server.StopAsync();
    }

    private async Task<KeyValuePair<string, long>[]> Move(
        (string Name, string Value)[] variables, string[] arguments, int kills, Func<long> rows)
    {
        for (var kill = 1; kill <= kills; kill++)
        {
            using var process = Executable.Start(null, Data, variables, ["migrate-store", .. arguments]);
            var complaint = process.StandardError.ReadToEndAsync();
            var enough = (long)Messages * kill / (kills + 1);
            await Eventually.Holds(() => process.HasExited || rows() >= enough);
            process.Kill();
            await process.WaitForExitAsync();
            Assert.True(process.ExitCode == 128 + 9, $"{process.ExitCode}: {await complaint}");
        }

        using var last = Executable.Start(null, Data, variables, ["migrate-store", .. arguments, "--json"]);
        var (output, said, peak) = (last.StandardOutput.ReadToEndAsync(), last.StandardError.ReadToEndAsync(), 0L);
        var began = Stopwatch.GetTimestamp();
        while (!last.HasExited)
        {
            peak = Math.Max(peak, Peak(last));
            await Task.WhenAny(last.WaitForExitAsync(), Task.Delay(20));
        }

        var ran = new Ran(last.ExitCode, await output, await said).Expect(0);
        Assert.Equal(Messages, ran.Json.GetProperty("tables").EnumerateArray().Single(table => table.Text("name") == "messages")
            .GetProperty("rows").GetInt64());
        Assert.Equal("found", ran.Json.Text("masterKey"));
        return [new("ms of the last part", (long)Stopwatch.GetElapsedTime(began).TotalMilliseconds), new("KiB at most", peak >> 10)];
    }

    /// <summary>The most memory that a process has taken; 0 when it has ended meanwhile.</summary>
    private static long Peak(Process process)
    {
        try
        {
            process.Refresh();
            return process.PeakWorkingSet64;
        }
        catch (InvalidOperationException)
        {
            return 0;
        }
    }

    /// <summary>Nothing while the table is not there.</summary>
    private static Func<long> Rows(Func<long> count) => () =>
    {
        try
        {
            return count();
        }
        catch (Exception error) when (error is Npgsql.NpgsqlException or SqliteException)
        {
            return 0;
        }
    };

    private long OnServer()
    {
        using var connection = PostgresServer.Connect(_url);
        using var command = connection.CreateCommand();
        command.CommandText = "select count(*) from messages";
        return (long)command.ExecuteScalar()!;
    }

    private long InFile()
    {
        using var connection = new SqliteConnection($"Data Source={Back}{MoveMark.FileEnding};Mode=ReadWrite;Pooling=false");
        connection.Open();
        using var command = connection.CreateCommand();
        command.CommandText = "select count(*) from messages";
        return (long)command.ExecuteScalar()!;
    }

    private async Task Refused(int code, string part, (string Name, string Value)[] variables, params string[] arguments)
    {
        var ran = (await Executable.RunAsync(Data, variables, ["migrate-store", .. arguments])).Expect(code);
        Assert.Contains(part, ran.Complaint);
        var lines = ran.Complaint.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.Single(lines, line => !line.StartsWith("Moving for", StringComparison.Ordinal));
        Assert.DoesNotContain("CANARY", ran.Complaint);
    }

    [GeneratedRegex("\"exportedAt\":\\s*\"[^\"]*\",?")]
    private static partial Regex ExportTime();
}
