using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Text.Json;

namespace AiChat.Tests.Chat;

/// <summary>
/// A process that may open no more files continues the answers it writes, logs a warning every ten seconds at most, and serves again when
/// files are closed.
/// </summary>
[Trait("Nodes", "One")] // it is one process that runs out of them
public sealed class DescriptorTests
{
    [NativeFact]
    public Task Too_many_connections_lose_no_answer_and_pass() => Exhaust([]);

    /// <summary>Connections to the database need descriptors, too.</summary>
    [NativePostgresFact]
    public Task Too_many_connections_lose_no_answer_and_pass_on_PostgreSQL() =>
        Exhaust(new() { ["DATABASE_URL"] = PostgresServer.NewDatabaseUrl() });

    private static async Task Exhaust(Dictionary<string, string> variables)
    {
        var release = new TaskCompletionSource();
        await using var upstream = ChatSteps.PausingProvider(release.Task);
        await using var server = await TestServer.StartAsync(new TestServerOptions { Variables = variables });
        var admin = await server.RegisterAdminAsync();
        var session = await admin.NewSession(await admin.Connect(upstream));
        await using var stream = await admin.Ask(session, "go");
        await stream.ReadUntilAsync(e => e.Event == "delta");
        using (var limit = Process.Start("prlimit", ["--pid", $"{server.ProcessId}", "--nofile=256:256"]))
        {
            await limit.WaitForExitAsync();
            Assert.Equal(0, limit.ExitCode);
        }

        // More connections than the process may open; the rest wait in the kernel's queue.
        var idle = new List<Socket>();
        for (var i = 0; i < 400; i++)
        {
            var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
            await socket.ConnectAsync(IPAddress.Loopback, server.BaseUri.Port);
            idle.Add(socket);
        }

        // It logs one warning in ten seconds and takes no CPU time in between.
        var first = TimeOf(await server.NextLine("New connections have to wait"));
        var before = CpuTime(server);
        var second = TimeOf(await server.NextLine("New connections have to wait"));
        Assert.InRange(second - first, TimeSpan.FromSeconds(9.9), TimeSpan.FromSeconds(20));
        Assert.InRange(CpuTime(server) - before, TimeSpan.Zero, TimeSpan.FromSeconds(2));

        release.SetResult();
        Assert.Equal("done", (await stream.ReadAllAsync())[^1].Json.Text("status"));
        idle.ForEach(socket => socket.Dispose());

        Assert.Equal("before after", (await admin.Messages(session))[^1].Text("content"));
        Assert.Equal("done", (await admin.AskAndWait(session, "again")).Text("status"));
    }

    private static DateTimeOffset TimeOf(string line) =>
        JsonSerializer.Deserialize<JsonElement>(line).GetProperty("time").GetDateTimeOffset();

    private static TimeSpan CpuTime(TestServer server)
    {
        using var process = Process.GetProcessById(server.ProcessId);
        return process.TotalProcessorTime;
    }
}
