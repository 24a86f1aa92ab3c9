using System.Globalization;
using System.Text;

namespace AiChat.Providers.Transport;

internal enum ProxyScheme
{
    /// <summary>HTTP: a tunnel by CONNECT for https, the absolute form for http.</summary>
    Http,

    /// <summary>As <see cref="Http"/>, with TLS to the proxy itself.</summary>
    Https,

    /// <summary>SOCKS version 5. The proxy resolves the names, as in curl's <c>socks5h</c>.</summary>
    Socks5,
}

/// <summary>A proxy on the way to providers, as the administrator named it. Its text form never shows the password.</summary>
internal sealed record OutboundProxy
{
    /// <summary>Stands for the password wherever the address is shown.</summary>
    public const string Mask = "••••••••";

    private const int MaxLength = 2_048;

    /// <summary>A name or a password in SOCKS has one byte for its length (RFC 1929).</summary>
    private const int MaxCredential = 255;

    public required ProxyScheme Scheme { get; init; }

    public required string Host { get; init; }

    public required int Port { get; init; }

    /// <summary>Null when the proxy needs no sign-in.</summary>
    public string? User { get; init; }

    public string? Password { get; init; }

    /// <summary>Scheme, host and port: what may be shown to everybody who may know of the proxy.</summary>
    public string Address => $"{Prefix}{Authority}";

    /// <summary>As an administrator sees it: the password is masked.</summary>
    public string Shown => Write(Password is null ? null : Mask);

    /// <summary>The whole address with its password, as it is sealed; <see cref="Parse"/> reads it.</summary>
    public string Text => Write(Password is null ? null : Uri.EscapeDataString(Password));

    /// <summary>The credential as HTTP sends it (RFC 7617); null without one.</summary>
    public string? Basic => User is null ? null : "Basic " + Convert.ToBase64String(Encoding.UTF8.GetBytes($"{User}:{Password}"));

    /// <summary>The forms of the password that must not appear in a log.</summary>
    public IEnumerable<string> Secrets => string.IsNullOrEmpty(Password) ? []
        : [Password, Uri.EscapeDataString(Password), Basic![6..], Text];

    private string Prefix => Scheme switch
    {
        ProxyScheme.Http => "http://",
        ProxyScheme.Https => "https://",
        ProxyScheme.Socks5 => "socks5h://",
    };

    private string Authority => $"{(Host.Contains(':') ? $"[{Host}]" : Host)}:{Port}";

    /// <summary>
    /// Reads <c>[scheme://][user[:password]@]host[:port]</c>. Without a scheme it is http, as in curl. Everything before the last @ is the
    /// credential, percent-decoded, so that a password with special characters works whether or not it is escaped.
    /// </summary>
    /// <param name="text">What an administrator or a variable says.</param>
    /// <param name="reason">The rule it breaks, as the end of a sentence; null when it breaks none.</param>
    public static OutboundProxy? Parse(string text, out string? reason)
    {
        text = text.Trim();
        var end = text.IndexOf("://", StringComparison.Ordinal);
        ProxyScheme? scheme = end < 0 ? ProxyScheme.Http : text[..end].ToLowerInvariant() switch
        {
            "http" => ProxyScheme.Http,
            "https" => ProxyScheme.Https,
            "socks5" or "socks5h" or "socks" => ProxyScheme.Socks5,
            _ => null,
        };
        var rest = end < 0 ? text : text[(end + 3)..];
        var at = rest.LastIndexOf('@');
        var place = rest[(at + 1)..].TrimEnd('/');
        reason = scheme is null ? "starts with http://, https:// or socks5h://"
            : text.Length > MaxLength || text.Any(char.IsControl) ? "has at most 2048 characters and no control characters"
            : null;
        if (reason is not null || !ReadPlace(place, scheme!.Value, out var host, out var port))
        {
            reason ??= "names a host and a port, such as http://proxy.example:3128";
            return null;
        }

        var proxy = new OutboundProxy { Scheme = scheme.Value, Host = host, Port = port };
        proxy = at < 0 ? proxy : WithCredential(proxy, rest[..at]);
        reason = proxy.Reason();
        return reason is null ? proxy : null;
    }

    public override string ToString() => Address;

    private static OutboundProxy WithCredential(OutboundProxy proxy, string info)
    {
        var colon = info.IndexOf(':');
        return proxy with
        {
            User = Uri.UnescapeDataString(colon < 0 ? info : info[..colon]),
            Password = colon < 0 ? null : Uri.UnescapeDataString(info[(colon + 1)..]),
        };
    }

    private static bool ReadPlace(string place, ProxyScheme scheme, out string host, out int port)
    {
        var colon = place.LastIndexOf(':');
        var hasPort = colon > place.LastIndexOf(']');
        host = hasPort ? place[..colon] : place;
        var isBracketed = host.StartsWith('[') && host.EndsWith(']');
        host = isBracketed ? host[1..^1] : host;
        port = scheme switch
        {
            ProxyScheme.Http => 80,
            ProxyScheme.Https => 443,
            ProxyScheme.Socks5 => 1080,
        };
        return (Uri.CheckHostName(host) is UriHostNameType.IPv6 ? isBracketed
                : !isBracketed && Uri.CheckHostName(host) != UriHostNameType.Unknown)
            && (!hasPort || (int.TryParse(place[(colon + 1)..], NumberStyles.None, CultureInfo.InvariantCulture, out port)
                && port is >= 1 and <= 65_535));
    }

    private string? Reason()
    {
        var all = User + Password;
        return all.Any(char.IsControl) ? "has no control characters in its user name and password"
            : User?.Contains(':') == true ? "has no colon in its user name"
            : Password?.Contains(Mask[0]) == true ? "has changed: enter its password again"
            : Scheme == ProxyScheme.Socks5 && User is not null && (!Fits(User) || !Fits(Password))
                ? "has a user name and a password of 1 to 255 bytes each" : null;
    }

    private static bool Fits(string? text) => text is not null && Encoding.UTF8.GetByteCount(text) is >= 1 and <= MaxCredential;

    private string Write(string? password)
    {
        var user = User is null ? "" : Uri.EscapeDataString(User) + (password is null ? "" : ":" + password) + "@";
        return $"{Prefix}{user}{Authority}";
    }
}
