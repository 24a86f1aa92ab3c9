using System.Diagnostics;
using System.IO.Compression;
using AiChat.Tests.Chat;
using static AiChat.Tests.Api.ImportSteps;

namespace AiChat.Tests.Commands;

/// <summary>Exported chats as they lie on a disk: a browser unpacks a download, a backup packs it once more.</summary>
public sealed class ImportChatsTests : IDisposable
{
    private readonly DirectoryInfo _place = Directory.CreateTempSubdirectory("aichat-chats-");

    private string Data => Path.Combine(_place.FullName, "data");

    private string Export => Path.Combine(_place.FullName, "export");

    [NativeTheory]
    [InlineData("folder", 2)]
    [InlineData("tar", 2)]
    [InlineData("tar.gz", 2)]
    [InlineData("json.gz", 1)]
    public async Task They_come_from_a_folder_and_from_what_packs_one(string form, int chats)
    {
        (await Executable.RunAsync(Data, "user", "create", "boss", "--admin")).Expect(0);
        var path = await Make(form);

        var asked = (await Executable.RunAsync(Data, "import", path)).Expect(1); // whose?
        Assert.Contains("--user", asked.Complaint);
        Assert.Contains(path, asked.Complaint);
        var room = Directory.CreateDirectory(Path.Combine(_place.FullName, "room")).FullName;
        var first = (await Executable.RunAsync(Data, [("TMPDIR", room)], "import", path, "--user", "boss", "--json")).Expect(0).Json;

        var report = first.GetProperty("report");
        Assert.Equal((chats, chats - 1), (report.GetProperty("taken").GetInt32(), report.GetProperty("images").GetInt32()));
        Assert.Empty(Directory.EnumerateFileSystemEntries(room));
        var again = (await Executable.RunAsync(Data, "import", path, "--user", "boss", "--json")).Expect(0).Json;
        Assert.Equal(chats, again.GetProperty("report").GetProperty("unchanged").GetInt32());
    }

    [Fact]
    public async Task Archives_that_are_not_read_say_what_to_do()
    {
        await using var server = await TestServer.StartAsync();
        var me = await server.RegisterAdminAsync();
        var inner = Zip(("conversations.json", Json(new[] { Simple("c1") })));

        var nested = await me.Import(Zip(("parts/chats-01.zip", inner)));
        Assert.Equal("no_chats", nested.ErrorCode());
        Assert.Contains("parts/chats-01.zip", nested.GetProperty("error").Text("detail"));
        foreach (var form in new[] { "tar", "tar.gz" })
        {
            var refused = await me.Import(await File.ReadAllBytesAsync(await Make(form)), $"export.{form}");
            Assert.Equal("unknown_format", refused.ErrorCode());
            Assert.Contains("zip", refused.GetProperty("error").Text("detail"));
        }
    }

    public void Dispose() => _place.Delete(recursive: true);

    private async Task<string> Make(string form)
    {
        var pointer = new { content_type = "image_asset_pointer", asset_pointer = "file-service://file-abc", width = 4, height = 4 };
        var picture = ChatGpt("c2", "Picture", "a",
            ("q", Node("q", null, "user", new { content_type = "multimodal_text", parts = new object[] { pointer, "See" } })),
            ("a", Node("a", "q", "assistant", Text("Seen."))));
        Directory.CreateDirectory(Path.Combine(Export, "files"));
        var chats = Path.Combine(Export, "conversations.json");
        await File.WriteAllBytesAsync(chats, Json(new[] { Simple("c1"), picture }));
        await File.WriteAllBytesAsync(Path.Combine(Export, "files", "file-abc-photo.png"), SampleImages.Png(4, 4));
        if (form == "folder")
        {
            return Export;
        }

        var path = Path.Combine(_place.FullName, $"export.{form}");
        if (form == "json.gz")
        {
            await using var packed = new GZipStream(File.Create(path), CompressionLevel.Fastest);
            await packed.WriteAsync(Json(new[] { Simple("c1") }));
            return path;
        }

        using var tar = Process.Start("tar", [form == "tar" ? "-cf" : "-czf", path, "-C", _place.FullName, "export"]);
        await tar.WaitForExitAsync();
        Assert.Equal(0, tar.ExitCode);
        return path;
    }
}
