using System.Net;
using System.Net.Http.Headers;
using System.Text;
using AiChat.Providers.Storage;
using AiChat.Providers.Transport;
using AiChat.Tests.Backups;
using AiChat.Tests.Chat;

namespace AiChat.Tests.Api;

/// <summary>Images in an S3-compatible store (IMAGE_STORE): what is acknowledged is there, what fails there loses nothing here.</summary>
public sealed class ImageBucketTests : IAsyncDisposable
{
    private const string SlowDown = "<Error><Code>SlowDown</Code><Message>Reduce your request rate.</Message></Error>";

    private readonly FakeStore _store = new();

    [Fact]
    public async Task An_image_is_in_the_store_before_it_is_acknowledged_and_comes_back_from_there()
    {
        await using var server = await TestServer.StartAsync(Options());
        var admin = await server.RegisterAdminAsync();
        var (url, key) = await BucketImages.Upload(admin);
        Assert.Equal(SampleImages.Png(), _store.Objects[key]);
        Assert.Equal("bytes 0-3/" + SampleImages.Png().Length, await Ranged(admin, url, "bytes=0-3"));

        foreach (var range in new[] { "bytes=1-2", "bytes=-5", "bytes=4-" })
        {
            BucketImages.Forget(server);
            Assert.Equal(HttpStatusCode.PartialContent, (await Part(admin, url, range)).StatusCode);
        }

        BucketImages.Forget(server);
        Assert.Equal(HttpStatusCode.RequestedRangeNotSatisfiable, (await Part(admin, url, "bytes=99999-")).StatusCode);
        BucketImages.Forget(server);
        var many = await Task.WhenAll(Enumerable.Range(0, 20).Select(_ => admin.GetByteArrayAsync(url)));
        Assert.All(many, one => Assert.Equal(SampleImages.Png(), one));

        await (await admin.DeleteAsync(url.Replace("/chat-images/", "/api/images/"))).Expect(HttpStatusCode.NoContent);
        await Eventually.Holds(() => !_store.Objects.ContainsKey(key));
        await (await admin.GetAsync(url)).Expect(HttpStatusCode.NotFound);
    }

    [Fact]
    public async Task Pictures_of_people_and_of_the_installation_are_there_too()
    {
        await using var server = await TestServer.StartAsync(Options());
        var admin = await server.RegisterAdminAsync();
        foreach (var (path, member) in new[] { ("settings/personal/avatar", "avatarUrl"), ("settings/logo", "logoUrl") })
        {
            using var body = new ByteArrayContent(SampleImages.Png());
            body.Headers.ContentType = new MediaTypeHeaderValue("image/png");
            var url = (await (await admin.PutAsync("/api/" + path, body)).Json()).Text(member);
            BucketImages.Forget(server);
            Assert.Equal(SampleImages.Png(), await admin.GetByteArrayAsync(url));
        }
    }

    [Fact]
    public async Task A_store_that_fails_for_a_moment_is_asked_again()
    {
        await using var server = await TestServer.StartAsync(Options());
        var admin = await server.RegisterAdminAsync();
        var failures = 2;
        _store.Instead = request => request.Method == "PUT" && Interlocked.Decrement(ref failures) >= 0 ? (503, SlowDown) : null;
        var (url, _) = await BucketImages.Upload(admin);
        BucketImages.Forget(server);
        failures = 2;
        _store.Instead = request => request.Method == "GET" && Interlocked.Decrement(ref failures) >= 0
            ? (500, "<Error><Code>InternalError</Code></Error>") : null;
        Assert.Equal(SampleImages.Png(), await admin.GetByteArrayAsync(url));
    }

    /// <summary>A reply of 404 proves that an image is gone only when the store names the key.</summary>
    [Theory]
    [InlineData(503, SlowDown)]
    [InlineData(403, "<Error><Code>RequestTimeTooSkewed</Code><ServerTime>2026-01-01T00:00:00Z</ServerTime></Error>")]
    [InlineData(403, "<Error><Code>AccessDenied</Code></Error>")]
    [InlineData(404, "<Error><Code>NoSuchBucket</Code></Error>")]
    [InlineData(404, "<html><h1>404 Not Found</h1></html>")]
    [InlineData(301, "<Error><Code>PermanentRedirect</Code><Endpoint>b.s3.eu-west-1.amazonaws.com</Endpoint></Error>")]
    [InlineData(400, "<Error><Code>AuthorizationHeaderMalformed</Code><Region>auto</Region></Error>")]
    public async Task A_store_that_refuses_is_unavailable_and_nothing_is_lost(int status, string answer)
    {
        await using var server = await TestServer.StartAsync(Options());
        var admin = await server.RegisterAdminAsync();
        var (url, key) = await BucketImages.Upload(admin);
        _store.Instead = _ => (status, answer);
        await (await admin.Upload(SampleImages.Gif())).ExpectProblem(HttpStatusCode.ServiceUnavailable, "storage_unavailable");
        Assert.Equal(SampleImages.Png(), await admin.GetByteArrayAsync(url)); // at hand
        BucketImages.Forget(server);
        await (await admin.GetAsync(url)).ExpectProblem(HttpStatusCode.ServiceUnavailable, "storage_unavailable");
        _store.Instead = _ => null;
        Assert.Equal(SampleImages.Png(), await admin.GetByteArrayAsync(url));
        Assert.DoesNotContain(_store.Objects.Keys, name => name.EndsWith(".gif", StringComparison.Ordinal));
        BucketImages.Forget(server);
        _store.Remove(key);
        await (await admin.GetAsync(url)).Expect(HttpStatusCode.NotFound);
        Assert.DoesNotContain("secret-CANARY", server.Output);
    }

    [Fact]
    public async Task An_image_whose_deletion_fails_is_deleted_later()
    {
        await using var server = await TestServer.StartAsync(Options());
        var admin = await server.RegisterAdminAsync();
        var (url, key) = await BucketImages.Upload(admin);
        var refused = new TaskCompletionSource();
        _store.Instead = request =>
        {
            if (request.Method != "DELETE")
            {
                return null;
            }

            refused.TrySetResult();
            return (403, "<Error><Code>AccessDenied</Code></Error>");
        };
        await (await admin.DeleteAsync(url.Replace("/chat-images/", "/api/images/"))).Expect(HttpStatusCode.NoContent);
        await refused.Task.WaitAsync(TimeSpan.FromSeconds(20));
        Assert.True(_store.Objects.ContainsKey(key));
        _store.Instead = _ => null;
        await server.RestartAsync();
        await Eventually.Holds(() => !_store.Objects.ContainsKey(key));
    }

    [Fact]
    public async Task A_store_that_is_another_s_or_refuses_the_key_stops_the_start_in_one_line()
    {
        _store.Put("pictures/aichat-images", "another"u8.ToArray());
        var refused = await Assert.ThrowsAsync<ServerStartException>(() => TestServer.StartAsync(Options()));
        Assert.Equal(78, refused.ExitCode);
        Assert.Contains("s3://bucket/pictures holds the images of another AiChat", refused.Message);
        foreach (var (url, told) in new[]
        {
            ($"s3://key:wrong-CANARY@bucket?endpoint={_store.Address}", "The secret is wrong"),
            ($"s3://key:secret-CANARY@other?endpoint={_store.Address}", "There is no bucket other"),
        })
        {
            refused = await Assert.ThrowsAsync<ServerStartException>(() => TestServer.StartAsync(Options(url)));
            Assert.Equal(78, refused.ExitCode);
            Assert.Contains(told, refused.Message);
            Assert.DoesNotContain("CANARY", refused.Message);
        }
    }

    [Fact]
    [Trait("Nodes", "One")] // a second server waits until it can see that they share it
    public async Task A_store_that_cannot_be_reached_lets_the_server_start_without_images()
    {
        var closed = new FakeStore();
        var address = closed.Address;
        await closed.DisposeAsync();
        await using var server = await TestServer.StartAsync(Options($"s3://key:secret-CANARY@bucket?endpoint={address}"));
        var admin = await server.RegisterAdminAsync();
        var problem = await (await admin.Upload(SampleImages.Png()))
            .ExpectProblem(HttpStatusCode.ServiceUnavailable, "storage_unavailable");
        Assert.Equal("The store of the images cannot be used now.", problem.Text("detail"));
        Assert.Equal(
            "The connection to the store broke before it answered. The store sent nothing.",
            S3Text.Said(new ProviderException(
                ProviderFailure.ConnectionLost, "The connection to the provider broke before it answered. The provider sent nothing.")));
    }

    [Fact]
    public async Task Images_of_a_folder_are_sent_when_the_store_is_named_and_the_folder_is_a_cache_from_then_on()
    {
        await using var server = await TestServer.StartAsync();
        var admin = await server.RegisterAdminAsync();
        var (url, key) = await BucketImages.Upload(admin);
        var marker = Path.Combine(server.DataDir, "images", "aichat-images");
        var owner = await File.ReadAllBytesAsync(marker);
        await server.RestartAsync(Options());
        await FileGone.WaitAsync(marker);
        Assert.Equal(SampleImages.Png(), _store.Objects[key]);
        Assert.Equal(owner, _store.Objects["pictures/aichat-images"]);
        BucketImages.Forget(server);
        Assert.Equal(SampleImages.Png(), await admin.GetByteArrayAsync(url));
    }

    [Fact]
    public async Task Objects_without_a_row_go_after_a_month_and_rows_without_an_object_at_once()
    {
        await using var server = await TestServer.StartAsync(Options());
        var admin = await server.RegisterAdminAsync();
        var (_, kept) = await BucketImages.Upload(admin);
        var (_, lost) = await BucketImages.Upload(admin);
        var (young, old) = ($"pictures/aa/aa{new string('1', 30)}.png", $"pictures/ff/ff{new string('1', 30)}.png");
        await server.StopAsync();
        _store.Put(young, [1]);
        _store.Put(old, [1]);
        _store.Put("pictures/notes.txt", [1]);
        _store.Remove(lost);
        _store.ModifiedAt = key => key == young ? DateTimeOffset.UtcNow.AddDays(-29) : DateTimeOffset.UtcNow.AddDays(-31);
        Age(server);
        await server.RestartAsync();
        await Eventually.Holds(() => !_store.Objects.ContainsKey(old) && Count(server) == 1);
        Assert.Equal(
            new[] { kept, young, "pictures/notes.txt", "pictures/aichat-images" }.Order(StringComparer.Ordinal),
            _store.Objects.Keys.Where(key => key != "pictures/aichat-shared").Order(StringComparer.Ordinal)); // a mark on PostgreSQL
    }

    [Fact]
    public async Task An_emptied_store_takes_no_row_away()
    {
        await using var server = await TestServer.StartAsync(Options());
        var admin = await server.RegisterAdminAsync();
        for (var i = 0; i < 11; i++)
        {
            _store.Remove((await BucketImages.Upload(admin)).Key);
        }

        await server.StopAsync();
        Age(server);
        var listed = new TaskCompletionSource();
        _store.Instead = request =>
        {
            if (request.Path.Contains("list-type", StringComparison.Ordinal))
            {
                listed.TrySetResult();
            }

            return null;
        };
        await server.RestartAsync();
        await listed.Task.WaitAsync(TimeSpan.FromSeconds(20));
        await server.StopAsync(); // after the round that has begun
        Assert.Equal(11, Count(server));
    }

    [Fact]
    public async Task A_model_gets_images_from_the_store_and_a_question_stays_when_they_cannot_be_had()
    {
        await using var chat = await ImageChat.StartAsync(Options());
        var session = await chat.Owner.NewSession(chat.ConnectionId);
        var image = await chat.Upload(SampleImages.Png());
        BucketImages.Forget(chat.Server);
        await (await chat.Ask(session, "look", [image])).ReadAllAsync();
        Assert.Contains(
            chat.Upstream.Exchanges,
            exchange => Encoding.UTF8.GetString(exchange.Request.Body).Contains(Convert.ToBase64String(SampleImages.Png())));

        BucketImages.Forget(chat.Server);
        _store.Instead = _ => (503, SlowDown);
        var events = await (await chat.Ask(session, "again", [])).ReadAllAsync();
        Assert.Contains(events, one => one.Event == "error");
        Assert.Contains(await chat.Owner.Messages(session), message => message.Text("content") == "again");
    }

    public ValueTask DisposeAsync() => _store.DisposeAsync();

    private TestServerOptions Options(string? url = null) => BucketImages.Options(_store, url);

    private static async Task<HttpResponseMessage> Part(HttpClient client, string url, string range)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, url);
        request.Headers.TryAddWithoutValidation("Range", range);
        return await client.SendAsync(request);
    }

    private static async Task<string> Ranged(HttpClient client, string url, string range) =>
        (await Part(client, url, range)).Content.Headers.ContentRange!.ToString();

    /// <summary>Two hours old, so that nothing is in the middle of an upload; not old enough to expire unused.</summary>
    private static void Age(TestServer server) =>
        Execute(server, $"update images set created_at = {DateTimeOffset.UtcNow.AddHours(-2).ToUnixTimeMilliseconds()}");

    private static void Execute(TestServer server, string sql)
    {
        using var connection = TestStore.Open(server.DataDir);
        using var command = connection.CreateCommand();
        command.CommandText = sql;
        command.ExecuteNonQuery();
    }

    private static long Count(TestServer server)
    {
        using var connection = TestStore.Open(server.DataDir);
        using var command = connection.CreateCommand();
        command.CommandText = "select count(*) from images";
        return Convert.ToInt64(command.ExecuteScalar());
    }
}
