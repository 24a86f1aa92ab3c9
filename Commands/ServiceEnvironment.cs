using System.CommandLine;
using AiChat.Data;
using AiChat.Endpoints.Variables;

namespace AiChat.Commands;

/// <summary>
/// Lets a command that is typed on a host with the service reach the service's folder without its variables, which stand in a file that
/// systemd reads. Whoever names another folder, or stands in one, is followed instead.
/// </summary>
internal static class ServiceEnvironment
{
    private const string DataDir = "DATA_DIR";

    /// <summary>Whether nothing but the service can be meant.</summary>
    /// <param name="environment">Reads the environment of this process.</param>
    /// <param name="workingFolder">Where the command was typed.</param>
    public static bool IsMeant(ServiceFiles place, Func<string, string?> environment, string workingFolder) =>
        File.Exists(place.UnitFile)
        && string.IsNullOrWhiteSpace(environment(DataDir)) && string.IsNullOrWhiteSpace(environment("DATABASE_URL"))
        && !File.Exists(Path.Combine(workingFolder, ".env"))
        && !File.Exists(Path.Combine(workingFolder, "data", "instance.json"));

    /// <summary>The variables of the service. The environment wins, as over any file of variables.</summary>
    /// <exception cref="StartupException">This user may not read them, or the file is wrong.</exception>
    public static EnvironmentValues Load(ServiceFiles place, ParseResult parsed)
    {
        var hasFile = File.Exists(place.EnvironmentFile);
        if (hasFile && !IsReadable(place.EnvironmentFile))
        {
            var typed = string.Join(' ', parsed.Tokens.Select(token => token.Value).Prepend("sudo aichat"));
            throw new StartupException(
                ExitCodes.NoPermission,
                $"AiChat is a service on this machine, and its settings {place.EnvironmentFile} are root's. Type: {typed}\n"
                + "For a folder of your own set DATA_DIR.");
        }

        var values = EnvFile.Load([hasFile ? place.EnvironmentFile : "/dev/null"]);
        var unit = new ValueLayer(place.UnitFile, name => name == DataDir ? ServiceFiles.DefaultDataDir : null) { Names = [DataDir] };
        return new EnvironmentValues([.. values.Layers, unit]) { Notes = values.Notes };
    }

    private static bool IsReadable(string file)
    {
        try
        {
            File.OpenHandle(file).Dispose();
            return true;
        }
        catch (UnauthorizedAccessException)
        {
            return false;
        }
    }
}
