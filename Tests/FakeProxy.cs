using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace AiChat.Tests;

/// <summary>
/// A proxy under the test's control: HTTP by CONNECT or the absolute form, and SOCKS5, on one port. Whatever host is asked for, it
/// connects to one port of this machine, so that a test needs no name of the internet.
/// </summary>
internal sealed class FakeProxy : IAsyncDisposable
{
    private readonly int _upstream;
    private readonly LoopbackListener _listener;
    private readonly ConcurrentQueue<string> _targets = new();

    /// <param name="upstream">The port that all connections lead to.</param>
    public FakeProxy(int upstream)
    {
        _upstream = upstream;
        _listener = new LoopbackListener(ServeAsync);
    }

    public int Port => _listener.Port;

    public int Connections => _listener.Connections;

    public string Http => $"http://127.0.0.1:{Port}";

    public string Socks => $"socks5h://127.0.0.1:{Port}";

    /// <summary>What was asked for, such as <c>CONNECT host:443</c>, <c>GET http://host/</c> or <c>SOCKS host:80</c>.</summary>
    public IReadOnlyList<string> Targets => [.. _targets];

    /// <summary>The user and password that it wants, as <c>user:password</c>; null wants none.</summary>
    public string? Credential { get; set; }

    /// <summary>Answers in place of the proxy; gets what was asked for and the stream. Null lets the proxy work.</summary>
    public Func<string, Stream, Task>? Answer { get; set; }

    public ValueTask DisposeAsync() => _listener.DisposeAsync();

    private async Task ServeAsync(Socket socket, CancellationToken end)
    {
        await using var stream = new NetworkStream(socket, ownsSocket: true);
        try
        {
            var first = await ReadAsync(stream, 1, end);
            await (first[0] == 5 ? SocksAsync(stream, end) : HttpAsync(stream, first, end));
        }
        catch (Exception error) when (error is OperationCanceledException or IOException or SocketException or ObjectDisposedException)
        {
            // The server went away, as it does after an error, or the test is over.
        }
    }

    private async Task HttpAsync(Stream stream, byte[] first, CancellationToken end)
    {
        var head = new List<byte>(first);
        while (!head.TakeLast(4).SequenceEqual("\r\n\r\n"u8.ToArray()))
        {
            head.Add((await ReadAsync(stream, 1, end))[0]);
        }

        var text = Encoding.Latin1.GetString([.. head]);
        var target = string.Join(' ', text.Split(' ')[..2]);
        _targets.Enqueue(target);
        if (Answer is not null)
        {
            await Answer(target, stream);
            return;
        }

        var sent = Convert.ToBase64String(Encoding.UTF8.GetBytes(Credential ?? ""));
        if (Credential is not null && !text.Contains($"\r\nProxy-Authorization: Basic {sent}\r\n"))
        {
            await WriteAsync(stream, "HTTP/1.1 407 Sign in\r\nProxy-Authenticate: Basic realm=\"x\"\r\nContent-Length: 0\r\n\r\n");
            return;
        }

        var tunnels = target.StartsWith("CONNECT", StringComparison.Ordinal);
        await (tunnels ? WriteAsync(stream, "HTTP/1.1 200 Connection established\r\n\r\n") : Task.CompletedTask);
        await RelayAsync(stream, tunnels ? [] : [.. head], end);
    }

    private async Task SocksAsync(Stream stream, CancellationToken end)
    {
        var methods = await ReadAsync(stream, (await ReadAsync(stream, 1, end))[0], end);
        var method = Credential is null ? (byte)0 : methods.Contains((byte)2) ? (byte)2 : (byte)0xff;
        await stream.WriteAsync((byte[])[5, method], end);
        if (method == 2)
        {
            await ReadAsync(stream, 1, end);
            var user = Encoding.UTF8.GetString(await ReadAsync(stream, (await ReadAsync(stream, 1, end))[0], end));
            var password = Encoding.UTF8.GetString(await ReadAsync(stream, (await ReadAsync(stream, 1, end))[0], end));
            var isRight = Credential == $"{user}:{password}";
            await stream.WriteAsync((byte[])[1, isRight ? (byte)0 : (byte)1], end);
            if (!isRight)
            {
                return;
            }
        }
        else if (method != 0)
        {
            return;
        }

        var request = await ReadAsync(stream, 4, end);
        var host = request[3] switch
        {
            1 => new IPAddress(await ReadAsync(stream, 4, end)).ToString(),
            4 => new IPAddress(await ReadAsync(stream, 16, end)).ToString(),
            _ => Encoding.ASCII.GetString(await ReadAsync(stream, (await ReadAsync(stream, 1, end))[0], end)),
        };
        var port = await ReadAsync(stream, 2, end);
        var target = $"SOCKS {host}:{(port[0] << 8) | port[1]}";
        _targets.Enqueue(target);
        if (Answer is not null)
        {
            await Answer(target, stream);
            return;
        }

        // The longest form of the reply: a name stands for the address that was bound.
        await stream.WriteAsync((byte[])[5, 0, 0, 3, 4, .. "name"u8, 1, 2], end);
        await RelayAsync(stream, [], end);
    }

    private async Task RelayAsync(Stream client, byte[] first, CancellationToken end)
    {
        using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        await socket.ConnectAsync(IPAddress.Loopback, _upstream, end);
        await using var upstream = new NetworkStream(socket);
        await upstream.WriteAsync(first, end);
        await await Task.WhenAny(client.CopyToAsync(upstream, end), upstream.CopyToAsync(client, end));
    }

    private static async Task WriteAsync(Stream stream, string text) => await stream.WriteAsync(Encoding.Latin1.GetBytes(text));

    private static async Task<byte[]> ReadAsync(Stream stream, int count, CancellationToken end)
    {
        var bytes = new byte[count];
        await stream.ReadExactlyAsync(bytes, end);
        return bytes;
    }
}
