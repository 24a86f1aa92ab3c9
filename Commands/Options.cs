using System.CommandLine;

namespace AiChat.Commands;

/// <summary>Options that several commands take.</summary>
internal static class Options
{
    public static Option<bool> Json() => new("--json") { Description = "Print JSON for scripts." };
}
