using System.Security.Cryptography;
using AiChat.Providers.Storage;
using AiChat.Providers.Transport;

namespace AiChat.Tests.Backups;

/// <summary>
/// The forms in which vendors give the address of a store and names in it, and what a store that refuses is answered with: each was
/// reported of another program against AWS, R2, MinIO, Garage, B2, OSS or COS.
/// </summary>
public sealed class StoreFormsTests
{
    private const NetworkScope Anywhere = NetworkScope.External | NetworkScope.Loopback;

    /// <summary>PORT stands for the store's.</summary>
    [Theory]
    [InlineData("http://127.0.0.1:PORT", true, "aichat")]
    [InlineData("http://127.0.0.1:PORT/", true, "")]
    [InlineData("http://127.0.0.1:PORT//", true, "a/b/c")]
    [InlineData("http://127.0.0.1:PORT/bucket", true, "aichat")]
    [InlineData("http://127.0.0.1:PORT/bucket/", true, "aichat")]
    [InlineData("http://store.localhost:PORT", false, "aichat")]
    [InlineData("http://store.localhost:PORT/", false, "")]
    [InlineData("http://bucket.store.localhost:PORT/", false, "aichat")]
    [InlineData("http://127.0.0.1:PORT", true, "all of it/a+b=c & d%20e")]
    [InlineData("http://store.localhost:PORT", false, "備份/папка (1)/~it's*")]
    public async Task Each_form_of_address_and_folder_reaches_the_same_objects(string address, bool pathStyle, string prefix)
    {
        await using var store = new FakeStore();
        using var http = new ProviderHttp(TimeProvider.System);
        var client = Client(store, http, address, pathStyle, prefix);
        var content = RandomNumberGenerator.GetBytes((16 << 20) + 9); // two parts
        foreach (var count in new[] { content.Length, 100 })
        {
            await client.SendAsync($"{count}.tar", count, at => new MemoryStream(content, 0, count) { Position = at }, _ => { }, default);
        }

        var key = prefix.Length > 0 ? prefix + "/" : "";
        Assert.Equal([$"{key}100.tar", $"{key}{content.Length}.tar"], store.Objects.Keys.Order(StringComparer.Ordinal));
        Assert.Equal(content, store.Objects[$"{key}{content.Length}.tar"]);
        Assert.Equal(2, (await client.ListAsync(default)).Count);
        var read = new MemoryStream();
        Assert.True(await client.GetAsync("100.tar", piece => read.WriteAsync(piece), default));
        Assert.Equal(content[..100], read.ToArray());
        await client.DeleteAsync("100.tar", default);
        Assert.Single(store.Objects);
    }

    /// <summary>
    /// 5 GB and more: no part may be larger than 5 GiB, there are 10,000 at most, and all but the last are of one size, as R2 wants them.
    /// </summary>
    [Fact]
    public async Task A_backup_of_many_gigabytes_goes_in_equal_parts_of_which_there_are_less_than_ten_thousand()
    {
        await using var store = new FakeStore();
        using var http = new ProviderHttp(TimeProvider.System);
        var sizes = new List<long>();
        store.Instead = request =>
        {
            if (request.Path.Contains("partNumber=", StringComparison.Ordinal))
            {
                sizes.Add(request.Body.Length);
                return sizes.Count < 2 ? null : (400, "<Error><Code>EntityTooLarge</Code></Error>");
            }

            return null;
        };
        const long all = 300L << 30;
        await Assert.ThrowsAsync<ProviderException>(() => Client(store, http, store.Address, true, "").SendAsync(
            "large", all, at => new Zeros(), _ => { }, default));
        Assert.Single(sizes.Distinct());
        Assert.InRange(all / sizes[0], 1_000, 9_999);
        Assert.Equal(0, store.Unfinished);
    }

    [Theory]
    [InlineData(403, "<Error><Code>SignatureDoesNotMatch</Code></Error>", "The secret is wrong, or a proxy before the store")]
    [InlineData(403, "<Error><Code>InvalidAccessKeyId</Code></Error>", "does not know this access key")]
    [InlineData(403, "<Error><Code>AccessDenied</Code></Error>", "needs to list, read, write and delete")]
    [InlineData(403, "", "may not list, read, write and delete in the bucket bucket")]
    [InlineData(301, "<html><h1>301 Moved Permanently</h1></html>", "often https instead of http")]
    [InlineData(
        307, "<Error><Code>TemporaryRedirect</Code><Endpoint>b.s3.eu-north-1.amazonaws.com</Endpoint></Error>", "is at b.s3.eu-north-1")]
    [InlineData(400, "Client sent an HTTP request to an HTTPS server.\n", "400: Client sent an HTTP request to an HTTPS server.")]
    [InlineData(404, "<html><h1>404 Not Found</h1></html>", "seems not to be that of an S3 interface")]
    [InlineData(405, "<Error><Code>MethodNotAllowed</Code></Error>", "not that of its S3 interface")]
    [InlineData(501, "<Error><Code>NotImplemented</Code><Message>A header you provided</Message></Error>", "lacks a part of S3")]
    [InlineData(
        403, "<Error><Code>RequestTimeTooSkewed</Code><ServerTime>2026-01-02T03:04:05Z</ServerTime></Error>",
        "The store has 2026-01-02T03:04:05Z")]
    [InlineData(
        400, "<Error><Code>AuthorizationHeaderMalformed</Code><Message>unexpected scope, expected: 20260101/garage/s3</Message></Error>",
        "expected: 20260101/garage/s3. The region is wrong.")]
    [InlineData(
        400, "<Error><Code>InvalidArgument</Code><Message>Credential access key has length 20, should be 32</Message></Error>",
        "should be 32")]
    [InlineData(403, "<Error><Code>SecondLevelDomainForbidden</Code></Error>", "switch the path style off")]
    [InlineData(403, "<Error><Code>PathStyleDomainForbidden</Code></Error>", "switch the path style off")]
    public async Task A_refusal_is_told_with_what_to_do(int status, string answer, string told)
    {
        await using var store = new FakeStore { Instead = _ => (status, answer) };
        using var http = new ProviderHttp(TimeProvider.System);
        var error = await Assert.ThrowsAsync<ProviderException>(() => Client(store, http, store.Address, true, "").ListAsync(default));
        Assert.Contains(told, error.Detail);
        Assert.DoesNotContain("secret-CANARY", error.Detail);
    }

    [Fact]
    public void A_bucket_before_an_address_of_numbers_is_refused_in_words()
    {
        using var http = new ProviderHttp(TimeProvider.System);
        var error = Assert.Throws<ProviderException>(() => new S3Client(
            http,
            new S3Place("http://10.0.0.5:9000", "bucket", "us-east-1", "", "key", "secret")
            {
                PathStyle = false,
                Scope = NetworkScope.Private,
            }));
        Assert.Contains("switch the path style on", error.Detail);
    }

    /// <summary>Reported of Ceph, OBS and NooBaa: what is taken for the whole list then lacks objects, or never ends.</summary>
    [Theory]
    [InlineData("<IsTruncated>true</IsTruncated>")]
    [InlineData("<IsTruncated>true</IsTruncated><NextContinuationToken></NextContinuationToken>")]
    [InlineData("<IsTruncated>true</IsTruncated><NextContinuationToken>again</NextContinuationToken>")]
    public async Task A_list_that_goes_on_without_saying_how_is_no_list(string end)
    {
        await using var store = new FakeStore { Instead = _ => (200, $"<ListBucketResult>{end}</ListBucketResult>") };
        using var http = new ProviderHttp(TimeProvider.System);
        var error = await Assert.ThrowsAsync<ProviderException>(() => Client(store, http, store.Address, true, "").ListAsync(default));
        Assert.Equal(ProviderFailure.Protocol, error.Failure);
    }

    [Fact]
    public async Task A_key_for_some_hours_comes_with_its_token_which_is_signed_and_never_told()
    {
        await using var store = new FakeStore();
        var tokens = new List<string?>();
        store.Instead = request =>
        {
            tokens.Add(request.Headers.GetValueOrDefault("x-amz-security-token"));
            Assert.Contains(";x-amz-security-token", request.Headers["authorization"]);
            return tokens.Count > 2 ? (403, "<Error><Code>ExpiredToken</Code><Message>token-CANARY is over</Message></Error>") : null;
        };
        using var http = new ProviderHttp(TimeProvider.System);
        var place = new S3Place(store.Address, "bucket", "us-east-1", "a", "key", "secret")
        {
            SessionToken = "token-CANARY",
            Scope = Anywhere,
        };
        var client = new S3Client(http, place) { IsQuick = true };
        await client.PutAsync("one", 3, () => new MemoryStream([1, 2, 3]), default);
        var read = new MemoryStream();
        Assert.True(await client.FetchAsync("one", read, default));
        Assert.Equal([1, 2, 3], read.ToArray());
        Assert.Equal(["token-CANARY", "token-CANARY"], tokens);
        var error = await Assert.ThrowsAsync<ProviderException>(() => client.FetchAsync("one", read, default));
        Assert.DoesNotContain("CANARY", error.ToString());
    }

    private static S3Client Client(FakeStore store, ProviderHttp http, string address, bool pathStyle, string prefix) => new(
        http,
        new S3Place(address.Replace("PORT", $"{new Uri(store.Address).Port}"), "bucket", "us-east-1", prefix, "key", "secret-CANARY")
        {
            PathStyle = pathStyle,
            Scope = Anywhere,
        });

    /// <summary>As many zeros as are asked for.</summary>
    private sealed class Zeros : Stream
    {
        public override bool CanRead => true;

        public override bool CanSeek => false;

        public override bool CanWrite => false;

        public override long Length => throw new NotSupportedException();

        public override long Position { get; set; }

        public override int Read(byte[] buffer, int offset, int count)
        {
            Array.Clear(buffer, offset, count);
            return count;
        }

        public override void Flush()
        {
        }

        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

        public override void SetLength(long value) => throw new NotSupportedException();

        public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();
    }
}
