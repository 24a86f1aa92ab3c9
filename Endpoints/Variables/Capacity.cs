using System.Globalization;

namespace AiChat.Endpoints.Variables;

/// <summary>How much may go on at once, by the files that this process may open; read once, at start.</summary>
internal static class Capacity
{
    /// <summary>Of the database, the listeners and what else is open besides connections.</summary>
    private const int OtherFiles = 200;

    private const int MaxAnswers = 100_000;

    /// <summary>Files that may be open; the runtime has raised them to the most that the system allows.</summary>
    public static int Files { get; } = FilesOf(Lines("/proc/self/limits"));

    /// <summary>Answers, each of which has a connection to its reader and one to the provider.</summary>
    public static int Answers { get; } = AnswersOf(Files);

    /// <summary>Connections of browsers and clients: one for each answer, and as many again for each fourth.</summary>
    public static int Connections { get; } = Answers + (Answers / 4);

    /// <summary>Connections that the system keeps waiting until they are taken.</summary>
    public static int Waiting { get; } = Number(Lines("/proc/sys/net/core/somaxconn").FirstOrDefault()) ?? 4_096;

    /// <param name="limits">The lines of /proc/self/limits.</param>
    public static int FilesOf(IEnumerable<string> limits)
    {
        const string name = "Max open files";
        var line = limits.FirstOrDefault(line => line.StartsWith(name, StringComparison.Ordinal));
        var soft = line?[name.Length..].TrimStart().Split(' ')[0];
        return soft == "unlimited" ? int.MaxValue : Number(soft) ?? 1_024;
    }

    public static int AnswersOf(int files) => Math.Clamp((files - OtherFiles) / 2, 50, MaxAnswers);

    private static int? Number(string? text) =>
        int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? number : null;

    private static string[] Lines(string path)
    {
        try
        {
            return File.ReadAllLines(path);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            return []; // in a root without /proc
        }
    }
}
