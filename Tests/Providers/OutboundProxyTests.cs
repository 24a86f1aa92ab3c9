using AiChat.Providers.Transport;

namespace AiChat.Tests.Providers;

/// <summary>How a proxy's address is read, and which targets go through it.</summary>
public sealed class OutboundProxyTests
{
    [Theory]
    [InlineData("http://proxy.example:3128", "http://proxy.example:3128")]
    [InlineData("proxy.example:3128", "http://proxy.example:3128")]
    [InlineData("HTTP://proxy.example", "http://proxy.example:80")]
    [InlineData("https://proxy.example/", "https://proxy.example:443")]
    [InlineData("socks5://127.0.0.1:7891", "socks5h://127.0.0.1:7891")]
    [InlineData("socks5h://warp-socks:1234", "socks5h://warp-socks:1234")]
    [InlineData("socks://127.0.0.1", "socks5h://127.0.0.1:1080")]
    [InlineData("http://[::1]:8080", "http://[::1]:8080")]
    [InlineData("http://[fd00::1]", "http://[fd00::1]:80")]
    [InlineData("  http://proxy:1\n", "http://proxy:1")]
    public void An_address_is_read(string text, string read) => Assert.Equal(read, OutboundProxy.Parse(text, out _)?.Address);

    /// <summary>Passwords of people whose proxy did not work elsewhere (pypac 49, got-scraping 55, httpx 858, insomnia 2512).</summary>
    [Theory]
    [InlineData("p%40ss", "p@ss")]
    [InlineData("p@ss#", "p@ss#")]
    [InlineData("@@", "@@")]
    [InlineData("a6%6qgx", "a6%6qgx")]
    [InlineData("100%25", "100%")]
    [InlineData("www.example.com&foobar=", "www.example.com&foobar=")]
    [InlineData("https://", "https://")]
    [InlineData("a:b/c?d#e\\f", "a:b/c?d#e\\f")]
    [InlineData("%E5%AF%86", "密")]
    [InlineData("密", "密")]
    [InlineData("", "")]
    public void A_password_is_taken_as_it_is_meant(string written, string meant)
    {
        var proxy = OutboundProxy.Parse($"http://CORP%5Cuser:{written}@proxy:3128", out _)!;

        Assert.Equal(("CORP\\user", meant, "proxy", 3128), (proxy.User, proxy.Password, proxy.Host, proxy.Port));
        Assert.Equal(proxy, OutboundProxy.Parse(proxy.Text, out _));
        Assert.Equal("http://CORP%5Cuser:••••••••@proxy:3128", proxy.Shown);
        Assert.Equal("http://proxy:3128", proxy.ToString());
        Assert.Null(OutboundProxy.Parse(proxy.Shown, out var reason));
        Assert.Equal("has changed: enter its password again", reason);
    }

    [Theory]
    [InlineData("")]
    [InlineData("http://")]
    [InlineData("socks4://proxy:1")]
    [InlineData("ftp://proxy")]
    [InlineData("http://proxy:0")]
    [InlineData("http://proxy:65536")]
    [InlineData("http://proxy:")]
    [InlineData("http://proxy:80/path")]
    [InlineData("http://pro xy")]
    [InlineData("http://::1:80")]
    [InlineData("http://user:a%0d%0aX-Evil: 1@proxy")]
    [InlineData("socks5://user@proxy")]
    [InlineData("socks5://user:@proxy")]
    public void What_is_no_address_is_refused_with_the_rule(string text)
    {
        Assert.Null(OutboundProxy.Parse(text, out var reason));
        Assert.False(string.IsNullOrEmpty(reason));
    }

    [Theory]
    [InlineData("*", "api.example.com", 443, true)]
    [InlineData("example.com", "example.com", 443, true)]
    [InlineData("example.com", "API.Example.com", 443, true)]
    [InlineData("example.com", "badexample.com", 443, false)]
    [InlineData(".example.com", "api.example.com", 443, true)]
    [InlineData(".example.com", "example.com", 443, true)]
    [InlineData("*.example.com", "a.b.example.com", 443, true)]
    [InlineData("example.com.", "example.com", 443, true)]
    [InlineData("a.test, example.com", "example.com", 443, true)]
    [InlineData("a.test example.com", "example.com", 443, true)]
    [InlineData("example.com:8443", "example.com", 8443, true)]
    [InlineData("example.com:8443", "example.com", 443, false)]
    [InlineData("8.8.8.8", "8.8.8.8", 443, true)]
    [InlineData("8.8.8.8", "8.8.8.80", 443, false)]
    [InlineData("8.8.0.0/16", "8.8.200.1", 443, true)]
    [InlineData("8.8.0.0/16", "8.9.0.1", 443, false)]
    [InlineData("8.8.0.0/16", "8.8.example.com", 443, false)]
    [InlineData("8.8.*", "8.8.1.2", 443, true)]
    [InlineData("8.8.*", "8.80.1.2", 443, false)]
    [InlineData("8.8.8.8:80", "8.8.8.8", 80, true)]
    [InlineData("2606:4700::1", "2606:4700:0::1", 443, true)]
    [InlineData("[2606:4700::1]", "2606:4700::1", 443, true)]
    [InlineData("[2606:4700::1]:443", "2606:4700::1", 443, true)]
    [InlineData("2606:4700::/32", "2606:4700:1::1", 443, true)]
    [InlineData("http://8.8.8.8/", "8.8.8.8", 443, true)]
    [InlineData("::ffff:8.8.8.8", "8.8.8.8", 443, true)]
    [InlineData("", "example.com", 443, false)]
    [InlineData("!!, ,", "example.com", 443, false)]
    public void No_proxy_has_the_rules_of_curl_and_go(string list, string host, int port, bool matches) =>
        Assert.Equal(matches, new NoProxyList([list]).Matches(host, port));

    [Theory]
    [InlineData("https_proxy=http://a:1,HTTPS_PROXY=http://b:1", "https://x.test", "http://b:1")]
    [InlineData("https_proxy=http://a:1,HTTPS_PROXY= ", "https://x.test", "http://a:1")]
    [InlineData("HTTPS_PROXY=http://b:1", "https://x.test", "http://b:1")]
    [InlineData("HTTPS_PROXY=http://b:1", "http://x.test", null)]
    [InlineData("HTTP_PROXY=http://b:1", "http://x.test", "http://b:1")]
    [InlineData("HTTP_PROXY=http://b:1", "https://x.test", null)]
    [InlineData("ALL_PROXY=socks5h://c:1", "https://x.test", "socks5h://c:1")]
    [InlineData("all_proxy=socks5h://c:1,HTTPS_PROXY=http://b:1", "https://x.test", "http://b:1")]
    [InlineData("https_proxy=,HTTPS_PROXY=http://b:1", "https://x.test", "http://b:1")]
    [InlineData("", "https://x.test", null)]
    public void The_environment_is_read_as_go_reads_it(string variables, string target, string? proxy)
    {
        var values = variables.Split(',', StringSplitOptions.RemoveEmptyEntries).Select(item => item.Split('=')).ToDictionary(
            item => item[0], item => item[1]);

        var route = ServerOptions.Load(values.GetValueOrDefault).Proxies;

        Assert.Equal(proxy, route.For(new Uri(target), NetworkScope.External)?.Address);
    }

    [Theory]
    [InlineData("https://api.example.com", true)]
    [InlineData("https://8.8.8.8", true)]
    [InlineData("https://[2606:4700::1]", true)]
    [InlineData("https://127.0.0.1", false)]
    [InlineData("https://2130706433", false)]
    [InlineData("https://[::1]", false)]
    [InlineData("https://[::ffff:10.0.0.1]", false)]
    [InlineData("https://10.1.2.3", false)]
    [InlineData("https://192.168.1.1", false)]
    [InlineData("https://169.254.169.254", false)]
    [InlineData("https://198.18.0.1", false)]
    [InlineData("https://localhost", false)]
    [InlineData("https://api.localhost", false)]
    [InlineData("https://localhost.", false)]
    [InlineData("https://ollama", false)]
    [InlineData("https://host.docker.internal", false)]
    [InlineData("https://metadata.google.internal", false)]
    [InlineData("https://printer.local", false)]
    public void A_private_target_never_goes_through_a_proxy(string target, bool goes)
    {
        var route = ProxyRoute.Through("A test", "http://proxy:1");

        Assert.Equal(goes, route.For(new Uri(target), NetworkScope.External) is not null);
        Assert.Null(route.For(new Uri(target), NetworkScope.External | NetworkScope.Private | NetworkScope.Loopback));
    }
}
