using System.CommandLine;

namespace AiChat.Commands;

/// <summary>Removes the service and its executable. The data, the settings and the user stay unless they are to go too.</summary>
internal static class UninstallCommand
{
    public static Command Create()
    {
        var dry = InstallCommand.DryRun();
        var root = InstallCommand.Root();
        var purge = new Option<bool>("--purge") { Description = "Delete the data folder, the settings and the user as well; asks before." };
        var yes = new Option<bool>("--yes") { Description = "Do not ask." };
        var command = new Command("uninstall", "Remove the service. The data folder and the settings stay.") { purge, yes, root, dry };
        command.SetAction(parsed =>
        {
            var place = ServiceFiles.Find(parsed.GetValue(root) ?? "");
            return InstallCommand.Do(parsed.GetValue(dry), steps =>
            {
                if (parsed.GetValue(purge))
                {
                    CheckPurge(place, isSure: parsed.GetValue(yes) || parsed.GetValue(dry));
                }

                Remove(place, steps);
                if (parsed.GetValue(purge))
                {
                    Purge(place, steps);
                }
                else
                {
                    steps.Say($"Kept: {place.Root}{place.DataDir}, {place.EnvironmentFile} and the user {place.User}.");
                }
            });
        });
        return command;
    }

    private static void Remove(ServiceFiles place, InstallSteps steps)
    {
        if (place.HasSystemd && File.Exists(place.UnitFile))
        {
            steps.Run("systemctl", "disable", "--now", "aichat");
        }

        steps.Remove(place.UnitFile);
        steps.Remove(place.UnitFile + ".new");
        steps.Remove(place.DropInFile);
        steps.Remove(Path.GetDirectoryName(place.UnitFile) + "/multi-user.target.wants/aichat.service");
        if (Directory.Exists(place.DropInFolder)
            && Directory.EnumerateFileSystemEntries(place.DropInFolder).All(file => file == place.DropInFile))
        {
            steps.Remove(place.DropInFolder);
        }

        if (place.HasSystemd)
        {
            steps.Run("systemctl", "daemon-reload");
        }

        steps.Remove(place.PreviousBinary);
        steps.Remove(place.Binary);
    }

    /// <summary>Before anything is removed: whether the folder is one of ours, and whether it is meant.</summary>
    private static void CheckPurge(ServiceFiles place, bool isSure)
    {
        var data = place.Root + place.DataDir;
        if (Directory.Exists(data) && Directory.EnumerateFileSystemEntries(data).Any() && !File.Exists(data + "/instance.json"))
        {
            throw new InstallException(
                $"{data} does not look like a data folder of AiChat (it has no instance.json); nothing was removed.");
        }

        if (isSure)
        {
            return;
        }

        Terminal.Say($"This deletes every account, chat and key in {data} for good. Type the folder's path to go on:");
        if (Terminal.Ask() != data)
        {
            throw new InstallException("That is not the path; nothing was removed. (--yes does not ask.)");
        }
    }

    private static void Purge(ServiceFiles place, InstallSteps steps)
    {
        steps.Remove(place.Root + place.DataDir);
        steps.Remove(place.EnvironmentFolder);
        if (place.User != ServiceFiles.DefaultUser)
        {
            steps.Say($"The user {place.User} is kept.");
        }
        else if (place.IsThisSystem && InstallSteps.Try("id", "-u", place.User).Code == 0)
        {
            steps.Run("userdel", place.User);
        }
        else if (!place.IsThisSystem && place.NumbersOfUser() is not null)
        {
            steps.Run("userdel", "--prefix", place.Root, place.User);
        }
    }
}
