using AiChat.Providers.Storage;
using AiChat.Providers.Transport;

namespace AiChat.Endpoints.Variables;

/// <summary>
/// What an IMAGE_STORE names: s3://bucket/folder, with the key before the bucket or in variables of its own, and what else there is to say
/// behind a question mark.
/// </summary>
internal static class ImageStoreUrl
{
    private const string Scheme = "s3://";
    private const string Rule = "is an address such as s3://bucket/folder?endpoint=https://s3.example.org&region=us-east-1";

    /// <summary>Of the pools of connections, apart from those of providers, web search, backups and nodes.</summary>
    private const long Pool = -2_900;

    /// <summary>The place, with empty keys where the address holds none; or the rule that is broken.</summary>
    public static S3Place? Read(string text, out string? broken)
    {
        broken = Rule;
        if (!text.StartsWith(Scheme, StringComparison.OrdinalIgnoreCase))
        {
            return null;
        }

        var (rest, query) = text[Scheme.Length..].Split('?', 2) is [var before, var after] ? (before, after) : (text[Scheme.Length..], "");

        // Many secrets hold a slash, which belongs into an address as %2F and is copied as it is.
        var at = rest.LastIndexOf('@');
        var key = at < 0 ? [] : rest[..at].Split(':', 2);
        var (bucket, folder) = rest[(at + 1)..].Split('/', 2) is [var first, var second] ? (first, second) : (rest[(at + 1)..], "");
        folder = Uri.UnescapeDataString(folder).Trim('/');
        if (bucket.Length is < 1 or > 63 || !bucket.All(IsOfName)
            || folder.Length > 200 || folder.Any(char.IsControl) || folder.Contains("//")
            || folder.Split('/').Any(part => part is "." or "..")
            || (key.Length > 0 && (key.Length != 2 || key.Any(part => part.Length == 0))))
        {
            return null;
        }

        string? endpoint = null, region = null, style = null;
        foreach (var pair in query.Split('&', StringSplitOptions.RemoveEmptyEntries))
        {
            var (name, value) = pair.Split('=', 2) is [var left, var right] ? (left, Uri.UnescapeDataString(right)) : (pair, "");
            switch (name)
            {
                case "endpoint" when value.Length > 0: endpoint = value; break;
                case "region" when value.Length > 0 && value.All(IsOfName): region = value; break;
                case "style" when value is "path" or "host": style = value; break;
                default:
                    broken = "takes endpoint=https://…, region=… and style=path or style=host behind the question mark, nothing else";
                    return null;
            }
        }

        var place = new S3Place(
            endpoint ?? $"https://s3.{region ?? "us-east-1"}.amazonaws.com", bucket, region ?? "us-east-1", folder,
            key.Length > 0 ? Uri.UnescapeDataString(key[0]) : "", key.Length > 0 ? Uri.UnescapeDataString(key[1]) : "")
        {
            // The operator says where it is, who may also write a store of the own machine or network.
            Scope = NetworkScope.External | NetworkScope.Loopback | NetworkScope.Private,
            PathStyle = style is null ? endpoint is not null : style == "path",
            PoolId = Pool,
        };
        broken = !ProviderUrl.Parse(place.Endpoint, place.Scope, out var url, out var reason)
            ? $"names an endpoint that cannot be used: {reason.TrimEnd('.')}"
            : !place.PathStyle && url.HostNameType != UriHostNameType.Dns ? "needs an endpoint with a name for style=host" : null;
        return broken is null ? place : null;
    }

    private static bool IsOfName(char c) => char.IsAsciiLetterOrDigit(c) || c is '-' or '.' or '_';

    /// <summary>The text without the key.</summary>
    public static string Shown(string text)
    {
        var end = text.IndexOf('?') is >= 0 and var query ? query : text.Length;
        return text[..end].LastIndexOf('@') is >= 0 and var at ? Scheme + text[(at + 1)..] : text;
    }
}
