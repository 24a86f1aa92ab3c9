using System.Net;
using System.Net.Http.Headers;
using System.Net.Sockets;
using AiChat.Endpoints.Auth;

namespace AiChat.Tests.Api;

/// <summary>The operator is whoever can use the socket in the data folder, and nobody else (security.md §4.1).</summary>
public sealed class OperatorTests
{
    [Fact]
    public async Task The_operator_may_call_what_administrators_may_and_owns_nothing()
    {
        await using var server = await TestServer.StartAsync();
        await server.RegisterAdminAsync();
        using var socket = Executable.Operator(server.DataDir);
        var wrong = new List<string>();
        foreach (var row in RouteTable.Rows.Where(row => row.Path is not "/api/catalog/models/overrides"))
        {
            using var request = new HttpRequestMessage(new HttpMethod(row.Method), row.Missing);
            request.Content = row.Body
                ? new StringContent("""{"thisMemberDoesNotExist":1}""", MediaTypeHeaderValue.Parse("application/json")) : null;
            using var response = await socket.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);
            var owns = row.Access is Access.Any or Access.User && row.Path != "/api/settings/system";
            var isRefused = response.StatusCode is HttpStatusCode.Forbidden or HttpStatusCode.Unauthorized;
            if (row.Path is not "/api/auth/refresh" and not "/api/auth/login" and not "/api/auth/token"
                && (isRefused != owns || (int)response.StatusCode == 500))
            {
                wrong.Add($"{row.Method} {row.Path} answered {(int)response.StatusCode}");
            }
        }

        Assert.Empty(wrong);
        var settings = await (await socket.GetAsync("/api/settings/system")).Json();
        Assert.True(settings.TryGetProperty("webSearchApiKey", out _)); // what only administrators see
    }

    [Fact]
    public async Task Nothing_in_a_request_over_TCP_makes_the_operator()
    {
        await using var server = await TestServer.StartAsync();
        var admin = await server.RegisterAdminAsync();
        var claims = new (string Name, string Value)[]
        {
            ("X-Forwarded-For", "unix:"), ("X-Forwarded-For", "command line"), ("Forwarded", "for=unix"), ("X-Real-IP", "command line"),
            ("Authorization", "Bearer operator"), ("Authorization", "Bearer -1"), ("x-api-key", "sk-operator"), ("Host", "unix"),
            ("Host", "control.sock"), ("Cookie", "aichat=operator"), ("X-Operator", "1"), ("Via", "1.1 unix"),
        };
        foreach (var (name, value) in claims)
        {
            foreach (var (method, path) in new[] { ("GET", "/api/users"), ("POST", "/api/master-key/rotate") })
            {
                using var request = new HttpRequestMessage(new HttpMethod(method), path);
                request.Headers.Add(name, value);
                using var response = await server.Client().SendAsync(request);
                Assert.True(
                    response.StatusCode is HttpStatusCode.Unauthorized or HttpStatusCode.NotFound or HttpStatusCode.Forbidden,
                    $"{name}: {value} at {path} answered {(int)response.StatusCode}");
            }
        }

        await (await admin.PostJson("/api/master-key/rotate", new { })).ExpectProblem(HttpStatusCode.NotFound, "not_found");
    }

    [Fact]
    public async Task Only_the_owner_may_open_the_socket()
    {
        await using var server = await TestServer.StartAsync();
        var path = Path.Combine(server.DataDir, "control.sock");
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(path));
        using (var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified))
        {
            await socket.ConnectAsync(new UnixDomainSocketEndPoint(path));
        }

        await server.StopAsync();
        Assert.False(File.Exists(path));
    }

    [NativeRootFact]
    public async Task Another_user_gets_nothing_even_where_the_rights_were_widened()
    {
        await using var server = await TestServer.StartAsync();
        await server.RegisterAdminAsync();
        Assert.Equal(77, (await Executable.RunAsAsync(65_534, server.DataDir, [], "user", "list")).Code);

        const UnixFileMode everybody = (UnixFileMode)511; // 0777
        File.SetUnixFileMode(server.DataDir, everybody);
        File.SetUnixFileMode(Path.Combine(server.DataDir, "control.sock"), everybody);
        var stranger = await Executable.RunAsAsync(65_534, server.DataDir, [], "user", "list");
        Assert.Equal(69, stranger.Code);
        Assert.DoesNotContain("admin", stranger.Output);
        await server.NextLine("Another user of this machine");
        (await Executable.RunAsync(server.DataDir, "user", "list")).Expect(0);
    }

    [NativeRootFact]
    public async Task Root_works_as_the_owner_of_the_folder()
    {
        var folder = Directory.CreateTempSubdirectory("aichat-test-").FullName;
        try
        {
            using (var chown = System.Diagnostics.Process.Start("chown", ["65534:65534", folder]))
            {
                await chown.WaitForExitAsync();
            }

            Assert.Contains("as user 65534", (await Executable.RunAsync(folder, "user", "create", "boss", "--admin")).Expect(0).Complaint);
            (await Executable.RunAsAsync(65_534, folder, [], "user", "list")).Expect(0); // root left nothing that its owner cannot read
            Assert.Equal(77, (await Executable.RunAsAsync(65_533, folder, [], "user", "list")).Code);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }
}
