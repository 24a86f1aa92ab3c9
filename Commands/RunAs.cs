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

    /// <summary>Replaces this process by one of that user; returns when there is nothing to change.</summary>
    /// <returns>The exit code when that failed, which has been told; otherwise null.</returns>
    public static int? Apply(string[] args)
    {
        try
        {
            var values = EnvironmentValues.Of(Environment.GetEnvironmentVariable);
            if (ServerVariables.RunAs.Read(values) is not { } target || Ownership.Process.User != 0)
            {
                return null; // Without root the engine has chosen a user, who owns the folder or does not.
            }

            if (!args.Any(arg => arg is "healthcheck" or "version" or "completion" or "--version" or "--help" or "-h" or "-?"))
            {
                TakeOver(ServerOptions.Load(values), target);
            }

            Become(target, args);
            return null;
        }
        catch (StartupException error)
        {
            Terminal.Complain(error.Message);
            return error.ExitCode;
        }
    }

    private static void TakeOver(ServerOptions options, Owner target)
    {
        var data = Path.GetFullPath(options.DataDir);
        string?[] others = [options.ImageDir, options.DatabasePath is { } file ? Path.GetDirectoryName(Path.GetFullPath(file)) : null];
        foreach (var folder in others.OfType<string>().Select(Path.GetFullPath).Prepend(data).Distinct())
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

    /// <summary>The folder itself comes last: as long as it is not given away, the next start does the rest.</summary>
    private static void TakeOver(string folder, Owner target)
    {
        var inside = Directory.EnumerateFileSystemEntries(folder).ToList();
        if (inside.Prepend(folder).All(path => Ownership.Of(path) == target))
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
        uint[] groups = [target.Group];
        if (SetGroups(1, groups) != 0 || SetGroup(target.Group) != 0 || SetUser(target.User) != 0)
        {
            throw Failed(
                $"go on as user {target}", "In a container this needs the capabilities SETUID and SETGID; or start it as that user.");
        }

        // A process that has changed its user may not look into /proc/self; a new program of that user may.
        var program = Environment.ProcessPath!;
        string?[] arguments = [.. Environment.GetCommandLineArgs().Take(1), .. args, null];
        if (Execute(program, arguments) != 0)
        {
            throw Failed($"start {program} as user {target}", "That user must be able to read and execute it.");
        }
    }

    private static StartupException Failed(string what, string advice) => new(
        StartupException.Configuration, $"Cannot {what}: {Marshal.GetPInvokeErrorMessage(Marshal.GetLastPInvokeError())}. {advice}");

    [LibraryImport("libc", EntryPoint = "setgroups", SetLastError = true)]
    private static partial int SetGroups(nint count, uint[] groups);

    [LibraryImport("libc", EntryPoint = "setgid", SetLastError = true)]
    private static partial int SetGroup(uint group);

    [LibraryImport("libc", EntryPoint = "setuid", SetLastError = true)]
    private static partial int SetUser(uint user);

    [LibraryImport("libc", EntryPoint = "execv", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Execute(string path, string?[] arguments);
}
