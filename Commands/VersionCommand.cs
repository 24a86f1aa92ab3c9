using System.CommandLine;
using System.Reflection;
using System.Text.Json.Nodes;

namespace AiChat.Commands;

internal static class VersionCommand
{
    /// <summary>Version and, after a plus sign, the commit it was built from.</summary>
    public static string Text { get; } =
        typeof(VersionCommand).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion ?? "unknown";

    public static Command Create()
    {
        var command = new Command("version", "Show the version and the commit it was built from.") { Options.Json };
        command.SetAction(parsed => Run(parsed.GetValue(Options.Json)));
        return command;
    }

    private static int Run(bool json)
    {
        var parts = Text.Split('+', 2);
        Terminal.Say(json
            ? Terminal.Json(new JsonObject { ["version"] = parts[0], ["commit"] = parts.ElementAtOrDefault(1) })
            : $"aichat {Text}");
        return ExitCodes.Done;
    }
}
