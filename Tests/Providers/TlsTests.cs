using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using AiChat.Providers.Transport;
using Microsoft.Extensions.Time.Testing;

namespace AiChat.Tests.Providers;

/// <summary>Which certificates of providers are accepted, and that validating them fetches nothing.</summary>
public sealed class TlsTests
{
    private static readonly DateTimeOffset Since = DateTimeOffset.UnixEpoch;
    private static readonly DateTimeOffset Until = new(2100, 1, 1, 0, 0, 0, TimeSpan.Zero);

    [Theory]
    [InlineData("model.example", "model.example")]
    [InlineData("127.0.0.1", "")]
    public async Task Provider_is_named_judged_by_its_own_authority_and_used_again(string host, string named)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        using var certificate = Request(host, key).CreateSelfSigned(Since, Until);
        var pem = certificate.ExportCertificatePem();
        using var http = Resolving();
        await using var server = new KeptUpstream(SpellAsync, certificate);
        var endpoint = At(server, host);
        var text = new string('x', 2_000) + "end";

        Assert.Equal(ProviderFailure.Tls, await FailAsync(http, endpoint));
        Assert.Equal(text, await http.AskAsync(endpoint with { CaPem = pem }, text));
        Assert.Equal(text, await http.AskAsync(endpoint with { CaPem = pem }, text));

        Assert.Equal((2, named, "http/1.1"), (server.Connections, server.Name, server.Protocol));
        Assert.Equal(ProviderFailure.Tls, await FailAsync(http, At(server, "other.example") with { CaPem = pem }));
    }

    [Theory]
    [InlineData(1_024, "The connection's certificate authority holds an RSA key of 1024 bits; at least 2048 are needed.")]
    [InlineData(2_048, null)]
    public async Task An_authority_with_a_short_key_is_refused(int bits, string? detail)
    {
        using var key = RSA.Create(bits);
        using var certificate = Named("model.example", Request("model.example", key)).CreateSelfSigned(Since, Until);
        await using var server = new KeptUpstream(SpellAsync, certificate);
        using var http = Resolving();
        var endpoint = At(server, "model.example") with { CaPem = certificate.ExportCertificatePem() };

        if (detail is null)
        {
            Assert.Equal("x", await http.AskAsync(endpoint, "x"));
            return;
        }

        var failure = await Assert.ThrowsAsync<ProviderException>(() => http.AskAsync(endpoint));
        Assert.Equal((ProviderFailure.Tls, detail), (failure.Failure, failure.Detail));
    }

    /// <summary>Leaf, intermediate or root. A test server cannot send such a chain, because its own TLS refuses it.</summary>
    [Theory]
    [InlineData(1_024, 1_024)]
    [InlineData(1_536, 1_536)]
    [InlineData(2_048, null)]
    [InlineData(4_096, null)]
    public void A_short_key_anywhere_in_a_chain_is_found(int bits, int? found)
    {
        using var good = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        using var strong = Request("strong.example", good).CreateSelfSigned(Since, Until);
        using var key = RSA.Create(bits);
        using var weak = Named("weak.example", Request("weak.example", key)).CreateSelfSigned(Since, Until);

        Assert.Equal(found, CertificateTrust.ShortRsaKey([weak, strong]));
        Assert.Equal(found, CertificateTrust.ShortRsaKey([strong, weak]));
        Assert.Null(CertificateTrust.ShortRsaKey([strong]));
    }

    [Fact]
    public async Task Certificate_does_not_send_us_anywhere()
    {
        await using var canary = FakeUpstream.Start(_ => Task.CompletedTask);
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        using var issuerKey = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = Request("model.example", key);
        request.CertificateExtensions.Add(
            new X509AuthorityInformationAccessExtension([$"{canary.BaseUrl}/ocsp"], [$"{canary.BaseUrl}/issuer.cer"]));
        using var signed = request.Create(
            new X500DistinguishedName("CN=somebody"), X509SignatureGenerator.CreateForECDsa(issuerKey), Since, Until, serialNumber: [1]);
        using var certificate = signed.CopyWithPrivateKey(key);
        using var http = Resolving();
        await using var server = new KeptUpstream(SpellAsync, certificate);

        Assert.Equal(ProviderFailure.Tls, await FailAsync(http, At(server, "model.example")));
        Assert.Equal((1, 0), (server.Connections, canary.Connections));
    }

    [Fact]
    public async Task Plain_server_is_refused()
    {
        await using var server = new LoopbackListener(static async (socket, _) =>
        {
            await socket.SendAsync("HTTP/1.1 400 Bad Request\r\n\r\n"u8.ToArray());
            socket.Close();
        });
        using var http = new ProviderHttp(TimeProvider.System);

        Assert.Equal(ProviderFailure.Tls, await FailAsync(http, Endpoints.Local("openai", $"https://127.0.0.1:{server.Port}/v1")));
    }

    [Fact]
    public async Task Handshake_that_stalls_is_over_with_the_time_to_connect()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        var time = new FakeTimeProvider();
        using var http = new ProviderHttp(time);
        var failing = FailAsync(http, Endpoints.Local("openai", $"https://{listener.LocalEndpoint}/v1"));
        using var silent = await listener.AcceptTcpClientAsync();
        Assert.Equal(22, silent.GetStream().ReadByte()); // the client hello has arrived, so the time limit runs

        time.Advance(TimeSpan.FromSeconds(10));

        Assert.Equal(ProviderFailure.ConnectTimeout, await failing);
    }

    private static ProviderHttp Resolving() =>
        new(TimeProvider.System) { Resolve = (_, _) => Task.FromResult<IPAddress[]>([IPAddress.Loopback]) };

    private static ProviderEndpoint At(KeptUpstream server, string host) =>
        server.Endpoint with { BaseUrl = new Uri($"https://{host}:{server.Port}/v1") };

    private static async Task<ProviderFailure> FailAsync(ProviderHttp http, ProviderEndpoint endpoint) =>
        (await Assert.ThrowsAsync<ProviderException>(() => http.AskAsync(endpoint))).Failure;

    private static CertificateRequest Request(string name, ECDsa key) =>
        Named(name, new CertificateRequest("CN=" + name, key, HashAlgorithmName.SHA256));

    private static CertificateRequest Request(string name, RSA key) =>
        new("CN=" + name, key, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1);

    private static CertificateRequest Named(string name, CertificateRequest request)
    {
        var names = new SubjectAlternativeNameBuilder();
        if (IPAddress.TryParse(name, out var address))
        {
            names.AddIpAddress(address);
        }
        else
        {
            names.AddDnsName(name);
        }

        request.CertificateExtensions.Add(names.Build());
        return request;
    }

    /// <summary>Repeats the question letter by letter, as a model streams.</summary>
    private static async Task SpellAsync(Stream stream, Socket socket, FakeRequest request)
    {
        await stream.WriteAsync("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"u8.ToArray());
        foreach (var letter in request.Text)
        {
            await stream.WriteAsync(Encoding.ASCII.GetBytes($"1\r\n{letter}\r\n"));
        }

        await stream.WriteAsync("0\r\n\r\n"u8.ToArray());
    }
}
