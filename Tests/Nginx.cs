using System.Diagnostics;
using System.Net;
using System.Net.Sockets;

namespace AiChat.Tests;

/// <summary>
/// nginx with its defaults: it buffers responses, speaks HTTP/1.0 to the server (1.1 since 1.29.7) and closes silent connections.
/// </summary>
internal sealed class Nginx(ProcessStartInfo start, DirectoryInfo folder, Uri address) : ProxyProcess(start, folder, address)
{
    /// <param name="readTimeout">Seconds of silence after which it closes a connection; nginx's default is 60.</param>
    public static Task<Nginx> StartAsync(Uri server, string prefix, int readTimeout) => StartAsync(prefix, $"""
        proxy_pass http://{server.Authority};
        proxy_http_version 1.0;
        proxy_read_timeout {readTimeout}s;
        proxy_set_header Host $http_host;
        """);

    /// <param name="directives">The directives of the location.</param>
    public static async Task<Nginx> StartAsync(string prefix, string directives)
    {
        var folder = Directory.CreateTempSubdirectory("aichat-nginx-");
        var port = TestPorts.Free();
        var start = NginxWith(folder, $$"""server { listen 127.0.0.1:{{port}}; location {{prefix}}/ { {{directives}} } }""");
        var nginx = new Nginx(start, folder, new Uri($"http://127.0.0.1:{port}"));
        await nginx.ComesUp(nginx.ListensAsync);
        return nginx;
    }

    private async Task<bool> ListensAsync()
    {
        try
        {
            using var client = new TcpClient();
            await client.ConnectAsync(IPAddress.Loopback, Address.Port);
            return true;
        }
        catch (SocketException)
        {
            return false;
        }
    }
}
