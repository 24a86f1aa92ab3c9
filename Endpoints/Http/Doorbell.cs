using System.Net;
using System.Net.Sockets;

namespace AiChat.Endpoints.Http;

/// <summary>
/// Tells whether somebody still takes the connections to a listening socket, by connecting to it. The kernel completes a connection by
/// itself, so what counts is that the loop behind the socket took any at all.
/// </summary>
/// <param name="endpoint">Where the socket listens; any address is reached on loopback.</param>
internal sealed class Doorbell(EndPoint endpoint)
{
    private long _answers;
    private long _before;
    private Task? _ring;
    private volatile bool _isRefused;

    /// <summary>A connection was taken.</summary>
    public void Answer() => Interlocked.Increment(ref _answers);

    /// <summary>
    /// False when no connection was taken since the last ring. True also when that ring was refused, because the address has gone or the
    /// socket is closed: then nothing is known. Not for two callers at once.
    /// </summary>
    public bool Ring()
    {
        var answers = Interlocked.Read(ref _answers);
        var isAnswered = answers != _before || _ring is null || _isRefused;
        _before = answers;
        if (_ring is not { IsCompleted: false }) // one that still waits in a full queue stays
        {
            _isRefused = false;
            _ring = Connect();
        }

        return isAnswered;
    }

    private async Task Connect()
    {
        try
        {
            var (address, port) = endpoint is IPEndPoint ip ? (ip.Address, ip.Port)
                : throw new SocketException((int)SocketError.AddressFamilyNotSupported);
            if (address.Equals(IPAddress.Any) || address.Equals(IPAddress.IPv6Any))
            {
                address = IPAddress.Loopback; // the socket for any IPv6 address takes IPv4 too
            }

            using var client = new TcpClient(address.AddressFamily);
            await client.ConnectAsync(address, port);
        }
        catch (SocketException)
        {
            _isRefused = true;
        }
    }
}
