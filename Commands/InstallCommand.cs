using System.CommandLine;
using System.Text.RegularExpressions;

namespace AiChat.Commands;

/// <summary>Installs this executable as a service of systemd, or upgrades the one that is there. Doing it twice changes nothing.</summary>
internal static partial class InstallCommand
{
    public static Command Create()
    {
        var dry = DryRun();
        var root = Root();
        var user = new Option<string?>("--user") { Description = "Whom the service runs as; made when missing. Default: aichat." };
        var folder = new Option<string?>("--data-dir") { Description = "The data folder. Default: /var/lib/aichat." };
        var port = new Option<int?>("--port") { Description = "Where to listen. Default: 8001, or what the environment file says." };
        var replace = new Option<bool>("--replace-unit") { Description = "Replace a unit that was changed by hand." };
        var noStart = new Option<bool>("--no-start") { Description = "Put everything into place and start nothing." };
        user.Validators.Add(result =>
        {
            if (result.GetValueOrDefault<string?>() is { } name && (!UserName().IsMatch(name) || name == "root"))
            {
                result.AddError("--user is the name of a user other than root.");
            }
        });
        folder.Validators.Add(result =>
        {
            if (result.GetValueOrDefault<string?>() is { } path && !Folder().IsMatch(path))
            {
                result.AddError("--data-dir is an absolute path of letters, digits and . _ - / below a folder of the root.");
            }
        });
        port.Validators.Add(result =>
        {
            if (result.GetValueOrDefault<int?>() is < 1 or > 65_535)
            {
                result.AddError("--port is a number from 1 to 65535.");
            }
        });
        var command = new Command("install", "Install this executable as a service of systemd, or upgrade the one installed.")
        {
            user, folder, port, replace, noStart, root, dry,
        };
        command.SetAction(parsed =>
        {
            var found = ServiceFiles.Find(parsed.GetValue(root) ?? "");
            var place = found with
            {
                User = parsed.GetValue(user) ?? found.User,
                DataDir = parsed.GetValue(folder)?.TrimEnd('/') ?? found.DataDir,
            };
            return Do(parsed.GetValue(dry), steps =>
            {
                new Installer(place, steps)
                    .Install(Environment.ProcessPath!, parsed.GetValue(port), parsed.GetValue(replace), !parsed.GetValue(noStart));
                Tell(place, steps);
            });
        });
        return command;
    }

    internal static Option<bool> DryRun() => new("--dry-run") { Description = "Print exactly what would be done, and do nothing." };

    internal static Option<string?> Root() => new("--root") { Description = "The root folder of another system, such as an image." };

    /// <summary>Runs steps that need root, and tells in one line why they cannot.</summary>
    internal static int Do(bool isDry, Action<InstallSteps> work)
    {
        if (!isDry && !Environment.IsPrivilegedProcess)
        {
            Terminal.Complain("This needs root: type it again with sudo, or with --dry-run to see what would be done.");
            return ExitCodes.NoPermission;
        }

        try
        {
            work(new InstallSteps(isDry, Terminal.Say));
            return ExitCodes.Done;
        }
        catch (Exception error) when (error is InstallException or IOException or UnauthorizedAccessException)
        {
            Terminal.Complain(error.Message);
            return ExitCodes.Refused;
        }
    }

    private static void Tell(ServiceFiles place, InstallSteps steps)
    {
        var code = $"{place.Root}{place.DataDir}/setup-code";
        steps.Say(steps.Changes == 0 ? "Nothing to do: this version is installed." : "Installed.");
        steps.Say($"  settings  {place.EnvironmentFile}, then: systemctl restart aichat");
        steps.Say("  state     systemctl status aichat; journalctl -u aichat");
        steps.Say($"  accounts  env DATA_DIR={place.DataDir} aichat user list");
        if (File.Exists(place.PreviousBinary))
        {
            steps.Say($"  before    {place.PreviousBinary}");
        }

        if (File.Exists(code))
        {
            steps.Say($"  first     http://this-machine:{place.ConfiguredPort() ?? ServiceFiles.DefaultPort}/register"
                + $"#setup={Uri.EscapeDataString(File.ReadAllText(code).Trim())}");
        }
    }

    [GeneratedRegex(@"\A[a-z_][a-z0-9_-]{0,31}\z")]
    private static partial Regex UserName();

    /// <summary>At least two folders deep: /srv alone would become the service's own.</summary>
    [GeneratedRegex(@"\A(/(?!\.\.?(/|\z))[A-Za-z0-9._-]+){2,}/?\z")]
    private static partial Regex Folder();
}
