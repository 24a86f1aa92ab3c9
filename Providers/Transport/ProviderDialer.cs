using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Cryptography.X509Certificates;

namespace AiChat.Providers.Transport;

/// <summary>
/// Makes connections: resolves, judges every address at the moment of connecting, asks the proxy for a tunnel, and shakes hands by TLS.
/// Each failure names the hop. Safe for parallel use.
/// </summary>
internal sealed class ProviderDialer(TimeProvider time)
{
    /// <summary>A proxy is the administrator's own and may stand anywhere except where no connection may ever go.</summary>
    private const NetworkScope ProxyScope = NetworkScope.External | NetworkScope.Loopback | NetworkScope.Private;

    private static readonly X509ChainPolicy SystemTrust = CertificateTrust.Policy(null);

    public Func<IPEndPoint, bool> IsOwnEndpoint { get; set; } = _ => false;

    public Func<string, CancellationToken, Task<IPAddress[]>> Resolve { get; set; } = (name, cancel) =>
        // Names below localhost are this machine (RFC 6761 §6.3), which most systems' resolvers do not know.
        name.EndsWith(".localhost", StringComparison.OrdinalIgnoreCase)
            ? Task.FromResult<IPAddress[]>([IPAddress.Loopback, IPAddress.IPv6Loopback]) : Dns.GetHostAddressesAsync(name, cancel);

    /// <param name="call">Whose endpoint to connect to.</param>
    /// <param name="proxy">What the connection goes through; null connects directly.</param>
    /// <param name="trust">How the provider's certificate is judged.</param>
    /// <param name="cancel">Gives the connection up.</param>
    /// <exception cref="ProviderException">There is no connection; the exception names the hop.</exception>
    public async Task<Http1Connection> ConnectAsync(
        ProviderCall call, OutboundProxy? proxy, X509ChainPolicy trust, CancellationToken cancel)
    {
        var limit = call.Timeouts.Connect > TimeSpan.Zero ? call.Timeouts.Connect : ChatTimeouts.Default.Connect;
        using var timer = new CancellationTokenSource(limit, time);
        using var both = CancellationTokenSource.CreateLinkedTokenSource(timer.Token, cancel);
        var url = call.Endpoint.BaseUrl;
        var way = new Way(proxy);
        try
        {
            var socket = proxy is null
                ? await OpenAsync(new DnsEndPoint(url.IdnHost, url.Port), call.Endpoint.Scope, way, both.Token)
                : await OpenAsync(new DnsEndPoint(proxy.Host, proxy.Port), ProxyScope, way, both.Token);
            var stream = await SpeakAsync(socket, url, way, trust, both.Token);
            return new Http1Connection(socket, stream, time.GetTimestamp());
        }
        catch (OperationCanceledException exception) when (timer.IsCancellationRequested)
        {
            var isSilent = way is { Hop: CallHop.Proxy, IsConnected: true };
            var detail = way.Hop != CallHop.Proxy ? "The connection could not be made in time."
                : isSilent ? "The proxy accepted the connection and stayed silent."
                : "The proxy did not accept the connection in time.";
            throw new ProviderException(ProviderFailure.ConnectTimeout, detail, inner: exception)
            {
                Hop = way.Hop,
                Reason = new CallReason(way.Hop switch
                {
                    CallHop.Proxy => isSilent ? "proxy_silent" : "proxy_slow",
                    CallHop.Tls => "handshake",
                    _ => "connect_slow",
                }),
                Trouble = isSilent ? CallTrouble.ProxyKind : null, // such as an HTTP proxy that waits for the end of a line in SOCKS or TLS
            };
        }
    }

    private async Task<Stream> SpeakAsync(Socket socket, Uri url, Way way, X509ChainPolicy trust, CancellationToken cancel)
    {
        var isSecure = url.Scheme == Uri.UriSchemeHttps;
        Stream stream = isSecure || way.Proxy is { Scheme: ProxyScheme.Https }
            ? new TurnStream(socket) : new NetworkStream(socket, ownsSocket: true);
        try
        {
            if (way.Proxy is { } proxy)
            {
                way.Hop = CallHop.Proxy;
                way.IsConnected = true;
                stream = proxy.Scheme == ProxyScheme.Https ? await SecureAsync(stream, proxy.Host, SystemTrust, way, cancel) : stream;
                await TunnelAsync(stream, proxy, url, isSecure, cancel);
            }

            way.Hop = CallHop.Tls;
            return isSecure ? await SecureAsync(stream, url.IdnHost, trust, way, cancel) : stream;
        }
        catch
        {
            await stream.DisposeAsync();
            throw;
        }
    }

    /// <summary>A request to an http target needs no tunnel through an HTTP proxy: its absolute form tells the proxy where to go.</summary>
    private static async Task TunnelAsync(Stream stream, OutboundProxy proxy, Uri url, bool isSecure, CancellationToken cancel)
    {
        try
        {
            if (proxy.Scheme == ProxyScheme.Socks5)
            {
                await SocksTunnel.OpenAsync(stream, proxy, url, cancel);
            }
            else if (isSecure)
            {
                await HttpTunnel.OpenAsync(stream, proxy, url, cancel);
            }
        }
        catch (IOException exception) when (!cancel.IsCancellationRequested)
        {
            throw HttpTunnel.Closed(exception);
        }
    }

    private async Task<Stream> SecureAsync(Stream plain, string host, X509ChainPolicy trust, Way way, CancellationToken cancel)
    {
        var stream = new SslStream(plain);
        CertificateFacts? refused = null;
        int? weak = null;
        try
        {
            await stream.AuthenticateAsClientAsync(
                new SslClientAuthenticationOptions
                {
                    TargetHost = host,
                    ApplicationProtocols = [SslApplicationProtocol.Http11],
                    CertificateChainPolicy = trust.Clone(),
                    RemoteCertificateValidationCallback = (_, certificate, chain, errors) =>
                    {
                        weak = chain is null
                            ? null : CertificateTrust.ShortRsaKey(chain.ChainElements.Select(element => element.Certificate));
                        var isGood = weak is null && errors == SslPolicyErrors.None;
                        refused = isGood ? null : CertificateFacts.Read(certificate, chain, errors, weak is not null, time.GetUtcNow());
                        return isGood;
                    },
                },
                cancel);
            return stream;
        }
        catch (Exception exception)
        {
            await stream.DisposeAsync();
            if (exception is OperationCanceledException)
            {
                throw;
            }

            var peer = way.Hop == CallHop.Proxy ? "proxy" : "provider";
            var detail = weak is { } bits
                ? $"A certificate of the {peer} has an RSA key of {bits} bits; at least {CertificateTrust.MinRsaBits} are needed."
                : refused is not null ? $"The certificate of the {peer} {refused.Explain()}."
                : $"The {peer} did not complete the TLS handshake. Does it speak https on this port?";
            throw new ProviderException(ProviderFailure.Tls, detail, inner: exception)
            {
                Hop = way.Hop,
                Certificate = refused,
                Reason = refused?.Reason(weak) ?? new CallReason($"{(way.Hop == CallHop.Proxy ? "proxy_" : "")}handshake"),
            };
        }
    }

    private async Task<Socket> OpenAsync(DnsEndPoint target, NetworkScope scope, Way way, CancellationToken cancel)
    {
        var addresses = await ResolveAsync(target.Host, way, cancel);
        foreach (var address in addresses)
        {
            // One forbidden address refuses the name, because a mixed answer would get around a check of the first address.
            if (!IsAllowed(address, target.Host, scope) || IsOwnEndpoint(new IPEndPoint(address, target.Port)))
            {
                var whose = way.Proxy is null ? "provider" : "proxy";
                throw new ProviderException(ProviderFailure.Blocked, $"The {whose}'s address is not allowed for this connection.")
                {
                    Hop = way.Proxy is null ? CallHop.Connect : CallHop.Proxy,
                    Reason = way.Reason("address_forbidden"),
                };
            }
        }

        // IPv4 first: machines with a dead IPv6 route are common, the other way round is rare.
        way.Hop = way.Proxy is null ? CallHop.Connect : CallHop.Proxy;
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

        throw new ProviderException(
            ProviderFailure.Unreachable, $"{way.Peer} refused the connection or cannot be reached.", inner: last)
        {
            Hop = way.Hop,
            Reason = way.Reason("unreached"),
        };
    }

    /// <summary>
    /// An invented address is allowed as the answer to a name, because it leads to whatever the proxy client on this machine makes of that
    /// name; no server stands there. Written as an address it is a private one.
    /// </summary>
    private static bool IsAllowed(IPAddress address, string host, NetworkScope scope) =>
        ProviderAddress.IsAllowed(address, scope)
        || (scope.HasFlag(NetworkScope.External) && ProviderAddress.FakeAddresses.Contains(address) && !IPAddress.TryParse(host, out _));

    private async Task<IPAddress[]> ResolveAsync(string host, Way way, CancellationToken cancel)
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
            var whose = way.Proxy is null ? "The provider's name" : "The name of the proxy";
            throw new ProviderException(ProviderFailure.Dns, $"{whose} could not be resolved.", inner: exception)
            {
                Hop = way.Proxy is null ? CallHop.Dns : CallHop.Proxy,
                Reason = way.Reason("name_unknown"),
            };
        }
    }

    /// <summary>How far a connection has come.</summary>
    private sealed class Way(OutboundProxy? proxy)
    {
        public OutboundProxy? Proxy => proxy;

        public CallHop Hop { get; set; } = proxy is null ? CallHop.Dns : CallHop.Proxy;

        /// <summary>The proxy has accepted the connection.</summary>
        public bool IsConnected { get; set; }

        public string Peer => proxy is null ? "The provider" : "The proxy";

        public CallReason Reason(string code) => new(proxy is null ? code : $"proxy_{code}");
    }
}
