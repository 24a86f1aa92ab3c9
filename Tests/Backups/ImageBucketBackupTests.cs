using System.Net;
using AiChat.Tests.Api;
using AiChat.Tests.Chat;

namespace AiChat.Tests.Backups;

/// <summary>Backups of a server whose images are in an S3-compatible store.</summary>
[Trait("Store", "File")]
public sealed class ImageBucketBackupTests : IAsyncDisposable
{
    private readonly FakeStore _store = new();

    [Fact]
    public async Task A_backup_holds_what_only_the_store_has_and_comes_back_without_it_or_into_it()
    {
        var folder = Directory.CreateTempSubdirectory("aichat-test-").FullName;
        try
        {
            string url, key, archive;
            await using (var server = await TestServer.StartAsync(Options()))
            {
                var admin = await server.RegisterAdminAsync();
                (url, key) = await BucketImages.Upload(admin);
                BucketImages.Forget(server);
                await admin.MakeBackup();
                BucketImages.Forget(server);
                _store.Instead = request => request.Path.Contains(".png", StringComparison.Ordinal) ? (403, "") : null;
                archive = await admin.DownloadBackup((await admin.MakeBackup()).Text("name")!, folder); // from the first
            }

            _store.Instead = _ => null;
            var data = Path.Combine(folder, "data");
            Assert.Equal(0, await BackupSteps.Command(data, "restore", archive, "--yes"));
            await using (var restored = await TestServer.StartAsync(new TestServerOptions { DataDir = data }))
            {
                Assert.Equal(SampleImages.Png(), await (await LogIn(restored)).GetByteArrayAsync(url));
            }

            _store.Remove(key);
            await using var again = await TestServer.StartAsync(Options() with { DataDir = data });
            await Eventually.Holds(() => _store.Objects.ContainsKey(key));
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    public ValueTask DisposeAsync() => _store.DisposeAsync();

    private TestServerOptions Options() => BucketImages.Options(_store);

    private static async Task<HttpClient> LogIn(TestServer server)
    {
        var client = server.Client();
        await (await client.PostJson("/api/auth/login", new { username = "admin", password = TestServer.Password }))
            .Expect(HttpStatusCode.OK);
        return client;
    }
}
