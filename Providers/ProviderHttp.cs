using System.Collections.Concurrent;
using System.IO.Compression;
using System.Net;
using System.Net.Http.Headers;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Cryptography.X509Certificates;

namespace AiChat.Providers;

/// <summary>One outbound request. It must go to the endpoint's own origin.</summary>
internal sealed record ProviderCall(ProviderEndpoint Endpoint, Uri Url)
{
    /// <summary>The JSON body of a POST; null makes it a GET.</summary>
    public ProviderBody? Body { get; init; }

    public string MediaType { get; init; } = "application/json";

    /// <summary>The header that carries the key, and other headers the protocol asks for. The endpoint's own headers win over them.</summary>
    public IReadOnlyList<KeyValuePair<string, string>> Headers { get; init; } = [];

    public ChatTimeouts Timeouts { get; init; } = ChatTimeouts.Default;

    public int MaxLine { get; init; } = UsualLine;

    public const int UsualLine = 256 * 1024;
}

/// <summary>
/// The only door to the network. Every connection has a pool of its own; every address is judged at the moment of
/// connecting, whatever its name said before. No proxy, cookies, redirects or trace headers.
/// Safe for parallel use; one instance serves the process.
/// </summary>
internal sealed class ProviderHttp(TimeProvider time) : IDisposable
{
    // One live run holds one connection; the process allows 4,096 runs.
    private const int MaxConnections = 8_192;
    private const int MaxPools = 1_000;
    private static readonly ProductInfoHeaderValue Agent = new("AiChat", "1");
    private readonly ConcurrentDictionary<long, Pool> _pools = new();

    /// <summary>True for the addresses this server itself listens on: a connection to ourselves would loop.</summary>
    public Func<IPEndPoint, bool> IsOwnEndpoint { get; init; } = _ => false;

    /// <summary>Replaceable, because what a name resolves to is what attacks play with.</summary>
    public Func<string, CancellationToken, Task<IPAddress[]>> Resolve { get; init; } = Dns.GetHostAddressesAsync;

    public TimeProvider Time => time;

    /// <summary>
    /// Sends the call and returns its 2xx reply; anything else is a <see cref="ProviderException"/>. Disposing the reply
    /// closes the connection unless it was read to its end.
    /// </summary>
    public async Task<ProviderReply> SendAsync(ProviderCall call, CancellationToken cancel)
    {
        var clock = new CallClock(call.Timeouts, time, cancel);
        HttpResponseMessage? response = null;
        ProviderReply? reply = null;
        try
        {
            using var request = Build(call, clock);
            response = await PoolFor(call.Endpoint).Invoker.SendAsync(request, clock.Token);
            reply = Open(response, clock, call.MaxLine);
            if (response.StatusCode is >= HttpStatusCode.OK and < HttpStatusCode.MultipleChoices and not HttpStatusCode.NoContent)
            {
                return reply;
            }

            var body = await ReadErrorAsync(reply);
            throw ProviderErrors.FromReply(response, body.Span, call.Endpoint);
        }
        catch (Exception exception)
        {
            var failure = ProviderErrors.FromException(exception, clock);
            if (reply is not null)
            {
                await reply.DisposeAsync();
            }

            response?.Dispose();
            clock.Dispose();
            throw failure;
        }
    }

    /// <summary>Drops the pool of a connection that was changed or deleted; calls under way finish on it.</summary>
    public void Forget(long connectionId) => _pools.TryRemove(connectionId, out _);

    public void Dispose()
    {
        foreach (var pool in _pools.Values)
        {
            pool.Invoker.Dispose();
        }
    }

    private static Request Build(ProviderCall call, CallClock clock)
    {
        if (!ProviderUrl.SameOrigin(call.Url, call.Endpoint.BaseUrl))
        {
            throw new ProviderException(ProviderFailure.Blocked, "The request would leave the connection's own origin.");
        }

        var request = new Request(call);
        request.Headers.UserAgent.Add(Agent);
        if (call.Body is { } body)
        {
            request.Content = new ProviderContent(body, call.MediaType, clock);
        }

        foreach (var (name, value) in call.Headers)
        {
            Add(request, name, value);
        }

        foreach (var (name, value) in call.Endpoint.Headers)
        {
            request.Headers.Remove(name);
            Add(request, name, value);
        }

        return request;
    }

    private static void Add(HttpRequestMessage request, string name, string value)
    {
        if (ProviderHeaders.Validate(name, value) is { } reason)
        {
            throw new ProviderException(ProviderFailure.BadRequest, reason);
        }

        try
        {
            request.Headers.Add(name, value);
        }
        catch (Exception exception) when (exception is FormatException or InvalidOperationException)
        {
            throw new ProviderException(ProviderFailure.BadRequest, $"The header {name} cannot be sent with this value.", inner: exception);
        }
    }

    // We never ask for compression, but some gateways compress anyway.
    private static ProviderReply Open(HttpResponseMessage response, CallClock clock, int maxLine)
    {
        var stream = response.Content.ReadAsStream(clock.Token);
        foreach (var encoding in Header(response, "Content-Encoding").Split(',', StringSplitOptions.TrimEntries).Reverse())
        {
            stream = encoding.ToLowerInvariant() switch
            {
                "identity" or "" => stream,
                "gzip" or "x-gzip" => new GZipStream(stream, CompressionMode.Decompress),
                "br" => new BrotliStream(stream, CompressionMode.Decompress),
                "deflate" => new ZLibStream(stream, CompressionMode.Decompress),
                _ => throw new ProviderException(ProviderFailure.Protocol, "The reply is compressed in a way that is not known here."),
            };
        }

        var mediaType = Header(response, "Content-Type").Split(';')[0].Trim().ToLowerInvariant();
        // Disposing the stream is what ends the exchange.
        return new ProviderReply(stream, mediaType, clock, maxLine);
    }

    // As it was sent: headers that are read into objects keep those for as long as the reply.
    private static string Header(HttpResponseMessage response, string name) =>
        response.Content.Headers.NonValidated.TryGetValues(name, out var values) ? string.Join(',', values) : "";

    private static async Task<ReadOnlyMemory<byte>> ReadErrorAsync(ProviderReply reply)
    {
        try
        {
            return await reply.ReadAllAsync(ProviderErrors.MaxBody, cut: true);
        }
        catch (ProviderException)
        {
            // The status alone says enough; a body that breaks off must not hide it.
            return default;
        }
    }

    private Pool PoolFor(ProviderEndpoint endpoint)
    {
        if (_pools.TryGetValue(endpoint.ConnectionId, out var pool) && pool.Scope == endpoint.Scope && pool.CaFile == endpoint.CaFile)
        {
            return pool;
        }

        if (_pools.Count >= MaxPools)
        {
            _pools.Clear();
        }

        // The old pool is not disposed: calls under way end on it, its idle connections close by themselves.
        return _pools[endpoint.ConnectionId] = new Pool(endpoint.Scope, endpoint.CaFile, CreateInvoker(endpoint.Scope, endpoint.CaFile));
    }

    private HttpMessageInvoker CreateInvoker(NetworkScope scope, string? caFile)
    {
        var handler = new SocketsHttpHandler
        {
            UseProxy = false,
            UseCookies = false,
            AllowAutoRedirect = false,
            AutomaticDecompression = DecompressionMethods.None,
            ConnectTimeout = TimeSpan.FromSeconds(20),
            PooledConnectionLifetime = TimeSpan.FromMinutes(2),
            MaxResponseHeadersLength = 32,
            MaxConnectionsPerServer = MaxConnections,
            ActivityHeadersPropagator = null,

            // Disposing an unread reply must close it now: with a drain the provider would go on generating for a while.
            MaxResponseDrainSize = 0,
            ResponseDrainTimeout = TimeSpan.FromMilliseconds(1),
            ConnectCallback = (context, cancel) => ConnectAsync(context, scope, cancel),
        };
        if (caFile is not null)
        {
            handler.SslOptions = new SslClientAuthenticationOptions { CertificateChainPolicy = TrustOnly(caFile) };
        }

        return new HttpMessageInvoker(handler);
    }

    private static X509ChainPolicy TrustOnly(string caFile)
    {
        try
        {
            var policy = new X509ChainPolicy { TrustMode = X509ChainTrustMode.CustomRootTrust, RevocationMode = X509RevocationMode.NoCheck };
            policy.CustomTrustStore.ImportFromPemFile(caFile);
            return policy;
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException or System.Security.Cryptography.CryptographicException)
        {
            throw new ProviderException(ProviderFailure.Tls, "The connection's certificate authority file cannot be read.", inner: exception);
        }
    }

    private async ValueTask<Stream> ConnectAsync(SocketsHttpConnectionContext context, NetworkScope scope, CancellationToken cancel)
    {
        using var timer = new CancellationTokenSource(((Request)context.InitialRequestMessage).ConnectLimit, time);
        using var both = CancellationTokenSource.CreateLinkedTokenSource(timer.Token, cancel);
        try
        {
            return new NetworkStream(await ConnectAsync(context.DnsEndPoint, scope, both.Token), ownsSocket: true);
        }
        catch (OperationCanceledException exception) when (timer.IsCancellationRequested)
        {
            throw new ProviderException(ProviderFailure.ConnectTimeout, "The connection could not be made in time.", inner: exception);
        }
    }

    private async Task<Socket> ConnectAsync(DnsEndPoint target, NetworkScope scope, CancellationToken cancel)
    {
        var addresses = await ResolveAsync(target.Host, cancel);
        foreach (var address in addresses)
        {
            // One bad address spoils the name: a mixed answer is how a check of the first one is got around.
            if (!ProviderAddress.IsAllowed(address, scope) || IsOwnEndpoint(new IPEndPoint(address, target.Port)))
            {
                throw new ProviderException(ProviderFailure.Blocked, "The provider's address is not allowed for this connection.");
            }
        }

        // IPv4 first: machines with a dead IPv6 route are common, the other way round is rare.
        Exception? last = null;
        foreach (var address in addresses.OrderBy(address => address.AddressFamily == AddressFamily.InterNetworkV6))
        {
            var socket = new Socket(address.AddressFamily, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
            try
            {
                await socket.ConnectAsync(new IPEndPoint(address, target.Port), cancel);
                return socket;
            }
            catch (Exception exception)
            {
                socket.Dispose();
                if (exception is not SocketException)
                {
                    throw;
                }

                last = exception;
            }
        }

        throw new ProviderException(ProviderFailure.Unreachable, "The provider refused the connection or cannot be reached.", inner: last);
    }

    private async Task<IPAddress[]> ResolveAsync(string host, CancellationToken cancel)
    {
        if (IPAddress.TryParse(host, out var literal))
        {
            return [literal];
        }

        try
        {
            var addresses = await Resolve(host, cancel);
            return addresses.Length > 0 ? addresses : throw new SocketException((int)SocketError.HostNotFound);
        }
        catch (SocketException exception)
        {
            throw new ProviderException(ProviderFailure.Dns, "The provider's name could not be resolved.", inner: exception);
        }
    }

    private sealed class Request(ProviderCall call) : HttpRequestMessage(call.Body is null ? HttpMethod.Get : HttpMethod.Post, call.Url)
    {
        /// <summary>For as long as the connection is being made, should the call need one.</summary>
        public TimeSpan ConnectLimit { get; } = call.Timeouts.Connect > TimeSpan.Zero ? call.Timeouts.Connect : ChatTimeouts.Default.Connect;
    }

    private sealed record Pool(NetworkScope Scope, string? CaFile, HttpMessageInvoker Invoker);
}
