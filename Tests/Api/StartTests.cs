using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Text.RegularExpressions;

namespace AiChat.Tests.Api;

/// <summary>Console output of a refused start, and the health check of containers.</summary>
public sealed partial class StartTests
{
    [NativeTheory]
    [InlineData("203.0.113.7", "does not have that address")]
    [InlineData("2001:db8::7", "address")]
    [Trait("Nodes", "One")] // two servers need ports that are known before they start
    public async Task An_address_of_another_machine_is_one_line(string host, string reason)
    {
        var refused = await Assert.ThrowsAsync<ServerStartException>(() => TestServer.StartAsync(With(("HOST", host))));
        Assert.Equal(75, refused.ExitCode); // it may have it later, when the network is up
        OneLine(refused, $"Cannot listen on {host}, port 0: ", reason);
    }

    [NativeTheory]
    [InlineData("127.0.0.1")]
    [InlineData("")]
    public async Task A_port_in_use_is_one_line(string host)
    {
        using var taken = new TcpListener(IPAddress.Any, 0);
        taken.Start();
        var port = ((IPEndPoint)taken.LocalEndpoint).Port;
        var refused =
            await Assert.ThrowsAsync<ServerStartException>(() => TestServer.StartAsync(With(("HOST", host), ("PORT", $"{port}"))));
        Assert.Equal(75, refused.ExitCode);
        OneLine(refused, "Cannot listen on ", "another program listens there");
    }

    [NativeTheory]
    [InlineData("127.0.0.1", "", "")]
    [InlineData("127.0.0.1", "chat.example.org, 192.0.2.7", "/chat")]
    [InlineData("127.0.0.5", "[2001:db8::1]", "")]
    [InlineData("127.0.0.5", "2001:db8::1", "")]
    [InlineData("0.0.0.0", "chat.example.org", "/a/b")]
    public async Task The_health_check_finds_the_server(string host, string allowed, string path)
    {
        (string, string)[] variables = [("HOST", host), ("ALLOWED_HOSTS", allowed), ("BASE_PATH", path)];
        await using var server = await TestServer.StartAsync(With(variables));
        var (code, said) = await HealthCheck([.. variables, ("PORT", $"{server.BaseUri.Port}")]);
        Assert.True(code == 0, said);
        await server.StopAsync();
        (code, said) = await HealthCheck([.. variables, ("PORT", $"{server.BaseUri.Port}")]);
        Assert.Equal(1, code);
        Assert.Single(said.Split('\n', StringSplitOptions.RemoveEmptyEntries));
    }

    private static void OneLine(ServerStartException refused, string begin, string reason)
    {
        var output = StartLine().Replace(refused.Message, "").TrimEnd('\n');
        Assert.StartsWith(begin, output);
        Assert.Contains(reason, output);
        Assert.DoesNotContain('\n', output);
        Wording.Check(output.Replace("::", ":")); // of an address
    }

    private static async Task<(int Code, string Said)> HealthCheck((string Name, string Value)[] variables)
    {
        var start = new ProcessStartInfo(TestServer.Binary!, ["healthcheck"]) { RedirectStandardError = true };
        start.Environment.Clear();
        foreach (var (name, value) in variables)
        {
            start.Environment[name] = value;
        }

        using var process = Process.Start(start)!;
        var said = await process.StandardError.ReadToEndAsync();
        await process.WaitForExitAsync();
        return (process.ExitCode, said);
    }

    private static TestServerOptions With(params (string Name, string Value)[] variables) =>
        new() { Variables = variables.ToDictionary(variable => variable.Name, variable => variable.Value) };

    [GeneratedRegex("^The server ended with 7[58]: ")]
    private static partial Regex StartLine();
}
