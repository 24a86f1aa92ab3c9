using System.Diagnostics;
using System.Net;

namespace AiChat.Tests.Api;

/// <summary>An update that starts the new process before the old one has ended.</summary>
public sealed class FolderWaitTests
{
    [NativeTheory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task The_new_process_waits_alive_and_takes_over_within_a_second(bool killed)
    {
        await using var old = await TestServer.StartAsync();
        var admin = await old.RegisterAdminAsync();
        var session = (await (await admin.PostJson("/api/sessions", new { })).Json(HttpStatusCode.Created)).GetProperty("id").GetInt64();
        var port = TestPorts.Free();
        var starting = Start(old, port);
        using var client = new HttpClient { BaseAddress = new Uri($"http://127.0.0.1:{port}"), Timeout = TimeSpan.FromSeconds(10) };
        await Eventually.Holds(async () => await client.Status("/api/health") == HttpStatusCode.OK);

        var ready = await (await client.GetAsync("/api/settings/health")).Content.ReadAsStringAsync();
        Assert.Equal("""{"status":"starting","step":"waiting_for_folder"}""", ready);
        Assert.Equal(HttpStatusCode.ServiceUnavailable, await client.Status("/api/settings/health"));
        Assert.Equal(HttpStatusCode.ServiceUnavailable, await client.Status($"/api/sessions/{session}"));
        using var browser = new HttpRequestMessage(HttpMethod.Get, "/") { Headers = { { "Accept", "text/html" } } };
        var page = await client.SendAsync(browser);
        Assert.Equal(HttpStatusCode.ServiceUnavailable, page.StatusCode);
        Assert.Equal("2", Assert.Single(page.Headers.GetValues("Refresh")));
        using var head = new HttpRequestMessage(HttpMethod.Head, "/api/health");
        Assert.Equal(HttpStatusCode.OK, (await client.SendAsync(head)).StatusCode);

        await (killed ? old.KillAsync() : old.StopAsync());
        var ended = Stopwatch.GetTimestamp();
        await using var next = await starting;
        Assert.InRange(Stopwatch.GetElapsedTime(ended), TimeSpan.Zero, TimeSpan.FromSeconds(1));
        Assert.Equal(HttpStatusCode.OK, await client.Status("/api/settings/health"));
        var again = next.Client();
        var login = new { username = "admin", password = TestServer.Password };
        await (await again.PostJson("/api/auth/login", login)).Expect(HttpStatusCode.OK);
        await (await again.GetAsync($"/api/sessions/{session}")).Expect(HttpStatusCode.OK);
    }

    [NativeFact]
    public async Task With_a_certificate_the_new_process_waits_over_https()
    {
        using var certificates = new LocalhostCertificates();
        var folder = Directory.CreateTempSubdirectory("aichat-tls-");
        var (certificate, key, _) = certificates.Issue();
        var file = Path.Combine(folder.FullName, "tls.pem");
        await File.WriteAllTextAsync(file, certificate + "\n" + key);
        await using var old = await TestServer.StartAsync();
        var port = TestPorts.Free();
        var options = Options(port, 30);
        var variables = new Dictionary<string, string>(options.Variables) { ["TLS_CERT_FILE"] = file };
        var starting = TestServer.StartAsync(options with { DataDir = old.DataDir, Variables = variables });
        using var handler = new HttpClientHandler { ServerCertificateCustomValidationCallback = (_, _, _, _) => true };
        using var client = new HttpClient(handler) { BaseAddress = new Uri($"https://localhost:{port}") };
        await Eventually.Holds(async () => await client.Status("/api/health") == HttpStatusCode.OK);
        Assert.Equal(HttpStatusCode.ServiceUnavailable, await client.Status("/api/settings/health"));
        foreach (var (arguments, code) in new[] { (new[] { "healthcheck", "--alive" }, 0), (["healthcheck"], 1) })
        {
            (await Executable.RunAsync(old.DataDir, [("PORT", $"{port}"), ("TLS_CERT_FILE", file)], arguments)).Expect(code);
        }

        await old.StopAsync();
        await using var next = await starting;
        Assert.Equal(HttpStatusCode.OK, await client.Status("/api/settings/health"));
        folder.Delete(recursive: true);
    }

    /// <summary>While the old process listens there, the new one cannot; it takes over the port with the folder.</summary>
    [NativeFact]
    public async Task On_the_same_port_the_new_process_takes_over_too()
    {
        var port = TestPorts.Free();
        await using var old = await TestServer.StartAsync(Options(port));
        var starting = Start(old, port);
        await old.Client().GetJson("/api/health");
        await old.StopAsync();
        await using var next = await starting;
        await next.Client().GetJson("/api/health");
    }

    [NativeFact]
    public async Task No_connection_is_refused_between_waiting_and_serving()
    {
        await using var old = await TestServer.StartAsync();
        var port = TestPorts.Free();
        var starting = Start(old, port);
        using var client = new HttpClient { BaseAddress = new Uri($"http://127.0.0.1:{port}"), Timeout = TimeSpan.FromSeconds(10) };
        await Eventually.Holds(async () => await client.Status("/api/health") == HttpStatusCode.OK);

        using var done = new CancellationTokenSource();
        var asking = Task.Run(async () =>
        {
            var asked = 0;
            while (!done.IsCancellationRequested)
            {
                using var one = new HttpClient { BaseAddress = client.BaseAddress, DefaultRequestHeaders = { ConnectionClose = true } };
                Assert.Equal(HttpStatusCode.OK, (await one.GetAsync("/api/health")).StatusCode);
                asked++;
            }

            return asked;
        });
        await old.StopAsync();
        await using var next = await starting;
        await done.CancelAsync();
        Assert.True(await asking > 0);
    }

    [NativeFact]
    public async Task Who_does_not_get_the_folder_in_time_ends()
    {
        await using var old = await TestServer.StartAsync();
        var error = await Assert.ThrowsAsync<ServerStartException>(() => Start(old, 0, seconds: 1));
        Assert.Equal(75, error.ExitCode);
        Assert.Contains($"in use by another AiChat process (PID {old.ProcessId})", error.Message);
        await old.Client().GetJson("/api/settings/health");

        var unset = await Assert.ThrowsAsync<ServerStartException>(() => Start(old, 0, seconds: 0));
        Assert.Equal(75, unset.ExitCode);
        Assert.Contains("AICHAT_WAIT_FOR_FOLDER=60", unset.Message);
    }

    private static Task<TestServer> Start(TestServer old, int port, int seconds = 30) =>
        TestServer.StartAsync(Options(port, seconds) with { DataDir = old.DataDir });

    private static TestServerOptions Options(int port, int seconds = 0) => new()
    {
        Variables = new Dictionary<string, string> { ["PORT"] = $"{port}", ["AICHAT_WAIT_FOR_FOLDER"] = $"{seconds}" },
    };
}
