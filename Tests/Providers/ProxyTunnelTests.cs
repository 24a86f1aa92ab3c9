using System.Net;
using System.Text;
using AiChat.Providers.Transport;
using Microsoft.Extensions.Time.Testing;

namespace AiChat.Tests.Providers;

/// <summary>Calls through proxies that work and through proxies that fail, each at its own hop.</summary>
public sealed class ProxyTunnelTests : IDisposable
{
    private const string SignIn = "The proxy asks for a user name and a password (407).";
    private const string Host = "model.example.com";
    private readonly ProviderHttp _http = new(TimeProvider.System);

    public void Dispose() => _http.Dispose();

    [Theory]
    [InlineData("http", false)]
    [InlineData("http", true)]
    [InlineData("socks5", false)]
    [InlineData("socks5h", true)]
    public async Task A_tunnel_carries_tls_and_names_go_to_the_proxy_unresolved(string scheme, bool signsIn)
    {
        using var certificate = TestCertificates.SelfSigned(Host);
        await using var provider = new KeptUpstream(EchoAsync, certificate);
        await using var proxy = new FakeProxy(provider.Port) { Credential = signsIn ? "us er:p@:ß" : null };
        var address = $"{scheme}://{(signsIn ? "us%20er:p@:ß@" : "")}127.0.0.1:{proxy.Port}";
        var endpoint = At("https", address) with { CaPem = certificate.ExportCertificatePem() };

        Assert.Equal("one", await _http.AskAsync(endpoint, "one"));
        Assert.Equal("two", await _http.AskAsync(endpoint, "two"));

        Assert.Equal([scheme == "http" ? $"CONNECT {Host}:443" : $"SOCKS {Host}:443"], proxy.Targets); // one tunnel for both
        Assert.Equal((Host, 1), (provider.Name, provider.Connections));
    }

    [Fact]
    public async Task A_plain_request_takes_the_absolute_form_and_keeps_its_connection()
    {
        FakeRequest? seen = null;
        await using var provider = new KeptUpstream(async (stream, socket, request) =>
        {
            seen = request;
            await EchoAsync(stream, socket, request);
        });
        await using var proxy = new FakeProxy(provider.Port) { Credential = "user:pass" };
        var endpoint = At("http", $"http://user:pass@127.0.0.1:{proxy.Port}", ":8080");

        Assert.Equal("one", await _http.AskAsync(endpoint, "one"));
        Assert.Equal("two", await _http.AskAsync(endpoint, "two"));

        Assert.Equal($"POST http://{Host}:8080/v1/x", proxy.Targets.Single());
        Assert.Equal(($"http://{Host}:8080/v1/x", $"{Host}:8080"), (seen!.Path, seen.Headers["Host"]));
    }

    [Fact]
    public async Task A_plain_request_through_socks_keeps_the_origin_form()
    {
        await using var provider = FakeUpstream.Start(exchange => exchange.Reply(200, "ok"));
        await using var proxy = new FakeProxy(provider.Port);

        Assert.Equal("ok", await _http.AskAsync(At("http", proxy.Socks)));

        Assert.Equal(($"SOCKS {Host}:80", "/v1/x"), (proxy.Targets.Single(), provider.Exchanges.Single().Request.Path));
        Assert.False(provider.Exchanges.Single().Request.Headers.ContainsKey("Proxy-Authorization"));
    }

    [Theory]
    [InlineData("https://[2606:4700::1]/v1", "CONNECT [2606:4700::1]:443", "SOCKS 2606:4700::1:443")]
    [InlineData("https://8.8.8.8:8443/v1", "CONNECT 8.8.8.8:8443", "SOCKS 8.8.8.8:8443")]
    [InlineData("https://bücher.example.com/v1", "CONNECT xn--bcher-kva.example.com:443", "SOCKS xn--bcher-kva.example.com:443")]
    public async Task Addresses_and_names_of_other_scripts_are_asked_for_in_their_own_form(string url, string connect, string socks)
    {
        await using var proxy = new FakeProxy(0) { Answer = (_, _) => Task.CompletedTask };
        foreach (var address in new[] { proxy.Http, proxy.Socks })
        {
            await FailAsync(At("https", address) with { BaseUrl = new Uri(url) });
        }

        Assert.Equal([connect, socks], proxy.Targets);
    }

    [Fact]
    public async Task A_changed_proxy_holds_from_the_next_call_on()
    {
        await using var provider = new KeptUpstream(EchoAsync);
        await using var first = new FakeProxy(provider.Port);
        await using var second = new FakeProxy(provider.Port);

        await _http.AskAsync(At("http", first.Http), "one");
        await _http.AskAsync(At("http", second.Http), "two");
        await _http.AskAsync(At("http", first.Socks), "three");

        Assert.Equal((2, 1), (first.Targets.Count, second.Targets.Count));
    }

    /// <summary>What the proxy sends back, and what is told: no address, because whoever chats may read it.</summary>
    public static TheoryData<string, string, string> HttpFaults => new()
    {
        { "HTTP/1.1 407 x\r\nProxy-Authenticate: Basic\r\n\r\n", "provider_proxy", SignIn },
        { "HTTP/1.1 407 x\r\n\r\n", "provider_proxy", SignIn },
        {
            "HTTP/1.1 407 x\r\nProxy-Authenticate: Negotiate\r\nProxy-Authenticate: NTLM TlRM\r\n\r\n", "provider_proxy",
            "The proxy offers only ways to sign in that are not supported here (Negotiate, NTLM); "
                + "put a helper such as cntlm or px in between."
        },
        {
            "HTTP/1.1 403 Filtered\r\nContent-Length: 5\r\n\r\n<html", "provider_proxy",
            "The proxy refused to connect to the provider (403)."
        },
        {
            "HTTP/1.0 302 x\r\nLocation: http://login/\r\n\r\n", "provider_proxy",
            "The proxy refused to connect to the provider (302)."
        },
        { "HTTP/1.1 502 x\r\n\r\n", "provider_unreachable", "The proxy could not reach the provider (502)." },
        { "HTTP/1.1 503 x\r\n\r\n", "provider_unreachable", "The proxy could not reach the provider (503)." },
        { "", "provider_unreachable", "The proxy closed the connection." },
        { "HTTP/1.1 200", "provider_unreachable", "The proxy closed the connection." },
        { "\u0005\u00ff", "provider_proxy", "The proxy does not speak HTTP; it may be a SOCKS proxy (socks5h://)." },
        { "HTTP/1.1 abc\r\n\r\n", "provider_proxy", "The proxy does not answer in HTTP." },
        { "HTTP/1.1 200 OK\r\n\r\nearly", "provider_proxy", "The proxy sends data that nobody asked for." },
        { "flood", "provider_proxy", "The proxy sends a reply that is too long." },
        { "interim", "provider_proxy", "The proxy sends interim replies without end." },
    };

    [Theory]
    [MemberData(nameof(HttpFaults))]
    public async Task A_fault_of_an_http_proxy_is_named(string answer, string code, string detail)
    {
        answer = answer switch
        {
            "flood" => "HTTP/1.1 200 OK\r\n" + string.Concat(Enumerable.Range(0, 2_000).Select(at => $"X-{at}: y\r\n")),
            "interim" => string.Concat(Enumerable.Repeat("HTTP/1.1 103 x\r\n\r\n", 20)),
            _ => answer,
        };
        await using var proxy = new FakeProxy(0) { Answer = (_, stream) => stream.WriteAsync(Encoding.Latin1.GetBytes(answer)).AsTask() };

        var failure = await FailAsync(At("https", proxy.Http));

        Assert.Equal(
            (code, detail, CallHop.Proxy), (failure.Failure.Code(), failure.Detail, failure.Hop));
    }

    [Theory]
    [InlineData("05 02 00 01", "provider_proxy", "The proxy does not allow a connection to the provider.")]
    [InlineData("05 04 00 01", "provider_unreachable", "The proxy cannot reach the provider.")]
    [InlineData("05 05 00 01", "provider_unreachable", "The proxy was refused by the provider.")]
    [InlineData("05 01 00 01", "provider_unreachable", "The proxy could not connect to the provider (SOCKS code 1).")]
    [InlineData("05 00 00 09", "provider_proxy", "The proxy does not answer in SOCKS5.")]
    [InlineData("05 00", "provider_unreachable", "The proxy closed the connection.")]
    [InlineData("05 00 00 01 7f", "provider_unreachable", "The proxy closed the connection.")]
    public async Task A_fault_of_a_socks_proxy_is_named(string answer, string code, string detail)
    {
        var bytes = Convert.FromHexString(answer.Replace(" ", "", StringComparison.Ordinal));
        await using var proxy = new FakeProxy(0) { Answer = (_, stream) => stream.WriteAsync(bytes).AsTask() };

        var failure = await FailAsync(At("https", proxy.Socks));

        Assert.Equal(
            (code, detail, CallHop.Proxy), (failure.Failure.Code(), failure.Detail, failure.Hop));
    }

    [Theory]
    [InlineData("http://127.0.0.1", "asks for a user name and a password (407)")]
    [InlineData("http://user:CANARY-wrong@127.0.0.1", "refused the user name or the password (407)")]
    [InlineData("socks5://127.0.0.1", "asks for a user name and a password")]
    [InlineData("socks5://user:CANARY-wrong@127.0.0.1", "refused the user name or the password")]
    public async Task A_wrong_password_is_told_without_showing_it(string address, string words)
    {
        await using var proxy = new FakeProxy(0) { Credential = "user:right" };
        foreach (var scheme in new[] { "http", "https" })
        {
            var failure = await FailAsync(At(scheme, $"{address}:{proxy.Port}"));

            Assert.Equal((ProviderFailure.Proxy, CallTrouble.ProxySignIn), (failure.Failure, failure.Trouble));
            Assert.Contains(words, failure.Detail);
            Assert.DoesNotContain("CANARY", failure.ToString());
        }
    }

    [Fact]
    public async Task A_proxy_that_is_not_there_or_speaks_no_tls_is_named()
    {
        await using var plain = new LoopbackListener(static async (socket, _) =>
        {
            await socket.SendAsync("HTTP/1.1 400 Bad Request\r\n\r\n"u8.ToArray());
            socket.Close();
        });
        var free = TestPorts.Free();

        var gone = await FailAsync(At("https", $"http://127.0.0.1:{free}"));
        var unknown = await FailAsync(At("https", "http://proxy.invalid:1"));
        var tls = await FailAsync(At("https", $"https://127.0.0.1:{plain.Port}"));

        Assert.Equal(("provider_unreachable", CallHop.Proxy), (gone.Failure.Code(), gone.Hop));
        Assert.Equal(("provider_dns", CallHop.Proxy), (unknown.Failure.Code(), unknown.Hop));
        Assert.Equal(("provider_tls", CallHop.Proxy, null), (tls.Failure.Code(), tls.Hop, tls.Certificate));
    }

    [Theory]
    [InlineData("http")]
    [InlineData("socks5")]
    public async Task A_proxy_that_stays_silent_is_over_with_the_time_to_connect(string scheme)
    {
        var asked = new TaskCompletionSource();
        var end = new TaskCompletionSource();
        await using var proxy = new FakeProxy(0)
        {
            Answer = (_, _) =>
            {
                asked.SetResult();
                return end.Task;
            },
        };
        var time = new FakeTimeProvider();
        using var http = new ProviderHttp(time);
        var failing = Assert.ThrowsAsync<ProviderException>(() => http.AskAsync(At("https", $"{scheme}://127.0.0.1:{proxy.Port}")));
        await asked.Task;

        time.Advance(TimeSpan.FromSeconds(10));

        var failure = await failing;
        Assert.Equal(
            (ProviderFailure.ConnectTimeout, CallHop.Proxy, CallTrouble.ProxyKind), (failure.Failure, failure.Hop, failure.Trouble));
        end.SetResult();
    }

    [Fact]
    public async Task A_refused_certificate_behind_a_proxy_tells_who_signed_it()
    {
        using var authority = TestCertificates.Authority("CN=Corporate Inspection CA, O=Example");
        using var certificate = TestCertificates.Signed(Host, authority);
        await using var provider = new KeptUpstream(EchoAsync, certificate);
        await using var proxy = new FakeProxy(provider.Port);

        var failure = await FailAsync(At("https", proxy.Http));

        Assert.Equal((ProviderFailure.Tls, CallHop.Tls, "unknown_issuer"), (failure.Failure, failure.Hop, failure.Certificate?.Problem));
        Assert.Equal(("CN=" + Host, "CN=Corporate Inspection CA, O=Example"), (failure.Certificate!.Subject, failure.Certificate.Issuer));
        Assert.Equal("", await _http.AskAsync(At("https", proxy.Http) with { CaPem = authority.ExportCertificatePem() }));
    }

    [Theory]
    [InlineData("198.18.0.7", "model.example.com", "provider_unreachable")]
    [InlineData("198.18.0.7", "198.18.0.7", "provider_blocked")]
    [InlineData("10.0.0.7", "model.example.com", "provider_blocked")]
    public async Task A_fake_address_of_a_proxy_client_answers_a_name_but_is_no_target(string answer, string host, string code)
    {
        using var http = new ProviderHttp(TimeProvider.System)
        {
            Resolve = (_, _) => Task.FromResult<IPAddress[]>([IPAddress.Parse(answer)]),
            // Stands for the network, which would carry the connection to somebody.
            IsOwnEndpoint = endpoint => endpoint.Address.ToString() == "198.18.0.7" ? throw Reached : false,
        };

        var error = await Assert.ThrowsAsync<ProviderException>(
            () => http.AskAsync(At("https", null) with { BaseUrl = new Uri($"https://{host}/v1") }));

        Assert.Equal(code, error.Failure.Code());
    }

    private static ProviderException Reached => new(ProviderFailure.Unreachable, "reached");

    private static ProviderEndpoint At(string scheme, string? proxy, string port = "") => new()
    {
        ConnectionId = 1,
        Provider = "openai",
        BaseUrl = new Uri($"{scheme}://{Host}{port}/v1"),
        Proxies = proxy is null ? ProxyRoute.Direct : ProxyRoute.Through("A test", proxy),
    };

    private static async Task EchoAsync(Stream stream, System.Net.Sockets.Socket socket, FakeRequest request) =>
        await stream.WriteAsync(Encoding.ASCII.GetBytes($"HTTP/1.1 200 OK\r\nContent-Length: {request.Body.Length}\r\n\r\n{request.Text}"));

    private async Task<ProviderException> FailAsync(ProviderEndpoint endpoint) =>
        await Assert.ThrowsAsync<ProviderException>(() => _http.AskAsync(endpoint));
}
