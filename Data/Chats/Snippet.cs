using System.Text;
using AiChat.Data.Sqlite;

namespace AiChat.Data.Chats;

/// <summary>A line of plain text around a hit, with the positions of the hits in it.</summary>
internal sealed record Snippet(string Text, IReadOnlyList<TextMark> Marks)
{
    private const int Before = 40;
    private const int Length = 160;
    private const int MaxMarks = 20;

    /// <summary>The text around the first hit; the beginning of the text without a hit.</summary>
    public static Snippet From(string content, IReadOnlyList<TextPattern> terms)
    {
        var first = terms.Select(term => term.Find(content)).Where(hit => hit.Length > 0).Select(hit => hit.Start).DefaultIfEmpty(0).Min();
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

    /// <summary>The hits in order and without overlap; the text is one line of a bounded length.</summary>
    private static List<TextMark> Marked(string text, IReadOnlyList<TextPattern> terms)
    {
        var marks = new List<TextMark>();
        for (var at = 0; at < text.Length && marks.Count < MaxMarks;)
        {
            var (start, length) = terms.Select(term => term.Find(text.AsSpan(at))).Where(hit => hit.Length > 0)
                .OrderBy(hit => hit.Start).ThenByDescending(hit => hit.Length).FirstOrDefault();
            if (length == 0)
            {
                break;
            }

            marks.Add(new TextMark(at + start, length));
            at += start + length;
        }

        return marks;
    }

    /// <summary>Moves a position out of a surrogate pair.</summary>
    private static int Whole(string text, int at) => at > 0 && at < text.Length && char.IsLowSurrogate(text[at]) ? at - 1 : at;
}

/// <summary>Positions in UTF-16 units, as JavaScript counts.</summary>
internal sealed record TextMark(int Start, int Length);
