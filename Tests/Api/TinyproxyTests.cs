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

    private static async Task<Tinyproxy> StartAsync(int next)
    {
        var port = TestPorts.Free();
        var file = Path.GetTempFileName();
        await File.WriteAllTextAsync(
            file, $"Port {port}\nListen 127.0.0.1\nBasicAuth user p.a_ss-1\nUpstream http 127.0.0.1:{next}\nLogLevel Error\nTimeout 60\n");
        var process = Process.Start(new ProcessStartInfo("tinyproxy", ["-d", "-c", file]) { RedirectStandardOutput = true })!;
        var proxy = new Tinyproxy(process, file, port);
        while (!await proxy.ListensAsync())
        {
            Assert.False(process.HasExited, "tinyproxy did not start.");
            await Task.Delay(20);
        }

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
            File.Delete(file);
        }
    }
}
