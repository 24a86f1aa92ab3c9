using System.Buffers;
using System.Net;
using System.Net.Sockets;
using AiChat.Endpoints.Http;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Connections.Features;
using Microsoft.Extensions.Logging.Abstractions;

namespace AiChat.Tests.Http;

/// <summary>Listening can end before its connections do, and these bring the pool of the server.</summary>
public sealed class ConnectionListenersTests
{
    [Fact]
    public async Task Open_connections_continue_when_listening_ends()
    {
        using var pool = new Pool();
        var listeners = new ConnectionListeners(new ListenSockets(), pool, TimeProvider.System, NullLogger<ConnectionListener>.Instance);
        await using var listener = await listeners.BindAsync(new IPEndPoint(IPAddress.Loopback, 0));
        var (first, firstAccepted) = await ConnectAsync(listener);
        Assert.Same(pool, firstAccepted.Features.Get<IMemoryPoolFeature>()!.MemoryPool);
        await PassAsync(first, firstAccepted);
        var (second, secondAccepted) = await ConnectAsync(listener);
        await PassAsync(second, secondAccepted);

        listeners.Close();
        Assert.Null(await listener.AcceptAsync());
        await PassAsync(first, firstAccepted);
        await PassAsync(second, secondAccepted);
        await firstAccepted.DisposeAsync();
        await secondAccepted.DisposeAsync();
        first.Dispose();
        second.Dispose();
    }

    internal sealed class Pool : MemoryPool<byte>, IMemoryPoolFactory<byte>
    {
        public override int MaxBufferSize => Shared.MaxBufferSize;

        public MemoryPool<byte> Create(MemoryPoolOptions? options = null) => this;

        public override IMemoryOwner<byte> Rent(int minBufferSize = -1) => Shared.Rent(minBufferSize);

        protected override void Dispose(bool disposing)
        {
        }
    }

    private static async Task<(Socket Client, ConnectionContext Accepted)> ConnectAsync(IConnectionListener listener)
    {
        var client = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        await client.ConnectAsync(listener.EndPoint);
        return (client, (await listener.AcceptAsync())!);
    }

    /// <summary>More than a pool's block in each direction.</summary>
    private static async Task PassAsync(Socket client, ConnectionContext accepted)
    {
        var sent = new byte[10_000];
        Random.Shared.NextBytes(sent);
        await client.SendAsync(sent);
        var read = await accepted.Transport.Input.ReadAtLeastAsync(sent.Length);
        await accepted.Transport.Output.WriteAsync(read.Buffer.First);
        Assert.Equal(sent, read.Buffer.ToArray());
        var length = read.Buffer.First.Length;
        accepted.Transport.Input.AdvanceTo(read.Buffer.End);
        var received = new byte[length];
        for (var at = 0; at < length;)
        {
            at += await client.ReceiveAsync(received.AsMemory(at));
        }

        Assert.Equal(sent[..length], received);
    }
}
