#pragma warning disable RS0030 // The one place that writes to the terminal.
namespace AiChat.Commands;

/// <summary>Output for the person at the console; everything else is logged.</summary>
internal static class Terminal
{
    public static void Say(string line) => Console.Out.WriteLine(line);

    public static void Complain(string line) => Console.Error.WriteLine(line);
}
