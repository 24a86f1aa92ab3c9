using System.Net;
using System.Net.Sockets;

namespace AiChat.Tests;

/// <summary>Accepts connections on its own port and serves each separately until it is disposed.</summary>
internal sealed class LoopbackListener : IAsyncDisposable
{
    private readonly Socket _socket = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
    private readonly CancellationTokenSource _end = new();
    private readonly Func<Socket, CancellationToken, Task> _serve;
    private readonly Task _accepting;
    private int _connections;

    /// <param name="serve">Owns the socket and handles its own failures; the token is cancelled with the listener.</param>
    public LoopbackListener(Func<Socket, CancellationToken, Task> serve)
    {
        _serve = serve;
        _socket.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        _socket.Listen();
        Port = ((IPEndPoint)_socket.LocalEndPoint!).Port;
        _accepting = AcceptAsync();
    }

    public int Port { get; }

    /// <summary>Connections accepted so far.</summary>
    public int Connections => _connections;

    /// <summary>Cancels the connections, runs the given call for those that remain, and waits for all.</summary>
    public async Task CloseAsync(Action abort)
    {
        await _end.CancelAsync();
        _socket.Dispose();
        abort();
        await _accepting;
        _end.Dispose();
    }

    public async ValueTask DisposeAsync() => await CloseAsync(static () => { });

    private async Task AcceptAsync()
    {
        List<Task> serving = [];
        try
        {
            while (true)
            {
                var socket = await _socket.AcceptAsync(_end.Token);
                Interlocked.Increment(ref _connections);
                serving.Add(_serve(socket, _end.Token));
            }
        }
        catch (Exception error) when (error is OperationCanceledException or SocketException or ObjectDisposedException)
        {
            await Task.WhenAll(serving);
        }
    }
}
