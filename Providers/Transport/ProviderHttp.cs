using System.Collections.Concurrent;
using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace AiChat.Providers.Transport;

/// <summary>
/// The only way out to the network, and the entrance of the HTTP/1.1 client that <see cref="Http1Connection"/> describes. Every connection
/// has its own pool; every address is checked at the moment of connecting, whatever its name resolved to before. Safe for parallel use; one
/// instance serves the process.
/// </summary>
internal sealed class ProviderHttp : IDisposable
{
    private const int MaxPools = 1_000;

    /// <summary>Bits of an RSA key; shorter ones can be broken, so they prove nothing (NIST SP 800-131A).</summary>
    private const int MinRsaBits = 2_048;

    private static readonly TimeSpan SweepEvery = TimeSpan.FromSeconds(30);
    private readonly ConcurrentDictionary<PoolKey, Pool> _pools = new();
    private readonly TimeProvider _time;
    private readonly ITimer _sweep;

    public ProviderHttp(TimeProvider time)
    {
        _time = time;
        _sweep = time.CreateTimer(static http => ((ProviderHttp)http!).Sweep(), this, SweepEvery, SweepEvery);
    }

    /// <summary>True for the addresses this server itself listens on: a connection to ourselves would loop.</summary>
    public Func<IPEndPoint, bool> IsOwnEndpoint { get; init; } = _ => false;

    /// <summary>Called when idle connections could not be closed; the next sweep tries again.</summary>
    public Action<Exception> SweepFailed { get; init; } = _ => { };

    /// <summary>Resolves a name; replaceable, because attacks change what a name resolves to.</summary>
    public Func<string, CancellationToken, Task<IPAddress[]>> Resolve { get; init; } = Dns.GetHostAddressesAsync;

    public TimeProvider Time => _time;

    /// <summary>
    /// Sends the call and returns its 2xx reply; anything else is a <see cref="ProviderException"/>. Disposing the reply
    /// closes the connection unless it was read to its end.
    /// </summary>
    public async Task<ProviderReply> SendAsync(ProviderCall call, CancellationToken cancel)
    {
        var clock = new CallClock(call.Timeouts, _time, cancel);
        ProviderReply? reply = null;
        try
        {
            if (!ProviderUrl.SameOrigin(call.Url, call.Endpoint.BaseUrl))
            {
                throw new ProviderException(ProviderFailure.Blocked, "The request would leave the connection's own origin.");
            }

            var (head, body) = await ExchangeAsync(call, clock);
            reply = new ProviderReply(body, MediaType(head.ContentType), clock, call.MaxLine);
            if (head.Status is >= 200 and < 300 and not 204)
            {
                return reply;
            }

            var error = await ReadErrorAsync(reply);
            throw ProviderErrors.FromReply(head, error.Span, call.Endpoint);
        }
        catch (Exception exception)
        {
            var failure = ProviderErrors.FromException(exception, clock);
            if (reply is not null)
            {
                await reply.DisposeAsync();
            }

            clock.Dispose();
            throw failure;
        }
    }

    /// <summary>Drops the pools of a connection that was changed or deleted; calls in progress finish.</summary>
    public void Forget(long connectionId)
    {
        foreach (var key in _pools.Keys.Where(key => key.ConnectionId == connectionId))
        {
            Drop(key);
        }
    }

    public void Dispose()
    {
        _sweep.Dispose();
        foreach (var key in _pools.Keys)
        {
            Drop(key);
        }
    }

    private async Task<(ResponseHead Head, IReplyBody Body)> ExchangeAsync(ProviderCall call, CallClock clock)
    {
        var pool = PoolFor(call.Endpoint);
        while (true)
        {
            using var request = new Http1Request(call, clock);
            var used = pool.Connections.TryTake();
            var connection = used ?? await ConnectAsync(call, pool, clock.Token);
            try
            {
                connection.Begin(clock.Token);
                await connection.SendAsync(request);
                var head = await connection.ReadHeadAsync();
                return (head, DecompressedBody.Wrap(new Http1Body(head, connection, pool.Connections, clock), head.ContentEncoding, clock));
            }
            catch (Exception exception)
            {
                connection.Dispose();

                // The provider may close a connection at the moment it is used again. A request without a body may then be sent again.
                if (used is null || call.Body is not null || clock.Token.IsCancellationRequested
                    || exception is ProviderException { Failure: not ProviderFailure.ConnectionLost })
                {
                    throw;
                }
            }
        }
    }

    private static string MediaType(string contentType) => contentType.Split([';', ','], 2)[0].Trim().ToLowerInvariant();

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
        var url = endpoint.BaseUrl;
        var key = new PoolKey(endpoint.ConnectionId, url.Scheme, url.IdnHost, url.Port, endpoint.Scope, endpoint.CaFile);
        if (_pools.TryGetValue(key, out var pool))
        {
            return pool;
        }

        if (_pools.Count >= MaxPools)
        {
            foreach (var other in _pools.Keys)
            {
                Drop(other);
            }
        }

        return _pools.GetOrAdd(key, new Pool(new Http1Pool(_time), Trust(key.CaFile)));
    }

    private void Drop(PoolKey key)
    {
        if (_pools.TryRemove(key, out var pool))
        {
            pool.Connections.Dispose();
        }
    }

    /// <summary>A timer's callback: an exception thrown from it would end the process.</summary>
    private void Sweep()
    {
        try
        {
            foreach (var pool in _pools.Values)
            {
                pool.Connections.Sweep();
            }
        }
        catch (Exception exception)
        {
            SweepFailed(exception);
        }
    }

    /// <summary>How a certificate is validated: by the system's authorities, or only by those of a file.</summary>
    private static X509ChainPolicy Trust(string? caFile)
    {
        // A certificate can name addresses to fetch other certificates from, which would bypass every rule of this class.
        var policy = new X509ChainPolicy { RevocationMode = X509RevocationMode.NoCheck, DisableCertificateDownloads = true };
        if (caFile is null)
        {
            return policy;
        }

        try
        {
            policy.TrustMode = X509ChainTrustMode.CustomRootTrust;
            policy.CustomTrustStore.ImportFromPemFile(caFile);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException or CryptographicException)
        {
            throw new ProviderException(
                ProviderFailure.Tls, "The connection's certificate authority file cannot be read.", inner: exception);
        }

        return ShortRsaKey(policy.CustomTrustStore) is not { } bits ? policy : throw new ProviderException(
            ProviderFailure.Tls,
            $"The connection's certificate authority file holds an RSA key of {bits} bits; at least {MinRsaBits} are needed.");
    }

    /// <summary>The bits of the first RSA key that is too short; null when all are long enough.</summary>
    internal static int? ShortRsaKey(IEnumerable<X509Certificate2> certificates)
    {
        foreach (var certificate in certificates)
        {
            using var key = certificate.GetRSAPublicKey();
            if (key?.KeySize < MinRsaBits)
            {
                return key.KeySize;
            }
        }

        return null;
    }

    private async Task<Http1Connection> ConnectAsync(ProviderCall call, Pool pool, CancellationToken cancel)
    {
        var limit = call.Timeouts.Connect > TimeSpan.Zero ? call.Timeouts.Connect : ChatTimeouts.Default.Connect;
        using var timer = new CancellationTokenSource(limit, _time);
        using var both = CancellationTokenSource.CreateLinkedTokenSource(timer.Token, cancel);
        try
        {
            var url = call.Endpoint.BaseUrl;
            var socket = await ConnectAsync(new DnsEndPoint(url.IdnHost, url.Port), call.Endpoint.Scope, both.Token);
            var isSecure = url.Scheme == Uri.UriSchemeHttps;
            Stream stream = isSecure
                ? await SecureAsync(new TurnStream(socket), url.IdnHost, pool.Trust, both.Token)
                : new NetworkStream(socket, ownsSocket: true);

            return new Http1Connection(socket, stream, _time.GetTimestamp());
        }
        catch (OperationCanceledException exception) when (timer.IsCancellationRequested)
        {
            throw new ProviderException(ProviderFailure.ConnectTimeout, "The connection could not be made in time.", inner: exception);
        }
    }

    private static async Task<SslStream> SecureAsync(Stream plain, string host, X509ChainPolicy trust, CancellationToken cancel)
    {
        var stream = new SslStream(plain);
        int? weak = null;
        try
        {
            await stream.AuthenticateAsClientAsync(
                new SslClientAuthenticationOptions
                {
                    TargetHost = host,
                    ApplicationProtocols = [SslApplicationProtocol.Http11],
                    CertificateChainPolicy = trust.Clone(),
                    RemoteCertificateValidationCallback = (_, _, chain, errors) =>
                    {
                        weak = chain is null ? null : ShortRsaKey(chain.ChainElements.Select(element => element.Certificate));
                        return weak is null && errors == SslPolicyErrors.None;
                    },
                },
                cancel);
            return stream;
        }
        catch (Exception exception)
        {
            await stream.DisposeAsync();
            throw exception is OperationCanceledException ? exception
                : new ProviderException(
                    ProviderFailure.Tls,
                    weak is { } bits
                        ? $"A certificate of the provider has an RSA key of {bits} bits; at least {MinRsaBits} are needed."
                        : "The provider's certificate or TLS handshake was refused.",
                    inner: exception);
        }
    }

    private async Task<Socket> ConnectAsync(DnsEndPoint target, NetworkScope scope, CancellationToken cancel)
    {
        var addresses = await ResolveAsync(target.Host, cancel);
        foreach (var address in addresses)
        {
            // One forbidden address refuses the name, because a mixed answer would get around a check of the first address.
            if (!ProviderAddress.IsAllowed(address, scope) || IsOwnEndpoint(new IPEndPoint(address, target.Port)))
            {
                throw new ProviderException(ProviderFailure.Blocked, "The provider's address is not allowed for this connection.");
            }
        }

        // IPv4 first: machines with a dead IPv6 route are common, the other way round is rare.
        Exception? last = null;
        foreach (var address in addresses.OrderBy(address => address.AddressFamily == AddressFamily.InterNetworkV6))
        {
            Socket? socket = null;
            try
            {
                socket = new Socket(address.AddressFamily, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
                await socket.ConnectAsync(new IPEndPoint(address, target.Port), cancel);
                return socket;
            }
            catch (Exception exception)
            {
                socket?.Dispose();
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

    /// <summary>Connections of two endpoints, or under two rules, never mix.</summary>
    private readonly record struct PoolKey(long ConnectionId, string Scheme, string Host, int Port, NetworkScope Scope, string? CaFile);

    private sealed record Pool(Http1Pool Connections, X509ChainPolicy Trust);
}
