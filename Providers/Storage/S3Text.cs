using System.Globalization;
using System.Net;
using AiChat.Providers.Transport;

namespace AiChat.Providers.Storage;

/// <summary>
/// Reads the XML of S3's replies, which is flat: elements with a text, in lists of one kind. Anything else is left out.
/// </summary>
internal static class S3Text
{
    /// <summary>What a failed call says; what calls to providers say names the store.</summary>
    public static string Said(ProviderException error) => error.Detail.Replace("The provider", "The store", StringComparison.Ordinal)
        .Replace("the provider", "the store", StringComparison.Ordinal);

    /// <summary>The text of the first element of this name; null when there is none.</summary>
    public static string? First(string xml, string name) => All(xml, name).FirstOrDefault();

    /// <summary>The contents of all elements of this name, as they stand there or decoded.</summary>
    public static IEnumerable<string> All(string xml, string name, bool raw = false)
    {
        for (var at = 0; ;)
        {
            var open = xml.IndexOf($"<{name}", at, StringComparison.Ordinal);
            if (open < 0)
            {
                yield break;
            }

            at = open + name.Length + 1;
            if (at >= xml.Length || xml[at] is not ('>' or ' '))
            {
                continue; // a longer name that begins alike
            }

            var from = xml.IndexOf('>', at) + 1;
            var to = from == 0 ? -1 : xml.IndexOf($"</{name}>", from, StringComparison.Ordinal);
            if (to < 0)
            {
                yield break;
            }

            yield return raw ? xml[from..to] : WebUtility.HtmlDecode(xml[from..to]);
            at = to;
        }
    }

    /// <summary>The objects of a page of a list.</summary>
    /// <returns>With their whole keys. One without a time that can be read counts as new.</returns>
    public static IEnumerable<S3Object> Objects(string xml) =>
        from entry in All(xml, "Contents", raw: true)
        let key = First(entry, "Key")
        where key is not null
        let size = long.TryParse(First(entry, "Size"), NumberStyles.None, CultureInfo.InvariantCulture, out var bytes) ? bytes : 0
        select new S3Object(key, size)
        {
            ModifiedAt = DateTimeOffset.TryParse(
                First(entry, "LastModified"), CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var at)
                ? at : DateTimeOffset.MaxValue,
        };

    /// <summary>What an administrator should do about an error of a store.</summary>
    public static string Advice(int status, string code, string xml, S3Place place) => code switch
    {
        "SignatureDoesNotMatch" => "The secret is wrong, or a proxy before the store changes the host, the path or the headers.",
        "InvalidAccessKeyId" or "InvalidAccessKey" => "The store does not know this access key.",
        "AccessDenied" or "AllAccessDisabled" or "UnauthorizedAccess" =>
            $"The key may not do this in the bucket {place.Bucket}: it needs to list, read, write and delete there.",
        "NoSuchBucket" => $"There is no bucket {place.Bucket} there. Create it, or correct its name or region.",
        "AuthorizationHeaderMalformed" or "IllegalLocationConstraintException" or "InvalidRegion" =>
            First(xml, "Region") is { } region ? $"The region is {region}." : "The region is wrong.",
        "PermanentRedirect" or "TemporaryRedirect" or "Redirect" =>
            First(xml, "Endpoint") is { } endpoint ? $"The bucket is at {endpoint}." : "The bucket is at another address.",
        "SecondLevelDomainForbidden" or "PathStyleDomainForbidden" or "VirtualHostRequired" =>
            "This store wants the bucket in the name of the host: switch the path style off.",
        "RequestTimeTooSkewed" or "RequestExpired" =>
            "The clocks differ: correct the time of this server."
                + (First(xml, "ServerTime") is { } time ? $" The store has {time}." : ""),
        "NotImplemented" or "MethodNotAllowed" =>
            "This store lacks a part of S3 that is needed, or the address is not that of its S3 interface.",
        "EntityTooLarge" or "QuotaExceeded" or "InsufficientStorage" or "XMinioStorageFull" or "StorageQuotaExceeded" =>
            "The store is full, or takes no object of this size.",
        "" when status is >= 300 and < 400 =>
            "The address redirects: give the one it leads to, often https instead of http.",
        "" when status is 403 => $"The key is wrong, or may not list, read, write and delete in the bucket {place.Bucket}.",
        "" when status is 404 or 405 => "The address seems not to be that of an S3 interface.",
        _ => "",
    };
}
