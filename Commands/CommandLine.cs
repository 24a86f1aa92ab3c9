using System.CommandLine;
using System.CommandLine.Help;
using System.CommandLine.Invocation;
using AiChat.Data;
using AiChat.Data.Backups;

namespace AiChat.Commands;

/// <summary>The commands of the executable; without one it serves.</summary>
internal static class CommandLine
{
    /// <returns>The exit code: one of <see cref="ExitCodes"/>.</returns>
    public static async Task<int> Run(string[] args)
    {
        StandardFiles.Open();
        var parsed = Commands().Parse(args);
        if (parsed.Action is ParseErrorAction mistake)
        {
            mistake.ShowHelp = false;
            mistake.ShowTypoCorrections = false; // they go to standard output
            await parsed.InvokeAsync();
            Terminal.Complain($"See: {PathOf(parsed.CommandResult.Command)} --help");
            return ExitCodes.Usage;
        }

        try
        {
            RunAs.Apply(parsed, args);
            return await parsed.InvokeAsync(
                new InvocationConfiguration { ProcessTerminationTimeout = null, EnableDefaultExceptionHandler = false });
        }
        catch (StartupException error)
        {
            Terminal.Complain(error.Message);
            return error.ExitCode;
        }
        catch (CommandException refused)
        {
            if (refused.Body is { } problem && parsed.GetValue(Options.Json))
            {
                Terminal.Say(Terminal.Json(problem));
            }

            Terminal.Complain(refused.Message);
            return ExitCodes.Refused;
        }
        catch (Exception error) when (error is BackupException or StoreException or IOException or UnauthorizedAccessException)
        {
            Terminal.Complain(error.Message);
            return StartupException.InputOutput;
        }
    }

    /// <summary>One line for each command; what it takes and does is in its own file.</summary>
    private static RootCommand Commands()
    {
        var root = new RootCommand("AiChat, a chat platform in one file. Starts the server when no command is given.")
        {
            ServeCommand.Create(),
            HealthCheckCommand.Create(),
            UserCommand.Create(),
            ConnectionCommand.Create(),
            BackupCommand.Create(),
            RestoreCommand.Create(),
            ImportCommand.Create(),
            RotateKeyCommand.Create(),
            RollbackCommand.Create(),
            MigrateStoreCommand.Create(),
            SettingsCommand.Create(),
            DoctorCommand.Create(),
            InstallCommand.Create(),
            UninstallCommand.Create(),
            CompletionCommand.Create(),
            VersionCommand.Create(),
            LicensesCommand.Create(),
        };
        root.Options.Add(Options.EnvFiles);
        ServeCommand.MakeDefault(root);
        var help = root.Options.OfType<HelpOption>().Single();
        help.Aliases.Remove("/?"); // of another system; a path begins like this here
        help.Aliases.Remove("/h");
        return root;
    }

    /// <summary>As it is typed, such as "aichat user create".</summary>
    private static string PathOf(Command command) => command.Parents.OfType<Command>().FirstOrDefault() is { } parent
        ? $"{PathOf(parent)} {command.Name}"
        : command.Name;
}
