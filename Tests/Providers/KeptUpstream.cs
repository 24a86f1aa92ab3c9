using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using AiChat.Providers.Transport;

namespace AiChat.Tests.Providers;

/// <summary>A provider with persistent connections that answers one request after the other on each, optionally over TLS.</summary>
internal sealed class KeptUpstream : IAsyncDisposable
{
    private readonly Func<Stream, Socket, FakeRequest, Task> _answer;
    private readonly X509Certificate2? _certificate;
    private readonly SemaphoreSlim _answered = new(0);
    private readonly SemaphoreSlim _closed = new(0);
    private readonly LoopbackListener _listener;
    private int _waitedFor;

    public KeptUpstream(Func<Stream, Socket, FakeRequest, Task> answer, X509Certificate2? certificate = null)
    {
        _answer = answer;
        _certificate = certificate;
        _listener = new LoopbackListener(ServeAsync);
    }

    public int Port => _listener.Port;

    public int Connections => _listener.Connections;

    public ProviderEndpoint Endpoint => Endpoints.Local("openai", $"http://127.0.0.1:{Port}/v1");

    /// <summary>The server name that the client sent in TLS.</summary>
    public string? Name { get; private set; }

    public string? Protocol { get; private set; }

    public async Task AnsweredAsync() => Assert.True(await _answered.WaitAsync(TimeSpan.FromSeconds(20)));

    /// <summary>Waits until so many connections in all were closed by the client.</summary>
    public async Task ClosedAsync(int count)
    {
        for (; _waitedFor < count; _waitedFor++)
        {
            Assert.True(await _closed.WaitAsync(TimeSpan.FromSeconds(20)));
        }
    }

    public ValueTask DisposeAsync() => _listener.DisposeAsync();

    private async Task ServeAsync(Socket socket, CancellationToken end)
    {
        try
        {
            await using var stream = await OpenAsync(new NetworkStream(socket, ownsSocket: true), end);
            while (await FakeRequest.ReadAsync(stream, end) is { } request)
            {
                await _answer(stream, socket, request);
                _answered.Release();
            }
        }
        catch (Exception exception) when (
            exception is OperationCanceledException or IOException or ObjectDisposedException or SocketException or AuthenticationException)
        {
            // The client has gone, it refused the certificate, or the test is over.
        }

        _closed.Release();
    }

    private async Task<Stream> OpenAsync(Stream plain, CancellationToken end)
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
            end);
        Name = tls.TargetHostName;
        Protocol = Encoding.ASCII.GetString(tls.NegotiatedApplicationProtocol.Protocol.Span);
        return tls;
    }
}

internal static class ProviderHttpExtensions
{
    /// <summary>One exchange from end to end: a GET, or a POST of the body. Returns the text of the reply.</summary>
    public static async Task<string> AskAsync(
        this ProviderHttp http, ProviderEndpoint endpoint, string? body = null, string? method = null)
    {
        var call = new ProviderCall(endpoint, ProviderUrl.Combine(endpoint.BaseUrl, "x")) { Method = method };
        call = body is null ? call : call with { Body = Encoding.ASCII.GetBytes(body) };
        await using var reply = await http.SendAsync(call, CancellationToken.None);
        var text = Encoding.ASCII.GetString((await reply.ReadAllAsync(1_000_000)).Span);
        await reply.DrainAsync();
        return text;
    }
}
