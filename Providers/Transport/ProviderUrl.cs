using System.Collections.Concurrent;
using System.Diagnostics.CodeAnalysis;
using System.Net;
using System.Runtime.CompilerServices;

namespace AiChat.Providers.Transport;

/// <summary>The one rule for base URLs, used when a connection is saved and trusted afterwards.</summary>
internal static class ProviderUrl
{
    private const int MaxLength = 2_048;

    // Parsed once for as long as the text or the base is alive, which is until its connection changes: all calls share the result.
    private static readonly ConditionalWeakTable<string, Uri> Stored = [];
    private static readonly ConditionalWeakTable<Uri, ConcurrentDictionary<string, Uri>> Combined = [];

    /// <summary>
    /// Canonical form of a base URL: lower-case http or https scheme and host, explicit port only when it is not the default,
    /// path without a trailing slash. User info, query, fragment, backslashes and addresses that no connection may
    /// ever reach are refused; <paramref name="reason"/> then says why, in English.
    /// </summary>
    public static bool Parse(string text, NetworkScope scope, [NotNullWhen(true)] out Uri? url, [NotNullWhen(false)] out string? reason)
    {
        url = null;
        reason = Refuse(text, out var parsed);
        if (reason is not null)
        {
            return false;
        }

        // The address is judged in the canonical form: without its trailing dot a name can turn out to be an address.
        var canonical = new Uri($"{parsed!.Scheme}://{Authority(parsed)}{parsed.AbsolutePath.TrimEnd('/')}");
        if (IPAddress.TryParse(canonical.IdnHost, out var address) && !ProviderAddress.IsAllowed(address, scope))
        {
            reason = "The address of the base URL is not allowed for this connection.";
            return false;
        }

        url = canonical;
        return true;
    }

    /// <summary>Scheme, host and port are equal: a key entered for one may be used for the other.</summary>
    public static bool SameOrigin(Uri left, Uri right) =>
        left.Scheme == right.Scheme && left.Port == right.Port
        && string.Equals(left.IdnHost, right.IdnHost, StringComparison.OrdinalIgnoreCase);

    /// <summary>The base, followed by a relative path (no leading slash) and an optional query.</summary>
    public static Uri Combine(Uri baseUrl, string path, string query = "") => query.Length > 0 ? Under(baseUrl, path + query)
        : Combined.GetValue(baseUrl, static _ => new()).GetOrAdd(path, static (path, baseUrl) => Under(baseUrl, path), baseUrl);

    /// <summary>Whether a model's id can be a segment of a path.</summary>
    /// <remarks>A segment of dots is resolved by every reader of the address, also when the dots are escaped.</remarks>
    public static bool IsSegment(string id) => id is not ("" or "." or "..") && !id.Any(char.IsControl);

    /// <summary>A model's id as one segment of a path.</summary>
    /// <exception cref="ProviderException">It cannot be one.</exception>
    public static string Segment(string id) => IsSegment(id) ? Uri.EscapeDataString(id)
        : throw new ProviderException(ProviderFailure.BadRequest, "The model's id cannot be part of an address.");

    /// <summary>A base URL as it is stored, which has passed <see cref="Parse"/>.</summary>
    public static Uri FromRow(string baseUrl) => Stored.GetValue(baseUrl, static text => new Uri(text));

    private static Uri Under(Uri baseUrl, string path) => new($"{baseUrl.AbsoluteUri.TrimEnd('/')}/{path}");

    private static string? Refuse(string text, out Uri? parsed)
    {
        parsed = null;
        // "//host" would parse as a file URL and "\" as "/": only the plain spelling of http(s) is taken.
        var isHttp = text.StartsWith("http://", StringComparison.OrdinalIgnoreCase)
            || text.StartsWith("https://", StringComparison.OrdinalIgnoreCase);
        if (text.Length > MaxLength || !isHttp || text.AsSpan().ContainsAnyExceptInRange('!', '~') || text.Contains('\\'))
        {
            return "The base URL must start with http:// or https:// and hold only plain characters.";
        }

        if (!Uri.TryCreate(text, UriKind.Absolute, out parsed) || parsed.Host.Length == 0)
        {
            return "The base URL cannot be read.";
        }

        return parsed.UserInfo.Length > 0 || text.Contains('@') || text.Contains('?') || text.Contains('#')
            ? "The base URL must not hold a user name, a query or a fragment." : null;
    }

    private static string Authority(Uri url)
    {
        // "localhost." is localhost; with the dot it would be another name to TLS and to the same-origin comparison.
        var host = url.HostNameType == UriHostNameType.IPv6 ? $"[{url.IdnHost}]" : url.IdnHost.TrimEnd('.');
        return url.IsDefaultPort ? host : $"{host}:{url.Port}";
    }
}
