using System.Diagnostics;
using System.Net;
using System.Reflection;

namespace AiChat.Tests;

/// <summary>A proxy run with a file of deploy/proxy as it stands there, only with other addresses and shorter clocks.</summary>
internal sealed class ReverseProxy(ProcessStartInfo start, DirectoryInfo folder, Uri address) : ProxyProcess(start, folder, address)
{
    /// <summary>Seconds of silence after which the proxies here hang up; nginx and haproxy are set to 60.</summary>
    public const int Patience = 4;

    private static string Root { get; } = typeof(ReverseProxy).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>()
        .First(item => item.Key == "SourceRoot").Value!;

    /// <param name="file">Its name in deploy/proxy.</param>
    /// <param name="old">nginx speaks HTTP/1.0 to the server, its default before 1.29.7.</param>
    /// <param name="second">Takes a part of the requests, where the file names two servers; null is the same one.</param>
    public static async Task<ReverseProxy> StartAsync(string file, Uri server, bool old = false, Uri? second = null)
    {
        var folder = Directory.CreateTempSubdirectory("aichat-proxy-");
        var text = (await File.ReadAllTextAsync(Path.Combine(Root, "deploy", "proxy", file)))
            .Replace("127.0.0.1:8001", server.Authority).Replace("10.0.0.5:8001", server.Authority)
            .Replace("10.0.0.6:8001", (second ?? server).Authority);
        text = old ? text.Replace("proxy_http_version 1.1;", "proxy_http_version 1.0;") : text;
        var port = TestPorts.Free();
        var start = file switch
        {
            "Caddyfile" => Caddy(folder.FullName, text.Replace("chat.example.org", $"localhost:{port}")),
            "haproxy.cfg" or "haproxy-nodes.cfg" =>
                Haproxy(folder.FullName, text.Replace("bind :80", $"bind 127.0.0.1:{port}").Replace(" 60s", $" {Patience}s")),
            "nginx-path.conf" => Site(folder, $"server {{ listen 127.0.0.1:{port}; {text} }}"),
            _ => Site(folder, text.Replace("listen 80;", $"listen 127.0.0.1:{port};").Replace("listen [::]:80;", "")),
        };
        start.Environment["HOME"] = start.Environment["XDG_DATA_HOME"] = start.Environment["XDG_CONFIG_HOME"] = folder.FullName;
        var address = new Uri(file == "Caddyfile" ? $"https://localhost:{port}" : $"http://127.0.0.1:{port}");
        var proxy = new ReverseProxy(start, folder, address);
        await proxy.ComesUp(proxy.AnswersAsync);
        return proxy;
    }

    /// <summary>A browser of its own address; its certificate check is off, because Caddy makes an authority here.</summary>
    public override HttpClient Client(IPAddress? from = null)
    {
        var client = base.Client(from);
        client.DefaultRequestHeaders.Add("X-Requested-With", "aichat");
        return client;
    }

    private static ProcessStartInfo Site(DirectoryInfo folder, string site) =>
        NginxWith(folder, $"gzip on; proxy_read_timeout {Patience}s;\n{site}");

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
