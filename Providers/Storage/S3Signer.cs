using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace AiChat.Providers.Storage;

/// <summary>Signs requests as AWS Signature Version 4 does ("Signature Calculations for the Authorization Header", one chunk).</summary>
internal static class S3Signer
{
    private const string Algorithm = "AWS4-HMAC-SHA256";

    /// <summary>Of an empty body.</summary>
    public const string EmptyHash = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    /// <summary>The headers to send, the signature among them.</summary>
    /// <param name="path">The path of the request, percent-encoded.</param>
    /// <param name="query">Its parameters, sorted and percent-encoded.</param>
    /// <param name="extra">Other headers that are signed, in small letters and sorted; they stand between host and x-amz-….</param>
    public static List<KeyValuePair<string, string>> Sign(
        S3Place place, DateTimeOffset now, string method, string host, string path, string query, string payloadHash,
        IReadOnlyList<KeyValuePair<string, string>> extra)
    {
        var time = now.UtcDateTime.ToString("yyyyMMdd'T'HHmmss'Z'", CultureInfo.InvariantCulture);
        var day = time[..8];
        List<KeyValuePair<string, string>> headers =
        [
            .. extra,
            new("host", host),
            new("x-amz-content-sha256", payloadHash),
            new("x-amz-date", time),
        ];
        headers.Sort((one, other) => string.CompareOrdinal(one.Key, other.Key));
        var names = string.Join(';', headers.Select(header => header.Key));
        var canonical = string.Join(
            '\n', method, path, query, string.Concat(headers.Select(header => $"{header.Key}:{header.Value}\n")), names, payloadHash);
        var scope = $"{day}/{place.Region}/s3/aws4_request";
        var text = $"{Algorithm}\n{time}\n{scope}\n{Hex(SHA256.HashData(Encoding.UTF8.GetBytes(canonical)))}";
        var key = Encoding.UTF8.GetBytes("AWS4" + place.SecretKey);
        foreach (var part in new[] { day, place.Region, "s3", "aws4_request", text })
        {
            key = HMACSHA256.HashData(key, Encoding.UTF8.GetBytes(part));
        }

        headers.RemoveAll(header => header.Key == "host"); // the transport writes it
        headers.Add(new(
            "Authorization", $"{Algorithm} Credential={place.AccessKey}/{scope}, SignedHeaders={names}, Signature={Hex(key)}"));
        return headers;
    }

    /// <summary>A value of a query as it is signed: only unreserved characters stay.</summary>
    public static string Encode(string value) => Uri.EscapeDataString(value);

    private static string Hex(byte[] bytes) => Convert.ToHexStringLower(bytes);
}
