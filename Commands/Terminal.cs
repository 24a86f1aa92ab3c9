#pragma warning disable RS0030 // The one place that writes to the terminal.
using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using AiChat.Endpoints.Http;

namespace AiChat.Commands;

/// <summary>Output for the person at the console; everything else is logged. There are no colours, so a pipe gets the same text.</summary>
internal static partial class Terminal
{
    // struct termios of Linux, the same on x64 and arm64: four flags of four bytes, the local ones last.
    private const int TerminalStateSize = 64;
    private const int LocalFlagsAt = 12;
    private const int Echo = 8;

    private static readonly JsonWriterOptions Indented = new() { Indented = true, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    public static void Say(string line) => Console.Out.WriteLine(line);

    /// <summary>What the server tells. It goes on when its output is a full disk or has been closed.</summary>
    public static void Tell(string line) => Try(() => Say(line));

    public static void Complain(string line) => Try(() => Console.Error.WriteLine(Journal.Prefix(LogLevel.Error) + line));

    /// <summary>How far long work has come, on one line that the next call overwrites; nothing where nobody watches.</summary>
    public static void Progress(string line)
    {
        if (!Console.IsErrorRedirected)
        {
            Console.Error.Write($"\r\e[K{Plain(line)}");
        }
    }

    /// <summary>The next line of the person at the console; null when nobody answers.</summary>
    public static string? Ask() => Console.In.ReadLine();

    public static string Json(JsonNode node)
    {
        using var text = new MemoryStream();
        using (var writer = new Utf8JsonWriter(text, Indented))
        {
            node.WriteTo(writer);
        }

        return Encoding.UTF8.GetString(text.ToArray());
    }

    /// <summary>As 1 chat, 2 chats.</summary>
    public static string Count(long number, string one) =>
        string.Create(CultureInfo.InvariantCulture, $"{number} {one}{(number == 1 ? "" : "s")}");

    /// <summary>Columns as wide as their widest cell; control characters, which could move the cursor, are replaced.</summary>
    public static IEnumerable<string> Table(string[] head, IEnumerable<string[]> rows)
    {
        var all = rows.Select(row => Array.ConvertAll(row, Plain)).Prepend(head).ToList();
        var widths = head.Select((_, column) => all.Max(row => row[column].Length)).ToArray();
        return all.Select(row => string.Join("  ", row.Select((cell, column) => cell.PadRight(widths[column]))).TrimEnd());
    }

    /// <summary>Somebody is there to be asked.</summary>
    public static bool IsInteractive => !Console.IsInputRedirected;

    /// <summary>Asks the person at the terminal. Without one, as in a script, the command itself is the wish.</summary>
    public static bool Confirm(string question)
    {
        if (Console.IsInputRedirected)
        {
            return true;
        }

        Console.Error.Write($"{question} [y/N] ");
        return Console.In.ReadLine()?.Trim().ToLowerInvariant() is "y" or "yes";
    }

    private static void Try(Action write)
    {
        try
        {
            write();
        }
        catch (IOException)
        {
            // Nobody can be told that nobody can be told.
        }
    }

    /// <summary>Asks for a secret, which is not shown while it is typed; null without a terminal.</summary>
    public static string? AskSecret(string question)
    {
        if (Console.IsInputRedirected)
        {
            return null;
        }

        Console.Error.Write($"{question}: ");
        var state = new byte[TerminalStateSize];
        var isKnown = GetState(0, state) == 0;
        try
        {
            if (isKnown)
            {
                var silent = (byte[])state.Clone();
                silent[LocalFlagsAt] &= unchecked((byte)~Echo);
                isKnown = SetState(0, 0, silent) == 0;
            }

            return Console.In.ReadLine();
        }
        finally
        {
            if (isKnown && SetState(0, 0, state) == 0)
            {
                Console.Error.WriteLine(); // the one that was typed was not shown
            }
        }
    }

    [LibraryImport("libc", EntryPoint = "tcgetattr")]
    private static partial int GetState(int terminal, byte[] state);

    [LibraryImport("libc", EntryPoint = "tcsetattr")]
    private static partial int SetState(int terminal, int when, byte[] state);

    /// <summary>What a user or a provider wrote, without what a terminal would obey.</summary>
    private static string Plain(string text) => string.Concat(text.Select(c => char.IsControl(c) ? ' ' : c));
}
