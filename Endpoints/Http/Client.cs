using System.Net;
using System.Net.Sockets;

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

    /// <summary>The names by which the server was called: Host, then the forwarded one if a proxy sends it, trusted or not.</summary>
    public required IReadOnlyList<HostString> Names { get; init; }

    /// <summary>The address of an intermediate proxy that TRUSTED_PROXIES does not list, as far as can be seen.</summary>
    public IPAddress? Proxy { get; init; }

    /// <summary>The path that a trusted proxy took away in front of the request's path; "" for none.</summary>
    public string Prefix { get; init; } = "";

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

internal static class ClientExtensions
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
