using System.Net;
using AiChat.Endpoints.Http;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Primitives;

namespace AiChat.Tests.Http;

/// <summary>What is believed of the headers of proxies. 10.0.0.0/8 and fd00::/8 are trusted, the rest is not.</summary>
public sealed class ForwardingHeadersTests
{
    private const string Proxy = "10.0.0.1";

    [Theory]
    [InlineData("192.0.2.1", "192.0.2.1")]
    [InlineData("192.0.2.1:4711", "192.0.2.1")]
    [InlineData("192.0.2.1:_port", "192.0.2.1")]
    [InlineData("[2001:db8::1]:4711", "2001:db8::1")]
    [InlineData("[2001:db8::1]", "2001:db8::1")]
    [InlineData("2001:db8::1", "2001:db8::1")]
    [InlineData("::ffff:192.0.2.1", "192.0.2.1")]
    [InlineData("[::ffff:192.0.2.1]:80", "192.0.2.1")]
    [InlineData("unknown", null)]
    [InlineData("_gazonk", null)]
    [InlineData("_gazonk:80", null)]
    [InlineData("7", null)]
    [InlineData("0x7f.1", null)]
    [InlineData("[192.0.2.1]", null)]
    [InlineData("[2001:db8::1", null)]
    [InlineData("[2001:db8::1]x", null)]
    [InlineData("", null)]
    public void A_node_is_an_address_or_nothing(string node, string? expected) =>
        Assert.Equal(expected, ForwardingHeaders.ToAddress(node)?.ToString());

    [Theory]
    [InlineData("for=192.0.2.60;proto=http;by=203.0.113.43", "192.0.2.60 - http")]
    [InlineData("For=\"[2001:db8:cafe::17]:4711\"", "2001:db8:cafe::17 - -")]
    [InlineData("for=192.0.2.43, for=198.51.100.17", "192.0.2.43 - -|198.51.100.17 - -")]
    [InlineData("proto=https;for=\"_hidden\";host=\"chat.example.org:8443\"", "- chat.example.org:8443 https")]
    [InlineData("for=unknown ; host=chat.example.org", "- chat.example.org -")]
    [InlineData("for=2001:861:3a42:b7b0:9971:120a:391f:f585,for=64.252.138.139;host=api.example;proto=https",
        "2001:861:3a42:b7b0:9971:120a:391f:f585 - -|64.252.138.139 api.example https")] // CloudFront in front of API Gateway
    [InlineData("by=\"[::1]:4430\";for=\"[::1]:57096\";proto=https;host=localhost:4430", "::1 localhost:4430 https")]
    [InlineData("for=\"192.0.2.\\1\"", "192.0.2.1 - -")]
    [InlineData("for=192.0.2.1;", "192.0.2.1 - -")]
    [InlineData("for=192.0.2.1;secret=\"a,b;c=d\"", "192.0.2.1 - -")]
    [InlineData("for=192.0.2.1;for=192.0.2.2", "")]
    [InlineData("for=\"192.0.2.1", "")]
    [InlineData("for=\"192.0.2.1\\", "")]
    [InlineData("for", "")]
    [InlineData("=x", "")]
    [InlineData("for=\"a\"b", "")]
    [InlineData("for=192.0.2.1;host=\"ex ample\";proto=ftp", "192.0.2.1 - -")]
    public void Forwarded_is_read_as_its_standard_says(string line, string expected) => Assert.Equal(expected, Print(line));

    [Fact]
    public void What_stands_before_a_malformed_line_is_not_the_nearest_proxys() =>
        Assert.Equal("192.0.2.9 - -", Print(new StringValues(["for=203.0.113.1", "for=\"", "for=192.0.2.9"])));

    [Theory]
    [InlineData("", Proxy, "http inner:80")]
    [InlineData("X-Forwarded-For: 203.0.113.7", "203.0.113.7", "http inner:80")]
    [InlineData("X-Forwarded-For: 198.51.100.1, 203.0.113.7", "203.0.113.7", "http inner:80")]
    [InlineData("X-Forwarded-For: 203.0.113.7, 10.0.0.9|X-Forwarded-Proto: https, http|X-Forwarded-Host: chat.example, inner2",
        "203.0.113.7", "https chat.example")]
    [InlineData("X-Forwarded-For: 1.1.1.1, 203.0.113.7, 10.0.0.9|X-Forwarded-Host: evil.example, chat.example, inner2",
        "203.0.113.7", "http chat.example")]
    [InlineData("X-Forwarded-For: 203.0.113.7|X-Forwarded-Host: evil.example, chat.example", "203.0.113.7", "http chat.example")]
    [InlineData("X-Forwarded-For: 203.0.113.7, 10.0.0.9|X-Forwarded-Proto: https", "203.0.113.7", "https inner:80")]
    [InlineData("X-Forwarded-For: 198.51.100.1, unknown", Proxy, "http inner:80")]
    [InlineData("X-Forwarded-For: 198.51.100.1, unknown, 10.0.0.9", "10.0.0.9", "http inner:80")]
    [InlineData("X-Forwarded-Host: bad host/", Proxy, "http inner:80")]
    [InlineData("X-Forwarded-Proto: gopher", Proxy, "http inner:80")]
    [InlineData("X-Forwarded-For: [2001:db8::5]:443|X-Forwarded-Host: [2001:db8::9]:8443", "2001:db8::5", "http [2001:db8::9]:8443")]
    [InlineData("X-Forwarded-Host: chat.example|X-Forwarded-Port: 8443|X-Forwarded-Proto: https", Proxy, "https chat.example:8443")]
    [InlineData("X-Forwarded-Host: chat.example:9000|X-Forwarded-Port: 8443", Proxy, "http chat.example:9000")]
    [InlineData("X-Forwarded-Host: [2001:db8::9]|X-Forwarded-Port: 8443", Proxy, "http [2001:db8::9]:8443")]
    [InlineData("X-Forwarded-Host: chat.example|X-Forwarded-Port: 80|X-Forwarded-Proto: https", Proxy, "https chat.example")]
    [InlineData("X-Forwarded-Host: chat.example|X-Forwarded-Port: 443|X-Forwarded-Proto: https", Proxy, "https chat.example")]
    [InlineData("X-Forwarded-Host: chat.example|X-Forwarded-Port: 8443x", Proxy, "http chat.example")]
    [InlineData("X-Forwarded-For: 1.1.1.1, 203.0.113.7, 10.0.0.9|X-Forwarded-Host: evil, chat.example, x|X-Forwarded-Port: 1, 8443, 80",
        "203.0.113.7", "http chat.example:8443")]
    [InlineData("Forwarded: for=203.0.113.7;host=chat.example|X-Forwarded-Port: 8443", "203.0.113.7", "http chat.example:8443")]
    [InlineData("Forwarded: for=203.0.113.7;proto=https;host=chat.example", "203.0.113.7", "https chat.example")]
    [InlineData("Forwarded: for=1.1.1.1;host=evil.example, for=203.0.113.7;proto=https;host=chat.example, for=\"[fd00::2]\";proto=http",
        "203.0.113.7", "https chat.example")]
    [InlineData("Forwarded: for=198.51.100.1, for=_hidden;proto=https", Proxy, "https inner:80")]
    [InlineData("Forwarded: for=203.0.113.7|X-Forwarded-For: 203.0.113.7", "203.0.113.7", "http inner:80")]
    [InlineData("Forwarded: for=198.51.100.1|X-Forwarded-For: 203.0.113.7|X-Forwarded-Proto: https", Proxy, "https inner:80")]
    [InlineData("Forwarded: for=\"|X-Forwarded-For: 203.0.113.7", Proxy, "http inner:80")]
    public void A_trusted_proxy_is_believed_as_far_as_it_wrote(string headers, string client, string seen)
    {
        var (told, context, notices) = Resolve(Proxy, headers);
        Assert.Equal(client, told.Address);
        Assert.Equal(seen, $"{context.Request.Scheme} {context.Request.Host}");
        Assert.Null(told.Proxy);
        Assert.Empty(notices.All);
    }

    [Theory]
    [InlineData("/chat", "/chat")]
    [InlineData("/chat/", "/chat")]
    [InlineData("/", "")]
    [InlineData("/outer, /inner", "/inner")] // the client wrote the first
    [InlineData("//evil.example", "")]
    [InlineData("/a/../b", "")]
    [InlineData("/a\"b", "")]
    [InlineData("chat", "")]
    public void A_prefix_is_a_plain_path(string sent, string expected)
    {
        var (told, _, _) = Resolve(Proxy, $"X-Forwarded-For: 203.0.113.7|X-Forwarded-Prefix: {sent}");
        Assert.Equal(expected, told.Prefix);
        Assert.Equal("", Resolve("203.0.113.9", $"X-Forwarded-Prefix: {sent}").Told.Prefix);
    }

    [Fact]
    public void Prefixes_of_two_trusted_proxies_add_up() => Assert.Equal(
        "/outer/inner", Resolve(Proxy, "X-Forwarded-For: 203.0.113.7, 10.0.0.9|X-Forwarded-Prefix: /outer, /inner").Told.Prefix);

    [Theory]
    [InlineData("10.0.0.1", "X-Forwarded-Port: 8443", "http inner:8443")]
    [InlineData("203.0.113.9", "X-Forwarded-Port: 8443", "http inner")]
    public void A_port_that_the_host_lost_comes_back_from_a_trusted_proxy(string socket, string headers, string seen)
    {
        var request = Resolve(socket, headers, "inner").Context.Request;
        Assert.Equal(seen, $"{request.Scheme} {request.Host}");
    }

    [Theory]
    [InlineData("172.18.0.2", "proxy_untrusted")]
    [InlineData("100.64.0.7", "proxy_untrusted")]
    [InlineData("fe80::7", "proxy_untrusted")]
    [InlineData("203.0.113.9", "proxy_unknown")]
    public void An_unlisted_proxy_is_not_believed_and_is_named_with_the_line_to_set(string address, string kind)
    {
        var (told, context, notices) = Resolve(address, "X-Forwarded-For: 198.51.100.1|X-Forwarded-Proto: https|Forwarded: for=1.1.1.1");
        Assert.Equal(address, told.Address);
        Assert.Equal(address, told.Proxy?.ToString());
        Assert.Equal("http inner:80", $"{context.Request.Scheme} {context.Request.Host}");
        var notice = Assert.Single(notices.All);
        Assert.Equal((kind, address, $"TRUSTED_PROXIES=10.0.0.0/8,fd00::/8,{address}"), (notice.Kind, notice.Subject, notice.Setting));
    }

    [Theory]
    [InlineData("chat.example", "/", 1)]
    [InlineData("chat.example", "/api/settings/health", 0)]
    [InlineData("localhost", "/", 0)]
    public void A_health_check_under_the_name_of_the_site_is_no_proxy(string host, string path, int notices) =>
        Assert.Equal(notices, Resolve("127.0.0.1", "", host, path).Notices.All.Count);

    private static (Client Told, HttpContext Context, Notices Notices) Resolve(
        string socket, string headers, string host = "inner:80", string path = "/")
    {
        var notices = new Notices(TimeProvider.System);
        var options = new ServerOptions { TrustedProxies = ["10.0.0.0/8", "fd00::/8"] };
        var context = new DefaultHttpContext { Connection = { RemoteIpAddress = IPAddress.Parse(socket) } };
        context.Request.Scheme = "http";
        context.Request.Host = new HostString(host);
        context.Request.Path = path;
        foreach (var header in headers.Split('|', StringSplitOptions.RemoveEmptyEntries))
        {
            var (name, value) = (header[..header.IndexOf(':')], header[(header.IndexOf(':') + 2)..]);
            context.Request.Headers[name] = value;
        }

        return (new ClientAddress(options, notices, NullLogger<ClientAddress>.Instance).Resolve(context), context, notices);
    }

    private static string Print(StringValues lines) => string.Join('|', ForwardingHeaders.ReadForwarded(lines)
        .Select(hop => $"{hop.For?.ToString() ?? "-"} {hop.Host?.ToString() ?? "-"} {hop.Scheme ?? "-"}"));
}
