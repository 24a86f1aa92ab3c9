using System.Text;
using System.Text.Json;
using AiChat.Providers.Protocol;

namespace AiChat.Providers.Search;

/// <summary>Reads and bounds the result lists of search engines.</summary>
internal static class SearchHits
{
    public const int MaxCount = 10;

    private const int MaxTitle = 300;
    private const int MaxUrl = 2_000;

    /// <summary>The entries of a list, in its order; an entry without an address is skipped.</summary>
    public static IReadOnlyList<SearchHit> Read(JsonElement list, Func<JsonElement, string?> text)
    {
        if (list.ValueKind != JsonValueKind.Array)
        {
            return [];
        }

        var hits = new List<SearchHit>();
        foreach (var item in list.EnumerateArray())
        {
            if (item.Text("url") is { } url && hits.Count < MaxCount * 5)
            {
                hits.Add(new SearchHit(item.Text("title") ?? "", url, text(item) ?? ""));
            }
        }

        return hits;
    }

    /// <summary>
    /// At most <paramref name="limit"/> pages of these domains, each once, with plain texts of together at most <paramref name="maxText"/>
    /// characters. Only http and https addresses remain.
    /// </summary>
    public static List<SearchHit> Clean(IReadOnlyList<SearchHit> hits, int limit, IReadOnlyList<string> domains, int maxText)
    {
        limit = Math.Min(limit, MaxCount);
        var clean = new List<SearchHit>();
        var seen = new HashSet<string>(StringComparer.Ordinal);
        foreach (var hit in hits)
        {
            if (clean.Count < limit && Address(hit.Url, domains) is { } url && seen.Add(url))
            {
                clean.Add(new SearchHit(Plain(hit.Title, MaxTitle), url, Plain(hit.Text, maxText / limit)));
            }
        }

        return clean;
    }

    private static string? Address(string text, IReadOnlyList<string> domains) =>
        text.Length <= MaxUrl && Uri.TryCreate(text, UriKind.Absolute, out var url)
        && url.Scheme is "http" or "https" && url.UserInfo.Length == 0
        && (domains.Count == 0 || domains.Any(domain => IsOf(url.IdnHost, domain)))
            ? url.AbsoluteUri
            : null;

    private static bool IsOf(string host, string domain) =>
        host.Equals(domain, StringComparison.OrdinalIgnoreCase)
        || (host.EndsWith(domain, StringComparison.OrdinalIgnoreCase) && host[host.Length - domain.Length - 1] == '.');

    /// <summary>Without control characters and runs of white space.</summary>
    private static string Plain(string text, int max)
    {
        var plain = new StringBuilder();
        foreach (var c in text)
        {
            if (plain.Length >= max)
            {
                break;
            }

            if (!char.IsWhiteSpace(c) && !char.IsControl(c))
            {
                plain.Append(c);
            }
            else if (plain.Length > 0 && plain[^1] != ' ')
            {
                plain.Append(' ');
            }
        }

        if (plain.Length > 0 && char.IsHighSurrogate(plain[^1]))
        {
            plain.Length--;
        }

        return plain.ToString().TrimEnd();
    }
}
