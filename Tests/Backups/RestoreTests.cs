using System.Diagnostics;
using System.Formats.Tar;
using System.Net;
using System.Text;
using AiChat.Tests.Api;
using AiChat.Tests.Chat;

namespace AiChat.Tests.Backups;

/// <summary>A backup comes back: into its own folder, into an empty one, without its key.</summary>
[Trait("Store", "File")]
public sealed class RestoreTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("aichat-test-").FullName;

    private string Data => Path.Combine(_folder, "data");

    private string Empty => Path.Combine(_folder, "new-machine");

    [Fact]
    public async Task A_download_restores_people_chats_and_images_into_an_empty_folder()
    {
        string archive, image;
        long session;
        await using (var server = await TestServer.StartAsync())
        {
            var admin = await server.RegisterAdminAsync();
            image = (await (await admin.Upload(SampleImages.Png())).Json(HttpStatusCode.Created)).Text("url")!;
            session = await admin.Chat("What was asked?");
            archive = await admin.DownloadBackup((await admin.MakeBackup()).Text("name")!, _folder);
        }

        Assert.Equal(0, await BackupSteps.Command(Empty, "restore", archive, "--yes"));
        Assert.DoesNotContain(Directory.EnumerateFileSystemEntries(Empty), path => path.Contains("restore"));
        await using var restored = await TestServer.StartAsync(new TestServerOptions { DataDir = Empty });
        var browser = await LogIn(restored);
        Assert.Equal("What was asked?", (await browser.Messages(session))[0].Text("content"));
        Assert.Equal(SampleImages.Png(), await browser.GetByteArrayAsync(image));
        var audit = (await browser.GetJson("/api/audit")).GetProperty("items").EnumerateArray().Select(row => row.Text("action"));
        Assert.Contains("backup.restore", audit);
    }

    [Fact]
    public async Task A_restore_over_data_keeps_what_it_replaces_and_ends_every_login()
    {
        string name, lateImage;
        long early, late;
        IReadOnlyList<string> cookies;
        await using (var server = await Serve())
        {
            var admin = await server.RegisterAdminAsync();
            early = await admin.Chat("Before the backup");
            name = (await admin.MakeBackup()).Text("name")!;
            late = await admin.Chat("After the backup");
            lateImage = (await (await admin.Upload(SampleImages.Gif())).Json(HttpStatusCode.Created)).Text("url")!;
            var login = await admin.PostJson("/api/auth/login", new { username = "admin", password = TestServer.Password });
            cookies = [.. login.Headers.GetValues("Set-Cookie").Select(cookie => cookie.Split(';')[0])];
            Assert.Equal(75, await BackupSteps.Command(Data, "restore", Path.Combine(Data, "backups", name), "--yes"));
        }

        Assert.Equal(0, await BackupSteps.Command(Data, "restore", Path.Combine(Data, "backups", name), "--yes"));
        var before = Assert.Single(Directory.EnumerateDirectories(Data, "before-restore-*"));
        await using (var server = await Serve())
        {
            using var stolen = new HttpRequestMessage(HttpMethod.Get, "/api/auth/me");
            stolen.Headers.Add("Cookie", string.Join("; ", cookies));
            await (await server.Client().SendAsync(stolen)).Expect(HttpStatusCode.Unauthorized);
            var browser = await LogIn(server);
            Assert.Equal("Before the backup", (await browser.Messages(early))[0].Text("content"));
            await (await browser.GetAsync($"/api/sessions/{late}")).Expect(HttpStatusCode.NotFound);
            await (await browser.GetAsync(lateImage)).Expect(HttpStatusCode.NotFound);
            Assert.Equal(1, (await browser.GetJson("/api/backups")).GetProperty("items").GetArrayLength());
        }

        // What was replaced is a data folder itself.
        File.Copy(Path.Combine(Data, "master.key"), Path.Combine(before, "master.key"));
        await using var old = await TestServer.StartAsync(new TestServerOptions { DataDir = before });
        var again = await LogIn(old);
        Assert.Equal("After the backup", (await again.Messages(late))[0].Text("content"));
        Assert.Equal(SampleImages.Gif(), await again.GetByteArrayAsync(lateImage));
    }

    [Fact]
    public async Task Provider_keys_come_back_with_the_master_key_and_are_told_as_lost_without_it()
    {
        await using var upstream = ChatSteps.Provider(async exchange =>
        {
            await exchange.StartSse();
            await OpenAiScript.Piece(exchange, exchange.Request.Headers["authorization"]);
            await OpenAiScript.Finish(exchange, 1);
        });
        string archive, locked, key;
        long connection;
        await using (var server = await TestServer.StartAsync())
        {
            var admin = await server.RegisterAdminAsync();
            connection = await admin.ConnectWithKeys(upstream, "sk-CANARY-comes-back");
            archive = await admin.DownloadBackup((await admin.MakeBackup()).Text("name")!, _folder);
            var wish = new { masterKey = "passphrase", passphrase = "correct horse battery" };
            locked = await admin.DownloadBackup((await admin.MakeBackup(wish)).Text("name")!, _folder);
            key = Path.Combine(_folder, "kept.key");
            File.Copy(Path.Combine(server.DataDir, "master.key"), key);
        }

        var passphrase = Path.Combine(_folder, "passphrase");
        await File.WriteAllTextAsync(passphrase, "correct horse battery\n");
        var wrong = Path.Combine(_folder, "wrong");
        await File.WriteAllTextAsync(wrong, "incorrect horse battery\n");
        Assert.Equal(1, await BackupSteps.Command(Empty, "restore", locked, "--yes", "--passphrase-file", wrong));
        Assert.False(Directory.Exists(Empty));

        Assert.Equal(0, await BackupSteps.Command(Empty, "restore", archive, "--yes"));
        await using (var without = await TestServer.StartAsync(new TestServerOptions { DataDir = Empty }))
        {
            var browser = await LogIn(without);
            var session = await browser.NewSession(connection, "fake-model");
            await using var stream = await browser.Ask(session, "Who am I?");
            Assert.DoesNotContain("CANARY", string.Concat((await stream.ReadAllAsync()).Select(one => one.Data)));
        }

        // Both ways to bring the key, over what was restored without it.
        foreach (var arguments in new[] { new[] { locked, "--passphrase-file", passphrase }, [archive, "--key-file", key] })
        {
            Assert.Equal(0, await BackupSteps.Command(Empty, ["restore", "--yes", .. arguments]));
            await using var restored = await TestServer.StartAsync(new TestServerOptions { DataDir = Empty });
            var browser = await LogIn(restored);
            var session = await browser.NewSession(connection, "fake-model");
            await browser.AskAndWait(session, "Who am I?");
            Assert.Equal("Bearer sk-CANARY-comes-back", (await browser.Messages(session))[1].Text("content"));
        }
    }

    [Fact]
    public async Task A_damaged_or_hostile_backup_changes_nothing()
    {
        string name;
        byte[] good;
        long chat;
        await using (var server = await Serve())
        {
            var admin = await server.RegisterAdminAsync();
            await (await admin.Upload(SampleImages.Png())).Expect(HttpStatusCode.Created);
            name = (await admin.MakeBackup()).Text("name")!;
            good = await File.ReadAllBytesAsync(await admin.DownloadBackup(name, _folder));
            chat = await admin.Chat("Must stay");
        }

        var state = Snapshot(Data);
        var at = good.AsSpan().IndexOf("SQLite format 3\0"u8);
        byte[] flipped = [.. good];
        flipped[at + 5_000] ^= 1;
        foreach (var (what, bytes) in new (string, byte[])[]
        {
            ("a changed byte", flipped),
            ("cut off", good[..(good.Length / 2)]),
            ("cut off in the manifest", good[..700]),
            ("empty", []),
            ("no archive", "PK\x3\x4 nothing"u8.ToArray()),
            ("a path that leaves", [.. Entry("../escaped", "x"), .. good]),
            ("an absolute path", [.. Entry("/tmp/aichat-escaped", "x"), .. good]),
            ("a deep path that leaves", [.. Entry($"{name}/images/../../escaped", "x"), .. good]),
            ("a link", [.. Entry($"{name}/app.db", "", TarEntryType.SymbolicLink, "/etc/passwd"), .. good]),
            ("a hard link", [.. Entry($"{name}/app.db", "", TarEntryType.HardLink, "/etc/passwd"), .. good]),
            ("a device", [.. Entry($"{name}/app.db", "", TarEntryType.CharacterDevice), .. good]),
            ("a second database", [.. Entry($"{name}/app.db", "x"), .. good]),
            ("a file too many", [.. Entry($"{name}/master.key", "x"), .. good]),
        })
        {
            var path = Path.Combine(_folder, "bad.tar");
            await File.WriteAllBytesAsync(path, bytes);
            Assert.True(await BackupSteps.Command(Data, "restore", path, "--yes") == 1, what);
            Assert.Equal(state, Snapshot(Data));
        }

        Assert.False(File.Exists("/tmp/aichat-escaped"));
        await using (var server = await Serve())
        {
            Assert.Equal("Must stay", (await (await LogIn(server)).Messages(chat))[0].Text("content"));
        }

        // Packed again by hand, as people do.
        var packed = Path.Combine(_folder, "again.tar.gz");
        var tar = Process.Start("tar", ["-czf", packed, "-C", Path.Combine(Data, "backups", name), "."]);
        await tar.WaitForExitAsync();
        Assert.Equal(0, await BackupSteps.Command(Data, "restore", packed, "--yes"));
        await using var restored = await Serve();
        await LogIn(restored);
    }

    [Fact]
    public async Task A_restore_reaches_a_database_and_images_that_lie_elsewhere()
    {
        var (database, images) = (Path.Combine(_folder, "db/chat.db"), Path.Combine(_folder, "pictures"));
        var variables = new Dictionary<string, string> { ["DATABASE_URL"] = $"file:{database}", ["CHAT_IMAGE_DIR"] = images };
        var options = new TestServerOptions { DataDir = Data, Variables = variables };
        string archive, image, late;
        Directory.CreateDirectory(Data);
        await using (var server = await TestServer.StartAsync(options))
        {
            var admin = await server.RegisterAdminAsync();
            image = (await (await admin.Upload(SampleImages.Png())).Json(HttpStatusCode.Created)).Text("url")!;
            archive = await admin.DownloadBackup((await admin.MakeBackup()).Text("name")!, _folder);
            late = (await (await admin.Upload(SampleImages.Gif())).Json(HttpStatusCode.Created)).Text("url")!;
        }

        await File.WriteAllTextAsync(Path.Combine(images, "not-ours"), "stays");
        var file = Path.Combine(_folder, "variables");
        await File.WriteAllLinesAsync(file, variables.Select(one => $"{one.Key}={one.Value}"));
        Assert.Equal(0, await BackupSteps.Command(Data, "restore", archive, "--yes", "--env-file", file));
        Assert.True(File.Exists(Path.Combine(images, "not-ours")));
        var kept = Path.GetFileName(Assert.Single(Directory.EnumerateDirectories(images, "before-restore-*")));
        Assert.Single(Directory.EnumerateFiles(Path.Combine(images, kept), "*.gif", SearchOption.AllDirectories));
        Assert.True(File.Exists(Path.Combine(_folder, "db", kept, "chat.db")));
        foreach (var place in new[] { Data, images, Path.Combine(_folder, "db") })
        {
            Assert.Empty(Directory.EnumerateFileSystemEntries(place, "restore*"));
        }

        await using var restored = await TestServer.StartAsync(options);
        var browser = await LogIn(restored);
        Assert.Equal(SampleImages.Png(), await browser.GetByteArrayAsync(image));
        await (await browser.GetAsync(late)).Expect(HttpStatusCode.NotFound);
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private Task<TestServer> Serve()
    {
        Directory.CreateDirectory(Data);
        return TestServer.StartAsync(new TestServerOptions { DataDir = Data });
    }

    private static async Task<HttpClient> LogIn(TestServer server)
    {
        var browser = server.Client();
        await (await browser.PostJson("/api/auth/login", new { username = "admin", password = TestServer.Password }))
            .Expect(HttpStatusCode.OK);
        return browser;
    }

    /// <summary>All files with their sizes, but for the number of the process that had the folder last.</summary>
    private static string Snapshot(string folder) => string.Join('\n',
        from path in Directory.EnumerateFiles(folder, "*", SearchOption.AllDirectories).Order(StringComparer.Ordinal)
        where Path.GetFileName(path) is not ("pid" or "lock")
        select $"{path} {new FileInfo(path).Length}");

    private static byte[] Entry(string name, string content, TarEntryType type = TarEntryType.RegularFile, string? link = null)
    {
        var archive = new MemoryStream();
        using (var writer = new TarWriter(archive, TarEntryFormat.Pax, leaveOpen: true))
        {
            var entry = new PaxTarEntry(type, name);
            if (link is not null)
            {
                entry.LinkName = link;
            }

            if (type == TarEntryType.RegularFile)
            {
                entry.DataStream = new MemoryStream(Encoding.ASCII.GetBytes(content));
            }

            writer.WriteEntry(entry);
        }

        return archive.ToArray()[..^1024]; // without its end, so that others follow
    }
}
