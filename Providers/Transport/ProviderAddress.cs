using System.Net;
using System.Net.Sockets;

namespace AiChat.Providers.Transport;

/// <summary>Judges IP addresses: the only place that knows which networks a connection may reach.</summary>
internal static class ProviderAddress
{
    /// <summary>
    /// For tests of devices (RFC 2544). Clash, mihomo, sing-box and Surge answer every name with such an invented address ("fake IP") and
    /// carry the connection to where the name leads.
    /// </summary>
    public static readonly IPNetwork FakeAddresses = IPNetwork.Parse("198.18.0.0/15");

    private static readonly (IPNetwork Network, NetworkScope Scope)[] Special =
    [
        (IPNetwork.Parse("127.0.0.0/8"), NetworkScope.Loopback),
        (IPNetwork.Parse("::1/128"), NetworkScope.Loopback),
        (IPNetwork.Parse("10.0.0.0/8"), NetworkScope.Private),
        (IPNetwork.Parse("172.16.0.0/12"), NetworkScope.Private),
        (IPNetwork.Parse("192.168.0.0/16"), NetworkScope.Private),
        (IPNetwork.Parse("100.64.0.0/10"), NetworkScope.Private),

        (FakeAddresses, NetworkScope.Private),

        // Metadata services of clouds inside ranges that are otherwise allowed; they must come before those ranges.
        (IPNetwork.Parse("fd00:ec2::254/128"), NetworkScope.None),
        (IPNetwork.Parse("fd20:ce::254/128"), NetworkScope.None),
        (IPNetwork.Parse("168.63.129.16/32"), NetworkScope.None),
        (IPNetwork.Parse("fc00::/7"), NetworkScope.Private),

        (IPNetwork.Parse("0.0.0.0/8"), NetworkScope.None),
        (IPNetwork.Parse("169.254.0.0/16"), NetworkScope.None),
        (IPNetwork.Parse("192.0.0.0/24"), NetworkScope.None),
        (IPNetwork.Parse("192.0.2.0/24"), NetworkScope.None),
        (IPNetwork.Parse("192.88.99.0/24"), NetworkScope.None),
        (IPNetwork.Parse("198.51.100.0/24"), NetworkScope.None),
        (IPNetwork.Parse("203.0.113.0/24"), NetworkScope.None),
        (IPNetwork.Parse("224.0.0.0/4"), NetworkScope.None),
        (IPNetwork.Parse("240.0.0.0/4"), NetworkScope.None),
        (IPNetwork.Parse("::/96"), NetworkScope.None),

        // Local-use NAT64 (RFC 8215): where the IPv4 address sits inside depends on the operator, so it cannot be judged.
        (IPNetwork.Parse("64:ff9b:1::/48"), NetworkScope.None),
        (IPNetwork.Parse("100::/64"), NetworkScope.None),
        (IPNetwork.Parse("2001::/23"), NetworkScope.None),
        (IPNetwork.Parse("2001:db8::/32"), NetworkScope.None),
        (IPNetwork.Parse("3fff::/20"), NetworkScope.None),
        (IPNetwork.Parse("5f00::/16"), NetworkScope.None),
        (IPNetwork.Parse("fe80::/10"), NetworkScope.None),
        (IPNetwork.Parse("fec0::/10"), NetworkScope.None),
        (IPNetwork.Parse("ff00::/8"), NetworkScope.None),
    ];

    // 100.100.100.200 is Alibaba's metadata service, inside the shared range that Tailscale uses.
    private static readonly IPAddress AlibabaMetadata = IPAddress.Parse("100.100.100.200");

    /// <summary>Whether a connection with this scope may reach the address, in whatever form the address is written.</summary>
    public static bool IsAllowed(IPAddress address, NetworkScope scope)
    {
        var group = Classify(address);
        return group != NetworkScope.None && scope.HasFlag(group);
    }

    /// <summary>The address group; None = never reachable. IPv4 inside IPv6 is judged as the IPv4 address it leads to.</summary>
    public static NetworkScope Classify(IPAddress address)
    {
        address = Unwrap(address);
        if (address.Equals(AlibabaMetadata) || (address.AddressFamily == AddressFamily.InterNetworkV6 && address.ScopeId != 0))
        {
            return NetworkScope.None;
        }

        foreach (var (network, scope) in Special)
        {
            if (network.BaseAddress.AddressFamily == address.AddressFamily && network.Contains(address))
            {
                return scope;
            }
        }

        return NetworkScope.External;
    }

    /// <summary>The IPv4 address inside a mapped, NAT64 or 6to4 address; any other address as it is.</summary>
    private static IPAddress Unwrap(IPAddress address)
    {
        if (address.AddressFamily != AddressFamily.InterNetworkV6)
        {
            return address;
        }

        Span<byte> bytes = stackalloc byte[16];
        address.TryWriteBytes(bytes, out _);
        if (address.IsIPv4MappedToIPv6)
        {
            return new IPAddress(bytes[12..]);
        }

        if (bytes[0] == 0x20 && bytes[1] == 0x02)
        {
            return new IPAddress(bytes.Slice(2, 4));
        }

        return IsNat64(bytes) ? new IPAddress(bytes[12..]) : address;
    }

    // 64:ff9b::/96 (RFC 6052).
    private static bool IsNat64(ReadOnlySpan<byte> bytes) =>
        bytes[0] == 0 && bytes[1] == 0x64 && bytes[2] == 0xff && bytes[3] == 0x9b && bytes[4..12].IndexOfAnyExcept((byte)0) < 0;
}
