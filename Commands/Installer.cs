using System.Security.Cryptography;

namespace AiChat.Commands;

/// <summary>Makes an installation, or brings the one that is there to this executable.</summary>
internal sealed class Installer(ServiceFiles place, InstallSteps steps)
{
    private const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite;
    private const UnixFileMode Readable = OwnerOnly | UnixFileMode.GroupRead | UnixFileMode.OtherRead;
    private const UnixFileMode Executable =
        Readable | UnixFileMode.UserExecute | UnixFileMode.GroupExecute | UnixFileMode.OtherExecute;

    /// <param name="source">This executable.</param>
    /// <param name="port">Null keeps what is set.</param>
    /// <param name="replaceUnit">Also one that somebody changed.</param>
    /// <param name="start">Enables and starts the service where systemd runs.</param>
    /// <exception cref="InstallException">A step failed; the steps before it are done, and another install goes on from there.</exception>
    public void Install(string source, int? port, bool replaceUnit, bool start)
    {
        RefuseToLeaveData();
        PutBinary(source);
        MakeUser();
        MakeDataFolder();
        var listens = port ?? place.ConfiguredPort() ?? ServiceFiles.DefaultPort;
        PutEnvironment(listens);
        PutUnit(replaceUnit);
        PutDropIn(listens);
        Activate(start);
    }

    /// <summary>Another folder than before, without the data, would begin anew and hide what is there.</summary>
    private void RefuseToLeaveData()
    {
        var before = ServiceFiles.Find(place.Root).DataDir;
        if (before != place.DataDir && File.Exists(place.Root + before + "/instance.json")
            && !File.Exists(place.Root + place.DataDir + "/instance.json"))
        {
            throw new InstallException(
                $"The data lies in {before}. Move it first: systemctl stop aichat && mkdir -p {Path.GetDirectoryName(place.DataDir)} && "
                + $"mv {before} {place.DataDir}");
        }
    }

    private void PutBinary(string source)
    {
        var target = place.Binary;
        steps.Folder(Path.GetDirectoryName(target)!);
        if (File.Exists(target) && IsSame(source, target))
        {
            steps.Say($"  {target} is this executable");
            return;
        }

        // Under a name beside it first: a running program cannot be written to, and the label of SELinux is that of the folder.
        steps.Copy(source, target + ".new", Executable);
        Prove(target + ".new");
        if (File.Exists(target))
        {
            steps.Move(target, place.PreviousBinary);
        }

        steps.Move(target + ".new", target);
        if (place.IsThisSystem && Directory.Exists("/sys/fs/selinux/policy_capabilities") && InstallSteps.Try("restorecon", "-V").Code >= 0)
        {
            steps.Run("restorecon", target);
        }
    }

    private static void Prove(string binary)
    {
        if (File.Exists(binary) && InstallSteps.Try(binary, "version") is { Code: not 0 } failed)
        {
            File.Delete(binary);
            throw new InstallException(
                $"{binary} cannot be run there: {failed.Said} Is the file system mounted noexec "
                + $"(findmnt -T {Path.GetDirectoryName(binary)}), or does SELinux forbid it (ausearch -m avc)?");
        }
    }

    private void MakeUser()
    {
        if (UserExists())
        {
            steps.Say($"  the user {place.User} exists");
            return;
        }

        string[] where = place.IsThisSystem ? [] : ["--prefix", place.Root];
        steps.Run(
            ["useradd", .. where, "--system", "--user-group", "--no-create-home", "--home-dir", place.DataDir,
                "--shell", "/usr/sbin/nologin", place.User]);
    }

    private bool UserExists() => place.IsThisSystem
        ? InstallSteps.Try("id", "-u", place.User).Code == 0
        : place.NumbersOfUser() is not null;

    private void MakeDataFolder()
    {
        var folder = place.Root + place.DataDir;
        var owner = place.IsThisSystem ? place.User + ":" : place.NumbersOfUser() ?? place.User + ":";
        if (!Directory.Exists(folder))
        {
            steps.Run("mkdir", "-p", folder);
            steps.Run("chown", owner, folder);
            steps.Run("chmod", "0700", folder);
            return;
        }

        var (code, others) = InstallSteps.Try("find", folder, "!", "-user", owner.Split(':')[0], "-print", "-quit");
        if (code != 0 || others.Length > 0)
        {
            steps.Run("chown", "-R", owner, folder); // made by root, or by the user before
        }

        if (File.GetUnixFileMode(folder) != (OwnerOnly | UnixFileMode.UserExecute))
        {
            steps.Run("chmod", "0700", folder);
        }
    }

    private void PutEnvironment(int port)
    {
        steps.Folder(place.EnvironmentFolder);
        if (!File.Exists(place.EnvironmentFile))
        {
            steps.Write(place.EnvironmentFile, place.NewEnvironment(port), OwnerOnly);
            return;
        }

        var before = ServiceFiles.Find(place.Root);
        var text = File.ReadAllText(place.EnvironmentFile);
        text = before.DataDir == place.DataDir ? text : ServiceFiles.With(text, "DATA_DIR", place.DataDir);
        text = (before.ConfiguredPort() ?? ServiceFiles.DefaultPort) == port ? text : ServiceFiles.With(text, "PORT", $"{port}");
        steps.Write(place.EnvironmentFile, text, File.GetUnixFileMode(place.EnvironmentFile));
    }

    private void PutUnit(bool replace)
    {
        steps.Folder(Path.GetDirectoryName(place.UnitFile)!);
        if (File.Exists(place.UnitFile) && File.ReadAllText(place.UnitFile) is var unit && !ServiceFiles.IsUntouched(unit) && !replace)
        {
            steps.Write(place.UnitFile + ".new", ServiceFiles.SealedUnit, Readable);
            steps.Say($"! {place.UnitFile} was changed by hand and is kept; this version's is beside it, as .new. Compare them, move your");
            steps.Say("  changes to \"systemctl edit aichat\", and install with --replace-unit.");
            return;
        }

        steps.Write(place.UnitFile, ServiceFiles.SealedUnit, Readable);
        steps.Remove(place.UnitFile + ".new");
    }

    private void PutDropIn(int port)
    {
        if (place.DropIn(port) is { } text)
        {
            steps.Folder(place.DropInFolder);
            steps.Write(place.DropInFile, text, Readable);
        }
        else
        {
            steps.Remove(place.DropInFile);
        }
    }

    private void Activate(bool start)
    {
        if (!place.HasSystemd)
        {
            steps.Say("systemd does not run here. Where it does: systemctl daemon-reload && systemctl enable --now aichat");
            return;
        }

        var isActive = InstallSteps.Try("systemctl", "is-active", "aichat").Code == 0;
        if (isActive && steps.Changes == 0)
        {
            return;
        }

        steps.Run("systemctl", "daemon-reload");
        if (!start)
        {
            steps.Say(isActive ? "Restart it by: systemctl restart aichat" : "Start it by: systemctl enable --now aichat");
            return;
        }

        steps.Run("systemctl", "enable", "aichat");
        try
        {
            steps.Run("systemctl", "restart", "aichat"); // starts it, too
        }
        catch (InstallException error)
        {
            var back = File.Exists(place.PreviousBinary)
                ? $"\nTo go back: mv {place.PreviousBinary} {place.Binary} && systemctl restart aichat"
                : "";
            throw new InstallException($"{error.Message}\nWhat the service said: journalctl -u aichat -n 20{back}");
        }
    }

    private static bool IsSame(string one, string other)
    {
        using var first = File.OpenRead(one);
        using var second = File.OpenRead(other);
        return first.Length == second.Length && SHA256.HashData(first).AsSpan().SequenceEqual(SHA256.HashData(second));
    }
}
