using System.Net;
using System.Net.Sockets;
using AiChat.Endpoints.Variables;
using Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets;

namespace AiChat.Endpoints.Http;

/// <summary>
/// The sockets on which this process listens, by the endpoint that was asked for. They may outlive a server: what connects between
/// <see cref="StartingServer"/> and the real one waits in the kernel's queue and is not refused.
/// </summary>
internal sealed class ListenSockets : IDisposable
{
    private readonly Lock _gate = new();
    private readonly List<Socket> _sockets = [];
    private readonly List<(EndPoint Endpoint, Socket Socket)> _free = [];

    /// <summary>A released socket stays open for the next server.</summary>
    public bool Keep { get; set; }

    /// <summary>The socket that listens there already and that no server uses, or a new one.</summary>
    /// <exception cref="SocketException">The address cannot be listened on.</exception>
    public Socket Take(EndPoint endpoint)
    {
        lock (_gate)
        {
            var kept = _free.FindIndex(free => free.Endpoint.Equals(endpoint));
            if (kept >= 0)
            {
                var (_, open) = _free[kept];
                _free.RemoveAt(kept);
                return open;
            }

            var socket = SocketTransportOptions.CreateDefaultBoundListenSocket(endpoint);
            socket.Listen(Capacity.Waiting);
            _sockets.Add(socket);
            return socket;
        }
    }

    /// <summary>A server listens on it no more.</summary>
    /// <param name="endpoint">As it was given to <see cref="Take"/>.</param>
    public void Release(EndPoint endpoint, Socket socket)
    {
        lock (_gate)
        {
            if (!Keep)
            {
                socket.Dispose();
            }
            else if (!_free.Exists(free => free.Socket == socket))
            {
                _free.Add((endpoint, socket));
            }
        }
    }

    /// <summary>From now on nobody can connect. Open connections continue.</summary>
    public void Dispose()
    {
        lock (_gate)
        {
            foreach (var socket in _sockets)
            {
                socket.Dispose();
            }
        }
    }
}
