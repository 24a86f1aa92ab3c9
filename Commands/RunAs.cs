using System.CommandLine;
using System.Runtime.InteropServices;
using AiChat.Data;
using AiChat.Endpoints.Variables;

namespace AiChat.Commands;

/// <summary>
/// AICHAT_RUN_AS=65532:65532 lets a process that was started as root take over the data folder and go on as that user, without any right
/// of root. A container then works with whatever folder or volume it is given: one that the engine made for root, or one that another
/// image's root filled.
/// </summary>
internal static partial class RunAs
{
    /// <summary>Folders of the system, which a wrong DATA_DIR must not give away.</summary>
    private static readonly string[] System =
    [
        "/", "/bin", "/boot", "/dev", "/etc", "/home", "/lib", "/lib64", "/proc", "/root", "/run", "/sbin", "/sys", "/tmp", "/usr",
        "/usr/local", "/var", "/var/lib", "/var/log",
    ];

    /// <summary>What only root can do, or what needs nobody's rights.</summary>
    private static readonly string[] AsStarted = ["install", "uninstall", "version", "licenses", "completion"];

    /// <summary>Replaces this process by one of that user; returns when there is nothing to change.</summary>
    /// <param name="args">What <paramref name="parsed"/> was made of; the new process gets them.</param>
    /// <exception cref="StartupException">A variable is wrong, or the system refused.</exception>
    public static void Apply(ParseResult parsed, string[] args)
    {
        // Without root the engine has chosen a user, who owns the folder or does not. Help and completion are no command's own action.
        var command = parsed.CommandResult.Command;
        if (Ownership.Process.User != 0 || parsed.Action != command.Action || AsStarted.Contains(command.Name))
        {
            return;
        }

        var values = Options.Values(parsed);
        if (ServerVariables.RunAs.Read(values) is not { } target)
        {
            return;
        }

        if (command.Name != "healthcheck")
        {
            TakeOver(ServerOptions.Load(values), target);
        }

        Become(target, args);
    }

    private static void TakeOver(ServerOptions options, Owner target)
    {
        var data = Path.GetFullPath(options.DataDir);
        string?[] others = [options.ImageDir, options.DatabasePath is { } file ? Path.GetDirectoryName(Path.GetFullPath(file)) : null];
        foreach (var folder in others.OfType<string>().Select(Path.GetFullPath).Prepend(data).Select(Real).Distinct())
        {
            if (System.Contains(folder.Length > 1 ? folder.TrimEnd('/') : folder))
            {
                throw new StartupException(
                    StartupException.Configuration,
                    $"{folder} is a folder of the system and is not given to user {target}. Choose one below it.");
            }

            try
            {
                Directory.CreateDirectory(folder);
                TakeOver(folder, target);
            }
            catch (Exception error) when (error is IOException or UnauthorizedAccessException)
            {
                // A disk that knows no owners may let everybody write; the start shows it.
                Terminal.Complain(
                    $"Cannot give {folder} to user {target}: {error.Message.TrimEnd('.')}. This needs a disk that knows owners and, in a "
                    + "container, the capabilities CHOWN and DAC_OVERRIDE.");
            }
        }
    }

    /// <summary>The folder that a link leads to, which is the one to give away.</summary>
    private static string Real(string folder) =>
        new DirectoryInfo(folder) is { LinkTarget: not null } link ? link.ResolveLinkTarget(returnFinalTarget: true)!.FullName : folder;

    /// <summary>The folder itself comes last: as long as it is not given away, the next start does the rest.</summary>
    private static void TakeOver(string folder, Owner target)
    {
        var inside = Directory.EnumerateFileSystemEntries(folder).ToList();
        if (inside.Prepend(folder).All(path => Ownership.OfEntry(path) == target))
        {
            return;
        }

        foreach (var path in inside)
        {
            if (Ownership.IsFolder(path))
            {
                TakeOver(path, target);
            }

            Ownership.Give(path, target);
        }

        Ownership.Give(folder, target);
    }

    private static void Become(Owner target, string[] args)
    {
        try
        {
            Ownership.Become(target);
        }
        catch (IOException error)
        {
            throw Failed(
                $"go on as user {target}", error.Message,
                "In a container this needs the capabilities SETUID and SETGID; or start it as that user.");
        }

        // A process that has changed its user may not look into /proc/self; a new program of that user may.
        var program = Environment.ProcessPath!;
        string?[] arguments = [.. Environment.GetCommandLineArgs().Take(1), .. args, null];
        if (Execute(program, arguments) != 0)
        {
            throw Failed(
                $"start {program} as user {target}", Marshal.GetPInvokeErrorMessage(Marshal.GetLastPInvokeError()),
                "That user must be able to read and execute it.");
        }
    }

    private static StartupException Failed(string what, string reason, string advice) =>
        new(StartupException.Configuration, $"Cannot {what}: {reason}. {advice}");

    [LibraryImport("libc", EntryPoint = "execv", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Execute(string path, string?[] arguments);
}
