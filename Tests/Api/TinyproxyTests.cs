using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Text;
using AiChat.Tests.Chat;
using AiChat.Tests.Providers;

namespace AiChat.Tests.Api;

/// <summary>
/// A real tinyproxy with a password between the server and the provider. It hands on to a fake proxy, which alone knows the names.
/// Fails where tinyproxy is not installed.
/// </summary>
public sealed class TinyproxyTests
{
    private const string Host = "model.example.com";
    private const string Models = """{"data":[{"id":"m"}]}""";

    [Fact]
    public async Task Http_and_https_providers_are_reached_and_a_wrong_password_is_named()
    {
        using var certificate = TestCertificates.SelfSigned(Host);
        await using var secure = new KeptUpstream(AnswerAsync, certificate);
        await using var plain = new KeptUpstream(AnswerAsync);
        await using var toSecure = new FakeProxy(secure.Port);
        await using var toPlain = new FakeProxy(plain.Port);
        await using var server = await TestServer.StartAsync();
        var admin = await server.RegisterAdminAsync();

        await using (var proxy = await StartAsync(toSecure.Port))
        {
            var form = new
            {
                name = "Secure",
                provider = "openai",
                authType = "none",
                baseUrl = $"https://{Host}/v1",
                caPem = certificate.ExportCertificatePem(),
                proxy = $"http://user:p.a%5Fss-1@127.0.0.1:{proxy.Port}",
            };
            var saved = await (await admin.PostJson("/api/connections", form)).Json(HttpStatusCode.Created);
            Assert.Equal((1, $"CONNECT {Host}:443"), (saved.GetProperty("modelCount").GetInt32(), toSecure.Targets.Single()));

            foreach (var (credential, detail) in new[]
            {
                ("", "asks for a user name and a password (407)"), ("user:wrong@", "refused the user name or the password (401)"),
            })
            {
                var refused = await (await admin.PostJson(
                    "/api/connections/verify", form with { proxy = $"http://{credential}127.0.0.1:{proxy.Port}" })).Json();
                Assert.Equal(
                    ("provider_proxy", $"The proxy {detail}.", "check_proxy_password"),
                    (refused.Text("code"), refused.Text("detail"), refused.GetProperty("report").Text("adviceCode")));
            }
        }

        await using (var proxy = await StartAsync(toPlain.Port))
        {
            var saved = await (await admin.PostJson("/api/connections", new
            {
                name = "Plain",
                provider = "openai",
                authType = "none",
                baseUrl = $"http://{Host}/v1",
                proxy = $"http://user:p.a%5Fss-1@127.0.0.1:{proxy.Port}",
            })).Json(HttpStatusCode.Created);
            Assert.Equal((1, $"GET http://{Host}:80/v1/models"), (saved.GetProperty("modelCount").GetInt32(), toPlain.Targets[0]));
        }
    }

    /// <summary>A proxy that is spoken to by TLS: haproxy with a certificate before a tinyproxy.</summary>
    [NativeFact]
    public async Task An_https_proxy_is_reached_by_TLS_and_its_certificate_is_judged()
    {
        using var authority = new LocalhostCertificates();
        using var certificate = TestCertificates.SelfSigned(Host);
        var folder = Directory.CreateTempSubdirectory("aichat-proxy-");
        string InFolder(string name, string text)
        {
            File.WriteAllText(Path.Combine(folder.FullName, name), text);
            return Path.Combine(folder.FullName, name);
        }

        await using var secure = new KeptUpstream(AnswerAsync, certificate);
        await using var last = new FakeProxy(secure.Port);
        await using var tinyproxy = await StartAsync(last.Port);
        var (pem, key, _) = authority.Issue();
        var port = TestPorts.Free();
        var file = InFolder("haproxy.cfg", $"""
            defaults
              mode tcp
              timeout connect 5s
              timeout client 60s
              timeout server 60s
            frontend tls
              bind 127.0.0.1:{port} ssl crt {InFolder("proxy.pem", pem + "\n" + key)}
              default_backend tinyproxy
            backend tinyproxy
              server one 127.0.0.1:{tinyproxy.Port}

            """);
        await using var haproxy = await StartAsync(new ProcessStartInfo("/usr/sbin/haproxy", ["-q", "-db", "-f", file]), file, port);
        await using var server = await TestServer.StartAsync(new TestServerOptions
        {
            Variables = new Dictionary<string, string> { ["SSL_CERT_FILE"] = InFolder("root.pem", authority.AuthorityPem) },
        });
        var admin = await server.RegisterAdminAsync();
        foreach (var (address, via, hop, reason) in new[]
        {
            ("https://user:p.a%5Fss-1@localhost", "https://localhost", "", ""),
            ("https://user:wrong@localhost", "https://localhost", "proxy", "proxy_sign_in_refused"),
            ("https://127.0.0.1", "https://127.0.0.1", "proxy", "certificate_name_mismatch"),
            ("http://localhost", "http://localhost", "proxy", "proxy_closed"),
        })
        {
            var verified = await (await admin.PostJson("/api/connections/verify", new
            {
                name = "Secure",
                provider = "openai",
                authType = "none",
                baseUrl = $"https://{Host}/v1",
                caPem = certificate.ExportCertificatePem(),
                proxy = $"{address}:{port}",
            })).Json();
            var report = verified.GetProperty("report");
            string Member(string name) => report.TryGetProperty(name, out var value) ? value.GetString()! : "";
            Assert.Equal((hop, reason, $"{via}:{port}"), (Member("hop"), Member("reason"), Member("via")));
        }

        Assert.Equal([$"CONNECT {Host}:443"], last.Targets);
        folder.Delete(recursive: true);
    }

    private static async Task<Tinyproxy> StartAsync(int next)
    {
        var port = TestPorts.Free();
        var file = Path.GetTempFileName();
        await File.WriteAllTextAsync(
            file, $"Port {port}\nListen 127.0.0.1\nBasicAuth user p.a_ss-1\nUpstream http 127.0.0.1:{next}\nLogLevel Error\nTimeout 60\n");
        return await StartAsync(new ProcessStartInfo("tinyproxy", ["-d", "-c", file]) { RedirectStandardOutput = true }, file, port);
    }

    private static async Task<Tinyproxy> StartAsync(ProcessStartInfo start, string file, int port)
    {
        var process = Process.Start(start)!;
        var proxy = new Tinyproxy(process, file, port);
        await Eventually.Holds(async () =>
        {
            Assert.False(process.HasExited, $"{start.FileName} did not start.");
            return await proxy.ListensAsync();
        });
        return proxy;
    }

    private static async Task AnswerAsync(Stream stream, Socket socket, FakeRequest request) =>
        await stream.WriteAsync(Encoding.ASCII.GetBytes(
            $"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {Models.Length}\r\n\r\n{Models}"));

    private sealed class Tinyproxy(Process process, string file, int port) : IAsyncDisposable
    {
        public int Port => port;

        public async Task<bool> ListensAsync()
        {
            using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
            try
            {
                await socket.ConnectAsync(IPAddress.Loopback, port);
                return true;
            }
            catch (SocketException)
            {
                return false;
            }
        }

        public async ValueTask DisposeAsync()
        {
            process.Kill();
            await process.WaitForExitAsync();
            process.Dispose();
            if (File.Exists(file))
            {
                File.Delete(file); // unless its folder is gone
            }
        }
    }
}
