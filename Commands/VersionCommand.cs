using System.Reflection;

namespace AiChat.Commands;

internal static class VersionCommand
{
    /// <summary>Version and, after a plus sign, the commit it was built from.</summary>
    public static string Text { get; } =
        typeof(VersionCommand).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion ?? "unknown";

    public static int Run()
    {
        Terminal.Say($"aichat {Text}");
        return 0;
    }
}
