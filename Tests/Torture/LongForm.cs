using System.Text;

namespace AiChat.Tests.Torture;

/// <summary>The short form of these tests runs with the others; <c>scripts/torture</c> runs the long one and counts.</summary>
internal static class LongForm
{
    private static readonly Lock Gate = new();
    private static readonly string? ReportFile = Environment.GetEnvironmentVariable("AICHAT_TORTURE_REPORT");

    public static bool IsOn => ReportFile is { Length: > 0 };

    /// <summary>The long form draws other numbers each time unless it is told which; the short form is always the same.</summary>
    public static int Seed { get; } = !IsOn ? 20261129
        : int.TryParse(Environment.GetEnvironmentVariable("AICHAT_TORTURE_SEED"), out var seed) ? seed : Random.Shared.Next();

    /// <summary>A part of the long form, to see that it works as a whole: one in so many.</summary>
    private static readonly int Share = int.TryParse(Environment.GetEnvironmentVariable("AICHAT_TORTURE_SHARE"), out var share) ? share : 1;

    public static int Rounds(int few, int many) => IsOn ? Math.Max(Math.Min(few, many), many / Share) : few;

    /// <summary>Adds a line to the report of the long form.</summary>
    public static void Report(string part, IEnumerable<KeyValuePair<string, long>> counts)
    {
        if (!IsOn)
        {
            return;
        }

        var line = new StringBuilder(part).Append(':');
        foreach (var (name, count) in counts)
        {
            line.Append($" {count} {name},");
        }

        lock (Gate)
        {
            File.AppendAllText(ReportFile!, line.ToString().TrimEnd(',') + $" (seed {Seed})\n");
        }
    }
}
