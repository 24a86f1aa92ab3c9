using System.Net;
using AiChat.Tests.Api;
using AiChat.Tests.Backups;
using AiChat.Tests.Chat;

namespace AiChat.Tests.Torture;

/// <summary>
/// A backup or a restore that is ended at any change of the disk: every backup that is listed is whole, a folder holds the state before the
/// restore or that of the backup, and the same command again brings it to its end.
/// </summary>
[Trait("Store", "File")]
public sealed class BackupStepTests : IAsyncDisposable
{
    private const int Kill = Interrupted.Kill, Terminate = Interrupted.Terminate;

    private readonly DirectoryInfo _place = Directory.CreateTempSubdirectory("aichat-backup-");
    private readonly FakeStore _store = new();
    private string _backup = "";

    [NativeTheory]
    [InlineData("backup", Kill)]
    [InlineData("backup", Terminate)]
    [InlineData("backup of a running server", Kill)]
    [InlineData("restore of a folder", Kill)]
    [InlineData("restore of a folder", Terminate)]
    [InlineData("restore of an archive", Kill)]
    [InlineData("restore into folders that are mounts", Kill)]
    [InlineData("restore from a store", Kill)]
    public Task Ended_at_any_step_it_is_the_old_or_the_new(string name, int signal) =>
        Step(name).EndEverywhere(name, signal, few: signal == Kill ? 2 : 1);

    public async ValueTask DisposeAsync()
    {
        await _store.DisposeAsync();
        _place.Delete(recursive: true);
    }

    private Interrupted Step(string name)
    {
        Func<string, string> data = folder => HeldState.Of(folder);
        var backup = new Interrupted
        {
            Prepare = folder => Filled(folder, []),
            Arguments = () => ["backup"],
            Check = SoundBackups,
            State = data,
            IsWhole = true,
            Focus = "/backups/",
        };
        var restore = new Interrupted
        {
            Prepare = folder => Filled(folder, []),
            Arguments = () => ["restore", _backup, "--yes"],
            Check = (folder, promises) => Sound(folder, promises),
            State = data,
            IsWhole = true,
            Focus = "/restore.json",
        };
        return name switch
        {
            "backup" => backup,
            "backup of a running server" => backup with
            {
                Arguments = () => ["serve"],
                Act = async (folder, _) => await Executable.Operator(folder).MakeBackup(),
                Varies = true,
            },
            "restore of a folder" => restore with { Prepare = async folder => await Unpacked(await Filled(folder, [])) },
            "restore of an archive" => restore,
            "restore into folders that are mounts" => restore with
            {
                Prepare = folder => Filled(folder, Elsewhere(folder)),
                Variables = Elsewhere,
                Check = (folder, promises) => Sound(folder, promises, Elsewhere(folder)),
                State = folder => HeldState.Of(folder, "base/chat.db", "pictures"),
            },
            "restore from a store" => restore with
            {
                Arguments = () => ["restore", "s3:latest", "--yes"],
                Variables = _ =>
                [
                    ("BACKUP_S3_ENDPOINT", _store.Address), ("BACKUP_S3_BUCKET", "bucket"), ("BACKUP_S3_ACCESS_KEY", "key"),
                    ("BACKUP_S3_SECRET_KEY", "secret"), ("BACKUP_S3_LOCAL", "true"),
                ],
                Focus = "/",
                Varies = true,
            },
            _ => throw new ArgumentOutOfRangeException(nameof(name), name, null),
        };
    }

    /// <summary>Below the data folder, so that what happens there is seen; a file or folder in it is exchanged in its own place.</summary>
    private static (string, string)[] Elsewhere(string folder) =>
        [("DATABASE_URL", $"file:{folder}/base/chat.db"), ("CHAT_IMAGE_DIR", $"{folder}/pictures")];

    /// <summary>
    /// A folder whose state differs from that of its backup in a new chat, a deleted one and an image; its server was killed.
    /// </summary>
    private async Task<Promise[]> Filled(string folder, (string, string)[] variables)
    {
        var options = new TestServerOptions { DataDir = folder, Variables = variables.ToDictionary() };
        await using var server = await TestServer.StartAsync(options);
        var admin = await server.RegisterAdminAsync();
        await admin.Import(ImportSteps.Json(
            new[] { ImportSteps.Simple("a", "In both"), ImportSteps.Simple("b", "Only in the backup") }));
        var kept = (await ImportSteps.Chat(admin, "In both")).Id();
        var gone = (await ImportSteps.Chat(admin, "Only in the backup")).Id();
        await (await admin.Upload(SampleImages.Png(2))).Expect(HttpStatusCode.Created);
        await (await admin.Upload(SampleImages.Png(3))).Expect(HttpStatusCode.Created);
        _backup = Path.Combine(_place.FullName, "20261129T120000Z.tar");
        (await Executable.RunAsync(folder, "backup", "-o", _backup)).Expect(0);
        _store.Put($"aichat/{Path.GetFileName(_backup)}", await File.ReadAllBytesAsync(_backup));
        (await admin.DeleteAsync($"/api/sessions/{gone}")).EnsureSuccessStatusCode();
        await (await admin.PostJson("/api/sessions", new { title = "Only here" })).Expect(HttpStatusCode.Created);
        await (await admin.Upload(SampleImages.Png(4))).Expect(HttpStatusCode.Created);
        await server.KillAsync();
        return [new(Promise.User, 0, "admin"), new(Promise.Chat, kept, "In both")];
    }

    private async Task<Promise[]> Unpacked(Promise[] promises)
    {
        var folder = Directory.CreateDirectory(Path.Combine(_place.FullName, "20261129T120000Z")).FullName;
        using var tar = System.Diagnostics.Process.Start("tar", ["-xf", _backup, "-C", folder, "--strip-components=1"]);
        await tar.WaitForExitAsync();
        Assert.Equal(0, tar.ExitCode);
        _backup = folder;
        return promises;
    }

    private static async Task Sound(string folder, Promise[] promises, params (string, string)[] more)
    {
        var survival = await Survival.Look(folder, promises, more);
        Assert.True(survival.IsWell, survival.ToString());
        foreach (var (_, value) in more.Prepend(("", folder)))
        {
            var place = Directory.Exists(value) ? value : Path.GetDirectoryName(value.Replace("file:", ""))!;
            Assert.Empty(Directory.EnumerateFileSystemEntries(place, "restore*"));
        }
    }

    private static async Task SoundBackups(string folder, Promise[] promises)
    {
        var before = HeldState.Backups(folder);
        await Sound(folder, promises);
        Assert.Equal(before, HeldState.Backups(folder));
        var backups = Path.Combine(folder, "backups");
        Assert.True(!Directory.Exists(backups) || Directory.EnumerateDirectories(backups, ".*").ToList() is []);
    }
}
