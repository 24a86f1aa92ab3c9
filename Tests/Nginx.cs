using System.Diagnostics;
using System.Net;
using System.Net.Sockets;

namespace AiChat.Tests;

/// <summary>
/// A real nginx in front of a server, with its defaults: it buffers responses, speaks HTTP/1.0 to the server (1.1 since 1.29.7) and
/// closes silent connections. Fails where nginx is not installed.
/// </summary>
internal sealed class Nginx : IAsyncDisposable
{
    private readonly Process _process;
    private readonly DirectoryInfo _folder;

    private Nginx(Process process, DirectoryInfo folder, Uri address)
    {
        _process = process;
        _folder = folder;
        Address = address;
    }

    public Uri Address { get; }

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
        var address = new Uri($"http://127.0.0.1:{FreePort()}");
        var temporary = string.Concat(
            new[] { "client_body", "proxy", "fastcgi", "uwsgi", "scgi" }.Select(name => $"{name}_temp_path {folder}/{name};"));
        await File.WriteAllTextAsync(Path.Combine(folder.FullName, "nginx.conf"), $$"""
            daemon off; master_process off; pid {{folder}}/pid; error_log stderr crit;
            events { }
            http {
                access_log off; {{temporary}}
                server {
                    listen 127.0.0.1:{{address.Port}};
                    location {{prefix}}/ { {{directives}} }
                }
            }
            """);
        var process = Process.Start(
            new ProcessStartInfo("/usr/sbin/nginx", ["-c", Path.Combine(folder.FullName, "nginx.conf"), "-p", folder.FullName]))!;
        var nginx = new Nginx(process, folder, address);
        while (!await nginx.AnswersAsync())
        {
            Assert.False(process.HasExited, "nginx did not start.");
            await Task.Delay(20);
        }

        return nginx;
    }

    public HttpClient Client() => new(new BrowserHandler(() => Address, BrowserHandler.RandomLoopback()))
    {
        BaseAddress = BrowserHandler.Placeholder,
        Timeout = TimeSpan.FromSeconds(60),
    };

    public async ValueTask DisposeAsync()
    {
        _process.Kill();
        await _process.WaitForExitAsync();
        _process.Dispose();
        _folder.Delete(recursive: true);
    }

    private static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }

    private async Task<bool> AnswersAsync()
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
