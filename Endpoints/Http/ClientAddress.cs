using System.Net;
using System.Net.Sockets;
using AiChat.Data;

namespace AiChat.Endpoints.Http;

/// <summary>Where a request really comes from.</summary>
/// <param name="Names">What the server was called by: Host, and what a proxy says in X-Forwarded-Host, believed or not.</param>
/// <param name="Proxy">The address of a proxy that is not listed and stands in between, as far as can be seen.</param>
/// <param name="OnThisMachine">
/// Over loopback, under a loopback name and without a sign of a proxy. That is no proof: a proxy on this machine may look the same.
/// </param>
internal sealed record Caller(IPAddress Address, bool Https, IReadOnlyList<HostString> Names, IPAddress? Proxy, bool OnThisMachine)
{
    /// <summary>What limits count by: the address, for IPv6 its /64, because one household has that many.</summary>
    public string Bucket { get; } = Address.AddressFamily == AddressFamily.InterNetworkV6
        ? new IPNetwork(Mask64(Address), 64).ToString()
        : Address.ToString();

    private static IPAddress Mask64(IPAddress address)
    {
        var bytes = address.GetAddressBytes();
        bytes.AsSpan(8).Clear();
        return new IPAddress(bytes);
    }
}

/// <summary>
/// Believes forwarding headers only from the proxies the operator listed, and of X-Forwarded-For only the right-most address that is
/// not such a proxy: everything left of it is what the client says of itself.
/// </summary>
internal sealed partial class ClientAddress
{
    private const int MaxName = 260;

    private static readonly string[] ForwardingHeaders =
    [
        "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Forwarded-Port", "X-Forwarded-Server", "X-Real-IP", "Forwarded", "Via",
        "CF-Connecting-IP", "True-Client-IP",
    ];

    private readonly ILogger<ClientAddress> _logger;
    private readonly IPNetwork[] _proxies;
    private int _toldOfProxy;

    public ClientAddress(ServerOptions options, ILogger<ClientAddress> logger)
    {
        _logger = logger;
        _proxies = [.. options.TrustedProxies.Select(Parse)];
    }

    /// <summary>Finds the caller; behind a listed proxy it also corrects the request's scheme and host.</summary>
    public Caller Resolve(HttpContext context)
    {
        var request = context.Request;
        var socket = Plain(context.Connection.RemoteIpAddress ?? IPAddress.None);
        var forwarding = ForwardingHeaders.Any(request.Headers.ContainsKey);
        var forwardedHost = ForwardedHost(request);
        HostString[] names = forwardedHost is { } name ? [request.Host, name] : [request.Host];
        if (!IsProxy(socket))
        {
            var loopback = IPAddress.IsLoopback(socket);
            var proxied = forwarding || (loopback && !IsLoopbackName(request.Host.Host));
            if (proxied && IsNear(socket) && Interlocked.Exchange(ref _toldOfProxy, 1) == 0)
            {
                LogUnlistedProxy(socket);
            }

            // nginx before 1.29.7 speaks 1.0 to what is behind it.
            var here = loopback && !proxied && request.Protocol != "HTTP/1.0";
            return new Caller(socket, request.IsHttps, names, proxied ? socket : null, here);
        }

        if (LastOf(request.Headers["X-Forwarded-Proto"]).Equals("https", StringComparison.OrdinalIgnoreCase))
        {
            request.Scheme = "https";
        }

        request.Host = forwardedHost ?? request.Host;
        return new Caller(Forwarded(context, socket), request.IsHttps, names, Proxy: null, OnThisMachine: false);
    }

    private IPAddress Forwarded(HttpContext context, IPAddress socket)
    {
        var nearest = socket;
        var hops = context.Request.Headers["X-Forwarded-For"].ToString().Split(',', StringSplitOptions.TrimEntries);
        foreach (var hop in hops.Reverse())
        {
            if (!TryParseHop(hop, out var address))
            {
                break;
            }

            nearest = address;
            if (!IsProxy(address))
            {
                break;
            }
        }

        return nearest;
    }

    private bool IsProxy(IPAddress address) => _proxies.Any(network => network.Contains(address));

    /// <summary>What the nearest proxy was called by: it appends, so the last one is its own.</summary>
    private static HostString? ForwardedHost(HttpRequest request)
    {
        var last = LastOf(request.Headers["X-Forwarded-Host"]);
        return last.Length is > 0 and < MaxName && last.All(c => char.IsAsciiLetterOrDigit(c) || c is '.' or '-' or '_' or ':' or '[' or ']') ? new HostString(last) : null;
    }

    private static bool IsLoopbackName(string host) =>
        host.Equals("localhost", StringComparison.OrdinalIgnoreCase) || (IPAddress.TryParse(host.Trim('[', ']'), out var address) && IPAddress.IsLoopback(address));

    /// <summary>On this machine or in a private network: where one's own proxy stands.</summary>
    private static bool IsNear(IPAddress address) => IPAddress.IsLoopback(address) || address.IsIPv6LinkLocal || address.IsIPv6UniqueLocal
        || (address.GetAddressBytes() is [var a, var b, _, _] && (a == 10 || (a == 172 && b is >= 16 and < 32) || (a == 192 && b == 168)));

    private static string LastOf(string? value) => value?.Split(',', StringSplitOptions.TrimEntries)[^1] ?? "";

    /// <summary>Some proxies write the port too: 192.0.2.1:4711, [2001:db8::1]:4711.</summary>
    private static bool TryParseHop(string hop, out IPAddress address)
    {
        address = IPAddress.None;
        if (hop.Length is 0 or > 64 || !IPEndPoint.TryParse(hop, out var endpoint))
        {
            return false;
        }

        address = Plain(endpoint.Address);
        return true;
    }

    private static IPAddress Plain(IPAddress address) => address.IsIPv4MappedToIPv6 ? address.MapToIPv4() : address;

    private static IPNetwork Parse(string text)
    {
        if (IPNetwork.TryParse(text, out var network))
        {
            return network;
        }

        return IPAddress.TryParse(text, out var address)
            ? new IPNetwork(address, address.AddressFamily == AddressFamily.InterNetwork ? 32 : 128)
            : throw new StartupException(
                StartupException.Configuration, $"TRUSTED_PROXIES is wrong: {text} is neither an address nor a network such as 10.0.0.0/8.");
    }

    [LoggerMessage(LogLevel.Warning, "Requests arrive through a proxy at {Proxy} that is not in TRUSTED_PROXIES: its visitors share one address and its limits, "
        + "and HTTPS is not seen. Set TRUSTED_PROXIES={Proxy} and let the proxy send Host, X-Forwarded-For and X-Forwarded-Proto.")]
    private partial void LogUnlistedProxy(IPAddress proxy);
}

internal static class ClientAddressExtensions
{
    /// <summary>Puts the <see cref="Caller"/> beside the request and corrects its scheme and host.</summary>
    public static void UseClientAddress(this WebApplication app)
    {
        var addresses = app.Services.GetRequiredService<ClientAddress>();
        app.Use((context, next) =>
        {
            context.Features.Set(addresses.Resolve(context));
            return next(context);
        });
    }

    public static Caller Caller(this HttpContext context) =>
        context.Features.Get<Caller>() ?? throw new InvalidOperationException("UseClientAddress comes first.");
}
