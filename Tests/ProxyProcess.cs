using System.Diagnostics;
using System.Net;

namespace AiChat.Tests;

/// <summary>A real proxy in front of a server, in a folder of its own. Fails where the proxy is not installed.</summary>
internal abstract class ProxyProcess(ProcessStartInfo start, DirectoryInfo folder, Uri address) : IAsyncDisposable
{
    private readonly Process _process = Process.Start(start)!;

    public Uri Address { get; } = address;

    /// <summary>A browser that calls from an address of its own.</summary>
    /// <param name="from">An address of 127.0.0.0/8; null takes a random one.</param>
    public virtual HttpClient Client(IPAddress? from = null) =>
        new(new BrowserHandler(() => Address, from ?? BrowserHandler.RandomLoopback()))
        {
            BaseAddress = BrowserHandler.Placeholder,
            Timeout = TimeSpan.FromSeconds(60),
        };

    public async ValueTask DisposeAsync()
    {
        _process.Kill();
        await _process.WaitForExitAsync();
        _process.Dispose();
        folder.Delete(recursive: true);
    }

    /// <summary>nginx in the foreground, with all that it writes in the folder.</summary>
    /// <param name="http">What stands in the http block.</param>
    protected static ProcessStartInfo NginxWith(DirectoryInfo folder, string http)
    {
        var temporary = string.Concat(
            new[] { "client_body", "proxy", "fastcgi", "uwsgi", "scgi" }.Select(name => $"{name}_temp_path {folder}/{name};"));
        var path = Path.Combine(folder.FullName, "nginx.conf");
        File.WriteAllText(path, $$"""
            daemon off; master_process off; pid {{folder}}/pid; error_log stderr crit;
            events { }
            http { access_log off; {{temporary}}
            {{http}}
            }
            """);
        return new ProcessStartInfo("/usr/sbin/nginx", ["-c", path, "-p", folder.FullName]);
    }

    /// <summary>Waits until it answers as asked.</summary>
    protected Task ComesUp(Func<Task<bool>> answers) => Eventually.Holds(async () =>
    {
        Assert.False(_process.HasExited, "The proxy did not start.");
        return await answers();
    });
}
