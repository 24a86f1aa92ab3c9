using System.Text.RegularExpressions;

namespace AiChat.Endpoints.Runs;

/// <summary>The first line of a Markdown text as plain words, for titles.</summary>
internal static partial class PlainLine
{
    /// <summary>What is read of a text; further down stands no title.</summary>
    private const int MaxRead = 2_000;

    private static readonly string[] Pairs = ["**", "~~", "`"];

    /// <summary>The first line with words, without the signs of Markdown; empty when there is none.</summary>
    public static string First(string text)
    {
        foreach (var line in text.AsSpan(0, Math.Min(text.Length, MaxRead)).EnumerateLines())
        {
            var plain = Plain(line.Trim());
            if (plain.Length > 0)
            {
                return plain;
            }
        }

        return "";
    }

    /// <summary>A line without the signs of Markdown; empty for the fence of a block of code.</summary>
    public static string Plain(ReadOnlySpan<char> line)
    {
        if (line.StartsWith("```", StringComparison.Ordinal) || line.StartsWith("~~~", StringComparison.Ordinal))
        {
            return "";
        }

        line = line.TrimStart("#> ");
        foreach (var bullet in (ReadOnlySpan<string>)["- ", "* ", "+ ", "[ ] ", "[x] "])
        {
            line = line.StartsWith(bullet, StringComparison.Ordinal) ? line[bullet.Length..].TrimStart() : line;
        }

        var words = WithoutLinks(line.ToString());
        foreach (var sign in Pairs)
        {
            // An odd one is not a sign of Markdown: 2**10, a lone backtick.
            words = words.AsSpan().Count(sign) % 2 == 0 ? words.Replace(sign, "", StringComparison.Ordinal) : words;
        }

        return Emphasis().Replace(words, "$1").Trim();
    }

    /// <summary>Words between single stars; 2*3*4 is none.</summary>
    [GeneratedRegex(@"(?<![\w*])\*(?=[^\s*])([^*]+)(?<!\s)\*(?![\w*])")]
    private static partial Regex Emphasis();

    /// <summary>Links and images as their texts.</summary>
    private static string WithoutLinks(string line)
    {
        for (var at = line.IndexOf("](", StringComparison.Ordinal); at >= 0; at = line.IndexOf("](", at, StringComparison.Ordinal))
        {
            var open = line.LastIndexOf('[', at);
            var close = line.IndexOf(')', at);
            if (open < 0 || close < 0)
            {
                return line;
            }

            var start = open > 0 && line[open - 1] == '!' ? open - 1 : open;
            line = string.Concat(line.AsSpan(0, start), line.AsSpan(open + 1, at - open - 1), line.AsSpan(close + 1));
            at = start;
        }

        return line;
    }
}
