using System.CommandLine;
using System.Security.Cryptography;
using System.Text;
using AiChat.Commands;
using AiChat.Endpoints.Variables;

namespace AiChat.Tests.Commands;

/// <summary>
/// The files of an installation, in another root. What only a running systemd can show is rehearsed in one (scripts/rehearse service).
/// </summary>
public sealed class InstallTests : IDisposable
{
    private readonly DirectoryInfo _root = Directory.CreateTempSubdirectory("aichat-install-");
    private readonly List<string> _said = [];

    public InstallTests()
    {
        // A user that exists there, with the numbers of this process's, so that no program is asked for another.
        Directory.CreateDirectory(Under("etc"));
        File.WriteAllText(Under("etc/passwd"), $"root:x:0:0::/root:/bin/sh\naichat:x:{Id("-u")}:{Id("-g")}::/var/lib/aichat:/bin/false\n");
        File.WriteAllText(Under("program"), "#!/bin/sh\n");
        File.SetUnixFileMode(Under("program"), UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
    }

    private ServiceFiles Place => ServiceFiles.Find(_root.FullName);

    [Fact]
    public void A_dry_run_says_every_file_and_writes_none()
    {
        Install(Place, isDry: true);
        Assert.Contains($"+ cp {Under("program")} {Place.Binary}.new", _said);
        Assert.Contains($"+ write {Place.UnitFile} with mode 0644:", _said);
        Assert.Contains("    | MemoryDenyWriteExecute=yes", _said);
        Assert.Contains($"+ write {Place.EnvironmentFile} with mode 0600:", _said);
        Assert.Contains("    | PORT=8001", _said);
        var files = Directory.EnumerateFiles(_root.FullName, "*", SearchOption.AllDirectories).Select(Path.GetFileName);
        Assert.Equal(["passwd", "program"], files.Order());
    }

    [Fact]
    public void Twice_changes_nothing()
    {
        Assert.True(Install(Place) > 0);
        Assert.Equal("600", Mode(Place.EnvironmentFile));
        Assert.Equal("755", Mode(Place.Binary));
        Assert.Equal("700", Mode(Under("var/lib/aichat")));
        Assert.False(File.Exists(Place.DropInFile));
        Assert.Equal(0, Install(Place));
    }

    [Fact]
    public void Commands_reach_the_service_unless_another_folder_is_named()
    {
        var elsewhere = Directory.CreateDirectory(Under("home")).FullName;
        bool IsMeant(string? name = null) =>
            ServiceEnvironment.IsMeant(Place, asked => asked == name ? "/somewhere" : null, elsewhere);
        Assert.False(IsMeant());
        Install(Place);
        Assert.True(IsMeant());
        Assert.False(IsMeant("DATA_DIR"));
        Assert.False(IsMeant("DATABASE_URL"));
        File.WriteAllText(Path.Combine(elsewhere, ".env"), "");
        Assert.False(IsMeant());
        File.Delete(Path.Combine(elsewhere, ".env"));
        Directory.CreateDirectory(Path.Combine(elsewhere, "data"));
        Assert.True(IsMeant());
        File.WriteAllText(Path.Combine(elsewhere, "data", "instance.json"), "");
        Assert.False(IsMeant());

        File.WriteAllText(Place.EnvironmentFile, "PORT=9000\nDATA_DIR='/srv/chat'\n");
        var typed = new RootCommand().Parse("user list");
        Assert.Equal("/srv/chat", ServerVariables.DataDir.Read(ServiceEnvironment.Load(Place, typed)));
        Assert.Equal(9000, ServerVariables.Port.Read(ServiceEnvironment.Load(Place, typed)));
        File.Delete(Place.EnvironmentFile);
        Assert.Equal("/var/lib/aichat", ServerVariables.DataDir.Read(ServiceEnvironment.Load(Place, typed)));
    }

    [Fact]
    public void An_upgrade_keeps_settings_and_the_program_before()
    {
        Install(Place);
        File.AppendAllText(Place.EnvironmentFile, "BRAND_TEXT=Ours\n");
        File.WriteAllText(Under("program"), "#!/bin/sh\n# newer\n");
        Install(Place, port: 9000);
        Assert.Equal("#!/bin/sh\n", File.ReadAllText(Place.PreviousBinary));
        Assert.Equal("#!/bin/sh\n# newer\n", File.ReadAllText(Place.Binary));
        Assert.Equal(9000, Place.ConfiguredPort());
        Assert.EndsWith("PORT=9000\nBRAND_TEXT=Ours\n", File.ReadAllText(Place.EnvironmentFile));
        Assert.Equal("600", Mode(Place.EnvironmentFile));
    }

    [Fact]
    public void A_unit_changed_by_hand_is_kept_and_told()
    {
        Install(Place);
        File.AppendAllText(Place.UnitFile, "# mine\n");
        Install(Place);
        Assert.Contains(_said, line => line.Contains("was changed by hand and is kept"));
        Assert.EndsWith("# mine\n", File.ReadAllText(Place.UnitFile));
        Assert.Equal(ServiceFiles.SealedUnit, File.ReadAllText(Place.UnitFile + ".new"));
        Install(Place, replaceUnit: true);
        Assert.Equal(ServiceFiles.SealedUnit, File.ReadAllText(Place.UnitFile));
        Assert.False(File.Exists(Place.UnitFile + ".new"));
    }

    /// <summary>An older version's, which nobody changed.</summary>
    [Fact]
    public void An_older_unit_is_replaced()
    {
        const string old = "[Service]\nExecStart=/usr/local/bin/aichat\n";
        var sealedOld = ServiceFiles.SealedUnit.Replace(ServiceFiles.Unit, old);
        Assert.False(ServiceFiles.IsUntouched(sealedOld));
        var digest = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(old)));
        Assert.True(ServiceFiles.IsUntouched(sealedOld[..(sealedOld.Length - 65)] + digest + "\n"));
        Assert.True(ServiceFiles.IsUntouched(ServiceFiles.Unit)); // copied by hand from the release
    }

    [Theory]
    [InlineData("/srv/chat", 8001, "ReadWritePaths=/srv/chat", "CAP_NET")]
    [InlineData("/home/me/chat", 8001, "ProtectHome=tmpfs\nBindPaths=/home/me/chat", "ReadWritePaths")]
    [InlineData("/var/lib/aichat", 443, "AmbientCapabilities=CAP_NET_BIND_SERVICE\nPrivateUsers=no", "StateDirectory")]
    public void Another_folder_and_a_low_port_get_what_they_need(string folder, int port, string expected, string unexpected)
    {
        Install(Place with { DataDir = folder }, port: port);
        Assert.Contains(expected, File.ReadAllText(Place.DropInFile));
        Assert.DoesNotContain(unexpected, File.ReadAllText(Place.DropInFile));
        Assert.Equal((folder, port), (Place.DataDir, Place.ConfiguredPort()));
        Assert.Equal(0, Install(Place)); // remembered
    }

    [Fact]
    public void Another_folder_without_the_data_is_refused()
    {
        Install(Place);
        File.WriteAllText(Under("var/lib/aichat/instance.json"), "{}");
        var refused = Assert.Throws<InstallException>(() => Install(Place with { DataDir = "/srv/chat" }));
        Assert.Contains("mv /var/lib/aichat /srv/chat", refused.Message);
        Assert.False(Directory.Exists(Under("srv")));
    }

    [Fact]
    public void A_program_that_cannot_run_there_leaves_the_one_that_can()
    {
        Install(Place);
        File.WriteAllText(Under("program"), "#!/bin/sh\necho no such glibc >&2\nexit 1\n");
        var refused = Assert.Throws<InstallException>(() => Install(Place));
        Assert.Contains("no such glibc", refused.Message);
        Assert.Equal("#!/bin/sh\n", File.ReadAllText(Place.Binary));
        Assert.False(File.Exists(Place.Binary + ".new"));
    }

    public void Dispose() => _root.Delete(recursive: true);

    private int Install(ServiceFiles place, bool isDry = false, int? port = null, bool replaceUnit = false)
    {
        _said.Clear();
        var steps = new InstallSteps(isDry, _said.Add);
        new Installer(place, steps).Install(Under("program"), port, replaceUnit, start: true);
        return steps.Changes;
    }

    private string Under(string path) => Path.Combine(_root.FullName, path);

    private static string Mode(string path) => Convert.ToString((int)File.GetUnixFileMode(path), 8);

    private static string Id(string option) => InstallSteps.Try("id", option).Said;
}
