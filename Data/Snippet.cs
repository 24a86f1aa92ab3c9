using System.Text;

namespace AiChat.Data;

/// <summary>A piece of plain text around what was searched for, on one line, and where in it the hits are.</summary>
internal sealed record Snippet(string Text, IReadOnlyList<TextMark> Marks)
{
    private const int Before = 40;
    private const int Length = 160;
    private const int MostMarks = 20;

    /// <summary>Around the first hit; the beginning of the text when the index found what this comparison does not.</summary>
    public static Snippet Of(string content, IReadOnlyList<string> terms)
    {
        var first = terms.Select(term => content.IndexOf(term, StringComparison.OrdinalIgnoreCase)).Where(at => at >= 0).DefaultIfEmpty(0).Min();
        var from = Whole(content, Math.Max(0, first - Before));
        var to = Whole(content, Math.Min(content.Length, from + Length));
        var text = new StringBuilder(to - from + 2);
        text.Append(from > 0 ? "…" : "");
        foreach (var letter in content.AsSpan(from, to - from))
        {
            text.Append(char.IsWhiteSpace(letter) || char.IsControl(letter) ? ' ' : letter);
        }

        text.Append(to < content.Length ? "…" : "");
        var line = text.ToString();
        return new Snippet(line, Marked(line, terms));
    }

    /// <summary>In order and without overlap.</summary>
    private static List<TextMark> Marked(string text, IReadOnlyList<string> terms)
    {
        var marks = new List<TextMark>();
        for (var at = 0; at < text.Length && marks.Count < MostMarks; at++)
        {
            var length = terms.Where(term => text.AsSpan(at).StartsWith(term, StringComparison.OrdinalIgnoreCase)).Select(term => term.Length).DefaultIfEmpty(0).Max();
            if (length > 0)
            {
                marks.Add(new TextMark(at, length));
                at += length - 1;
            }
        }

        return marks;
    }

    /// <summary>Never between the halves of one character.</summary>
    private static int Whole(string text, int at) => at > 0 && at < text.Length && char.IsLowSurrogate(text[at]) ? at - 1 : at;
}

/// <summary>In UTF-16 units, as JavaScript counts.</summary>
internal sealed record TextMark(int Start, int Length);
