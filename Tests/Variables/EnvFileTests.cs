using System.Text;
using AiChat.Data;
using AiChat.Endpoints.Variables;
using Microsoft.Extensions.Logging;

namespace AiChat.Tests.Variables;

/// <summary>Files of variables: the syntax of docker compose without its expansion, and which files are believed.</summary>
public sealed class EnvFileTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("aichat-test-").FullName;

    [Theory]
    [InlineData("A=b", "b")]
    [InlineData("export A=b", "b")]
    [InlineData("export\tA = b ", "b")]
    [InlineData("  A=b", "b")]
    [InlineData("A=b # comment", "b")]
    [InlineData("A=b#no", "b#no")]
    [InlineData("A=#b", "#b")]
    [InlineData("A= # comment", "")]
    [InlineData("A=", "")]
    [InlineData("A=\nB=c", "")]
    [InlineData("A=b c", "b c")]
    [InlineData("A=b=c", "b=c")]
    [InlineData("# A=x\n\nA=b\n", "b")]
    [InlineData("A=x\nA=b", "b")]
    [InlineData("A=b\r\nC=d\r\n", "b")]
    [InlineData("\uFEFFA=b", "b")]
    [InlineData("A='b # c'", "b # c")]
    [InlineData("A='b\\n$c'", "b\\n$c")]
    [InlineData("A='it\\'s'", "it's")]
    [InlineData("A=\"b # c\" # comment", "b # c")]
    [InlineData("A=\"b\\nc\\td\\\"e\\\\f\"", "b\nc\td\"e\\f")]
    [InlineData("A=\"b\\xc\"", "b\\xc")]
    [InlineData("A=\"one\ntwo\"\nB=x", "one\ntwo")]
    [InlineData("A='one\r\ntwo'", "one\ntwo")]
    [InlineData("A=pa$$w0rd${X}$(y)", "pa$$w0rd${X}$(y)")]
    [InlineData("A=\"pa$X\\$Y\"", "pa$X$Y")]
    [InlineData("A=\"\"", "")]
    [InlineData("A=b\"c\"", "b\"c\"")]
    [InlineData("PASSED_ON\nA=b", "b")]
    [InlineData("a.b-c=1\nA=b", "b")]
    [InlineData("A=中文 值", "中文 值")]
    public void A_line_is_read_as_docker_compose_reads_it(string text, string expected) =>
        Assert.Equal(expected, EnvFileText.Parse(text)["A"]);

    [Theory]
    [InlineData("A=1\nif [ -f x ]; then", "line 2 ")]
    [InlineData("=b", "line 1 ")]
    [InlineData("A=1\n\n1 2 3", "line 3 ")]
    [InlineData("A: b", "line 1 ")]
    [InlineData("A=\"b", "line 1 ", "\"")]
    [InlineData("X=1\nA='b\n\n", "line 2 ", "'")]
    [InlineData("A=\"secret\"more", "line 1 ", "closing")]
    [InlineData("Ä=1", "line 1 ")]
    public void What_is_no_assignment_is_refused_by_its_line(string text, params string[] parts)
    {
        var refused = Assert.Throws<EnvFileException>(() => EnvFileText.Parse(text));
        Assert.All(parts, part => Assert.Contains(part, refused.Message));
        Assert.DoesNotContain("secret", refused.Message);
        Wording.Check($"It cannot be understood: {refused.Message}.".Replace("(\")", "").Replace("(')", "").Replace("  ", " "));
    }

    [Fact]
    public void The_environment_wins_over_the_last_file_over_the_first()
    {
        var one = Write("one", "PORT=1\nHOST=127.0.0.1\nLOG_LEVEL=debug\nPATH=/nowhere");
        var two = Write("two", "PORT=2\nHOST=127.0.0.2\n");
        var values = Under(EnvFile.Load([one, two]), ("HOST", "127.0.0.3"));
        Assert.Equal(2, ServerVariables.Port.Read(values));
        Assert.Equal("127.0.0.3", ServerVariables.Host.Read(values));
        Assert.Equal(LogLevel.Debug, ServerVariables.LogLevel.Read(values));
        Assert.Equal(one, values.Find(ServerVariables.LogLevel)!.File);
        Assert.NotEqual("/nowhere", Environment.GetEnvironmentVariable("PATH"));
    }

    [Fact]
    public void A_wrong_value_is_told_with_its_file()
    {
        var path = Write("mine.env", "PORT=80 80\nJWT_SECRET=short");
        var values = EnvFile.Load([path]);
        Assert.Equal(
            $"PORT in {path} is wrong: it is a whole number from 0 to 65535. The value holds a blank.",
            Assert.Throws<StartupException>(() => ServerVariables.Port.Read(values)).Message);
        var secret = Assert.Throws<StartupException>(() => ServerVariables.JwtSecret.Read(values));
        Assert.StartsWith($"JWT_SECRET in {path} is wrong: it has at least 32 characters", secret.Message);
        Assert.DoesNotContain("short", secret.Message);
    }

    [Fact]
    public void Whatever_editor_wrote_it()
    {
        Encoding[] encodings = [new UTF8Encoding(true), new UnicodeEncoding(false, true), new UnicodeEncoding(true, true)];
        foreach (var encoding in encodings)
        {
            var path = Path.Combine(_folder, "windows.env");
            File.WriteAllText(path, "PORT=9001\r\nBRAND_TEXT=\"Zwölf\"\r\n", encoding);
            Assert.Equal(9001, ServerVariables.Port.Read(EnvFile.Load([path])));
        }

        File.WriteAllBytes(Path.Combine(_folder, "bytes"), [0x41, 0x3D, 0xFF, 0xC0]);
        Refused(Path.Combine(_folder, "bytes"), "is not a text in UTF-8");
    }

    [Fact]
    public void What_cannot_be_read_is_named()
    {
        Refused(Path.Combine(_folder, "missing"), "does not exist");
        Refused(_folder, "is a folder");
        Refused(Write("large", new string('#', 2 << 20)), "is larger than");
        Refused(Write("script", "A=1\nif [ -f x ]; then"), "line 2 is not of the form NAME=value");
        Assert.Equal(8001, ServerVariables.Port.Read(EnvFile.Load(["/dev/null"])));
        Assert.Empty(EnvFile.Load(["/dev/null"]).Notes);
    }

    [Fact]
    public void A_file_that_others_may_write_is_told_of()
    {
        var path = Write("open.env", "PORT=1");
        File.SetUnixFileMode(path, (UnixFileMode)0b110_110_110);
        Assert.Equal([$"Everybody on this machine can write {path}; run: chmod o-w {path}"], EnvFile.Load([path]).Notes);
    }

    [RootFact]
    public void A_file_that_somebody_else_may_have_written_is_refused()
    {
        // For root, 12345 is somebody else; for a user, root is not.
        var path = Write(".env", "PORT=1");
        Ownership.Give(path, new Owner(12345, 12345));
        Assert.Equal(1, ServerVariables.Port.Read(EnvFile.Load([path])));
        File.SetUnixFileMode(path, (UnixFileMode)0b110_110_110);
        Refused(path, "belongs to user 12345 and can be written by everybody; run: chmod o-w");
        File.SetUnixFileMode(path, (UnixFileMode)0b110_100_100);
        File.SetUnixFileMode(_folder, (UnixFileMode)0b111_111_111);
        Refused(path, "belongs to user 12345, in a folder that everybody can write");
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private static void Refused(string path, string reason)
    {
        var refused = Assert.Throws<StartupException>(() => EnvFile.Load([path]));
        Assert.Equal(StartupException.Configuration, refused.ExitCode);
        Assert.Contains(path, refused.Message);
        Assert.Contains(reason, refused.Message);
    }

    /// <summary>The files with this environment instead of that of the test.</summary>
    private static EnvironmentValues Under(EnvironmentValues files, params (string Name, string Value)[] variables) => new(
        [
            new ValueLayer(null, variables.ToDictionary(item => item.Name, item => item.Value).GetValueOrDefault),
            .. files.Layers.Where(layer => layer.File is not null),
        ]);

    private string Write(string name, string text)
    {
        var path = Path.Combine(_folder, name);
        File.WriteAllText(path, text);
        return path;
    }
}
