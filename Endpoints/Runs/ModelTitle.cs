using System.Net;
using System.Text.Json;

namespace AiChat.Endpoints.Runs;

/// <summary>
/// Finds the title in what a model answered when it was asked for one: models put it into JSON, a tag, a block of code, quotes or a list,
/// and say before it that here it comes. Signs that belong to the title itself (C#, .NET, 《红楼梦》读后感) stay.
/// </summary>
internal static class ModelTitle
{
    private const int MaxTitle = 80;

    /// <summary>What is read of the answer; further down stands no title.</summary>
    private const int MaxRead = 4_000;

    /// <summary>A line before the title is at most this long, as are the words before it in its own line.</summary>
    private const int MaxLead = 60;

    private static readonly string[] Labels =
    [
        "title", "chat title", "conversation title", "suggested title", "标题", "对话标题", "会话标题", "標題", "タイトル", "제목", "titre", "titel",
        "título", "titolo", "заголовок", "название",
    ];

    private static readonly string[] Pairs = ["\"\"", "''", "``", "“”", "‘’", "„“", "„”", "«»", "「」", "『』", "《》", "【】", "**", "__"];

    /// <summary>The title, at most <see cref="MaxTitle"/> characters long, or null when there is none.</summary>
    public static string? Of(string? answer)
    {
        var text = WebUtility.HtmlDecode(Cut((answer ?? "").Trim(), MaxRead));
        text = FromJson(text) ?? FromTag(text) ?? text;
        var title = "";
        var lines = text.Split('\n', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);
        for (var at = 0; at < lines.Length && title.Length == 0; at++)
        {
            title = Line(lines[at]);
            title = IsLead(title) && at + 1 < lines.Length ? "" : title;
        }

        title = string.Concat(title.Where(letter => !char.IsControl(letter)));
        return title.Length == 0 ? null : title.Length <= MaxTitle ? title : Cut(title, MaxTitle - 1).TrimEnd() + "…";
    }

    /// <summary>The beginning of a text, not cut inside a surrogate pair.</summary>
    public static string Cut(string text, int length) =>
        text.Length <= length ? text : text[..(char.IsHighSurrogate(text[length - 1]) ? length - 1 : length)];

    private static string Line(string line)
    {
        line = line.Length > 6 && line.StartsWith("```", StringComparison.Ordinal) && line.EndsWith("```", StringComparison.Ordinal)
            ? line[3..^3] : line;
        line = PlainLine.Plain(line.EndsWith("\\n", StringComparison.Ordinal) ? line[..^2] : line);
        line = line.StartsWith("1. ", StringComparison.Ordinal) ? line[3..].TrimStart() : line;
        line = WithoutLabel(Unquoted(line));
        return WithoutFullStop(Unquoted(line));
    }

    /// <summary>Whether a line says that the title comes in the next one.</summary>
    private static bool IsLead(string line) => line.Length <= MaxLead && line is [.., ':' or '：'];

    private static string WithoutLabel(string line)
    {
        var colon = line.AsSpan(0, Math.Min(line.Length, MaxLead)).IndexOfAny(':', '：');
        if (colon < 0)
        {
            return line;
        }

        var (head, rest) = (line[..colon].Trim('*', ' '), line[(colon + 1)..].Trim('*', ' '));
        var isLabel = Labels.Contains(head, StringComparer.OrdinalIgnoreCase);
        var isQuoted = Unquoted(rest) != rest
            && Labels.Any(label => head.Contains(label, StringComparison.OrdinalIgnoreCase));
        return isLabel || isQuoted ? rest : line;
    }

    /// <summary>The text inside quotes that are around all of it; those of a part stay.</summary>
    private static string Unquoted(string line)
    {
        line = line.Trim();
        foreach (var pair in Pairs)
        {
            var (open, close) = (pair[0], pair[1]);
            var width = pair is "**" or "__" ? 2 : 1;
            var end = line is [.., '.' or '。'] && line.Length > 2 * width && line[^2] == close ? line.Length - 1 : line.Length;
            if (end > 2 * width && line[0] == open && line[end - 1] == close && (width == 1 || (line[1] == open && line[end - 2] == close))
                && !line.AsSpan(width, end - (2 * width)).ContainsAny(open, close))
            {
                return Unquoted(line[width..(end - width)]);
            }
        }

        return line;
    }

    /// <summary>The full stop of an abbreviation (U.S.) and dots for what is left out stay.</summary>
    private static string WithoutFullStop(string line) =>
        line is [.., '。'] || (line is [.., not '.', '.'] && !(line.Length > 2 && line[^3] == '.')) ? line[..^1].TrimEnd() : line;

    private static string? FromTag(string text)
    {
        var begin = text.IndexOf("<title>", StringComparison.OrdinalIgnoreCase);
        var end = begin < 0 ? -1 : text.IndexOf("</title>", begin, StringComparison.OrdinalIgnoreCase);
        return end < 0 ? null : text[(begin + "<title>".Length)..end];
    }

    private static string? FromJson(string text)
    {
        var (begin, end) = (text.IndexOf('{', StringComparison.Ordinal), text.LastIndexOf('}'));
        if (begin < 0 || end < begin)
        {
            return null;
        }

        try
        {
            using var json = JsonDocument.Parse(text.AsMemory(begin, end - begin + 1));
            var members = json.RootElement.EnumerateObject().Where(member => member.Value.ValueKind == JsonValueKind.String).ToList();
            var named = members.Find(member => Labels.Contains(member.Name, StringComparer.OrdinalIgnoreCase));
            return named.Value.ValueKind == JsonValueKind.String ? named.Value.GetString()
                : members is [var only] ? only.Value.GetString() : null;
        }
        catch (JsonException)
        {
            return null; // a title may have braces
        }
    }
}
