using System.Net;
using System.Net.Sockets;
using AiChat.Data;

namespace AiChat.Endpoints.Http;

/// <summary>
/// Where a request really comes from. Straight means: from this machine itself, with nothing in between that could hide a stranger.
/// </summary>
internal sealed record Caller(IPAddress Address, bool Https, bool Straight)
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
internal sealed class ClientAddress
{
    private static readonly string[] ForwardingHeaders =
        ["X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Real-IP", "Forwarded", "Via", "CF-Connecting-IP", "True-Client-IP"];

    private readonly IPNetwork[] _proxies;

    public ClientAddress(ServerOptions options) => _proxies = [.. options.TrustedProxies.Select(Parse)];

    public Caller Of(HttpContext context)
    {
        var socket = Plain(context.Connection.RemoteIpAddress ?? IPAddress.None);
        if (!IsProxy(socket))
        {
            return new Caller(socket, context.Request.IsHttps, IsStraight(context, socket));
        }

        var https = context.Request.IsHttps || LastOf(context.Request.Headers["X-Forwarded-Proto"]).Equals("https", StringComparison.OrdinalIgnoreCase);
        return new Caller(Forwarded(context, socket), https, IsStraight(context, socket));
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

    private static bool IsStraight(HttpContext context, IPAddress socket) =>
        IPAddress.IsLoopback(socket)
        && context.Request.Host.Host is "localhost" or "127.0.0.1" or "[::1]" or "::1"
        // nginx speaks 1.0 to what is behind it unless told otherwise, and without settings sends neither our name nor a forwarding header.
        && context.Request.Protocol != "HTTP/1.0"
        && !ForwardingHeaders.Any(context.Request.Headers.ContainsKey);

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
}

internal static class ClientAddressExtensions
{
    /// <summary>Puts the <see cref="Caller"/> beside the request and corrects its scheme.</summary>
    public static void UseClientAddress(this WebApplication app)
    {
        var addresses = app.Services.GetRequiredService<ClientAddress>();
        app.Use((context, next) =>
        {
            var caller = addresses.Of(context);
            context.Features.Set(caller);
            if (caller.Https)
            {
                context.Request.Scheme = "https";
            }

            return next(context);
        });
    }

    public static Caller Caller(this HttpContext context) =>
        context.Features.Get<Caller>() ?? throw new InvalidOperationException("UseClientAddress comes first.");
}
