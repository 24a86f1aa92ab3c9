using System.Net;
using System.Net.Sockets;

namespace AiChat.Tests;

internal static class TestPorts
{
    /// <summary>A port of this machine on which nobody listens now.</summary>
    public static int Free()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }
}
