using AiChat.Data;

namespace AiChat.Tests.Data;

/// <summary>A data folder that cannot be one is refused with what is in its place.</summary>
public sealed class DataFolderTests : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("aichat-folder-");

    [Theory]
    [InlineData("")]
    [InlineData("/data")]
    [InlineData("/deeper/data")]
    public void A_file_in_its_place_is_named(string below)
    {
        var file = Path.Combine(_folder.FullName, "file");
        File.WriteAllText(file, "notes");

        var refused = Assert.Throws<StartupException>(() => DataFolder.Open(file + below, null));

        Assert.Equal(StartupException.Configuration, refused.ExitCode);
        Assert.Equal($"The data folder {file}{below} cannot be there: {file} is a file. Name a folder as DATA_DIR.", refused.Message);
        Assert.Equal("notes", File.ReadAllText(file));
    }

    [Fact]
    public void A_half_moved_database_does_not_start()
    {
        using (var folder = DataFolder.Open(_folder.FullName, null))
        {
            folder.SaveInstance(folder.OpenInstance(TimeProvider.System, initialize: false));
        }

        File.WriteAllText(Path.Combine(_folder.FullName, "app.db" + MoveMark.FileEnding), "");
        using var again = DataFolder.Open(_folder.FullName, null);

        var refused = Assert.Throws<StartupException>(() => again.OpenInstance(TimeProvider.System, initialize: false));

        Assert.Contains("is not complete: its move was interrupted. Give aichat migrate-store again", refused.Message);
    }

    public void Dispose() => _folder.Delete(recursive: true);
}
