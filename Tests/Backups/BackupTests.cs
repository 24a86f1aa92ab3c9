using System.Formats.Tar;
using System.Net;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using AiChat.Tests.Api;
using AiChat.Tests.Chat;
using Microsoft.Extensions.Time.Testing;

namespace AiChat.Tests.Backups;

/// <summary>Backups over the API: what is in them, who gets them, and what happens when one cannot be made.</summary>
[Trait("Store", "File")]
public sealed class BackupTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("aichat-test-").FullName;

    [Fact]
    public async Task A_backup_is_listed_downloaded_as_one_file_and_deleted()
    {
        await using var server = await TestServer.StartAsync();
        var admin = await server.RegisterAdminAsync();
        await (await admin.Upload(SampleImages.Png())).Expect(HttpStatusCode.Created);
        await admin.Chat("What is kept?");
        var made = await admin.MakeBackup();
        Assert.Matches(@"\A[0-9]{8}T[0-9]{6}Z-manual\z", made.Text("name"));
        Assert.True(made.GetProperty("verified").GetBoolean());
        Assert.Equal(1, made.GetProperty("counts").GetProperty("users").GetInt64());
        var listed = (await admin.GetJson("/api/backups")).GetProperty("items")[0];
        Assert.Equal((made.Text("name"), "done", true, made.GetProperty("bytes").GetInt64()), (
            listed.Text("name"), listed.Text("status"), listed.GetProperty("local").GetBoolean(), listed.GetProperty("bytes").GetInt64()));

        using var download = await admin.GetAsync($"/api/backups/{made.Text("name")}");
        await download.Expect(HttpStatusCode.OK);
        Assert.Equal("no-store", download.Headers.CacheControl!.ToString());
        Assert.Equal(("attachment", $"aichat-{made.Text("name")}.tar"), (
            download.Content.Headers.ContentDisposition!.DispositionType, download.Content.Headers.ContentDisposition.FileName));
        var bytes = await download.Content.ReadAsByteArrayAsync();
        Assert.Equal(download.Content.Headers.ContentLength, bytes.Length);
        AssertWhole(bytes, made.Text("name")!);

        // A broken download goes on where it ended.
        using var rest = new HttpRequestMessage(HttpMethod.Get, $"/api/backups/{made.Text("name")}");
        rest.Headers.Range = new(1_000, null);
        using var second = await admin.SendAsync(rest);
        await second.Expect(HttpStatusCode.PartialContent);
        Assert.Equal(bytes[1_000..], await second.Content.ReadAsByteArrayAsync());

        await (await admin.DeleteAsync($"/api/backups/{made.Text("name")}")).Expect(HttpStatusCode.NoContent);
        await (await admin.DeleteAsync($"/api/backups/{made.Text("name")}")).Expect(HttpStatusCode.NotFound);
        Assert.Equal(0, (await admin.GetJson("/api/backups")).GetProperty("items").GetArrayLength());
        var actions = (await admin.GetJson("/api/audit")).GetProperty("items").EnumerateArray().Select(row => row.Text("action")).ToList();
        Assert.All(new[] { "backup.create", "backup.download", "backup.delete" }, action => Assert.Contains(action, actions));
        Assert.Empty(Directory.EnumerateDirectories(Path.Combine(server.DataDir, "backups")));
    }

    [Fact]
    public async Task A_backup_holds_neither_the_master_key_nor_a_provider_key()
    {
        await using var server = await TestServer.StartAsync();
        var admin = await server.RegisterAdminAsync();
        await using var upstream = ChatSteps.HangingProvider();
        await admin.ConnectWithKeys(upstream, "sk-CANARY-provider-key");
        var master = (await File.ReadAllTextAsync(Path.Combine(server.DataDir, "master.key"))).Trim();
        var plain = await admin.MakeBackup();
        var content = await admin.GetByteArrayAsync($"/api/backups/{plain.Text("name")}");
        Assert.Equal(-1, content.AsSpan().IndexOf("sk-CANARY-provider-key"u8));
        Assert.Equal(-1, content.AsSpan().IndexOf(Encoding.ASCII.GetBytes(master)));
        Assert.Equal(-1, content.AsSpan().IndexOf(Convert.FromBase64String(master)));

        await (await admin.PostJson("/api/backups", new { masterKey = "plain" })).ExpectProblem(HttpStatusCode.Forbidden, "forbidden");
        await (await admin.PostJson("/api/backups", new { masterKey = "passphrase", passphrase = "short" }))
            .ExpectProblem(HttpStatusCode.UnprocessableEntity, "validation_failed");
        var locked = await admin.MakeBackup(new { masterKey = "passphrase", passphrase = "correct horse battery" });
        Assert.Equal("passphrase", locked.Text("masterKey"));
        content = await admin.GetByteArrayAsync($"/api/backups/{locked.Text("name")}");
        Assert.Equal(-1, content.AsSpan().IndexOf(Encoding.ASCII.GetBytes(master)));
        Assert.Equal(-1, content.AsSpan().IndexOf(Convert.FromBase64String(master)));
        Assert.True(content.AsSpan().IndexOf("master.key.json"u8) > 0);
    }

    [Fact]
    [Trait("Mode", "InProcess")]
    public async Task The_password_is_asked_for_once_more_after_five_minutes_of_the_monotonic_clock()
    {
        var clock = new FakeTimeProvider(new DateTimeOffset(2026, 5, 4, 12, 0, 0, TimeSpan.Zero));
        await using var server = await TestServer.StartAsync(new TestServerOptions { Clock = clock });
        var admin = await server.RegisterAdminAsync();
        var name = (await admin.MakeBackup()).Text("name");
        await (await admin.GetAsync($"/api/backups/{name}")).Expect(HttpStatusCode.OK); // a fresh login counts
        clock.Advance(TimeSpan.FromMinutes(6));
        await (await admin.GetAsync($"/api/backups/{name}")).ExpectProblem(HttpStatusCode.Forbidden, "confirmation_required");
        await (await admin.DeleteAsync($"/api/backups/{name}")).ExpectProblem(HttpStatusCode.Forbidden, "confirmation_required");
        await (await admin.PostJson("/api/backups", new { masterKey = "passphrase", passphrase = "correct horse battery" }))
            .ExpectProblem(HttpStatusCode.Forbidden, "confirmation_required");
        await (await admin.PostJson("/api/auth/confirm", new { password = "wrong-CANARY" }))
            .ExpectProblem(HttpStatusCode.UnprocessableEntity, "wrong_password");
        await (await admin.GetAsync($"/api/backups/{name}")).ExpectProblem(HttpStatusCode.Forbidden, "confirmation_required");
        await (await admin.PostJson("/api/auth/confirm", new { password = TestServer.Password })).Expect(HttpStatusCode.NoContent);
        clock.Advance(TimeSpan.FromMinutes(4));
        await (await admin.PostJson("/api/auth/refresh", new { })).Expect(HttpStatusCode.OK);
        await (await admin.GetAsync($"/api/backups/{name}")).Expect(HttpStatusCode.OK);

        // The confirmation is the login's: another browser of the same person gives its own.
        clock.Advance(TimeSpan.FromMinutes(2));
        var other = server.Client();
        await (await other.PostJson("/api/auth/login", new { username = "admin", password = TestServer.Password }))
            .Expect(HttpStatusCode.OK);
        await (await admin.DeleteAsync($"/api/backups/{name}")).ExpectProblem(HttpStatusCode.Forbidden, "confirmation_required");
        await (await other.DeleteAsync($"/api/backups/{name}")).Expect(HttpStatusCode.NoContent);
    }

    [Theory]
    [InlineData("..%2fmaster.key")]
    [InlineData("%2e%2e")]
    [InlineData(".state.json")]
    [InlineData(".new-x")]
    [InlineData("a%5cb")]
    [InlineData("a%00b")]
    public async Task A_name_never_becomes_a_path(string name)
    {
        await using var server = await TestServer.StartAsync();
        var admin = await server.RegisterAdminAsync();
        await admin.MakeBackup();
        var before = Directory.EnumerateFileSystemEntries(server.DataDir).Order().ToList();
        Assert.True((await admin.GetAsync($"/api/backups/{name}")).StatusCode is HttpStatusCode.NotFound or HttpStatusCode.BadRequest);
        Assert.True((await admin.DeleteAsync($"/api/backups/{name}")).StatusCode is HttpStatusCode.NotFound or HttpStatusCode.BadRequest);
        Assert.Equal(before, Directory.EnumerateFileSystemEntries(server.DataDir).Order());
    }

    [Fact]
    public async Task A_backup_made_while_people_write_has_everything_that_was_acknowledged_before_it()
    {
        await using var server = await TestServer.StartAsync();
        var admin = await server.RegisterAdminAsync();
        await (await admin.PatchJson("/api/settings/system", new { requestsPerMinute = 0 })).Expect(HttpStatusCode.OK);
        var acknowledged = 0;
        using var stop = new CancellationTokenSource();
        var writers = Enumerable.Range(0, 4).Select(async writer =>
        {
            while (!stop.IsCancellationRequested)
            {
                await (await admin.PostJson("/api/sessions", new { title = $"Written by {writer}" })).Expect(HttpStatusCode.Created);
                Interlocked.Increment(ref acknowledged);
            }
        }).ToList();
        await Eventually.Holds(() => Volatile.Read(ref acknowledged) > 20);
        var before = Volatile.Read(ref acknowledged);
        var made = await admin.MakeBackup();
        var after = Volatile.Read(ref acknowledged);
        await stop.CancelAsync();
        await Task.WhenAll(writers);
        Assert.InRange(made.GetProperty("counts").GetProperty("sessions").GetInt64(), before, after + 4);
        Assert.True(after > before, "Nothing was written meanwhile.");
    }

    [Fact]
    public async Task What_an_interrupted_process_left_is_removed_at_the_next_start()
    {
        await using var server = await TestServer.StartAsync();
        var admin = await server.RegisterAdminAsync();
        var made = await admin.MakeBackup();
        await server.StopAsync();
        var backups = Path.Combine(server.DataDir, "backups");
        foreach (var name in new[] { ".new-20260101T000000Z-manual", ".gone-20260101T000000Z-manual" })
        {
            Directory.CreateDirectory(Path.Combine(backups, name, "images"));
            await File.WriteAllTextAsync(Path.Combine(backups, name, "app.db"), "half");
        }

        await server.RestartAsync();
        await Eventually.Holds(() => Directory.EnumerateDirectories(backups).Select(Path.GetFileName).SequenceEqual([made.Text("name")]));
    }

    [Fact]
    public async Task Metrics_tell_the_newest_backup_and_its_age()
    {
        await using var server = await TestServer.StartAsync();
        var admin = await server.RegisterAdminAsync();
        Assert.DoesNotContain("aichat_backup_age_seconds ", await admin.GetStringAsync("/metrics"));
        await admin.MakeBackup();
        var text = await admin.GetStringAsync("/metrics");
        Assert.Matches(@"\naichat_backup_age_seconds [0-9.]+\n", text);
        Assert.Matches(@"\naichat_backup_newest_timestamp_seconds [0-9]{10}\n", text);
        Assert.Contains("\naichat_backup_failures_total 0\n", text);
    }

    [Fact]
    public async Task A_damaged_database_makes_no_backup_and_tells_the_administrators()
    {
        await using var server = await TestServer.StartAsync();
        var admin = await server.RegisterAdminAsync();
        for (var chat = 0; chat < 40; chat++)
        {
            await (await admin.PostJson("/api/sessions", new { title = new string('t', 100) })).Expect(HttpStatusCode.Created);
        }

        var good = await admin.MakeBackup();
        await server.RestartAsync(); // the log is in the file now
        var database = Path.Combine(server.DataDir, "app.db");
        var title = (await File.ReadAllBytesAsync(database)).AsSpan().IndexOf(Encoding.ASCII.GetBytes(new string('t', 100)));
        using (var file = File.OpenHandle(database, FileMode.Open, FileAccess.Write, FileShare.ReadWrite))
        {
            RandomAccess.Write(file, RandomNumberGenerator.GetBytes(60), title / 4096 * 4096); // the head of a page of chats
        }

        var answer = await admin.PostJson("/api/backups", new { });
        await answer.ExpectProblem(HttpStatusCode.InternalServerError, "backup_failed");
        var list = (await admin.GetJson("/api/backups")).GetProperty("items").EnumerateArray().ToList();
        Assert.Equal(["failed", "done"], list.Select(item => item.Text("status")));
        Assert.Equal(good.Text("name"), list[1].Text("name"));
        Assert.Contains("\naichat_backup_failures_total 1\n", await admin.GetStringAsync("/metrics"));
        var notices = (await admin.GetJson("/api/settings/app-info")).GetProperty("notices");
        Assert.Contains("backup_failed", notices.EnumerateArray().Select(one => one.Text("kind")));
        Assert.Single(Directory.EnumerateDirectories(Path.Combine(server.DataDir, "backups")));
        await (await admin.PostJson("/api/auth/confirm", new { password = TestServer.Password })).Expect(HttpStatusCode.NoContent);
        await (await admin.DeleteAsync($"/api/backups/{list[0].Text("name")}")).Expect(HttpStatusCode.NoContent);
        Assert.Equal(1, (await admin.GetJson("/api/backups")).GetProperty("items").GetArrayLength());
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    /// <summary>Every file of the archive has the hash that its manifest names.</summary>
    private static void AssertWhole(byte[] archive, string name)
    {
        var files = new Dictionary<string, byte[]>();
        using var reader = new TarReader(new MemoryStream(archive));
        while (reader.GetNextEntry(copyData: true) is { } entry)
        {
            Assert.StartsWith($"{name}/", entry.Name, StringComparison.Ordinal);
            var content = new MemoryStream();
            entry.DataStream?.CopyTo(content);
            files[entry.Name[(name.Length + 1)..]] = content.ToArray();
        }

        var manifest = JsonDocument.Parse(files["manifest.json"]).RootElement;
        var named = manifest.GetProperty("files").EnumerateArray().ToDictionary(file => file.Text("path")!, file => file.Text("sha256"));
        Assert.Equal(named.Keys.Order(), files.Keys.Where(path => path != "manifest.json").Order());
        Assert.All(named, file => Assert.Equal(file.Value, Convert.ToHexStringLower(SHA256.HashData(files[file.Key]))));
        Assert.Contains(named.Keys, path => path.StartsWith("images/", StringComparison.Ordinal));
    }
}
