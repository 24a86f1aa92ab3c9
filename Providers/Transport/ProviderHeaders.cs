using System.Buffers;

namespace AiChat.Providers.Transport;

/// <summary>Which extra headers and keys an administrator may set. Checked when saved and again when sent.</summary>
internal static class ProviderHeaders
{
    public const int MaxCount = 32;
    private const int MaxValueLength = 4_096;
    private const int MaxNameLength = 128;

    private static readonly SearchValues<char> TokenCharacters =
        SearchValues.Create("!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz");

    // Only this client sets framing, routing and hop-by-hop headers: a saved one could smuggle in a second request.
    private static readonly HashSet<string> Forbidden = new(StringComparer.OrdinalIgnoreCase)
    {
        "Host", "Content-Length", "Content-Type", "Content-Encoding", "Transfer-Encoding", "TE", "Trailer", "Connection", "Keep-Alive",
        "Upgrade", "Expect", "Cookie", "Cookie2", "Accept-Encoding", "HTTP2-Settings", "Forwarded",
    };

    /// <summary>Null when the header may be sent, else the reason in English.</summary>
    public static string? Validate(string name, string value)
    {
        if (name.Length is 0 or > MaxNameLength || name.AsSpan().ContainsAnyExcept(TokenCharacters))
        {
            return "A header name is 1 to 128 letters, digits or !#$%&'*+-.^_`|~.";
        }

        if (Forbidden.Contains(name) || name.StartsWith("Proxy-", StringComparison.OrdinalIgnoreCase)
            || name.StartsWith("X-Forwarded-", StringComparison.OrdinalIgnoreCase))
        {
            return $"The header {name} is set by the server itself.";
        }

        return IsSafeValue(value) ? null : "A header value is at most 4096 printable ASCII characters, without spaces at its ends.";
    }

    /// <summary>Null when the key can be sent in a header, else the reason in English.</summary>
    public static string? ValidateKey(string key) =>
        key.Length > 0 && IsSafeValue(key) && !key.Contains(' ')
            ? null : "A key is at most 4096 printable ASCII characters, without spaces.";

    private static bool IsSafeValue(string value) =>
        value.Length <= MaxValueLength && !value.AsSpan().ContainsAnyExceptInRange(' ', '~')
        && value.AsSpan().Trim(' ').Length == value.Length;
}
