using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Reflection;

namespace AiChat.Tests;

/// <summary>
/// A real proxy in front of a server, run with a file of deploy/proxy as it stands there, only with other addresses and shorter clocks.
/// Fails where the proxy is not installed.
/// </summary>
internal sealed class ReverseProxy : IAsyncDisposable
{
    /// <summary>Seconds of silence after which the proxies here hang up; nginx and haproxy are set to 60.</summary>
    public const int Patience = 4;

    private readonly Process _process;
    private readonly DirectoryInfo _folder;

    private ReverseProxy(Process process, DirectoryInfo folder, Uri address)
    {
        _process = process;
        _folder = folder;
        Address = address;
    }

    public Uri Address { get; }

    /// <param name="file">Its name in deploy/proxy.</param>
    public static async Task<ReverseProxy> StartAsync(string file, Uri server)
    {
        var folder = Directory.CreateTempSubdirectory("aichat-proxy-");
        var text = (await File.ReadAllTextAsync(Path.Combine(Root, "deploy", "proxy", file))).Replace("127.0.0.1:8001", server.Authority);
        var port = FreePort();
        var start = file switch
        {
            "Caddyfile" => Caddy(folder.FullName, text.Replace("chat.example.org", $"localhost:{port}")),
            "haproxy.cfg" => Haproxy(folder.FullName, text.Replace("bind :80", $"bind 127.0.0.1:{port}").Replace(" 60s", $" {Patience}s")),
            "nginx-path.conf" => NginxSite(folder.FullName, $"server {{ listen 127.0.0.1:{port}; {text} }}"),
            _ => NginxSite(folder.FullName, text.Replace("listen 80;", $"listen 127.0.0.1:{port};").Replace("listen [::]:80;", "")),
        };
        start.Environment["HOME"] = start.Environment["XDG_DATA_HOME"] = start.Environment["XDG_CONFIG_HOME"] = folder.FullName;
        var address = new Uri(file == "Caddyfile" ? $"https://localhost:{port}" : $"http://127.0.0.1:{port}");
        var proxy = new ReverseProxy(Process.Start(start)!, folder, address);
        await Eventually.Holds(async () =>
        {
            Assert.False(proxy._process.HasExited, $"The proxy of {file} did not start.");
            return await proxy.AnswersAsync();
        });
        return proxy;
    }

    /// <summary>A browser of its own address; its certificate check is off, because Caddy makes an authority here.</summary>
    public HttpClient Client(IPAddress? from = null) => new(new BrowserHandler(() => Address, from ?? BrowserHandler.RandomLoopback()))
    {
        BaseAddress = BrowserHandler.Placeholder,
        Timeout = TimeSpan.FromSeconds(60),
        DefaultRequestHeaders = { { "X-Requested-With", "aichat" } },
    };

    public async ValueTask DisposeAsync()
    {
        _process.Kill();
        await _process.WaitForExitAsync();
        _process.Dispose();
        _folder.Delete(recursive: true);
    }

    private static string Root { get; } = typeof(ReverseProxy).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>()
        .First(item => item.Key == "SourceRoot").Value!;

    private static ProcessStartInfo NginxSite(string folder, string site)
    {
        var temporary = string.Concat(
            new[] { "client_body", "proxy", "fastcgi", "uwsgi", "scgi" }.Select(name => $"{name}_temp_path {folder}/{name};"));
        var path = Path.Combine(folder, "nginx.conf");
        File.WriteAllText(path, $$"""
            daemon off; master_process off; pid {{folder}}/pid; error_log stderr crit;
            events { }
            http { access_log off; gzip on; proxy_read_timeout {{Patience}}s; {{temporary}}
            {{site}}
            }
            """);
        return new ProcessStartInfo("/usr/sbin/nginx", ["-c", path, "-p", folder]);
    }

    private static ProcessStartInfo Caddy(string folder, string text)
    {
        var path = Path.Combine(folder, "Caddyfile");
        File.WriteAllText(
            path, $"{{\nadmin off\nauto_https disable_redirects\nskip_install_trust\nlog {{\noutput discard\n}}\n}}\n{text}");
        return new ProcessStartInfo("caddy", ["run", "--adapter", "caddyfile", "--config", path]) { RedirectStandardError = true };
    }

    private static ProcessStartInfo Haproxy(string folder, string text)
    {
        var path = Path.Combine(folder, "haproxy.cfg");
        File.WriteAllText(path, text);
        return new ProcessStartInfo("/usr/sbin/haproxy", ["-q", "-db", "-f", path]);
    }

    private static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }

    /// <summary>Whether the server answers through it: haproxy first waits for its health check.</summary>
    private async Task<bool> AnswersAsync()
    {
        using var client = Client();
        foreach (var path in new[] { "/api/health", "/chat/api/health" })
        {
            try
            {
                if ((await client.GetAsync(path)).IsSuccessStatusCode)
                {
                    return true;
                }
            }
            catch (HttpRequestException)
            {
                // It does not listen yet.
            }
        }

        return false;
    }
}
