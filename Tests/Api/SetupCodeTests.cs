using System.Net;

namespace AiChat.Tests.Api;

/// <summary>The setup code that the first registration must send, from any address.</summary>
public sealed class SetupCodeTests
{
    private const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite;

    [Fact]
    public async Task Nobody_becomes_administrator_without_it()
    {
        await using var server = await TestServer.StartAsync();
        await (await Register(server.Client(), null)).ExpectProblem(HttpStatusCode.Forbidden, "setup_code_required");
        await (await Register(server.Client(), "")).ExpectProblem(HttpStatusCode.Forbidden, "setup_code_required");
        await (await Register(server.Client(), TestServer.SetupCode[..^1])).ExpectProblem(HttpStatusCode.Forbidden, "setup_code_required");
        await (await Register(server.Client(), $" {TestServer.SetupCode}\n")).Expect(HttpStatusCode.Created);
        Assert.False(File.Exists(FileOf(server)));
        await (await Register(server.Client(), TestServer.SetupCode, "later")).Expect(HttpStatusCode.Accepted);
    }

    [Fact]
    public async Task Everybody_is_told_that_it_is_needed_until_it_was_used()
    {
        await using var server = await TestServer.StartAsync();
        foreach (var (name, value) in new[] { ("X-Nothing", "1"), ("X-Forwarded-For", "203.0.113.9") })
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, "/api/settings/branding");
            request.Headers.Add(name, value);
            var branding = await (await server.Client().SendAsync(request)).Json();
            Assert.True(branding.GetProperty("setupRequired").GetBoolean());
            Assert.True(branding.GetProperty("setupCodeRequired").GetBoolean());
        }

        await server.RegisterAdminAsync();
        Assert.False((await server.Client().GetJson("/api/settings/branding")).GetProperty("setupCodeRequired").GetBoolean());
    }

    [Fact]
    public async Task Nobody_who_guesses_keeps_the_owner_out()
    {
        await using var server = await TestServer.StartAsync();
        var address = BrowserHandler.RandomLoopback(); // one for all, as at a proxy that hides its visitors
        var stranger = server.Client(address);
        HttpResponseMessage last;
        var guesses = 0;
        do
        {
            last = await Register(stranger, $"guess-{++guesses}-CANARY");
        }
        while (last.StatusCode == HttpStatusCode.Forbidden && guesses < 20);
        await last.ExpectProblem(HttpStatusCode.TooManyRequests, "rate_limited");
        await (await Register(server.Client(address), TestServer.SetupCode)).Expect(HttpStatusCode.Created);
    }

    [Fact]
    public async Task Without_a_preset_one_is_made_and_stays_the_same()
    {
        await using var server = await TestServer.StartAsync(Preset(""));
        var code = await File.ReadAllTextAsync(FileOf(server));
        Assert.Matches("^[a-z2-9]{20}\n$", code);
        Assert.Equal(OwnerOnly, File.GetUnixFileMode(FileOf(server)));
        await server.RestartAsync();
        Assert.Equal(code, await File.ReadAllTextAsync(FileOf(server)));
        await (await Register(server.Client(), TestServer.SetupCode)).Expect(HttpStatusCode.Forbidden);
        await (await Register(server.Client(), code.Trim())).Expect(HttpStatusCode.Created);
    }

    [Fact]
    public async Task A_file_presets_it()
    {
        var path = Path.Combine(Directory.CreateTempSubdirectory("aichat-test-").FullName, "code");
        await File.WriteAllTextAsync(path, "from-a-file #%&?\n".Replace(" ", ""));
        var variables = new Dictionary<string, string> { ["AICHAT_SETUP_CODE"] = "", ["AICHAT_SETUP_CODE_FILE"] = path };
        await using (var server = await TestServer.StartAsync(new TestServerOptions { Variables = variables }))
        {
            Assert.Equal("from-a-file#%&?\n", await File.ReadAllTextAsync(FileOf(server)));
            await (await Register(server.Client(), TestServer.SetupCode)).Expect(HttpStatusCode.Forbidden);
            await (await Register(server.Client(), "from-a-file#%&?")).Expect(HttpStatusCode.Created);
            File.Delete(path);
            await server.RestartAsync(); // after its use nobody looks for the file
        }

        var refused =
            await Assert.ThrowsAsync<ServerStartException>(() => TestServer.StartAsync(new TestServerOptions { Variables = variables }));
        Assert.Contains("AICHAT_SETUP_CODE_FILE", refused.Message);
        Assert.Equal(78, refused.ExitCode);
        Directory.Delete(Path.GetDirectoryName(path)!);
    }

    [Theory]
    [InlineData("short")]
    [InlineData("with a space")]
    [InlineData("päßwörter")]
    public async Task What_is_no_code_stops_the_start(string code)
    {
        var refused = await Assert.ThrowsAsync<ServerStartException>(() => TestServer.StartAsync(Preset(code)));
        Assert.Contains("AICHAT_SETUP_CODE", refused.Message);
        Assert.DoesNotContain(code, refused.Message);
        Assert.Equal(78, refused.ExitCode);
    }

    [NativeFact]
    [Trait("Nodes", "One")] // each server prints its own address
    public async Task The_console_shows_a_link_that_holds_it_once()
    {
        await using var server =
            await TestServer.StartAsync(new TestServerOptions { Variables = new Dictionary<string, string> { ["BASE_PATH"] = "/chat" } });
        var link = (await server.NextLine("#setup=")).Trim();
        Assert.Equal($"http://localhost:{server.BaseUri.Port}/chat/register#setup={TestServer.SetupCode}", link);
        await (await server.Client().PostJson(
            "/chat/api/auth/register", new { username = "owner", password = TestServer.Password, setupCode = TestServer.SetupCode }))
            .Expect(HttpStatusCode.Created);
        await server.StopAsync();
        Assert.DoesNotContain(server.Output.Split('\n'), line => line.StartsWith('{') && line.Contains(TestServer.SetupCode));
        await server.RestartAsync();
        Assert.DoesNotContain("setup", server.Output, StringComparison.OrdinalIgnoreCase);
    }

    private static Task<HttpResponseMessage> Register(HttpClient client, string? setupCode, string username = "owner") =>
        client.PostJson("/api/auth/register", new { username, password = TestServer.Password, setupCode });

    private static TestServerOptions Preset(string code) =>
        new() { Variables = new Dictionary<string, string> { ["AICHAT_SETUP_CODE"] = code } };

    private static string FileOf(TestServer server) => Path.Combine(server.DataDir, "setup-code");
}
