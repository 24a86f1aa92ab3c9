using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using AiChat.Providers;
using Microsoft.Extensions.Time.Testing;

namespace AiChat.Tests.Providers;

/// <summary>When a connection is used again, when it is not, and that a request is never sent twice.</summary>
public sealed class Http1PoolTests
{
    private static readonly DateTimeOffset Since = DateTimeOffset.UnixEpoch;
    private static readonly DateTimeOffset Until = new(2100, 1, 1, 0, 0, 0, TimeSpan.Zero);

    private const string Reply = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}";

    [Fact]
    public async Task Connection_is_used_again_until_it_is_idle_or_old()
    {
        var time = new FakeTimeProvider();
        using var http = new ProviderHttp(time);
        await using var server = new Server(static async (stream, _) => await stream.WriteAsync(Encoding.ASCII.GetBytes(Reply)));

        await AskAsync(http, server);
        await AskAsync(http, server);
        Assert.Equal(1, server.Connections);

        time.Advance(TimeSpan.FromSeconds(61)); // idle
        await server.ClosedAsync(1);
        await AskAsync(http, server);
        Assert.Equal(2, server.Connections);

        for (var i = 0; i < 3; i++)
        {
            time.Advance(TimeSpan.FromSeconds(50)); // never idle for long, but older than two minutes at the last
            await AskAsync(http, server);
        }

        Assert.Equal(3, server.Connections);
    }

    [Theory]
    [InlineData("timeout=5", 3, 1)]
    [InlineData("max=100, timeout=5", 4, 2)]
    [InlineData("timeout=1", 0, 2)]
    [InlineData("timeout=soon", 30, 1)]
    public async Task Provider_says_how_long_a_connection_may_be_idle(string keepAlive, int seconds, int connections)
    {
        var time = new FakeTimeProvider();
        using var http = new ProviderHttp(time);
        await using var server = new Server(async (stream, _) =>
            await stream.WriteAsync(Encoding.ASCII.GetBytes($"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nKeep-Alive: {keepAlive}\r\n\r\n{{}}")));

        await AskAsync(http, server);
        time.Advance(TimeSpan.FromSeconds(seconds));
        await AskAsync(http, server);

        Assert.Equal(connections, server.Connections);
    }

    [Fact]
    public async Task Connection_that_the_provider_closed_is_not_used()
    {
        using var http = new ProviderHttp(TimeProvider.System);
        await using var server = new Server(static async (stream, socket) =>
        {
            await stream.WriteAsync(Encoding.ASCII.GetBytes(Reply));
            socket.Shutdown(SocketShutdown.Send);
        });

        for (var round = 1; round <= 3; round++)
        {
            await AskAsync(http, server, body: "{}");
            await server.AnsweredAsync(); // and closed its side
            Assert.Equal(round, server.Connections);
        }
    }

    [Fact]
    public async Task Forgotten_connections_close_and_those_under_way_finish()
    {
        using var http = new ProviderHttp(TimeProvider.System);
        var go = new TaskCompletionSource();
        await using var server = new Server(async (stream, _) =>
        {
            await go.Task;
            await stream.WriteAsync(Encoding.ASCII.GetBytes(Reply));
        });
        var asking = AskAsync(http, server);
        await server.AskedAsync();

        http.Forget(1);
        go.SetResult();
        await asking;

        await server.ClosedAsync(1);
    }

    [Fact]
    public async Task Rules_and_places_never_share_a_connection()
    {
        using var http = new ProviderHttp(TimeProvider.System);
        await using var server = new Server(static async (stream, _) => await stream.WriteAsync(Encoding.ASCII.GetBytes(Reply)));
        var endpoint = server.Endpoint;

        await AskAsync(http, endpoint);
        await AskAsync(http, endpoint with { Scope = NetworkScope.Loopback | NetworkScope.Private });
        await AskAsync(http, endpoint with { ConnectionId = 2 });
        await AskAsync(http, endpoint with { BaseUrl = new Uri($"http://localhost:{server.Port}/v1") });

        Assert.Equal(4, server.Connections);
    }

    [Theory]
    [InlineData(null, 2)]
    [InlineData("{}", 1)]
    public async Task Only_what_asks_is_sent_again_when_a_used_connection_breaks(string? body, int connections)
    {
        using var http = new ProviderHttp(TimeProvider.System);
        var requests = 0;
        await using var server = new Server(async (stream, socket) =>
        {
            if (Interlocked.Increment(ref requests) == 2)
            {
                socket.Close(0); // the second request meets a server that goes
                return;
            }

            await stream.WriteAsync(Encoding.ASCII.GetBytes(Reply));
        });
        await AskAsync(http, server);

        var failure = await Record.ExceptionAsync(() => AskAsync(http, server, body));

        Assert.Equal(body is null ? null : ProviderFailure.ConnectionLost, (failure as ProviderException)?.Failure);
        Assert.Equal(connections, server.Connections);
    }

    [Fact]
    public async Task New_connection_that_breaks_is_not_tried_again()
    {
        using var http = new ProviderHttp(TimeProvider.System);
        await using var server = new Server((_, socket) =>
        {
            socket.Close(0);
            return Task.CompletedTask;
        });

        Assert.Equal(ProviderFailure.ConnectionLost, (await Assert.ThrowsAsync<ProviderException>(() => AskAsync(http, server))).Failure);
        Assert.Equal(1, server.Connections);
    }

    [Fact]
    public async Task Refusal_of_a_request_that_was_not_taken_whole_is_read()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        var refusing = Task.Run(async () =>
        {
            using var client = await listener.AcceptSocketAsync();
            await client.ReceiveAsync(new byte[1]);
            await client.SendAsync("HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\n\r\n{}"u8.ToArray());
            client.Close();
        });
        using var http = new ProviderHttp(TimeProvider.System);

        var failure = await Assert.ThrowsAsync<ProviderException>(() =>
            AskAsync(http, Endpoints.Local("openai", $"http://{listener.LocalEndpoint}/v1"), new string('x', 32 * 1024 * 1024)));

        await refusing;
        Assert.Equal((ProviderFailure.ContextTooLong, 413), (failure.Failure, failure.UpstreamStatus));
    }

    [Fact]
    public async Task Crowd_shares_and_mixes_nothing()
    {
        using var http = new ProviderHttp(TimeProvider.System);
        await using var server = new Server(static async (stream, _, request) =>
            await stream.WriteAsync(Encoding.ASCII.GetBytes($"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{request.Body.Length:x}\r\n{request.Text}\r\n0\r\n\r\n")));

        await Parallel.ForEachAsync(Enumerable.Range(0, 2_000), new ParallelOptions { MaxDegreeOfParallelism = 20 }, async (number, _) =>
            Assert.Equal($"{{\"n\":{number}}}", await AskAsync(http, server, $"{{\"n\":{number}}}")));

        Assert.InRange(server.Connections, 1, 20);
    }

    [Fact]
    public async Task Tls_is_named_checked_and_used_again()
    {
        using var certificate = Certificate("model.example");
        var pem = Path.Combine(Directory.CreateTempSubdirectory("aichat-ca").FullName, "ca.pem");
        await File.WriteAllTextAsync(pem, certificate.ExportCertificatePem());
        using var http = new ProviderHttp(TimeProvider.System) { Resolve = (_, _) => Task.FromResult<IPAddress[]>([IPAddress.Loopback]) };
        await using var server = new Server(certificate, static async (stream, _, request) =>
        {
            // A token at a time, as a model writes.
            await stream.WriteAsync("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"u8.ToArray());
            foreach (var letter in request.Text)
            {
                await stream.WriteAsync(Encoding.ASCII.GetBytes($"1\r\n{letter}\r\n"));
                await stream.FlushAsync();
            }

            await stream.WriteAsync("0\r\n\r\n"u8.ToArray());
        });
        var endpoint = server.Endpoint with { BaseUrl = new Uri($"https://model.example:{server.Port}/v1"), CaFile = pem };
        var text = new string('x', 2_000) + "end";

        Assert.Equal(text, await AskAsync(http, endpoint, text));
        Assert.Equal(text, await AskAsync(http, endpoint, text));

        Assert.Equal((1, "model.example", "http/1.1"), (server.Connections, server.Name, server.Protocol));
        var other = endpoint with { BaseUrl = new Uri($"https://other.example:{server.Port}/v1") };
        Assert.Equal(ProviderFailure.Tls, (await Assert.ThrowsAsync<ProviderException>(() => AskAsync(http, other))).Failure);
    }

    [Fact]
    public async Task Handshake_that_stalls_is_over_with_the_time_to_connect()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        var time = new FakeTimeProvider();
        using var http = new ProviderHttp(time);
        var asking = AskAsync(http, Endpoints.Local("openai", $"https://{listener.LocalEndpoint}/v1"));
        using var silent = await listener.AcceptTcpClientAsync();
        Assert.Equal(22, silent.GetStream().ReadByte()); // the hello is here, so the clock runs

        time.Advance(TimeSpan.FromSeconds(10));

        Assert.Equal(ProviderFailure.ConnectTimeout, (await Assert.ThrowsAsync<ProviderException>(() => asking)).Failure);
    }

    [Fact]
    public async Task Certificate_does_not_send_us_anywhere()
    {
        await using var canary = FakeUpstream.Start(_ => Task.CompletedTask);
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        using var issuerKey = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = Request("model.example", key);
        request.CertificateExtensions.Add(new X509AuthorityInformationAccessExtension([$"{canary.BaseUrl}/ocsp"], [$"{canary.BaseUrl}/issuer.cer"]));
        using var signed = request.Create(
            new X500DistinguishedName("CN=somebody"), X509SignatureGenerator.CreateForECDsa(issuerKey), Since, Until, serialNumber: [1]);
        using var certificate = signed.CopyWithPrivateKey(key);
        using var http = new ProviderHttp(TimeProvider.System) { Resolve = (_, _) => Task.FromResult<IPAddress[]>([IPAddress.Loopback]) };
        await using var server = new Server(certificate, static (_, _, _) => Task.CompletedTask);
        var endpoint = server.Endpoint with { BaseUrl = new Uri($"https://model.example:{server.Port}/v1") };

        Assert.Equal(ProviderFailure.Tls, (await Assert.ThrowsAsync<ProviderException>(() => AskAsync(http, endpoint))).Failure);
        Assert.Equal(0, canary.Connections);
    }

    private static X509Certificate2 Certificate(string name)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        return Request(name, key).CreateSelfSigned(Since, Until);
    }

    private static CertificateRequest Request(string name, ECDsa key)
    {
        var request = new CertificateRequest("CN=" + name, key, HashAlgorithmName.SHA256);
        var names = new SubjectAlternativeNameBuilder();
        names.AddDnsName(name);
        request.CertificateExtensions.Add(names.Build());
        return request;
    }

    private static Task<string> AskAsync(ProviderHttp http, Server server, string? body = null) => AskAsync(http, server.Endpoint, body);

    private static async Task<string> AskAsync(ProviderHttp http, ProviderEndpoint endpoint, string? body = null)
    {
        var call = new ProviderCall(endpoint, ProviderUrl.Combine(endpoint.BaseUrl, "x"));
        call = body is null ? call : call with { Body = Encoding.ASCII.GetBytes(body) };
        await using var reply = await http.SendAsync(call, CancellationToken.None);
        var text = Encoding.ASCII.GetString((await reply.ReadAllAsync(1_000_000)).Span);
        await reply.DrainAsync();
        return text;
    }

    /// <summary>A provider that keeps its connections and answers one request after the other on each.</summary>
    private sealed class Server : IAsyncDisposable
    {
        private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
        private readonly CancellationTokenSource _end = new();
        private readonly Func<Stream, Socket, FakeRequest, Task> _answer;
        private readonly X509Certificate2? _certificate;
        private readonly SemaphoreSlim _asked = new(0);
        private readonly SemaphoreSlim _answered = new(0);
        private readonly SemaphoreSlim _closed = new(0);
        private readonly Task _accepting;
        private int _connections;
        private int _waitedFor;

        public Server(Func<Stream, Socket, Task> answer)
            : this((stream, socket, _) => answer(stream, socket))
        {
        }

        public Server(Func<Stream, Socket, FakeRequest, Task> answer)
            : this(null, answer)
        {
        }

        public Server(X509Certificate2? certificate, Func<Stream, Socket, FakeRequest, Task> answer)
        {
            _certificate = certificate;
            _answer = answer;
            _listener.Start();
            _accepting = AcceptAsync();
        }

        public int Port => ((IPEndPoint)_listener.LocalEndpoint).Port;

        public ProviderEndpoint Endpoint => Endpoints.Local("openai", $"http://127.0.0.1:{Port}/v1");

        public int Connections => _connections;

        /// <summary>What TLS was told about this server.</summary>
        public string? Name { get; private set; }

        public string? Protocol { get; private set; }

        public async Task AskedAsync() => Assert.True(await _asked.WaitAsync(TimeSpan.FromSeconds(20)));

        public async Task AnsweredAsync() => Assert.True(await _answered.WaitAsync(TimeSpan.FromSeconds(20)));

        /// <summary>Waits until so many connections in all were closed by the client.</summary>
        public async Task ClosedAsync(int count)
        {
            for (; _waitedFor < count; _waitedFor++)
            {
                Assert.True(await _closed.WaitAsync(TimeSpan.FromSeconds(20)));
            }
        }

        public async ValueTask DisposeAsync()
        {
            await _end.CancelAsync();
            _listener.Dispose();
            await _accepting;
            _end.Dispose();
        }

        private async Task AcceptAsync()
        {
            List<Task> serving = [];
            try
            {
                while (true)
                {
                    var socket = await _listener.AcceptSocketAsync(_end.Token);
                    Interlocked.Increment(ref _connections);
                    serving.Add(ServeAsync(socket));
                }
            }
            catch (Exception exception) when (exception is OperationCanceledException or SocketException or ObjectDisposedException)
            {
                await Task.WhenAll(serving);
            }
        }

        private async Task ServeAsync(Socket socket)
        {
            try
            {
                await using var stream = await OpenAsync(new NetworkStream(socket, ownsSocket: true));
                while (await FakeRequest.ReadAsync(stream, _end.Token) is { } request)
                {
                    _asked.Release();
                    await _answer(stream, socket, request);
                    _answered.Release();
                }

                _closed.Release();
            }
            catch (Exception exception) when (exception is OperationCanceledException or IOException or ObjectDisposedException or SocketException
                or System.Security.Authentication.AuthenticationException)
            {
                _closed.Release();
            }
        }

        private async Task<Stream> OpenAsync(Stream plain)
        {
            if (_certificate is null)
            {
                return plain;
            }

            var tls = new SslStream(plain);
            await tls.AuthenticateAsServerAsync(
                new SslServerAuthenticationOptions
                {
                    ServerCertificateContext = SslStreamCertificateContext.Create(_certificate, additionalCertificates: null, offline: true),
                    ApplicationProtocols = [SslApplicationProtocol.Http2, SslApplicationProtocol.Http11],
                },
                _end.Token);
            Name = tls.TargetHostName;
            Protocol = Encoding.ASCII.GetString(tls.NegotiatedApplicationProtocol.Protocol.Span);
            return tls;
        }
    }
}
