using System.Diagnostics;
using AiChat.Tests.Chat;
using AiChat.Tests.NodePlatform;

namespace AiChat.Tests.Commands;

/// <summary>
/// Root gives commands for a stopped server that another user owns. What root names is read and written as root, wherever it is; the data
/// folder is written as its owner.
/// </summary>
public sealed class AsRootTests : IDisposable
{
    private const int Owner = 65_534;

    private readonly string _folder = Directory.CreateTempSubdirectory("aichat-test-").FullName;

    /// <summary>Nobody but root can look into it.</summary>
    private string Private => Path.Combine(_folder, "private");

    private string Passphrase => Write("passphrase", "correct horse battery\n");

    [NativeFact]
    [Trait("Store", "File")] // a backup is among it
    public async Task What_root_names_is_read_and_written_as_root_and_the_data_folder_as_its_owner()
    {
        if (!Environment.IsPrivilegedProcess)
        {
            return; // only root can become another user
        }

        File.SetUnixFileMode(_folder, (UnixFileMode)0b111_001_001);
        Directory.CreateDirectory(Private, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        var data = await Owned("data");
        (await Executable.RunAsync(data, "user", "create", "boss", "--admin")).Expect(0);

        using (var old = new NodePlatformDatabase(Path.Combine(Private, "old")))
        {
            var user = old.User("member", NodePlatformDatabase.Hash);
            old.Image(old.Ask(old.Chat(user, "With a picture"), "Look"), SampleImages.Png());
            old.Trace(user, null, 1, DateTimeOffset.UtcNow.AddHours(-1), "trace-1.log");
        }

        Write("trace-1.log", """{"eventType":"start","payload":{},"timestamp":1748736000000}""" + "\n");
        var taken = (await Executable.RunAsync(
            data, "import", Path.Combine(Private, "old"), "--trace-logs", Private, "--json")).Expect(0).Json;
        Assert.Equal("done", taken.Text("state"));
        Assert.Equal(1, taken.GetProperty("taken").GetProperty("images").GetInt64());
        Assert.DoesNotContain("cannot be read", taken.GetRawText());
        Assert.DoesNotContain("is not there", taken.GetRawText());

        // Unpacked first, into a folder of root's that is gone afterwards.
        var packed = Path.Combine(Private, "old.tar.gz");
        await Do("tar", "-czf", packed, "-C", Private, "old");
        var room = Directory.CreateDirectory(Path.Combine(Private, "room")).FullName;
        var fresh = await Owned("fresh");
        taken = (await Executable.RunAsync(fresh, [("TMPDIR", room)], "import", packed, "--json")).Expect(0).Json;
        Assert.Equal(1, taken.GetProperty("taken").GetProperty("images").GetInt64());
        Assert.Empty(Directory.EnumerateFileSystemEntries(room, "aichat-*"));

        var chats = Write("conversations.json", """
            [{"id":"a","title":"T","create_time":1700000000,"current_node":"x","mapping":{"x":{"id":"x","parent":null,"children":[],
            "message":{"id":"x","author":{"role":"user"},"content":{"content_type":"text","parts":["hello"]}}}}}]
            """);
        (await Executable.RunAsync(data, "import", chats, "--user", "boss")).Expect(0);

        var made = (await Executable.RunAsync(
            data, "backup", "--output", Private + "/", "--passphrase-file", Passphrase, "--json")).Expect(0).Json;
        var archive = Assert.Single(Directory.EnumerateFiles(Private, "aichat-*.tar"));
        Assert.DoesNotContain(Directory.EnumerateFiles(Private), path => path.EndsWith(".new", StringComparison.Ordinal));
        await Do("tar", "-xf", archive, "-C", Private);

        var restored = await Owned("restored");
        var unpacked = Path.Combine(Private, made.Text("name")!);
        (await Executable.RunAsync(restored, "restore", unpacked, "--yes", "--passphrase-file", Passphrase)).Expect(0);
        foreach (var folder in new[] { data, fresh, restored })
        {
            Assert.Equal("", await Do("find", folder, "!", "-user", $"{Owner}"));
            (await Executable.RunAsAsync(Owner, folder, [], "doctor")).Expect(0);
        }

        var image = Assert.Single(Directory.EnumerateFiles(Path.Combine(restored, "images"), "*.png", SearchOption.AllDirectories));
        Assert.Equal(SampleImages.Png(), await File.ReadAllBytesAsync(image));
        Assert.Equal("", await Do("find", unpacked, "!", "-user", "0"));
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private async Task<string> Owned(string name)
    {
        var path = Directory.CreateDirectory(Path.Combine(_folder, name)).FullName;
        await Do("chown", $"{Owner}:{Owner}", path);
        return path;
    }

    /// <summary>A file that only root reads.</summary>
    private string Write(string name, string text)
    {
        var path = Path.Combine(Private, name);
        File.WriteAllText(path, text);
        File.SetUnixFileMode(path, UnixFileMode.UserRead | UnixFileMode.UserWrite);
        return path;
    }

    private static async Task<string> Do(string command, params string[] arguments)
    {
        using var process = Process.Start(new ProcessStartInfo(command, arguments) { RedirectStandardOutput = true })!;
        var output = await process.StandardOutput.ReadToEndAsync();
        await process.WaitForExitAsync();
        Assert.Equal(0, process.ExitCode);
        return output;
    }
}
