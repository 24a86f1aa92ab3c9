using System.Diagnostics;
using System.Net;
using System.Security.Cryptography;
using System.Text.Json.Nodes;
using AiChat.Data;
using AiChat.Data.Sqlite;
using AiChat.Tests.Api;
using AiChat.Tests.Backups;
using AiChat.Tests.Chat;

namespace AiChat.Tests.Torture;

/// <summary>What people reported of backups elsewhere that could not be restored, tried here.</summary>
[Trait("Store", "File")]
public sealed class ReportedBackupTests : IAsyncLifetime
{
    private readonly DirectoryInfo _place = Directory.CreateTempSubdirectory("aichat-reported-");
    private string _folder = "";

    private string Data => Path.Combine(_place.FullName, "data");

    /// <summary>A backup's own folder, as somebody has it after unpacking the download.</summary>
    public async Task InitializeAsync()
    {
        if (TestServer.Binary is null)
        {
            return;
        }

        await using var server = await TestServer.StartAsync();
        var admin = await server.RegisterAdminAsync();
        await BackupSteps.Chat(admin, "Kept?");
        await (await admin.Upload(SampleImages.Png())).Expect(HttpStatusCode.Created);
        var name = (await admin.MakeBackup()).Text("name")!;
        _folder = Path.Combine(_place.FullName, name);
        Interrupted.CopyFolder(Path.Combine(server.DataDir, "backups", name), Directory.CreateDirectory(_folder).FullName);
    }

    public Task DisposeAsync()
    {
        _place.Delete(recursive: true);
        return Task.CompletedTask;
    }

    /// <summary>
    /// Packed again on a Mac, with what it puts beside each file (ODS), from a folder that was renamed, under the name of a second download
    /// or with an ending too many (SignalK, C15).
    /// </summary>
    [NativeFact]
    public async Task An_archive_that_was_packed_again_under_other_names_is_restored()
    {
        var renamed = Path.Combine(_place.FullName, "My backup (1)");
        Directory.Move(_folder, renamed);
        foreach (var extra in new[] { "._manifest.json", "._app.db", ".DS_Store", "images/.DS_Store" })
        {
            await File.WriteAllTextAsync(Path.Combine(renamed, extra), "of the Mac");
        }

        await File.WriteAllTextAsync(Path.Combine(_place.FullName, "._My backup (1)"), "of the Mac");
        var archive = Path.Combine(_place.FullName, "aichat (2).tar.zip");
        using var tar = Process.Start("tar", ["-czf", archive, "-C", _place.FullName, "._My backup (1)", "My backup (1)"]);
        await tar.WaitForExitAsync();
        await Restored(archive);
    }

    /// <summary>A browser that unpacks what it downloads, into a folder of its own (adsb-feeder).</summary>
    [NativeFact]
    public async Task A_download_that_the_browser_unpacked_is_restored()
    {
        var outer = Directory.CreateDirectory(Path.Combine(_place.FullName, "Downloads")).FullName;
        Directory.Move(_folder, Path.Combine(outer, "20261129T120000Z 2"));
        await Restored(outer);
    }

    /// <summary>A copy of the database, whose name is nearly that of a backup (owncast).</summary>
    [NativeFact]
    public async Task A_database_file_is_told_from_a_backup()
    {
        var copy = Path.Combine(_place.FullName, "app.db.bak");
        File.Copy(Path.Combine(_folder, "app.db"), copy);
        Directory.CreateDirectory(Data);
        var ran = (await Executable.RunAsync(Data, "restore", copy, "--yes")).Expect(1);
        Assert.Contains("a database alone and no backup", ran.Complaint);
        Assert.False(File.Exists(Path.Combine(Data, "app.db")));
    }

    /// <summary>A backup of an older version, restored by a newer one (CISO Assistant, And Bible, c:geo).</summary>
    [NativeFact]
    public async Task A_backup_of_an_older_schema_is_restored_and_brought_up_to_date()
    {
        var database = Path.Combine(_folder, "app.db");
        var all = Migrator.Load();
        SchemaRollback.Run(database, new RollbackPlan(all.Count, 3, null, []), all, new StartProgress());
        foreach (var left in Directory.GetFiles(_folder, "app.db*").Where(file => file != database))
        {
            File.Delete(left);
        }

        await Declare(database, 3);
        await Restored(_folder);
    }

    /// <summary>And one of a newer version, restored by an older one, which must not half succeed.</summary>
    [NativeFact]
    public async Task A_backup_of_a_newer_schema_is_refused_and_changes_nothing()
    {
        var database = Path.Combine(_folder, "app.db");
        Tests.Data.OldRows.Text(database, "pragma user_version = 99");
        await Declare(database, 99);
        Directory.CreateDirectory(Data);
        var ran = await Executable.RunAsync(Data, "restore", _folder, "--yes");
        Assert.NotEqual(0, ran.Code);
        Assert.Contains("99", ran.Complaint);
        Assert.False(File.Exists(Path.Combine(Data, "app.db")));
    }

    /// <summary>A restore by root, after which the server could not write its own files (Pi.Alert, InfluxDB).</summary>
    [NativeFact]
    public async Task A_restore_by_root_leaves_files_of_the_folders_owner()
    {
        if (!Environment.IsPrivilegedProcess)
        {
            return;
        }

        Directory.CreateDirectory(Data);
        File.SetUnixFileMode(_place.FullName, (UnixFileMode)0b111_101_101);
        using var chown = Process.Start("chown", ["65534:65534", Data]);
        await chown.WaitForExitAsync();
        var archive = _folder + ".tar";
        using var tar = Process.Start("tar", ["-cf", archive, "-C", _place.FullName, Path.GetFileName(_folder)]);
        await tar.WaitForExitAsync();
        (await Executable.RunAsync(Data, "restore", archive, "--yes")).Expect(0);
        using var find = Process.Start(
            new ProcessStartInfo("find", [Data, "!", "-user", "65534"]) { RedirectStandardOutput = true })!;
        Assert.Equal("", await find.StandardOutput.ReadToEndAsync());
    }

    /// <summary>Makes the manifest say what the changed database is.</summary>
    private async Task Declare(string database, int schema)
    {
        var path = Path.Combine(_folder, "manifest.json");
        var manifest = JsonNode.Parse(await File.ReadAllTextAsync(path))!;
        var file = manifest["files"]!.AsArray().Single(one => (string)one!["path"]! == "app.db")!;
        var bytes = await File.ReadAllBytesAsync(database);
        file["bytes"] = bytes.Length;
        file["sha256"] = Convert.ToHexStringLower(SHA256.HashData(bytes));
        manifest["schema"] = schema;
        await File.WriteAllTextAsync(path, manifest.ToJsonString());
    }

    /// <summary>It comes back into an empty folder: people log in, chats and images are there.</summary>
    private async Task Restored(string from)
    {
        (await Executable.RunAsync(Data, "restore", from, "--yes")).Expect(0);
        await using var server = await TestServer.StartAsync(new TestServerOptions { DataDir = Data });
        var browser = server.Client();
        await (await browser.PostJson("/api/auth/login", new { username = "admin", password = TestServer.Password }))
            .Expect(HttpStatusCode.OK);
        Assert.Equal("Kept?", (await browser.Messages(1))[0].Text("content"));
        Assert.Single(Directory.EnumerateFiles(Path.Combine(Data, "images"), "*.png", SearchOption.AllDirectories));
    }
}
