namespace AiChat.Tests.Api;

/// <summary>What a service manager is told by the executable itself, from its start to its end.</summary>
public sealed class SupervisionTests
{
    [NativeFact]
    public async Task The_manager_is_told_from_the_start_to_the_end()
    {
        using var socket = new NotifySocket();
        var variables = new Dictionary<string, string> { ["NOTIFY_SOCKET"] = socket.Name, ["WATCHDOG_USEC"] = "1000000" };
        await using var server = await TestServer.StartAsync(new TestServerOptions { Variables = variables });
        Assert.StartsWith("EXTEND_TIMEOUT_USEC=", await socket.Next());
        var port = server.BaseUri.Port;
        await socket.Next($"READY=1\nSTATUS=Listening on http://127.0.0.1:{port}"); // after as many extensions as steps of the start took
        for (var fed = 0; fed < 5; fed++) // longer than the watchdog would wait
        {
            Assert.Equal("WATCHDOG=1", await socket.Next());
        }

        await server.StopAsync();
        await socket.Next("STOPPING=1\nSTATUS=Stopping");
        Assert.Equal(0, server.ExitCode);
    }

    [NativeFact]
    public async Task A_manager_that_is_gone_is_no_reason_to_stop()
    {
        var variables = new Dictionary<string, string> { ["NOTIFY_SOCKET"] = "/nowhere/notify", ["WATCHDOG_USEC"] = "300000" };
        await using var server = await TestServer.StartAsync(new TestServerOptions { Variables = variables });
        Assert.Contains("/nowhere/notify", await server.NextLine("service manager"));
        await server.Client().GetJson("/api/health");
    }
}
