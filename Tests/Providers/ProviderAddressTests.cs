using System.Net;
using AiChat.Providers.Transport;

namespace AiChat.Tests.Providers;

/// <summary>Which addresses a connection may reach, however they are written.</summary>
public sealed class ProviderAddressTests
{
    [Theory]
    [InlineData("8.8.8.8", nameof(NetworkScope.External))]
    [InlineData("2606:4700::1", nameof(NetworkScope.External))]
    [InlineData("::ffff:8.8.8.8", nameof(NetworkScope.External))]
    [InlineData("64:ff9b::808:808", nameof(NetworkScope.External))]
    [InlineData("127.0.0.1", nameof(NetworkScope.Loopback))]
    [InlineData("127.255.1.2", nameof(NetworkScope.Loopback))]
    [InlineData("::1", nameof(NetworkScope.Loopback))]
    [InlineData("::ffff:127.0.0.1", nameof(NetworkScope.Loopback))]
    [InlineData("::ffff:7f00:1", nameof(NetworkScope.Loopback))]
    [InlineData("64:ff9b::7f00:1", nameof(NetworkScope.Loopback))]
    [InlineData("2002:7f00:1::", nameof(NetworkScope.Loopback))]
    [InlineData("10.1.2.3", nameof(NetworkScope.Private))]
    [InlineData("172.16.0.1", nameof(NetworkScope.Private))]
    [InlineData("172.32.0.1", nameof(NetworkScope.External))]
    [InlineData("192.168.1.1", nameof(NetworkScope.Private))]
    [InlineData("100.64.0.1", nameof(NetworkScope.Private))]
    [InlineData("fd12::1", nameof(NetworkScope.Private))]
    [InlineData("::ffff:10.0.0.1", nameof(NetworkScope.Private))]
    [InlineData("2002:a00:1::", nameof(NetworkScope.Private))]
    [InlineData("0.0.0.0", nameof(NetworkScope.None))]
    [InlineData("::", nameof(NetworkScope.None))]
    [InlineData("::7f00:1", nameof(NetworkScope.None))]
    [InlineData("169.254.169.254", nameof(NetworkScope.None))]
    [InlineData("::ffff:169.254.169.254", nameof(NetworkScope.None))]
    [InlineData("64:ff9b::a9fe:a9fe", nameof(NetworkScope.None))]
    [InlineData("2002:a9fe:a9fe::", nameof(NetworkScope.None))]
    [InlineData("64:ff9b:1::a9fe:a9fe", nameof(NetworkScope.None))]
    [InlineData("fd00:ec2::254", nameof(NetworkScope.None))]
    [InlineData("100.100.100.200", nameof(NetworkScope.None))]
    [InlineData("168.63.129.16", nameof(NetworkScope.None))]
    [InlineData("fe80::1", nameof(NetworkScope.None))]
    [InlineData("fe80::1%1", nameof(NetworkScope.None))]
    [InlineData("ff02::1", nameof(NetworkScope.None))]
    [InlineData("224.0.0.1", nameof(NetworkScope.None))]
    [InlineData("255.255.255.255", nameof(NetworkScope.None))]
    [InlineData("2001::1", nameof(NetworkScope.None))]
    [InlineData("198.18.0.1", nameof(NetworkScope.Private))]
    public void Address_belongs_to_one_group(string address, string group) =>
        Assert.Equal(group, ProviderAddress.Classify(IPAddress.Parse(address)).ToString());

    [Fact]
    public void Scope_allows_only_its_groups()
    {
        Assert.True(ProviderAddress.IsAllowed(IPAddress.Loopback, NetworkScope.External | NetworkScope.Loopback));
        Assert.False(ProviderAddress.IsAllowed(IPAddress.Loopback, NetworkScope.External | NetworkScope.Private));
        Assert.False(ProviderAddress.IsAllowed(IPAddress.Any, NetworkScope.External | NetworkScope.Loopback | NetworkScope.Private));
        Assert.False(ProviderAddress.IsAllowed(IPAddress.Parse("8.8.8.8"), NetworkScope.Loopback));
    }

    [Theory]
    [InlineData("http://169.254.169.254/latest")]
    [InlineData("http://[fd00:ec2::254]")]
    [InlineData("http://[fe80::1%25lo]")]
    [InlineData("http://0.0.0.0")]
    [InlineData("http://[::]")]
    [InlineData("file:///etc/passwd")]
    [InlineData("ftp://example.com")]
    [InlineData("gopher://example.com")]
    [InlineData("unix:/var/run/docker.sock")]
    [InlineData("//x")]
    [InlineData("https:/example.com\\@127.0.0.1")]
    [InlineData("https://user:pass@example.com")]
    [InlineData("https://example.com@127.0.0.1")]
    [InlineData("https://example.com/v1?api.openai.com")]
    [InlineData("https://example.com/#x")]
    [InlineData("http://①②⑦.0.0.1")]
    [InlineData("http://exa\nmple.com")]
    [InlineData("http://2130706433")]
    [InlineData("http://0x7f.1")]
    [InlineData("http://017700000001")]
    [InlineData("http://127.1")]
    [InlineData("http://[::ffff:7f00:1]")]
    [InlineData("http://[::ffff:169.254.169.254]")]
    [InlineData("http://[64:ff9b::7f00:1]")]
    [InlineData("http://[2002:7f00:1::]")]
    [InlineData("http://127.0.0.1.")]
    [InlineData("http://0x7f.1.")]
    [InlineData("http://10.0.0.1")]
    [InlineData("https://")]
    [InlineData("")]
    public void Unsafe_base_url_is_refused_when_saved(string url)
    {
        Assert.False(ProviderUrl.Parse(url, NetworkScope.External, out var parsed, out var reason));
        Assert.Null(parsed);
        Assert.NotEmpty(reason);
    }

    [Theory]
    [InlineData("HTTPS://API.OpenAI.com:443/v1/", "https://api.openai.com/v1")]
    [InlineData("http://localhost.:11434", "http://localhost:11434/")]
    [InlineData("http://127.1:11434/", "http://127.0.0.1:11434/")]
    [InlineData("http://[::1]:8080/v1", "http://[::1]:8080/v1")]
    [InlineData("https://example.com/a/../b/", "https://example.com/b")]
    public void Base_url_gets_its_canonical_form(string url, string canonical)
    {
        Assert.True(ProviderUrl.Parse(url, NetworkScope.External | NetworkScope.Loopback, out var parsed, out _));
        Assert.Equal(canonical, parsed.AbsoluteUri);
    }

    [Theory]
    [InlineData("https://a.example/v1", "https://a.example/v2", true)]
    [InlineData("https://a.example", "https://a.example:8443", false)]
    [InlineData("https://a.example", "http://a.example", false)]
    [InlineData("https://a.example", "https://a.example.evil", false)]
    public void Same_origin_is_scheme_host_and_port(string left, string right, bool same) =>
        Assert.Equal(same, ProviderUrl.SameOrigin(new Uri(left), new Uri(right)));

    [Theory]
    [InlineData("X-Team", "research 1", true)]
    [InlineData("X-A", "a\r\nEvil: 1", false)]
    [InlineData("X-A", "a\0", false)]
    [InlineData("X-A", "käse", false)]
    [InlineData("X-A", " a", false)]
    [InlineData("X A", "a", false)]
    [InlineData("X:A", "a", false)]
    [InlineData("", "a", false)]
    [InlineData("Host", "evil", false)]
    [InlineData("content-length", "1", false)]
    [InlineData("Transfer-Encoding", "chunked", false)]
    [InlineData("Connection", "close", false)]
    [InlineData("Cookie", "a=b", false)]
    [InlineData("Proxy-Authorization", "x", false)]
    [InlineData("Expect", "100-continue", false)]
    public void Header_is_accepted_or_refused(string name, string value, bool accepted) =>
        Assert.Equal(accepted, ProviderHeaders.Validate(name, value) is null);

    [Fact]
    public void Key_with_a_line_break_is_refused()
    {
        Assert.NotNull(ProviderHeaders.ValidateKey("sk-a\r\nX: 1"));
        Assert.NotNull(ProviderHeaders.ValidateKey(new string('a', 5_000)));
        Assert.Null(ProviderHeaders.ValidateKey("sk-proj_A.b-9"));
    }
}
