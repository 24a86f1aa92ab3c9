using System.Net;
using System.Net.Sockets;
using AiChat.Data;

namespace AiChat.Endpoints.Http;

/// <summary>Where a request comes from.</summary>
/// <param name="ip">The address of the client, not of a trusted proxy.</param>
internal sealed class Client(IPAddress ip)
{
    /// <summary>The text of the address, as the audit and the lists of logins show it.</summary>
    public string Address => IsOperator ? "command line" : ip.ToString();

    /// <summary>The key by which limits count: the address, or its /64 for IPv6, because one household has that many.</summary>
    public string Bucket => ip.AddressFamily == AddressFamily.InterNetworkV6
        ? new IPNetwork(Mask64(ip), 64).ToString()
        : ip.ToString();

    /// <summary>The names by which the server was called: Host, then X-Forwarded-Host if a proxy sends it, trusted or not.</summary>
    public required IReadOnlyList<HostString> Names { get; init; }

    /// <summary>The address of an intermediate proxy that TRUSTED_PROXIES does not list, as far as can be seen.</summary>
    public IPAddress? Proxy { get; init; }

    /// <summary>
    /// Over loopback, under a loopback name and without a sign of a proxy. That is no proof: a proxy on this machine may look the same.
    /// </summary>
    public bool OnThisMachine { get; init; }

    /// <summary>A command on this machine, over a connection that only the owner of the data folder can make.</summary>
    public bool IsOperator { get; init; }

    private static IPAddress Mask64(IPAddress address)
    {
        var bytes = address.GetAddressBytes();
        bytes.AsSpan(8).Clear();
        return new IPAddress(bytes);
    }
}

/// <summary>
/// Trusts forwarding headers only from the proxies in TRUSTED_PROXIES, and of X-Forwarded-For only the right-most address that is not such
/// a proxy: everything to its left was sent by the client itself.
/// </summary>
internal sealed partial class ClientAddress
{
    private const int MaxName = 260;

    private static readonly string[] ForwardingHeaders =
    [
        "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Forwarded-Port", "X-Forwarded-Server",
        "X-Real-IP", "Forwarded", "Via", "CF-Connecting-IP", "True-Client-IP",
    ];

    private readonly ILogger<ClientAddress> _logger;
    private readonly IPNetwork[] _proxies;
    private int _proxyWarned;

    public ClientAddress(ServerOptions options, ILogger<ClientAddress> logger)
    {
        _logger = logger;
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

        var socket = Plain(context.Connection.RemoteIpAddress ?? IPAddress.None);
        var forwarding = ForwardingHeaders.Any(request.Headers.ContainsKey);
        var forwardedHost = ForwardedHost(request);
        HostString[] names = forwardedHost is { } name ? [request.Host, name] : [request.Host];
        if (!IsProxy(socket))
        {
            var loopback = IPAddress.IsLoopback(socket);
            var proxied = forwarding || (loopback && !IsLoopbackName(request.Host.Host));
            if (proxied && IsPrivate(socket) && Interlocked.Exchange(ref _proxyWarned, 1) == 0)
            {
                LogUnlistedProxy(socket);
            }

            // nginx before 1.29.7 speaks HTTP/1.0 to its upstream.
            var here = loopback && !proxied && request.Protocol != "HTTP/1.0";
            return new Client(socket) { Names = names, Proxy = proxied ? socket : null, OnThisMachine = here };
        }

        if (LastOf(request.Headers["X-Forwarded-Proto"]).Equals("https", StringComparison.OrdinalIgnoreCase))
        {
            request.Scheme = "https";
        }

        request.Host = forwardedHost ?? request.Host;
        return new Client(Forwarded(context, socket)) { Names = names };
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

    /// <summary>The name by which the nearest proxy was called. Each proxy appends, so the last name is its own.</summary>
    private static HostString? ForwardedHost(HttpRequest request)
    {
        var last = LastOf(request.Headers["X-Forwarded-Host"]);
        return last.Length is > 0 and < MaxName && last.All(IsOfHost) ? new HostString(last) : null;
    }

    private static bool IsOfHost(char c) => char.IsAsciiLetterOrDigit(c) || c is '.' or '-' or '_' or ':' or '[' or ']';

    private static bool IsLoopbackName(string host) => host.Equals("localhost", StringComparison.OrdinalIgnoreCase)
        || (IPAddress.TryParse(host.Trim('[', ']'), out var address) && IPAddress.IsLoopback(address));

    /// <summary>On this machine or in a private network, where the operator's own proxy would be.</summary>
    private static bool IsPrivate(IPAddress address) =>
        IPAddress.IsLoopback(address) || address.IsIPv6LinkLocal || address.IsIPv6UniqueLocal
        || (address.GetAddressBytes() is [var a, var b, _, _] && (a == 10 || (a == 172 && b is >= 16 and < 32) || (a == 192 && b == 168)));

    private static string LastOf(string? value) => value?.Split(',', StringSplitOptions.TrimEntries)[^1] ?? "";

    /// <summary>Some proxies add the port: 192.0.2.1:4711, [2001:db8::1]:4711.</summary>
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
                StartupException.Configuration,
                $"TRUSTED_PROXIES is wrong: {text} is neither an address nor a network such as 10.0.0.0/8.");
    }

    [LoggerMessage(
        LogLevel.Warning,
        "Requests arrive through a proxy at {Proxy} that is not in TRUSTED_PROXIES: all its visitors share one address and its limits, "
        + "and HTTPS is not detected. Set TRUSTED_PROXIES={Proxy} and let the proxy send Host, X-Forwarded-For and X-Forwarded-Proto.")]
    private partial void LogUnlistedProxy(IPAddress proxy);
}

internal static class ClientAddressExtensions
{
    /// <summary>Puts the <see cref="Client"/> beside the request and corrects its scheme and host.</summary>
    public static void UseClientAddress(this WebApplication app)
    {
        var addresses = app.Services.GetRequiredService<ClientAddress>();
        app.Use((context, next) =>
        {
            context.Features.Set(addresses.Resolve(context));
            return next(context);
        });
    }

    public static Client Client(this HttpContext context) =>
        context.Features.Get<Client>() ?? throw new InvalidOperationException("UseClientAddress comes first.");
}
