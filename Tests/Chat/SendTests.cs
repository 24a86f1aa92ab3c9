using System.Net;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;

namespace AiChat.Tests.Chat;

/// <summary>What belongs together leaves in one send: each is a packet, and a wake-up of the client.</summary>
public sealed class SendTests
{
    [Fact]
    public async Task The_head_and_the_first_events_leave_together_and_so_do_the_last_events_and_the_end()
    {
        var (go, end) = (new TaskCompletionSource(), new TaskCompletionSource());
        await using var upstream = ChatSteps.Provider(async exchange =>
        {
            await exchange.StartSse();
            await go.Task;
            await OpenAiScript.Piece(exchange, "word");
            await end.Task;
            await OpenAiScript.Finish(exchange, 1);
        });
        await using var server = await TestServer.StartAsync();
        var admin = await server.RegisterAdminAsync();
        var session = await admin.NewSession(await admin.Connect(upstream));
        var login = await (await admin.PostJson("/api/auth/token", new { username = "admin", password = TestServer.Password }))
            .Json(HttpStatusCode.OK);
        var body = JsonSerializer.Serialize(new { sessionId = session, content = "go", clientMessageId = ChatSteps.NewId() });
        using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        await socket.ConnectAsync(IPAddress.Loopback, server.BaseUri.Port);
        await socket.SendAsync(Encoding.UTF8.GetBytes(
            $"POST /api/chat/stream HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {login.Text("accessToken")}\r\n"
            + $"Content-Type: application/json\r\nContent-Length: {body.Length}\r\n\r\n{body}"));

        var first = await Next(socket);
        Assert.StartsWith("HTTP/1.1 200", first);
        Assert.All(["event: start", "event: quota", "event: title"], name => Assert.Contains(name, first));
        go.SetResult();
        Assert.Contains("\"word\"", await Next(socket));
        end.SetResult();
        var last = await Next(socket);
        Assert.Contains("event: done", last);
        Assert.EndsWith("\r\n0\r\n\r\n", last);
    }

    /// <summary>What one send has brought.</summary>
    private static async Task<string> Next(Socket socket)
    {
        var buffer = new byte[64 * 1024];
        using var timeout = new CancellationTokenSource(TimeSpan.FromSeconds(30));
        return Encoding.UTF8.GetString(buffer, 0, await socket.ReceiveAsync(buffer, timeout.Token));
    }
}
