using System.Net;
using System.Security.Cryptography;
using AiChat.Providers.Storage;
using AiChat.Providers.Transport;
using AiChat.Tests.Chat;
using Microsoft.Extensions.Time.Testing;

namespace AiChat.Tests.Backups;

/// <summary>Backups in an S3-compatible store: sent, listed, pruned, restored; and what a store that refuses is told about.</summary>
[Trait("Store", "File")]
public sealed class RemoteBackupTests : IDisposable
{
    private const string Prefix = "aichat/";

    private readonly string _folder = Directory.CreateTempSubdirectory("aichat-test-").FullName;

    [Fact]
    public async Task A_backup_is_sent_listed_restored_and_deleted_elsewhere()
    {
        await using var store = new FakeStore();
        string name;
        long session;
        await using (var server = await TestServer.StartAsync())
        {
            var admin = await server.RegisterAdminAsync();
            await Configure(admin, store);
            Assert.True((await (await admin.PostJson("/api/backups/remote/test", new { })).Json()).GetProperty("ok").GetBoolean());
            Assert.Empty(store.Objects);
            session = await admin.Chat("Kept elsewhere too?");
            name = (await admin.MakeBackup()).Text("name")!;
            await Eventually.Holds(() => store.Objects.ContainsKey($"{Prefix}{name}.tar"));
            await Eventually.Holds(async () => (await admin.GetJson("/api/backups")).GetProperty("items")[0].Text("status") == "done");
            var item = (await admin.GetJson("/api/backups")).GetProperty("items")[0];
            Assert.True(item.GetProperty("local").GetBoolean() && item.GetProperty("remote").GetBoolean());

            // The folder is lost; the list, the download and the deletion go on with what the store has.
            Directory.Delete(Path.Combine(server.DataDir, "backups", name), recursive: true);
            item = (await admin.GetJson("/api/backups?refresh=true")).GetProperty("items")[0];
            Assert.Equal(
                (name, false, true),
                (item.Text("name"), item.GetProperty("local").GetBoolean(), item.GetProperty("remote").GetBoolean()));
            Assert.Equal(store.Objects[$"{Prefix}{name}.tar"], await admin.GetByteArrayAsync($"/api/backups/{name}"));
        }

        var fresh = Path.Combine(_folder, "fresh");
        var variables = Path.Combine(_folder, "variables");
        await File.WriteAllLinesAsync(variables, [
            $"BACKUP_S3_ENDPOINT={store.Address}", "BACKUP_S3_BUCKET=bucket", "BACKUP_S3_ACCESS_KEY=key",
            "BACKUP_S3_SECRET_KEY=secret-CANARY", "BACKUP_S3_LOCAL=true",
        ]);
        Assert.Equal(0, await BackupSteps.Command(fresh, "restore", "s3:latest", "--yes", "--env-file", variables));
        await using var restored = await TestServer.StartAsync(new TestServerOptions { DataDir = fresh });
        var browser = restored.Client();
        await (await browser.PostJson("/api/auth/login", new { username = "admin", password = TestServer.Password }))
            .Expect(HttpStatusCode.OK);
        Assert.Equal("Kept elsewhere too?", (await browser.Messages(session))[0].Text("content"));
        await browser.GetJson("/api/backups?refresh=true");
        await (await browser.DeleteAsync($"/api/backups/{name}")).Expect(HttpStatusCode.NotFound); // this one has no secret of the store
        Assert.Equal([$"{Prefix}{name}.tar", $"{Prefix}aichat-installation.txt"], store.Objects.Keys.Order(StringComparer.Ordinal));
    }

    /// <summary>
    /// Two servers with the same folder in a bucket: by default both make a backup in the same second of the night, and each would take
    /// the other's for its own old ones.
    /// </summary>
    [Fact]
    public async Task A_folder_with_the_backups_of_another_installation_is_left_alone_and_told()
    {
        await using var store = new FakeStore();
        await using var first = await TestServer.StartAsync();
        var admin = await first.RegisterAdminAsync();
        await Configure(admin, store);
        await admin.MakeBackup();
        var held = store.Objects.Keys.ToList();

        await using var second = await TestServer.StartAsync();
        var other = await second.RegisterAdminAsync();
        await Configure(other, store);
        var tested = await (await other.PostJson("/api/backups/remote/test", new { })).Json();
        Assert.Contains("another installation", tested.Text("detail"));
        await other.MakeBackup();
        var failure = (await other.GetJson("/api/backups")).GetProperty("lastFailure").Text("reason");
        Assert.Contains("Choose another folder", failure);
        Assert.Equal(held, store.Objects.Keys);

        await other.PatchJson("/api/settings/system", new { backupS3Prefix = "second" });
        await other.MakeBackup();
        Assert.False((await other.GetJson("/api/backups")).TryGetProperty("lastFailure", out _));
        Assert.Equal(held.Count * 2, store.Objects.Count);
        await admin.MakeBackup();
        var listed = await admin.GetJson("/api/backups");
        Assert.False(listed.TryGetProperty("lastFailure", out var failed), failed.ToString());
    }

    [Fact]
    public async Task A_store_that_refuses_is_a_failure_that_keeps_the_backup_here()
    {
        await using var store = new FakeStore();
        await using var server = await TestServer.StartAsync();
        var admin = await server.RegisterAdminAsync();
        await Configure(admin, store);
        foreach (var (answer, advice) in new[]
        {
            ((403, "<Error><Code>SignatureDoesNotMatch</Code></Error>"), "secret is wrong"),
            ((403, "<Error><Code>AccessDenied</Code></Error>"), "needs to list, read, write and delete"),
            ((404, "<Error><Code>NoSuchBucket</Code></Error>"), "no bucket bucket"),
            ((400, "<Error><Code>AuthorizationHeaderMalformed</Code><Region>eu-west-1</Region></Error>"), "The region is eu-west-1."),
            ((301, "<Error><Code>PermanentRedirect</Code><Endpoint>b.s3.eu-west-1.amazonaws.com</Endpoint></Error>"), "b.s3.eu-west-1"),
            ((403, "<Error><Code>SecondLevelDomainForbidden</Code></Error>"), "switch the path style off"),
            ((403, "<Error><Code>RequestTimeTooSkewed</Code></Error>"), "correct the time"),
            ((507, "<Error><Code>XMinioStorageFull</Code></Error>"), "full"),
            ((200, "<html>captive portal</html>"), "the store has no bytes"),
        })
        {
            store.Instead = _ => answer;
            var result = await (await admin.PostJson("/api/backups/remote/test", new { })).Json();
            Assert.False(result.GetProperty("ok").GetBoolean());
            Assert.Contains(advice, result.Text("detail"));
        }

        store.Instead = _ => (403, "<Error><Code>AccessDenied</Code></Error>");
        var made = await admin.MakeBackup();
        Assert.Equal("done", made.Text("status"));
        var list = await admin.GetJson("/api/backups");
        Assert.Contains("not sent", list.GetProperty("lastFailure").Text("reason"));
        Assert.Contains("\naichat_backup_failures_total 1\n", await admin.GetStringAsync("/metrics"));
        store.Instead = _ => null;
        await admin.MakeBackup();
        await Eventually.Holds(async () => !(await admin.GetJson("/api/backups")).TryGetProperty("lastFailure", out _));
    }

    [Fact]
    public async Task A_large_object_goes_in_parts_that_are_repeated_when_they_fail()
    {
        await using var store = new FakeStore();
        using var http = new ProviderHttp(TimeProvider.System);
        var client = new S3Client(http, new S3Place(store.Address, "bucket", "auto", "deep/prefix", "key", "secret")
        {
            Scope = NetworkScope.External | NetworkScope.Loopback,
        });
        var content = RandomNumberGenerator.GetBytes((33 << 20) + 7);
        var failures = 1;
        store.Instead = request => request.Path.Contains("partNumber=2") && failures-- > 0
            ? (503, "<Error><Code>SlowDown</Code></Error>") : null;
        var shares = new List<double>();
        await client.SendAsync(
            "large", content.Length, at => new MemoryStream(content) { Position = at }, shares.Add, CancellationToken.None);
        Assert.Equal(content, store.Objects["deep/prefix/large"]);
        Assert.Equal([16d * (1 << 20) / content.Length, 32d * (1 << 20) / content.Length, 1], shares);
        Assert.Equal(0, store.Unfinished);

        // A part that cannot be sent leaves no unfinished upload behind, and a success that carries an error is none.
        store.Instead = request => request.Path.Contains("partNumber=2") ? (400, "<Error><Code>EntityTooLarge</Code></Error>") : null;
        await Assert.ThrowsAsync<ProviderException>(() => client.SendAsync(
            "second", content.Length, at => new MemoryStream(content) { Position = at }, _ => { }, CancellationToken.None));
        store.Instead = request => request.Method == "POST" && request.Path.Contains("uploadId")
            ? (200, "<Error><Code>InternalServerProblem</Code></Error>") : null;
        await Assert.ThrowsAsync<ProviderException>(() => client.SendAsync(
            "third", content.Length, at => new MemoryStream(content) { Position = at }, _ => { }, CancellationToken.None));
        Assert.Equal(0, store.Unfinished);
        Assert.Equal(["large"], (await client.ListAsync(CancellationToken.None)).Select(one => one.Name));
    }

    /// <summary>The examples of "Authenticating Requests: Using the Authorization Header (AWS Signature Version 4)".</summary>
    [Theory]
    [InlineData("lifecycle=", "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543")]
    [InlineData("max-keys=2&prefix=J", "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7")]
    public void Requests_are_signed_as_the_documents_say(string query, string signature)
    {
        var place = new S3Place(
            "https://s3.amazonaws.com", "examplebucket", "us-east-1", "", "AKIAIOSFODNN7EXAMPLE",
            "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY");
        var clock = new FakeTimeProvider(new DateTimeOffset(2013, 5, 24, 0, 0, 0, TimeSpan.Zero));
        var headers = S3Signer.Sign(
            place, clock.GetUtcNow(), "GET", "examplebucket.s3.amazonaws.com", "/", query, S3Signer.EmptyHash, []);
        Assert.EndsWith($"Signature={signature}", headers.Single(header => header.Key == "Authorization").Value);
    }

    /// <summary>The other two examples there: more headers, a path with a sign of its own, a body.</summary>
    [Theory]
    [InlineData(
        "GET", "/test.txt", S3Signer.EmptyHash, "range: bytes=0-9", "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41")]
    [InlineData(
        "PUT", "/test%24file.text", "44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072",
        "date: Fri, 24 May 2013 00:00:00 GMT|x-amz-storage-class: REDUCED_REDUNDANCY",
        "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd")]
    public void Headers_and_bodies_are_signed_as_the_documents_say(string method, string path, string hash, string more, string signature)
    {
        var place = new S3Place(
            "https://s3.amazonaws.com", "examplebucket", "us-east-1", "", "AKIAIOSFODNN7EXAMPLE",
            "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY");
        var headers = S3Signer.Sign(
            place, new DateTimeOffset(2013, 5, 24, 0, 0, 0, TimeSpan.Zero), method, "examplebucket.s3.amazonaws.com", path, "", hash,
            [.. more.Split('|').Select(one => KeyValuePair.Create(one.Split(": ", 2)[0], one.Split(": ", 2)[1]))]);
        Assert.EndsWith($"Signature={signature}", headers.Single(header => header.Key == "Authorization").Value);
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private static async Task Configure(HttpClient admin, FakeStore store) =>
        await (await admin.PatchJson("/api/settings/system", new
        {
            backupS3Endpoint = store.Address,
            backupS3Bucket = "bucket",
            backupS3AccessKey = "key",
            backupS3SecretKey = "secret-CANARY",
            backupS3Local = true,
        })).Expect(HttpStatusCode.OK);
}
