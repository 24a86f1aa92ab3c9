using System.Diagnostics;
using System.Net;
using AiChat.Tests.Api;
using AiChat.Tests.Chat;

namespace AiChat.Tests.Backups;

/// <summary>A disk of the backups that is really full in the middle of one: a file system in memory that holds few files.</summary>
[Trait("Store", "File")]
public sealed class FullDiskBackupTests : IDisposable
{
    private const int Images = 30;

    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("aichat-test-");

    private string Backups => Path.Combine(_folder.FullName, "backups");

    [MountFact]
    public async Task A_disk_that_is_full_in_the_middle_leaves_nothing_behind_and_the_next_backup_is_whole()
    {
        Directory.CreateDirectory(Backups);
        Assert.Equal(0, MountFactAttribute.Run("mount", "-t", "tmpfs", "-o", $"size=200m,nr_inodes={Images}", "tmpfs", Backups));
        try
        {
            await using var server = await TestServer.StartAsync(new TestServerOptions { DataDir = _folder.FullName });
            var admin = await server.RegisterAdminAsync();
            for (var image = 0; image < Images; image++)
            {
                await (await admin.Upload(SampleImages.Png((uint)image + 1))).Expect(HttpStatusCode.Created);
            }

            var answer = await admin.PostJson("/api/backups", new { });
            Assert.Equal(507, (int)answer.StatusCode);
            Assert.Contains("disk is full", await answer.Content.ReadAsStringAsync());
            Assert.Empty(Directory.EnumerateDirectories(Backups));
            Assert.Contains("disk is full", (await admin.GetJson("/api/backups")).GetProperty("lastFailure").Text("reason"));
            await (await admin.PostJson("/api/sessions", new { title = "goes on" })).Expect(HttpStatusCode.Created);

            Assert.Equal(0, MountFactAttribute.Run("mount", "-o", "remount,nr_inodes=10000", Backups));
            Assert.Equal("done", (await admin.MakeBackup()).Text("status"));
            Assert.False((await admin.GetJson("/api/backups")).TryGetProperty("lastFailure", out _));
        }
        finally
        {
            MountFactAttribute.Run("umount", Backups);
        }
    }

    public void Dispose() => _folder.Delete(recursive: true);
}

/// <summary>A test that mounts a file system: skipped where this process may not.</summary>
internal sealed class MountFactAttribute : FactAttribute
{
    private static readonly Lazy<bool> CanMount = new(() =>
    {
        var place = Directory.CreateTempSubdirectory("aichat-mount-");
        try
        {
            return Run("mount", "-t", "tmpfs", "tmpfs", place.FullName) == 0 && Run("umount", place.FullName) == 0;
        }
        finally
        {
            place.Delete();
        }
    });

    public MountFactAttribute() => Skip = CanMount.Value ? null : "Needs the right to mount a file system.";

    /// <returns>The exit code; -1 when there is no such command.</returns>
    public static int Run(string command, params string[] arguments)
    {
        try
        {
            using var process = Process.Start(new ProcessStartInfo(command, arguments) { RedirectStandardError = true })!;
            process.WaitForExit();
            return process.ExitCode;
        }
        catch (System.ComponentModel.Win32Exception)
        {
            return -1;
        }
    }
}
