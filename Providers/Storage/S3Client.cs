using System.Security.Cryptography;
using System.Text;
using AiChat.Providers.Transport;

namespace AiChat.Providers.Storage;

/// <summary>
/// Speaks to an S3-compatible store, with the few calls that every vendor has: PUT, GET, DELETE, ListObjectsV2 and multipart uploads. Each
/// body is sent with its SHA-256 and its MD5, which the store compares, instead of the checksums in trailers that only some know.
/// Failures are <see cref="ProviderException"/>, with what to do about those that are about the settings.
/// </summary>
internal sealed class S3Client(ProviderHttp http, S3Place place)
{
    /// <summary>Vendors take parts from 5 MiB, and 10,000 of them.</summary>
    private const long MinPart = 16L << 20;
    private const long MaxParts = 9_000;
    private const int MaxReply = 4 << 20;

    /// <summary>An object that somebody waits for is at most of this length, and comes or goes within these limits.</summary>
    private static readonly ChatTimeouts Quick = new()
    {
        Connect = TimeSpan.FromSeconds(3),
        FirstByte = TimeSpan.FromSeconds(20),
        Idle = TimeSpan.FromSeconds(20),
        ReasoningIdle = TimeSpan.FromSeconds(20),
        Total = TimeSpan.FromMinutes(2),
    };

    private static readonly ChatTimeouts Patient = new()
    {
        FirstByte = TimeSpan.FromMinutes(10),
        Idle = TimeSpan.FromSeconds(90),
        ReasoningIdle = TimeSpan.FromSeconds(90),
        Total = TimeSpan.FromHours(24),
    };

    private readonly Uri _base = BaseOf(place);
    private readonly (int Attempts, TimeSpan Pause, ChatTimeouts Limits) _patience = (4, TimeSpan.FromSeconds(1), Patient);

    /// <summary>Somebody waits for each call, so it is given up after seconds.</summary>
    public bool IsQuick
    {
        init => _patience = value ? (3, TimeSpan.FromMilliseconds(300), Quick) : _patience;
    }

    /// <summary>Sends an object, in parts when it is large; afterwards the store lists it with its size.</summary>
    /// <param name="openAt">Opens the bytes from an offset on; called twice for each part.</param>
    /// <param name="progress">Told the share that is done.</param>
    public async Task SendAsync(string name, long length, Func<long, Stream> openAt, Action<double> progress, CancellationToken cancel)
    {
        if (length <= MinPart)
        {
            await RetryAsync(async () => await PutAsync(name, "", length, () => openAt(0), cancel), cancel);
        }
        else
        {
            await SendPartsAsync(name, length, openAt, progress, cancel);
        }

        var sent = (await ListAsync(cancel)).FirstOrDefault(one => one.Name == name);
        if (sent?.Bytes != length)
        {
            throw new ProviderException(
                ProviderFailure.Protocol,
                $"After the upload the store has {sent?.Bytes.ToString() ?? "no"} bytes of {name}, not {length}.");
        }
    }

    /// <summary>Sends a small object, which is durable in the store afterwards.</summary>
    /// <param name="open">Opens its bytes; called twice for each attempt.</param>
    public Task PutAsync(string name, long length, Func<Stream> open, CancellationToken cancel) =>
        RetryAsync(() => PutAsync(name, "", length, open, cancel), cancel);

    /// <summary>Writes a small object into an empty stream; false when there is none.</summary>
    public async Task<bool> FetchAsync(string name, Stream to, CancellationToken cancel)
    {
        var found = await RetryAsync(async () =>
        {
            to.SetLength(0);
            return await GetAsync(name, piece => to.WriteAsync(piece, cancel), cancel) ? name : "";
        }, cancel);
        return found.Length > 0;
    }

    /// <summary>
    /// Hands on the bytes of an object; false when there is none. Another reply of 404 proves nothing: a bucket that is gone, a proxy that
    /// knows no such path.
    /// </summary>
    public async Task<bool> GetAsync(string name, Func<ReadOnlyMemory<byte>, ValueTask> write, CancellationToken cancel)
    {
        await using var reply = await CallAsync("GET", name, "", null, S3Signer.EmptyHash, [], cancel);
        if (reply.Status == 404 && await ReadErrorAsync(reply) is var (code, body))
        {
            return code is "NoSuchKey" or "NoSuchObject" ? false : throw Failed(404, code, body);
        }

        await RequireAsync(reply);
        await reply.CopyToAsync(write);
        return true;
    }

    public Task DeleteAsync(string name, CancellationToken cancel) => RetryAsync(async () =>
    {
        await using var reply = await CallAsync("DELETE", name, "", null, S3Signer.EmptyHash, [], cancel);
        if (reply.Status != 404)
        {
            await RequireAsync(reply);
        }

        await reply.DrainAsync();
        return "";
    }, cancel);

    /// <summary>All objects directly in the folder.</summary>
    public async Task<List<S3Object>> ListAsync(CancellationToken cancel)
    {
        List<S3Object> found = [];
        await ReadListAsync(page =>
        {
            found.AddRange(page.Where(one => !one.Name.Contains('/')));
            return Task.CompletedTask;
        }, cancel);
        return found;
    }

    /// <summary>Hands on all objects in the folder and below it, page by page.</summary>
    public async Task ReadListAsync(Func<List<S3Object>, Task> take, CancellationToken cancel)
    {
        var prefix = place.Prefix.Length > 0 ? place.Prefix + "/" : "";
        string? next = null;
        do
        {
            var query = (next is null ? "" : $"continuation-token={S3Signer.Encode(next)}&")
                + $"list-type=2&max-keys=1000&prefix={S3Signer.Encode(prefix)}";
            var xml = await RetryAsync(() => TextAsync("GET", "", query, null, cancel), cancel);
            await take(
            [
                .. from one in S3Text.Objects(xml)
                where one.Name.StartsWith(prefix, StringComparison.Ordinal)
                select one with { Name = one.Name[prefix.Length..] },
            ]);
            var before = next;
            next = S3Text.First(xml, "IsTruncated") == "true" ? S3Text.First(xml, "NextContinuationToken") ?? "" : null;
            if (next is not null && (next.Length == 0 || next == before))
            {
                throw new ProviderException(ProviderFailure.Protocol, "The store's list goes on, and the store does not say how.");
            }
        }
        while (next is not null);
    }

    /// <summary>Gives up uploads that an interrupted process left, whose parts cost money and are not listed.</summary>
    public async Task AbortUploadsAsync(CancellationToken cancel)
    {
        var prefix = place.Prefix.Length > 0 ? place.Prefix + "/" : "";
        var xml = await TextAsync("GET", "", $"prefix={S3Signer.Encode(prefix)}&uploads=", null, cancel);
        foreach (var upload in S3Text.All(xml, "Upload", raw: true))
        {
            if (S3Text.First(upload, "Key") is { } key && key.StartsWith(prefix, StringComparison.Ordinal)
                && S3Text.First(upload, "UploadId") is { } id)
            {
                await AbortAsync(key[prefix.Length..], id, cancel);
            }
        }
    }

    private static Uri BaseOf(S3Place place)
    {
        if (!ProviderUrl.Parse(place.Endpoint, place.Scope, out var url, out var reason))
        {
            throw new ProviderException(ProviderFailure.Blocked, reason);
        }

        // Vendors' pages show the address with the bucket in it, in one form or the other.
        if (place.PathStyle)
        {
            var address = url.AbsoluteUri.TrimEnd('/');
            return new Uri(address.EndsWith($"/{place.Bucket}", StringComparison.Ordinal) ? address : $"{address}/{place.Bucket}");
        }

        if (url.HostNameType != UriHostNameType.Dns)
        {
            throw new ProviderException(
                ProviderFailure.Blocked,
                $"The bucket cannot stand before {url.Host}, which is no name: switch the path style on, or give the store's name.");
        }

        return url.Host.StartsWith(place.Bucket + ".", StringComparison.OrdinalIgnoreCase)
            ? url
            : new UriBuilder(url) { Host = $"{place.Bucket}.{url.Host}" }.Uri;
    }

    private static ReadOnlyMemory<byte> Utf8(string text) => Encoding.UTF8.GetBytes(text);

    private async Task SendPartsAsync(
        string name, long length, Func<long, Stream> openAt, Action<double> progress, CancellationToken cancel)
    {
        var begun = await RetryAsync(() => TextAsync("POST", name, "uploads=", "", cancel), cancel);
        var id = S3Text.First(begun, "UploadId")
            ?? throw new ProviderException(ProviderFailure.Protocol, "The store began no upload: its answer names none.");
        try
        {
            var size = Math.Max(MinPart, ((length / MaxParts) + (1L << 20)) >> 20 << 20);
            var tags = new StringBuilder();
            for (long at = 0, number = 1; at < length; at += size, number++)
            {
                var (from, count, part) = (at, Math.Min(size, length - at), number);
                var query = $"partNumber={part}&uploadId={S3Signer.Encode(id)}";
                var tag = await RetryAsync(() => PutAsync(name, query, count, () => openAt(from), cancel), cancel);
                var plain = tag.Replace("\"", "&quot;", StringComparison.Ordinal);
                tags.Append($"<Part><PartNumber>{part}</PartNumber><ETag>{plain}</ETag></Part>");
                progress((double)(from + count) / length);
            }

            var list = $"<CompleteMultipartUpload>{tags}</CompleteMultipartUpload>";
            var done = await RetryAsync(() => TextAsync("POST", name, $"uploadId={S3Signer.Encode(id)}", list, cancel), cancel);
            if (S3Text.First(done, "Code") is { } code)
            {
                throw Failed(200, code, done); // a status of 200 was sent before it failed
            }
        }
        catch
        {
            await AbortAsync(name, id, CancellationToken.None);
            throw;
        }
    }

    private async Task AbortAsync(string name, string id, CancellationToken cancel)
    {
        try
        {
            await using var reply = await CallAsync(
                "DELETE", name, $"uploadId={S3Signer.Encode(id)}", null, S3Signer.EmptyHash, [], cancel);
            await reply.DrainAsync();
        }
        catch (ProviderException)
        {
            // What remains is given up before the next upload.
        }
    }

    /// <returns>The entity tag.</returns>
    private async Task<string> PutAsync(string name, string query, long length, Func<Stream> open, CancellationToken cancel)
    {
        var (sha256, md5) = await HashAsync(open, length, cancel);
        await using var reply = await CallAsync(
            "PUT", name, query, ProviderBody.OfStream(length, open), sha256, [new("content-md5", md5)], cancel);
        await RequireAsync(reply);
        await reply.DrainAsync();
        return reply.Tag;
    }

    private static async Task<(string Sha256, string Md5)> HashAsync(Func<Stream> open, long length, CancellationToken cancel)
    {
        using var sha256 = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        using var md5 = IncrementalHash.CreateHash(HashAlgorithmName.MD5);
        await using var stream = open();
        var buffer = new byte[64 * 1024];
        for (var left = length; left > 0;)
        {
            var count = await stream.ReadAsync(buffer.AsMemory(0, (int)Math.Min(left, buffer.Length)), cancel);
            if (count == 0)
            {
                throw new IOException("A file became shorter while it was sent.");
            }

            sha256.AppendData(buffer, 0, count);
            md5.AppendData(buffer, 0, count);
            left -= count;
            await Task.Yield(); // requests have priority
        }

        return (Convert.ToHexStringLower(sha256.GetHashAndReset()), Convert.ToBase64String(md5.GetHashAndReset()));
    }

    private async Task<string> TextAsync(string method, string name, string query, string? body, CancellationToken cancel)
    {
        var bytes = body is null ? default : Utf8(body);
        var hash = body is null ? S3Signer.EmptyHash : Convert.ToHexStringLower(SHA256.HashData(bytes.Span));
        await using var reply = await CallAsync(
            method, name, query, body is null ? null : new ProviderBody(bytes, []), hash, [], cancel);
        await RequireAsync(reply);
        return Encoding.UTF8.GetString((await reply.ReadAllAsync(MaxReply)).Span);
    }

    private Task<ProviderReply> CallAsync(
        string method, string name, string query, ProviderBody? body, string hash, IReadOnlyList<KeyValuePair<string, string>> extra,
        CancellationToken cancel)
    {
        var key = name.Length == 0 || place.Prefix.Length == 0 ? name : $"{place.Prefix}/{name}";
        var path = $"{_base.AbsolutePath.TrimEnd('/')}/{string.Join('/', key.Split('/').Select(S3Signer.Encode))}";
        var host = _base.IsDefaultPort ? _base.IdnHost : $"{_base.IdnHost}:{_base.Port}";
        if (_base.HostNameType == UriHostNameType.IPv6)
        {
            host = _base.IsDefaultPort ? $"[{_base.IdnHost}]" : $"[{_base.IdnHost}]:{_base.Port}";
        }

        var url = new Uri($"{_base.GetLeftPart(UriPartial.Authority)}{path}{(query.Length > 0 ? "?" + query : "")}");
        var endpoint = new ProviderEndpoint
        {
            ConnectionId = place.PoolId,
            Provider = "s3",
            BaseUrl = _base,
            Scope = place.Scope,
            Proxies = place.Proxies,
        };
        return http.SendAsync(
            new ProviderCall(endpoint, url)
            {
                Method = method,
                Body = body,
                MediaType = "application/octet-stream",
                Headers = S3Signer.Sign(
                    place, http.Time.GetUtcNow(), method, host, url.AbsolutePath, query, hash,
                    place.SessionToken is { } token ? [.. extra, new("x-amz-security-token", token)] : extra),
                Timeouts = _patience.Limits,
                TakesAnyStatus = true,
            },
            cancel);
    }

    private async Task RequireAsync(ProviderReply reply)
    {
        if (reply.Status is >= 200 and < 300)
        {
            return;
        }

        var (code, body) = await ReadErrorAsync(reply);
        throw Failed(reply.Status, code, body);
    }

    private static async Task<(string Code, string Body)> ReadErrorAsync(ProviderReply reply)
    {
        var body = "";
        try
        {
            body = Encoding.UTF8.GetString((await reply.ReadAllAsync(ProviderErrors.MaxBody, cut: true)).Span);
        }
        catch (ProviderException)
        {
            // The status alone says enough.
        }

        return (S3Text.First(body, "Code") ?? "", body);
    }

    private ProviderException Failed(int status, string code, string body)
    {
        var advice = S3Text.Advice(status, code, body, place);
        var message = S3Text.First(body, "Message") ?? (body.Contains('<') ? "" : body.Trim()); // a proxy may answer in plain words
        var said = string.Concat(message.Take(300).Where(letter => !char.IsControl(letter)));
        var detail = $"The store answered {status}{(code.Length > 0 ? " " + code : "")}"
            + (said.Length > 0 ? $": {said.TrimEnd('.')}." : ".")
            + (advice.Length > 0 ? " " + advice : "");
        var failure = status is 401 or 403 ? ProviderFailure.Unauthorized
            : status == 429 || code == "SlowDown" ? ProviderFailure.RateLimited
            : status is >= 300 and < 400 ? ProviderFailure.Redirected
            : status is >= 500 or 408 || code is "InternalError" or "RequestTimeout" or "OperationAborted" ? ProviderFailure.ServerError
            : ProviderFailure.BadRequest;
        return new ProviderException(failure, Hide(Hide(detail, place.SecretKey), place.SessionToken), null, status);
    }

    private static string Hide(string text, string? secret) =>
        string.IsNullOrEmpty(secret) ? text : text.Replace(secret, "…", StringComparison.Ordinal);

    private async Task<string> RetryAsync(Func<Task<string>> call, CancellationToken cancel)
    {
        var pause = _patience.Pause;
        for (var attempt = 1; ; attempt++)
        {
            try
            {
                return await call();
            }
            catch (ProviderException error)
                when (attempt < _patience.Attempts && (error.IsTransient || error.Failure is ProviderFailure.WriteTimeout))
            {
                await Task.Delay(pause, http.Time, cancel);
                pause *= 2;
            }
        }
    }
}
