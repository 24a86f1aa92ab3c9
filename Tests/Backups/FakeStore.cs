using System.Globalization;
using System.Net;
using System.Security.Cryptography;
using System.Text;
using System.Text.RegularExpressions;

namespace AiChat.Tests.Backups;

/// <summary>A store that speaks as much of S3 as is used, checks what it is sent as vendors do, and fails when told to.</summary>
internal sealed partial class FakeStore : IAsyncDisposable
{
    private readonly Dictionary<string, byte[]> _objects = new(StringComparer.Ordinal);
    private readonly Dictionary<string, SortedDictionary<int, byte[]>> _uploads = new(StringComparer.Ordinal);
    private readonly FakeUpstream _upstream;

    public FakeStore() => _upstream = FakeUpstream.Start(Answer);

    /// <summary>Answers instead of the store: a status and a body, or null to go on.</summary>
    public Func<FakeRequest, (int Status, string Body)?> Instead { get; set; } = _ => null;

    public string Address => new Uri(_upstream.BaseUrl).GetLeftPart(UriPartial.Authority);

    public IReadOnlyDictionary<string, byte[]> Objects => _objects;

    public int Unfinished => _uploads.Count;

    public int Requests { get; private set; }

    /// <summary>Holds this from the beginning.</summary>
    public void Put(string key, byte[] content) => _objects[key] = content;

    public ValueTask DisposeAsync() => _upstream.DisposeAsync();

    private static string Error(string code, string more = "") => $"<Error><Code>{code}</Code><Message>No.</Message>{more}</Error>";

    private async Task Answer(FakeExchange exchange)
    {
        var request = exchange.Request;
        Requests++;
        var (path, query) = request.Path.Split('?') is [var first, var second] ? (first, second) : (request.Path, "");
        var sum = request.Headers.GetValueOrDefault("x-amz-content-sha256");
        if (Instead(request) is { } other)
        {
            await exchange.Reply(other.Status, other.Body, "application/xml");
        }
        else if (!request.Headers.GetValueOrDefault("authorization", "").Contains(" Credential=key/", StringComparison.Ordinal))
        {
            await exchange.Reply(403, Error("InvalidAccessKeyId"), "application/xml");
        }
        else if (sum != Convert.ToHexStringLower(SHA256.HashData(request.Body)))
        {
            await exchange.Reply(400, Error("XAmzContentSHA256Mismatch"), "application/xml");
        }
        else if (request.Headers.TryGetValue("content-md5", out var md5) && md5 != Convert.ToBase64String(MD5.HashData(request.Body)))
        {
            await exchange.Reply(400, Error("BadDigest"), "application/xml");
        }
        else if (!path.StartsWith("/bucket/", StringComparison.Ordinal))
        {
            await exchange.Reply(404, Error("NoSuchBucket"), "application/xml");
        }
        else
        {
            await Serve(exchange, path["/bucket/".Length..], query);
        }
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
                _objects.Remove(key);
                await exchange.Reply(204, "");
                break;
            case "GET" when values.ContainsKey("uploads"):
                var open = _uploads.Keys.Select(
                    id => $"<Upload><Key>{id.Split("/upload")[0]}</Key><UploadId>{WebUtility.HtmlEncode(id)}</UploadId></Upload>");
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
        var page = keys.Skip(at).Take(1).Select(key => $"<Contents><Key>{key}</Key><Size>{_objects[key].Length}</Size></Contents>");
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

    [GeneratedRegex("<ETag>([^<]*)</ETag>")]
    private static partial Regex Tag();
}
