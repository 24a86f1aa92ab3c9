using System.Diagnostics;
using System.Net;
using System.Net.Http.Headers;
using AiChat.Tests.Chat;

namespace AiChat.Tests.Torture;

/// <summary>A disk that is full, slow, read-only or broken while the native server runs.</summary>
[Trait("Store", "File")]
public sealed class DiskFaultTests
{
    private const int StopsWithInputOutput = 74, StopsWithConfiguration = 78;

    [NativeFact]
    public async Task A_full_disk_refuses_what_is_new_loses_nothing_and_needs_no_restart()
    {
        using var machine = new Machine();
        var release = new TaskCompletionSource();
        await using var upstream = ChatSteps.PausingProvider(release.Task);
        await using var server = await TestServer.StartAsync(machine.Options());
        var admin = await server.RegisterAdminAsync();
        var session = await admin.NewSession(await admin.Connect(upstream));
        await using var stream = await admin.Ask(session, "go");
        var seen = new Transcript();
        await seen.ReadFirst(stream);

        machine.Break(Fault.FullDisk());
        await (await admin.PostJson("/api/sessions", new { title = "new" }))
            .ExpectProblem(HttpStatusCode.InsufficientStorage, "storage_full");
        var login = new { username = "admin", password = TestServer.Password };
        await (await server.Client().PostJson("/api/auth/login", login)).Expect(HttpStatusCode.OK);
        Assert.Equal("go", (await admin.Messages(session))[0].Text("content"));
        await (await server.Client().GetAsync("/api/health")).Expect(HttpStatusCode.OK);
        release.SetResult(); // the answer ends, and its end cannot be stored yet
        while (!seen.Content.EndsWith("after", StringComparison.Ordinal))
        {
            seen.Take((await stream.NextAsync())!);
        }

        machine.Break();
        await seen.ReadAll(stream);
        Assert.Equal("done", seen.Done!.Json.Text("status"));
        Assert.Equal("before after", (await admin.Messages(session))[^1].Text("content"));
        await (await admin.PostJson("/api/sessions", new { title = "room again" })).Expect(HttpStatusCode.Created);
    }

    [NativeFact]
    public async Task A_full_disk_under_the_images_or_the_traces_stops_no_chat()
    {
        using var machine = new Machine();
        await using var upstream = FakeUpstream.Start(OpenAiScript.Answer(["fake-model"], "whole"));
        await using var server = await TestServer.StartAsync(machine.Options());
        var admin = await server.RegisterAdminAsync();
        var session = await admin.NewSession(await admin.Connect(upstream));
        await admin.Trace(new { taskTraceEnabled = true, taskTraceDefaultOn = true });

        machine.Break([.. Fault.FullDisk("/images/"), .. Fault.FullDisk("/traces.db")]);
        await (await Upload(admin)).ExpectProblem(HttpStatusCode.InsufficientStorage, "storage_full");
        Assert.Equal("whole", (await admin.AskAndWait(session, "go")).Text("content"));
        machine.Break();
        await (await Upload(admin)).Expect(HttpStatusCode.Created);
        Assert.Empty(Directory.EnumerateFiles(Path.Combine(machine.Data, "images"), "*.new"));
    }

    /// <summary>After a failed flush nobody knows what is on disk: the server ends, and the next start finds out.</summary>
    [NativeTheory]
    [InlineData("sync")]
    [InlineData("write")]
    public async Task A_disk_that_fails_ends_the_server_and_the_next_start_has_what_was_acknowledged(string kind)
    {
        using var machine = new Machine();
        await using var server = await TestServer.StartAsync(machine.Options());
        var admin = await server.RegisterAdminAsync();
        await (await admin.PostJson("/api/sessions", new { title = "kept" })).Expect(HttpStatusCode.Created);
        machine.Break(new Fault(kind, Fault.InputOutput, "app.db"));
        var doubtful = await admin.PostJson("/api/sessions", new { title = "in doubt" });
        Assert.Equal(HttpStatusCode.ServiceUnavailable, doubtful.StatusCode);
        await server.NextLine("The database can no longer be written");
        await Eventually.Holds(() => !Directory.Exists($"/proc/{server.ProcessId}"));
        Assert.Equal(StopsWithInputOutput, server.ExitCode);

        machine.Break();
        await server.RestartAsync();
        var sessions = (await admin.GetJson("/api/sessions")).GetProperty("items").EnumerateArray();
        Assert.Contains("kept", sessions.Select(item => item.Text("title")));
    }

    /// <summary>Whether a reader or the writer meets it decides if the server goes on; either way nothing is lost.</summary>
    [NativeFact]
    public async Task A_read_that_fails_is_told_and_loses_nothing()
    {
        using var machine = new Machine();
        await using var upstream = FakeUpstream.Start(OpenAiScript.Answer(["fake-model"], new string('x', 60_000)));
        await using var server = await TestServer.StartAsync(machine.Options());
        var admin = await server.RegisterAdminAsync();
        var session = await admin.NewSession(await admin.Connect(upstream));
        await admin.AskAndWait(session, "go");
        await server.RestartAsync(); // nothing is in memory, and the log is folded into the file
        machine.Break(new Fault("read", Fault.InputOutput, "app.db"));
        try
        {
            var answer = await admin.GetAsync($"/api/sessions/{session}/messages");
            await answer.ExpectProblem(HttpStatusCode.ServiceUnavailable, "storage_unavailable");
        }
        catch (HttpRequestException)
        {
            await server.NextLine("The database can no longer be written");
            await Eventually.Holds(() => !Directory.Exists($"/proc/{server.ProcessId}"));
            Assert.Equal(StopsWithInputOutput, server.ExitCode);
        }

        machine.Break();
        await server.RestartAsync();
        Assert.Equal(60_000, (await admin.Messages(session))[^1].Text("content")!.Length);
    }

    [NativeFact]
    public async Task On_a_read_only_disk_it_does_not_start_and_says_so_in_one_line()
    {
        using var machine = new Machine();
        await using (var server = await TestServer.StartAsync(machine.Options()))
        {
            await server.StopAsync();
        }

        var before = Contents(machine.Data);
        machine.Break(new("write", Fault.ReadOnly), new("create", Fault.ReadOnly), new("remove", Fault.ReadOnly));
        var begun = Stopwatch.GetTimestamp();
        var refused = await Assert.ThrowsAsync<ServerStartException>(() => TestServer.StartAsync(machine.Options()));
        Assert.InRange(Stopwatch.GetElapsedTime(begun), TimeSpan.Zero, TimeSpan.FromSeconds(2));
        Assert.Equal(StopsWithConfiguration, refused.ExitCode);
        Assert.Contains(machine.Data, refused.Message);
        Assert.Equal(before, Contents(machine.Data));
    }

    [NativeFact]
    public async Task A_disk_that_takes_two_seconds_to_flush_delays_writes_and_nothing_else()
    {
        using var machine = new Machine();
        await using var server = await TestServer.StartAsync(machine.Options());
        var admin = await server.RegisterAdminAsync();
        machine.Break(new Fault("sync", 0, "app.db-wal", Count: 1, Milliseconds: 2_000));
        var writing = admin.PostJson("/api/sessions", new { title = "slow" });
        for (var reads = 0; reads < 20; reads++)
        {
            var begun = Stopwatch.GetTimestamp();
            await (await admin.GetAsync("/api/sessions")).Expect(HttpStatusCode.OK);
            await (await server.Client().GetAsync("/api/health")).Expect(HttpStatusCode.OK);
            Assert.InRange(Stopwatch.GetElapsedTime(begun), TimeSpan.Zero, TimeSpan.FromSeconds(1));
        }

        await (await writing).Expect(HttpStatusCode.Created);
    }

    /// <summary>A program without standard files gets their numbers for its own; what it says must not go into those.</summary>
    [NativeTheory]
    [InlineData("<&- >&- 2>&-")]
    [InlineData("</dev/null >/dev/full 2>/dev/full")]
    [InlineData("</dev/null 2>/dev/null | true")]
    public async Task Where_nothing_can_be_said_it_serves_all_the_same(string redirection)
    {
        using var machine = new Machine();
        var port = TestPorts.Free();
        var start = new ProcessStartInfo("sh", ["-c", $"\"$0\" {redirection}", TestServer.Binary!]);
        start.Environment.Clear();
        (string, string)[] variables = [("PORT", $"{port}"), ("HOST", "127.0.0.1"), ("DATA_DIR", machine.Data), ("PATH", "/usr/bin:/bin")];
        foreach (var (name, value) in variables)
        {
            start.Environment[name] = value;
        }

        using var process = Process.Start(start)!;
        using var client = new HttpClient { BaseAddress = new Uri($"http://127.0.0.1:{port}") };
        await Eventually.Holds(async () =>
        {
            try
            {
                return (await client.GetAsync("/api/settings/health")).StatusCode == HttpStatusCode.OK;
            }
            catch (HttpRequestException)
            {
                Assert.False(process.HasExited);
                return false;
            }
        });
        var server = int.Parse(await File.ReadAllTextAsync(Path.Combine(machine.Data, "pid")));
        foreach (var file in new[] { 0, 1, 2 })
        {
            Assert.DoesNotContain(machine.Data, File.ResolveLinkTarget($"/proc/{server}/fd/{file}", false)!.FullName);
        }

        using var kill = Process.Start("kill", ["-TERM", $"{server}"]);
        await process.WaitForExitAsync().WaitAsync(TimeSpan.FromSeconds(20));
        Assert.Equal(0, new FileInfo(Path.Combine(machine.Data, "lock")).Length);
    }

    private static async Task<HttpResponseMessage> Upload(HttpClient user)
    {
        using var content = new ByteArrayContent(SampleImages.Png()) { Headers = { ContentType = new MediaTypeHeaderValue("image/png") } };
        return await user.PostAsync("/api/images", content);
    }

    private static List<string> Contents(string folder) =>
        [.. Directory.EnumerateFiles(folder, "*", SearchOption.AllDirectories).Order(StringComparer.Ordinal)
            .Select(file => $"{file} {Convert.ToHexString(System.Security.Cryptography.SHA256.HashData(File.ReadAllBytes(file)))}")];
}
