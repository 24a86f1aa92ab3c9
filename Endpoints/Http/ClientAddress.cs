using System.Net;
using AiChat.Data;

namespace AiChat.Endpoints.Http;

/// <summary>
/// Trusts forwarding headers only from the proxies in TRUSTED_PROXIES, and of their entries only those that such proxies wrote: the client
/// is the right-most address that is not one of them, and what it asked for is what the proxy that spoke with it says.
/// </summary>
internal sealed partial class ClientAddress
{
    /// <summary>What trusted proxies say of a request; the client is the socket's address when they do not name it.</summary>
    private readonly record struct Forwarded(IPAddress Client, HostString? Host, string? Scheme, string Prefix, int? Port = null);

    private readonly ILogger<ClientAddress> _logger;
    private readonly Notices _notices;
    private readonly IReadOnlyList<string> _listed;
    private readonly IPNetwork[] _proxies;
    private int _contradicted;

    public ClientAddress(ServerOptions options, Notices notices, ILogger<ClientAddress> logger)
    {
        _logger = logger;
        _notices = notices;
        _listed = options.TrustedProxies;
        _proxies = [.. options.TrustedProxies.Select(Parse)];
    }

    /// <summary>Finds the client; behind a trusted proxy it also corrects the request's scheme and host.</summary>
    public Client Resolve(HttpContext context)
    {
        var request = context.Request;
        if (OperatorConnection.Made(context))
        {
            return new Client(IPAddress.Loopback) { Names = [request.Host], OnThisMachine = true, IsOperator = true };
        }

        var socket = ForwardingHeaders.Plain(context.Connection.RemoteIpAddress ?? IPAddress.None);
        var forwarding = ForwardingHeaders.AnyIn(request.Headers);
        if (!IsProxy(socket))
        {
            return Direct(request, socket, forwarding);
        }

        if (!forwarding)
        {
            return new Client(socket) { Names = [request.Host] };
        }

        var forwarded = Behind(request.Headers, socket);
        var names = Names(request, forwarded.Host);
        request.Scheme = forwarded.Scheme ?? request.Scheme;
        request.Host = forwarded.Host ?? request.Host;
        if (forwarded.Port is { } port && request.Host is { HasValue: true, Port: null })
        {
            request.Host = new HostString(request.Host.Host, port);
            names = [.. names, request.Host];
        }

        return new Client(forwarded.Client) { Names = names, Prefix = forwarded.Prefix };
    }

    private Client Direct(HttpRequest request, IPAddress socket, bool forwarding)
    {
        var loopback = IPAddress.IsLoopback(socket);
        var proxied = forwarding || (loopback && !IsLoopbackName(request.Host.Host));
        // A health check on this machine uses a name from ALLOWED_HOSTS.
        if (forwarding || (proxied && request.Path.Value?.EndsWith("/health", StringComparison.Ordinal) != true))
        {
            Notice(socket);
        }

        // nginx before 1.29.7 speaks HTTP/1.0 to its upstream.
        var here = loopback && !proxied && request.Protocol != "HTTP/1.0";
        var name = ForwardingHeaders.ToHost(ForwardingHeaders.List(request.Headers[ForwardingHeaders.Host]).LastOrDefault());
        return new Client(socket) { Names = Names(request, name), Proxy = proxied ? socket : null, OnThisMachine = here };
    }

    private Forwarded Behind(IHeaderDictionary headers, IPAddress socket)
    {
        var classic = FromLists(headers, socket);
        if (headers[ForwardingHeaders.Forwarded] is not { Count: > 0 } lines)
        {
            return classic;
        }

        var standard = FromForwarded(ForwardingHeaders.ReadForwarded(lines), socket);
        var client = headers.ContainsKey(ForwardingHeaders.For) ? classic.Client : standard.Client;
        if (headers.ContainsKey(ForwardingHeaders.For) && !classic.Client.Equals(standard.Client))
        {
            // A proxy writes one of the two and passes the other on as the client sent it; nothing tells which.
            client = socket;
            if (Interlocked.Exchange(ref _contradicted, 1) == 0)
            {
                LogContradiction(socket, classic.Client, standard.Client);
            }
        }

        return classic with { Client = client, Host = classic.Host ?? standard.Host, Scheme = classic.Scheme ?? standard.Scheme };
    }

    private Forwarded FromLists(IHeaderDictionary headers, IPAddress socket)
    {
        var hops = ForwardingHeaders.List(headers[ForwardingHeaders.For]).Select(ForwardingHeaders.ToAddress);
        var (client, written) = Walk([.. hops], socket);
        var prefixes = ForwardingHeaders.List(headers[ForwardingHeaders.Prefix]).TakeLast(written).Select(ForwardingHeaders.ToPrefix);
        return new Forwarded(
            client,
            ForwardingHeaders.ToHost(Outermost(headers, ForwardingHeaders.Host, written)),
            ForwardingHeaders.ToScheme(Outermost(headers, ForwardingHeaders.Proto, written)),
            string.Concat(prefixes), // the outer proxy took its part away first
            ForwardingHeaders.ToPort(Outermost(headers, ForwardingHeaders.Port, written)));
    }

    private Forwarded FromForwarded(List<ForwardedHop> hops, IPAddress socket)
    {
        var (client, written) = Walk([.. hops.Select(hop => hop.For)], socket);
        var trusted = hops.TakeLast(written).ToList();
        return new Forwarded(
            client,
            trusted.Select(hop => hop.Host).FirstOrDefault(host => host is not null),
            trusted.Select(hop => hop.Scheme).FirstOrDefault(scheme => scheme is not null),
            "");
    }

    /// <summary>Goes from the nearest proxy outwards as long as the entries are those of trusted proxies.</summary>
    /// <returns>The client, and how many of the last entries trusted proxies wrote: at least that of the one at the socket.</returns>
    private (IPAddress Client, int Written) Walk(IPAddress?[] hops, IPAddress socket)
    {
        var client = socket;
        var written = 0;
        foreach (var hop in hops.Reverse())
        {
            written++;
            if (hop is null)
            {
                break; // the proxy hides or does not know who called
            }

            client = hop;
            if (!IsProxy(hop))
            {
                break;
            }
        }

        return (client, Math.Max(1, written));
    }

    /// <summary>The entry of the outermost trusted proxy. A list may be shorter, because many proxies replace it.</summary>
    private static string? Outermost(IHeaderDictionary headers, string name, int written) =>
        ForwardingHeaders.List(headers[name]) is { Length: > 0 } list ? list[Math.Max(0, list.Length - written)] : null;

    private static HostString[] Names(HttpRequest request, HostString? forwarded) =>
        forwarded is { } name ? [request.Host, name] : [request.Host];

    private bool IsProxy(IPAddress address) => _proxies.Any(network => network.Contains(address));

    private static bool IsLoopbackName(string host) => host.Equals("localhost", StringComparison.OrdinalIgnoreCase)
        || (IPAddress.TryParse(host.Trim('[', ']'), out var address) && IPAddress.IsLoopback(address));

    /// <summary>On this machine or in a private network, where the operator's own proxy would be.</summary>
    private static bool IsPrivate(IPAddress address) =>
        IPAddress.IsLoopback(address) || address.IsIPv6LinkLocal || address.IsIPv6UniqueLocal
        || (address.GetAddressBytes() is [var a, var b, _, _]
            && (a == 10 || (a == 172 && b is >= 16 and < 32) || (a == 192 && b == 168) || (a == 100 && b is >= 64 and < 128)));

    /// <summary>Tells of each address once. From outside anybody may send such headers, so that is told in other words.</summary>
    private void Notice(IPAddress socket)
    {
        var line = $"TRUSTED_PROXIES={string.Join(',', _listed.Append(socket.ToString()))}";
        var inside = IsPrivate(socket);
        var notice = inside
            ? new Notice(
                "proxy_untrusted",
                $"Requests arrive through a proxy at {socket} that is not in TRUSTED_PROXIES: all its visitors share one address and its "
                + $"limits, and HTTPS is not detected. Set {line} and let the proxy send Host, X-Forwarded-For and X-Forwarded-Proto.",
                socket.ToString(),
                line)
            : new Notice(
                "proxy_unknown",
                $"A request from {socket}, which is not in TRUSTED_PROXIES, says that it was forwarded. If this is the address of your "
                + $"proxy, set {line}; otherwise ignore it.",
                socket.ToString(),
                line);
        if (_notices.Add(notice))
        {
            LogUnlistedProxy(inside ? LogLevel.Warning : LogLevel.Information, notice.Detail);
        }
    }

    private static IPNetwork Parse(string text)
    {
        if (IPNetwork.TryParse(text, out var network))
        {
            return network;
        }

        return IPAddress.TryParse(text, out var address)
            ? new IPNetwork(address, address.AddressFamily == System.Net.Sockets.AddressFamily.InterNetwork ? 32 : 128)
            : throw new StartupException(
                StartupException.Configuration,
                $"TRUSTED_PROXIES is wrong: {text} is neither an address nor a network such as 10.0.0.0/8.");
    }

    [LoggerMessage("{Detail}")]
    private partial void LogUnlistedProxy(LogLevel level, string detail);

    [LoggerMessage(
        LogLevel.Warning,
        "The proxy at {Proxy} sent X-Forwarded-For ({Classic}) and Forwarded ({Standard}), which name different clients. One of them is "
        + "the client's own, so the request counts as the proxy's. Let the proxy remove the header that it does not write.")]
    private partial void LogContradiction(IPAddress proxy, IPAddress classic, IPAddress standard);
}
