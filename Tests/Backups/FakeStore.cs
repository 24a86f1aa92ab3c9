using System.Collections.Concurrent;
using System.Globalization;
using System.Net;
using System.Security.Cryptography;
using System.Text;
using System.Text.RegularExpressions;

namespace AiChat.Tests.Backups;

/// <summary>A store that speaks as much of S3 as is used, checks what it is sent as vendors do, and fails when told to.</summary>
internal sealed partial class FakeStore : IAsyncDisposable
{
    private readonly ConcurrentDictionary<string, byte[]> _objects = new(StringComparer.Ordinal);
    private readonly Dictionary<string, SortedDictionary<int, byte[]>> _uploads = new(StringComparer.Ordinal);
    private readonly FakeUpstream _upstream;

    public FakeStore() => _upstream = FakeUpstream.Start(Answer);

    /// <summary>Answers instead of the store: a status and a body, or null to go on.</summary>
    public Func<FakeRequest, (int Status, string Body)?> Instead { get; set; } = _ => null;

    /// <summary>The secrets by which a request may be signed.</summary>
    private static readonly string[] Secrets = ["secret", "secret-CANARY"];

    public string Address => new Uri(_upstream.BaseUrl).GetLeftPart(UriPartial.Authority);

    public IReadOnlyDictionary<string, byte[]> Objects => _objects;

    public int Unfinished => _uploads.Count;

    public int Requests { get; private set; }

    /// <summary>When an object was stored, as the list tells it.</summary>
    public Func<string, DateTimeOffset> ModifiedAt { get; set; } = _ => DateTimeOffset.UtcNow;

    public void Remove(string key) => _objects.TryRemove(key, out _);

    /// <summary>Holds this from the beginning.</summary>
    public void Put(string key, byte[] content) => _objects[key] = content;

    public ValueTask DisposeAsync() => _upstream.DisposeAsync();

    private static bool IsForeign(string header) => header.ToLowerInvariant() is var name
        && (name is "transfer-encoding" or "expect"
            || (name.StartsWith("x-amz-", StringComparison.Ordinal)
                && name is not ("x-amz-date" or "x-amz-content-sha256" or "x-amz-security-token")));

    private static string Error(string code, string more = "") => $"<Error><Code>{code}</Code><Message>No.</Message>{more}</Error>";

    private async Task Answer(FakeExchange exchange)
    {
        var request = exchange.Request;
        Requests++;
        var (path, query) = request.Path.Split('?') is [var first, var second] ? (first, second) : (request.Path, "");
        var sum = request.Headers.GetValueOrDefault("x-amz-content-sha256");
        var place = request.Headers["host"].StartsWith("bucket.", StringComparison.Ordinal) ? "/bucket" + path : path;
        if (Instead(request) is { } other)
        {
            await exchange.Reply(other.Status, other.Body, "application/xml");
        }
        else if (!request.Headers.GetValueOrDefault("authorization", "").Contains(" Credential=key/", StringComparison.Ordinal))
        {
            await exchange.Reply(403, Error("InvalidAccessKeyId"), "application/xml");
        }
        else if (!Array.Exists(Secrets, secret => IsSigned(request, path, query, secret)))
        {
            await exchange.Reply(403, Error("SignatureDoesNotMatch"), "application/xml");
        }
        else if (sum != Convert.ToHexStringLower(SHA256.HashData(request.Body)))
        {
            await exchange.Reply(400, Error("XAmzContentSHA256Mismatch"), "application/xml");
        }
        else if (request.Headers.TryGetValue("content-md5", out var md5) && md5 != Convert.ToBase64String(MD5.HashData(request.Body)))
        {
            await exchange.Reply(400, Error("BadDigest"), "application/xml");
        }
        else if (request.Headers.Keys.FirstOrDefault(IsForeign) is { } header)
        {
            // As stores that know only the older part of S3 answer to checksums of their newer libraries.
            await exchange.Reply(501, Error("NotImplemented", header), "application/xml");
        }
        else if (!place.StartsWith("/bucket/", StringComparison.Ordinal))
        {
            await exchange.Reply(404, Error("NoSuchBucket"), "application/xml");
        }
        else
        {
            await Serve(exchange, Uri.UnescapeDataString(place["/bucket/".Length..]), query);
        }
    }

    /// <summary>As a store computes it, from the request as it came.</summary>
    private static bool IsSigned(FakeRequest request, string path, string query, string secret)
    {
        var match = Signed().Match(request.Headers["authorization"]);
        var (day, region, names, signature) = (match.Groups[1].Value, match.Groups[2].Value, match.Groups[3].Value, match.Groups[4].Value);
        var parameters = string.Join('&', query.Split('&', StringSplitOptions.RemoveEmptyEntries).Order(StringComparer.Ordinal));
        var canonical = string.Join('\n', [
            request.Method, path, parameters, .. names.Split(';').Select(name => $"{name}:{request.Headers[name]}"), "", names,
            request.Headers["x-amz-content-sha256"],
        ]);
        var hash = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(canonical)));
        var text = $"AWS4-HMAC-SHA256\n{request.Headers["x-amz-date"]}\n{day}/{region}/s3/aws4_request\n{hash}";
        var key = Encoding.UTF8.GetBytes("AWS4" + secret);
        foreach (var part in new[] { day, region, "s3", "aws4_request", text })
        {
            key = HMACSHA256.HashData(key, Encoding.UTF8.GetBytes(part));
        }

        return Convert.ToHexStringLower(key) == signature;
    }

    private async Task Serve(FakeExchange exchange, string key, string query)
    {
        var values = query.Split('&').Select(part => part.Split('=', 2)).ToDictionary(
            part => part[0], part => part.Length > 1 ? WebUtility.UrlDecode(part[1]) : "");
        var body = exchange.Request.Body;
        switch (exchange.Request.Method)
        {
            case "PUT" when values.TryGetValue("uploadId", out var id):
                _uploads[id][int.Parse(values["partNumber"], CultureInfo.InvariantCulture)] = body;
                await exchange.Reply(200, "", "application/xml", $"ETag: \"{Convert.ToHexStringLower(MD5.HashData(body))}\"");
                break;
            case "PUT":
                _objects[key] = body;
                await exchange.Reply(200, "", "application/xml", "ETag: \"x\"");
                break;
            case "POST" when values.ContainsKey("uploads"):
                var upload = $"{key}/upload+1&2";
                _uploads[upload] = [];
                await exchange.Reply(200, $"<R><UploadId>{WebUtility.HtmlEncode(upload)}</UploadId></R>", "application/xml");
                break;
            case "POST":
                var parts = _uploads[values["uploadId"]];
                var tags = parts.Values.Select(part => $"\"{Convert.ToHexStringLower(MD5.HashData(part))}\"");
                Assert.Equal(tags, Tag().Matches(WebUtility.HtmlDecode(Encoding.UTF8.GetString(body))).Select(tag => tag.Groups[1].Value));
                _objects[key] = [.. parts.Values.SelectMany(part => part)];
                _uploads.Remove(values["uploadId"]);
                await exchange.Reply(200, "<CompleteMultipartUploadResult/>", "application/xml");
                break;
            case "DELETE" when values.TryGetValue("uploadId", out var gone):
                _uploads.Remove(gone);
                await exchange.Reply(204, "");
                break;
            case "DELETE":
                _objects.TryRemove(key, out _);
                await exchange.Reply(204, "");
                break;
            case "GET" when values.ContainsKey("uploads"):
                var open = _uploads.Keys.Select(
                    id => $"<Upload><Key>{WebUtility.HtmlEncode(id.Split("/upload")[0])}</Key>"
                        + $"<UploadId>{WebUtility.HtmlEncode(id)}</UploadId></Upload>");
                await exchange.Reply(200, $"<R>{string.Concat(open)}</R>", "application/xml");
                break;
            case "GET" when values.ContainsKey("list-type"):
                await List(exchange, values);
                break;
            default:
                await (_objects.TryGetValue(key, out var found)
                    ? Send(exchange, found) : exchange.Reply(404, Error("NoSuchKey"), "application/xml"));
                break;
        }
    }

    /// <summary>One object a page, so that every list goes on.</summary>
    private async Task List(FakeExchange exchange, Dictionary<string, string> values)
    {
        var at = int.Parse(values.GetValueOrDefault("continuation-token", "page/0=")[5..^1], CultureInfo.InvariantCulture);
        var keys = _objects.Keys.Where(key => key.StartsWith(values["prefix"], StringComparison.Ordinal))
            .Order(StringComparer.Ordinal).ToList();
        var page = keys.Skip(at).Take(1).Select(
            key => $"<Contents><Key>{WebUtility.HtmlEncode(key)}</Key><Size>{_objects[key].Length}</Size>"
                + $"<LastModified>{ModifiedAt(key).UtcDateTime:yyyy-MM-dd'T'HH:mm:ss.fff'Z'}</LastModified></Contents>");
        var next = at + 1 < keys.Count
            ? $"<IsTruncated>true</IsTruncated><NextContinuationToken>page/{at + 1}=</NextContinuationToken>"
            : "<IsTruncated>false</IsTruncated>";
        await exchange.Reply(200, $"<ListBucketResult>{next}{string.Concat(page)}</ListBucketResult>", "application/xml");
    }

    private static async Task Send(FakeExchange exchange, byte[] bytes)
    {
        await exchange.SendRaw($"HTTP/1.1 200 OK\r\nContent-Length: {bytes.Length}\r\n\r\n");
        await exchange.SendRaw(bytes);
    }

    [GeneratedRegex("Credential=key/([0-9]{8})/([^/]+)/s3/aws4_request, SignedHeaders=([a-z0-9;-]+), Signature=([0-9a-f]{64})")]
    private static partial Regex Signed();

    [GeneratedRegex("<ETag>([^<]*)</ETag>")]
    private static partial Regex Tag();
}
