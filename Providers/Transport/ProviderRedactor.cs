using System.Buffers;
using System.Text.RegularExpressions;

namespace AiChat.Providers.Transport;

/// <summary>Removes secrets from a provider's messages: by value, and by the shapes of known keys.</summary>
internal static partial class ProviderRedactor
{
    private const int MinSecret = 6;
    private static readonly SearchValues<char> Controls = SearchValues.Create(
        [.. Enumerable.Range(0, 32).Concat(Enumerable.Range(127, 33)).Append(0x2028).Append(0x2029).Select(code => (char)code)]);

    /// <summary>One line, without secrets and control characters, cut to what <see cref="ProviderException.Detail"/> holds.</summary>
    public static string Clean(string text, ProviderEndpoint endpoint)
    {
        text = Remove(text, endpoint.ApiKey);
        foreach (var (_, value) in endpoint.Headers)
        {
            text = Remove(text, value);
            var space = value.IndexOf(' ');
            text = space > 0 ? Remove(text, value[(space + 1)..]) : text;
        }

        text = SecretKey().Replace(text, "sk-…[redacted]");
        text = OtherKey().Replace(text, "[redacted]");
        text = Credential().Replace(text, "$1 [redacted]");
        text = Flatten(text);
        return text.Length <= ProviderException.MaxDetail ? text : text[..ProviderException.MaxDetail] + "…";
    }

    private static string Remove(string text, string? secret)
    {
        if (secret is null || secret.Length < MinSecret)
        {
            return text;
        }

        var mark = secret.StartsWith("sk-", StringComparison.Ordinal) ? "sk-…[redacted]" : "[redacted]";
        text = text.Replace(secret, mark, StringComparison.Ordinal);

        // A tenant:client:secret triple must not leak by its parts either.
        return secret.Contains(':') ? secret.Split(':').Where(part => part.Length >= MinSecret).Aggregate(text, (rest, part) =>
            rest.Replace(part, "[redacted]", StringComparison.Ordinal)) : text;
    }

    private static string Flatten(string text)
    {
        text = text.Trim();
        return !text.AsSpan().ContainsAny(Controls) ? text
            : string.Create(text.Length, text, static (target, source) => source.AsSpan().ReplaceAny(target, Controls, ' '));
    }

    [GeneratedRegex(@"sk-[A-Za-z0-9_\-*.…]{4,}")]
    private static partial Regex SecretKey();

    [GeneratedRegex(@"\b(?:AIza[A-Za-z0-9_\-]{10,}|gsk_[A-Za-z0-9]{10,}|xai-[A-Za-z0-9]{10,}|eyJ[A-Za-z0-9_\-]{10,}\.[A-Za-z0-9_\-.]+)")]
    private static partial Regex OtherKey();

    [GeneratedRegex(@"\b(Bearer|Basic) +[A-Za-z0-9_\-.~+/=*:]{4,}", RegexOptions.IgnoreCase)]
    private static partial Regex Credential();
}
