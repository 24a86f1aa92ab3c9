using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;
using Microsoft.Extensions.Primitives;

namespace AiChat.Endpoints.Http;

/// <summary>What one proxy says of the request that it took; null where it says nothing that can be used.</summary>
internal readonly record struct ForwardedHop(IPAddress? For, HostString? Host = null, string? Scheme = null);

/// <summary>
/// Reads the headers by which proxies tell where a request came from: Forwarded (RFC 7239) and the X-Forwarded ones. Each proxy appends to
/// them, so the entry of the nearest proxy is the last one and everything to the left may be the client's own invention.
/// </summary>
internal static class ForwardingHeaders
{
    public const string For = "X-Forwarded-For";
    public const string Host = "X-Forwarded-Host";
    public const string Proto = "X-Forwarded-Proto";
    public const string Prefix = "X-Forwarded-Prefix";
    public const string Port = "X-Forwarded-Port";
    public const string Forwarded = "Forwarded";

    private const int MaxHost = 260;
    private const int MaxPrefix = 200;

    private static readonly string[] Names =
    [
        For, Host, Proto, Prefix, Port, "X-Forwarded-Server", "X-Forwarded-Scheme", "X-Forwarded-Ssl", "X-Real-IP", Forwarded,
        "Via", "CF-Connecting-IP", "True-Client-IP",
    ];

    public static bool AnyIn(IHeaderDictionary headers) => Names.Any(headers.ContainsKey);

    /// <summary>The entries of a header that may come in several lines and in lists, the nearest proxy's last.</summary>
    public static string[] List(StringValues values) =>
        values.Count == 0 ? [] : values.ToString().Split(',', StringSplitOptions.TrimEntries);

    /// <summary>The hops of all Forwarded headers, the nearest proxy's last. What stands before a malformed line is not returned.</summary>
    public static List<ForwardedHop> ReadForwarded(StringValues lines)
    {
        var hops = new List<ForwardedHop>();
        foreach (var line in lines.Reverse())
        {
            if (line is null || new ForwardedLine(line).Read() is not { } elements)
            {
                break;
            }

            hops.InsertRange(0, elements);
        }

        return hops;
    }

    /// <summary>A host with or without a port; null for what no browser would have asked for.</summary>
    public static HostString? ToHost(string? text) =>
        text is { Length: > 0 and < MaxHost } && text.All(IsOfHost) ? new HostString(text) : null;

    /// <summary>"http" or "https"; null for anything else.</summary>
    public static string? ToScheme(string? text) => text?.ToLowerInvariant() switch
    {
        "https" or "wss" => "https",
        "http" or "ws" => "http",
        _ => null,
    };

    /// <summary>
    /// The port for a host that came without one; null for 80 and 443, which no address shows. Many proxies send the one of the two that
    /// they listen on themselves, behind another that ends TLS.
    /// </summary>
    public static int? ToPort(string? text) =>
        ushort.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var port) && port is not (0 or 80 or 443) ? port : null;

    /// <summary>A path without a slash at its end, safe in links and cookies; "" for none and for everything else.</summary>
    public static string ToPrefix(string text)
    {
        var path = text.TrimEnd('/');
        return path.Length is > 1 and <= MaxPrefix && path[0] == '/' && path.All(IsOfPath) && !path.Contains("//") && !path.Contains("..")
            ? path
            : "";
    }

    /// <summary>
    /// The address of a node: 192.0.2.1, 2001:db8::1, either with a port (192.0.2.1:4711, [2001:db8::1]:4711). Null for "unknown", for a
    /// hidden name such as _gazonk and for anything else.
    /// </summary>
    public static IPAddress? ToAddress(string node)
    {
        if (node.StartsWith('['))
        {
            var end = node.IndexOf(']');
            return end > 0 && (end == node.Length - 1 || node[end + 1] == ':') && IPAddress.TryParse(node.AsSpan(1, end - 1), out var inner)
                && inner.AddressFamily == AddressFamily.InterNetworkV6
                ? Plain(inner)
                : null;
        }

        var colon = node.IndexOf(':');
        var host = colon >= 0 && colon == node.LastIndexOf(':') ? node[..colon] : node;

        // The parser would take 7 for 0.0.0.7.
        return (host.Contains(':') || host.Count(c => c == '.') == 3) && IPAddress.TryParse(host, out var address) ? Plain(address) : null;
    }

    /// <summary>An IPv4 address that came as IPv6 is that IPv4 address.</summary>
    public static IPAddress Plain(IPAddress address) => address.IsIPv4MappedToIPv6 ? address.MapToIPv4() : address;

    private static bool IsOfHost(char c) => char.IsAsciiLetterOrDigit(c) || c is '.' or '-' or '_' or ':' or '[' or ']';

    private static bool IsOfPath(char c) => char.IsAsciiLetterOrDigit(c) || c is '/' or '-' or '_' or '.' or '~';
}

/// <summary>
/// The parser of one Forwarded header: <c>for="[2001:db8::1]:4711";proto=https;host="chat.example.org:8443", for=unknown</c>. As lenient
/// as proxies are careless: blanks around separators and colons outside of quotes pass.
/// </summary>
internal ref struct ForwardedLine(string line)
{
    private int _at;

    /// <summary>The elements in order; null when the line is malformed.</summary>
    public List<ForwardedHop>? Read()
    {
        var hops = new List<ForwardedHop>();
        while (true)
        {
            if (Element() is not { } hop)
            {
                return null;
            }

            hops.Add(hop);
            if (_at == line.Length)
            {
                return hops;
            }

            _at++; // the comma
        }
    }

    private ForwardedHop? Element()
    {
        string? node = null, host = null, proto = null;
        var seen = new HashSet<string>();
        while (true)
        {
            Blanks();
            if (_at < line.Length && line[_at] is not (';' or ','))
            {
                if (Name() is not { } name || !seen.Add(name) || Value() is not { } value)
                {
                    return null;
                }

                node = name == "for" ? value : node;
                host = name == "host" ? value : host;
                proto = name == "proto" ? value : proto;
            }

            Blanks();
            if (_at == line.Length || line[_at] == ',')
            {
                var address = node is null ? null : ForwardingHeaders.ToAddress(node);
                return new ForwardedHop(address, ForwardingHeaders.ToHost(host), ForwardingHeaders.ToScheme(proto));
            }

            if (line[_at++] != ';')
            {
                return null;
            }
        }
    }

    private string? Name()
    {
        var end = line.IndexOf('=', _at);
        var name = end < 0 ? "" : line[_at..end].Trim().ToLowerInvariant();
        _at = end + 1;
        return name.Length > 0 && name.All(char.IsAsciiLetterOrDigit) ? name : null;
    }

    private string? Value()
    {
        Blanks();
        if (_at < line.Length && line[_at] == '"')
        {
            return Quoted();
        }

        var begin = _at;
        while (_at < line.Length && line[_at] is not (';' or ',' or '"' or ' ' or '\t'))
        {
            _at++;
        }

        return line[begin.._at];
    }

    private string? Quoted()
    {
        var text = new StringBuilder();
        for (_at++; _at < line.Length; _at++)
        {
            if (line[_at] == '"')
            {
                _at++;
                return text.ToString();
            }

            if (line[_at] == '\\' && ++_at == line.Length)
            {
                break;
            }

            text.Append(line[_at]);
        }

        return null;
    }

    private void Blanks()
    {
        while (_at < line.Length && line[_at] is ' ' or '\t')
        {
            _at++;
        }
    }
}
