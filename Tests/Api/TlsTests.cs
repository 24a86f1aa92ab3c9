using System.Diagnostics;
using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using AiChat.Endpoints.Http;
using AiChat.Tests.Chat;

namespace AiChat.Tests.Api;

/// <summary>HTTPS by the server itself: which files it takes, and how it goes on when they are replaced.</summary>
public sealed class TlsTests : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("aichat-tls-");
    private readonly LocalhostCertificates _certificates = new();

    private string CertificateFile => Path.Combine(_folder.FullName, "tls.crt");

    private string KeyFile => Path.Combine(_folder.FullName, "tls.key");

    [Fact]
    public async Task The_chain_is_sent_HTTP_2_is_offered_and_cookies_are_secure()
    {
        var (certificate, key, serial) = _certificates.Issue();
        Write(_certificates.AuthorityPem + "\n" + certificate, key); // in the wrong order
        await using var server = await TestServer.StartAsync(Options());
        Assert.Equal("https", server.BaseUri.Scheme);
        foreach (var (offered, spoken) in new[] { ("h2 http/1.1", "h2"), ("http/1.1", "http/1.1"), ("", "") })
        {
            var (seen, protocol, chain) = await Handshake(server.BaseUri, offered);
            Assert.Equal((serial, spoken, 2), (seen, protocol, chain));
        }

        foreach (var version in new[] { HttpVersion.Version11, HttpVersion.Version20 })
        {
            using var browser = Browser(server, version);
            var answer = version == HttpVersion.Version11 ? await Register(browser)
                : await browser.PostJson("/api/auth/login", new { username = "admin", password = TestServer.Password });
            Assert.True(answer.IsSuccessStatusCode, await answer.Content.ReadAsStringAsync());
            Assert.Equal(version, answer.Version);
            Assert.Equal("max-age=31536000", answer.Headers.GetValues("Strict-Transport-Security").Single());
            Assert.All(answer.Headers.GetValues("Set-Cookie"), cookie => Assert.StartsWith("__Host-aichat", cookie));
            var session = await (await browser.PostJson("/api/sessions", new { })).Json(HttpStatusCode.Created);
            await using var stream = await browser.PostStream(
                "/api/chat/stream", new { sessionId = session.Id(), content = "Hello", clientMessageId = ChatSteps.NewId() });
            Assert.Equal("done", (await stream.ReadAllAsync())[^1].Event);
        }
    }

    [Fact]
    [Trait("Nodes", "One")] // it is the first server that is told of the files
    public async Task A_replaced_pair_is_used_at_once_and_a_broken_one_is_not()
    {
        var first = _certificates.Issue();
        var second = _certificates.Issue();
        var third = _certificates.Issue();
        Place("one", first);
        Swap("one"); // a folder behind a link, as Kubernetes mounts secrets
        await using var server = await TestServer.StartAsync(Options());
        using var open = Browser(server, HttpVersion.Version11);
        await (await Register(open)).Expect(HttpStatusCode.Created);
        Place("two", second);
        Swap("two");
        await Eventually.Holds(async () => (await Handshake(server.BaseUri)).Serial == second.Serial);

        // The old connection goes on: its client would not accept another certificate.
        Assert.Equal(HttpStatusCode.OK, (await open.GetAsync("/api/auth/me")).StatusCode);
        Place("three", third with { Key = first.Key });
        Swap("three");
        await Eventually.Holds(async () =>
        {
            Assert.Equal(second.Serial, (await Handshake(server.BaseUri)).Serial);
            return (await Notices(open)).Contains("certificate_unusable");
        });
        File.WriteAllText(Path.Combine(_folder.FullName, "new.key"), third.Key);
        File.Move(Path.Combine(_folder.FullName, "new.key"), Path.Combine(_folder.FullName, "three", "tls.key"), overwrite: true);
        await Eventually.Holds(async () => (await Handshake(server.BaseUri)).Serial == third.Serial);
        Assert.Empty(await Notices(open));
        File.Delete(CertificateFile);
        await Eventually.Holds(async () =>
            (await Handshake(server.BaseUri)).Serial == third.Serial && (await Notices(open)).Contains("certificate_unusable"));
        if (TestServer.Binary is not null)
        {
            await server.StopAsync();
            Assert.Equal(2, server.Output.Split("cannot be used").Length - 1);
        }
    }

    [Fact]
    public async Task Plain_HTTP_on_the_port_of_HTTPS_is_told_what_to_do()
    {
        var (certificate, key, serial) = _certificates.Issue();
        Write(certificate, key);
        await using var server = await TestServer.StartAsync(Options());
        using var plain = new HttpClient(new SocketsHttpHandler { UseProxy = false });
        var answer = await plain.GetAsync($"http://{server.BaseUri.Authority}/");
        Assert.Equal(HttpStatusCode.BadRequest, answer.StatusCode);
        Assert.Contains("https://", await answer.Content.ReadAsStringAsync());
        Assert.Equal(serial, (await Handshake(server.BaseUri)).Serial);
    }

    [Theory]
    [InlineData(10)]
    [InlineData(-1)]
    public async Task A_certificate_that_ends_soon_is_told_to_administrators(int days)
    {
        var (certificate, key, _) = _certificates.Issue(days);
        Write(certificate, key);
        await using var server = await TestServer.StartAsync(Options());
        using var browser = Browser(server, HttpVersion.Version11);
        await Register(browser);
        Assert.Equal(["certificate_expires"], await Notices(browser));
    }

    [Fact]
    [Trait("Nodes", "One")] // both would listen on the same port
    public async Task Plain_HTTP_is_sent_to_HTTPS_on_a_port_of_its_own()
    {
        var (certificate, key, _) = _certificates.Issue();
        Write(key + "\n" + certificate, null); // both in one file
        var port = TestPorts.Free();
        await using var server = await TestServer.StartAsync(Options(("TLS_REDIRECT_PORT", $"{port}"), ("TLS_KEY_FILE", "")));
        using var plain = new HttpClient(new SocketsHttpHandler { AllowAutoRedirect = false, UseProxy = false });
        foreach (var method in new[] { HttpMethod.Get, HttpMethod.Post })
        {
            using var request = new HttpRequestMessage(method, $"http://127.0.0.1:{port}/c/7?x=%20y");
            request.Headers.Host = "chat.example:80";
            var answer = await plain.SendAsync(request);
            Assert.Equal(HttpStatusCode.PermanentRedirect, answer.StatusCode);
            Assert.Matches("^https://chat\\.example(:[0-9]+)?/c/7\\?x=%20y$", answer.Headers.Location!.OriginalString);
            Assert.False(answer.Headers.Contains("Strict-Transport-Security"));
        }

        using var bad = new HttpRequestMessage(HttpMethod.Get, $"http://127.0.0.1:{port}/");
        bad.Headers.Add("X-Forwarded-Proto", "https");
        Assert.Equal(HttpStatusCode.PermanentRedirect, (await plain.SendAsync(bad)).StatusCode);
    }

    [Fact]
    public void A_pair_that_cannot_be_used_is_refused_in_words()
    {
        var (certificate, key, _) = _certificates.Issue();
        var other = _certificates.Issue();
        using var small = RSA.Create(1024);
        using var ec = ECDsa.Create();
        ec.ImportFromPem(key);
        var encrypted = ec.ExportEncryptedPkcs8PrivateKeyPem(
            "secret", new PbeParameters(PbeEncryptionAlgorithm.Aes128Cbc, HashAlgorithmName.SHA256, 1));
        var weak = _certificates.Issue(key: small);
        Refused("openssl pkey", certificate, encrypted);
        Refused("openssl pkey", certificate, "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n\nAAAA\n");
        Refused("does not belong", certificate, other.Key);
        Refused("no certificate in PEM", "0\u0082binary", key);
        Refused("no certificate in PEM", key, key);
        Refused("no private key in PEM", certificate, certificate);
        Refused("cannot be read", certificate.Replace("MII", "AAA"), key);
        Refused("1024 bits", weak.Certificate, weak.Key);
        Assert.Equal(1, TlsPair.Read(certificate, "\uFEFF\r\n" + key.Replace("\n", "\r\n")).Certificate.Version / 3);

        static void Refused(string part, string certificate, string key) =>
            Assert.Contains(part, Assert.Throws<TlsPairException>(() => TlsPair.Read(certificate, key)).Message);
    }

    [Theory]
    [InlineData("TLS_CERT_FILE", "/nowhere/tls.crt", "/nowhere/tls.crt")]
    [InlineData("TLS_CERT_FILE", "", "TLS_CERT_FILE")]
    public async Task A_wrong_file_stops_the_start_and_is_named(string name, string value, string named)
    {
        var (certificate, key, _) = _certificates.Issue();
        Write(certificate, key);
        var refused = await Assert.ThrowsAsync<ServerStartException>(() => TestServer.StartAsync(Options((name, value))));
        Assert.Equal(78, refused.ExitCode);
        Assert.Contains(named, refused.Message);
    }

    public void Dispose()
    {
        _certificates.Dispose();
        _folder.Delete(recursive: true);
    }

    private void Write(string certificate, string? key)
    {
        File.WriteAllText(CertificateFile, certificate);
        if (key is not null)
        {
            File.WriteAllText(KeyFile, key);
        }
    }

    private void Place(string name, (string Certificate, string Key, string Serial) pair)
    {
        var place = _folder.CreateSubdirectory(name).FullName;
        File.WriteAllText(Path.Combine(place, "tls.crt"), pair.Certificate);
        File.WriteAllText(Path.Combine(place, "tls.key"), pair.Key);
    }

    private void Swap(string name)
    {
        var link = Path.Combine(_folder.FullName, "..data");
        File.CreateSymbolicLink(link + "_tmp", name);
        using (var rename = Process.Start("mv", ["-T", link + "_tmp", link]))
        {
            rename.WaitForExit();
        }

        foreach (var file in new[] { CertificateFile, KeyFile }.Where(file => !File.Exists(file)))
        {
            File.CreateSymbolicLink(file, Path.Combine("..data", Path.GetFileName(file)));
        }
    }

    private TestServerOptions Options(params (string Name, string Value)[] more)
    {
        var variables = new Dictionary<string, string> { ["TLS_CERT_FILE"] = CertificateFile, ["TLS_KEY_FILE"] = KeyFile };
        foreach (var (name, value) in more)
        {
            variables[name] = value;
        }

        return new TestServerOptions { Variables = variables };
    }

    private static Task<HttpResponseMessage> Register(HttpClient browser) => browser.PostJson(
        "/api/auth/register", new { username = "admin", password = TestServer.Password, setupCode = TestServer.SetupCode });

    private static async Task<List<string>> Notices(HttpClient admin) =>
        [.. (await admin.GetJson("/api/settings/app-info")).GetProperty("notices").EnumerateArray().Select(notice => notice.Text("kind")!)];

    private static HttpClient Browser(TestServer server, Version version)
    {
        var handler = new SocketsHttpHandler { CookieContainer = new CookieContainer(), UseProxy = false };
        handler.SslOptions.RemoteCertificateValidationCallback = (_, _, _, _) => true;
        var client = new HttpClient(new Exactly(version, handler)) { BaseAddress = server.BaseUri };
        client.DefaultRequestHeaders.Add("Sec-Fetch-Site", "same-origin");
        return client;
    }

    private static async Task<(string Serial, string Protocol, int Chain)> Handshake(Uri server, string protocols = "")
    {
        using var socket = new TcpClient();
        await socket.ConnectAsync(server.Host, server.Port);
        var sent = 0;
        await using var tls = new SslStream(socket.GetStream());
        await tls.AuthenticateAsClientAsync(new SslClientAuthenticationOptions
        {
            TargetHost = "localhost",
            ApplicationProtocols = protocols.Length == 0
                ? null
                : [.. protocols.Split(' ').Select(name => new SslApplicationProtocol(Encoding.ASCII.GetBytes(name)))],
            RemoteCertificateValidationCallback = (_, _, chain, _) =>
            {
                sent = 1 + (chain?.ChainPolicy.ExtraStore.Count ?? 0);
                return true;
            },
        });
        return (((X509Certificate2)tls.RemoteCertificate!).SerialNumber, tls.NegotiatedApplicationProtocol.ToString(), sent);
    }

    private sealed class Exactly(Version version, HttpMessageHandler inner) : DelegatingHandler(inner)
    {
        protected override Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
        {
            (request.Version, request.VersionPolicy) = (version, HttpVersionPolicy.RequestVersionExact);
            return base.SendAsync(request, cancellationToken);
        }
    }
}
