using System.Collections.Concurrent;
using System.Net;
using System.Security.Cryptography.X509Certificates;

namespace AiChat.Providers.Transport;

/// <summary>
/// The only way out to the network, and the entrance of the HTTP/1.1 client that <see cref="Http1Connection"/> describes. Every connection
/// has its own pool; every address is checked at the moment of connecting, whatever its name resolved to before; a name that goes through a
/// proxy is judged by <see cref="ProxyRoute"/>. Safe for parallel use; one instance serves the process.
/// </summary>
internal sealed class ProviderHttp : IDisposable
{
    private const int MaxPools = 1_000;

    private static readonly TimeSpan SweepEvery = TimeSpan.FromSeconds(30);
    private readonly ConcurrentDictionary<PoolKey, Pool> _pools = new();
    private readonly TimeProvider _time;
    private readonly ProviderDialer _dialer;
    private readonly ITimer _sweep;

    public ProviderHttp(TimeProvider time)
    {
        _time = time;
        _dialer = new ProviderDialer(time);
        _sweep = time.CreateTimer(static http => ((ProviderHttp)http!).Sweep(), this, SweepEvery, SweepEvery);
    }

    /// <summary>True for the addresses this server itself listens on: a connection to ourselves would loop.</summary>
    public Func<IPEndPoint, bool> IsOwnEndpoint
    {
        init => _dialer.IsOwnEndpoint = value;
    }

    /// <summary>Where replies take the memory of long lines from; null when nobody counts it.</summary>
    public LineMemory? LongLines { get; init; }

    /// <summary>Called when idle connections could not be closed; the next sweep tries again.</summary>
    public Action<Exception> SweepFailed { get; init; } = _ => { };

    /// <summary>Resolves a name; replaceable, because attacks change what a name resolves to.</summary>
    public Func<string, CancellationToken, Task<IPAddress[]>> Resolve
    {
        init => _dialer.Resolve = value;
    }

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
            reply = new ProviderReply(body, MediaType(head.ContentType), clock, ProviderCall.MaxLine)
            {
                Status = head.Status,
                Tag = head.Tag,
                LongLines = LongLines,
                ContentType = head.ContentType,
            };
            if (call.TakesAnyStatus || head.Status is >= 200 and < 300 and not 204)
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
            using var request = new Http1Request(call, pool.Forwarder, clock);
            var used = pool.Connections.TryTake();
            var connection = used ?? await _dialer.ConnectAsync(call, pool.Proxy, pool.Trust, clock.Token);
            try
            {
                connection.Begin(clock.Token);
                await connection.SendAsync(request);
                var head = await connection.ReadHeadAsync();
                if (head.Status == 407 && pool.Forwarder is { } proxy)
                {
                    throw HttpTunnel.Refused(proxy, head);
                }

                return (head, DecompressedBody.Wrap(new Http1Body(head, connection, pool.Connections, clock), head.ContentEncoding, clock));
            }
            catch (Exception exception)
            {
                connection.Dispose();

                // The other side may close a connection at the moment it is used again. What changes nothing more when it comes twice is
                // then sent again.
                if (used is null || call.Body is not null || call.Method is not (null or "GET" or "DELETE")
                    || clock.Token.IsCancellationRequested
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
        var proxy = endpoint.Proxies.For(url, endpoint.Scope);
        var key = new PoolKey(endpoint.ConnectionId, url.Scheme, url.IdnHost, url.Port, endpoint.Scope, proxy, endpoint.CaPem);
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

        return _pools.GetOrAdd(key, new Pool(new Http1Pool(_time), key));
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

    /// <summary>
    /// Connections of two endpoints, or under two rules, never mix: a changed proxy or authority holds from the next call on.
    /// </summary>
    private readonly record struct PoolKey(
        long ConnectionId, string Scheme, string Host, int Port, NetworkScope Scope, OutboundProxy? Proxy, string? CaPem);

    private sealed class Pool(Http1Pool connections, PoolKey key)
    {
        public Http1Pool Connections => connections;

        public OutboundProxy? Proxy => key.Proxy;

        /// <summary>The HTTP proxy that takes whole requests instead of making a tunnel; null when there is none.</summary>
        public OutboundProxy? Forwarder { get; } =
            key.Scheme == Uri.UriSchemeHttp && key.Proxy is { Scheme: not ProxyScheme.Socks5 } proxy ? proxy : null;

        public X509ChainPolicy Trust { get; } = CertificateTrust.Policy(key.CaPem);
    }
}
