using System.Net;
using System.Net.Sockets;

namespace AiChat.Tests.Nodes;

/// <summary>A wire to a server that can be cut and mended: while it is cut, connections end and new ones are closed at once.</summary>
internal sealed class Wire : IAsyncDisposable
{
    private readonly LoopbackListener _listener;
    private readonly List<Socket> _open = [];
    private bool _isCut;

    public Wire(int port) => _listener = new LoopbackListener((socket, end) => Serve(socket, port, end));

    public int Port => _listener.Port;

    public void Cut()
    {
        lock (_open)
        {
            _isCut = true;
            _open.ForEach(socket => socket.Dispose());
            _open.Clear();
        }
    }

    public void Mend()
    {
        lock (_open)
        {
            _isCut = false;
        }
    }

    public ValueTask DisposeAsync()
    {
        Cut();
        return _listener.DisposeAsync();
    }

    private async Task Serve(Socket near, int port, CancellationToken end)
    {
        using var far = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        using (near)
        {
            lock (_open)
            {
                if (_isCut)
                {
                    return;
                }

                _open.AddRange([near, far]);
            }

            try
            {
                await far.ConnectAsync(IPAddress.Loopback, port, end);
                await Task.WhenAny(Copy(near, far, end), Copy(far, near, end));
            }
            catch (Exception error) when (error is SocketException or ObjectDisposedException or OperationCanceledException)
            {
                // Cut, or one end has gone.
            }
        }
    }

    private static async Task Copy(Socket from, Socket to, CancellationToken end)
    {
        var buffer = new byte[16 * 1024];
        try
        {
            while (await from.ReceiveAsync(buffer, end) is > 0 and var count)
            {
                for (var sent = 0; sent < count;)
                {
                    sent += await to.SendAsync(buffer.AsMemory(sent, count - sent), end);
                }
            }
        }
        catch (Exception error) when (error is SocketException or ObjectDisposedException or OperationCanceledException)
        {
            // The other side is closed with this one.
        }
    }
}
