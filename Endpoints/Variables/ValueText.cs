using System.Text;

namespace AiChat.Endpoints.Variables;

/// <summary>
/// What shells, panels, editors and Docker's --env-file leave around a value: quotation marks, line ends, blanks, byte order marks.
/// Around the value they are removed; within it, where they break its rule, they are named.
/// </summary>
internal static class ValueText
{
    private static readonly Dictionary<char, string> Signs = new()
    {
        ['"'] = "a quotation mark (\")",
        ['\''] = "a quotation mark (')",
        ['`'] = "a backtick (`)",
        ['\u201C'] = "a typographic quotation mark (U+201C)",
        ['\u201D'] = "a typographic quotation mark (U+201D)",
        ['\u2018'] = "a typographic quotation mark (U+2018)",
        ['\u2019'] = "a typographic quotation mark (U+2019)",
        ['\u300C'] = "a quotation mark (U+300C)",
        ['\u300D'] = "a quotation mark (U+300D)",
        ['\r'] = "a carriage return",
        ['\n'] = "a line break",
        ['\t'] = "a tab",
        ['\0'] = "a NUL",
        ['\uFEFF'] = "a byte order mark (U+FEFF)",
        ['\u200B'] = "a zero width space (U+200B)",
        ['\u00A0'] = "a no-break space (U+00A0)",
        ['\u3000'] = "an ideographic space (U+3000)",
        ['#'] = "a number sign (#); a comment is not removed from a value",
        ['$'] = "a dollar sign ($); variables are not expanded in a value",
    };

    /// <summary>The value that is meant; empty when there is none.</summary>
    public static string Clean(string text)
    {
        var clean = Trim(text);
        return clean is ['"', .., '"'] or ['\'', .., '\''] ? Trim(clean[1..^1]) : clean;
    }

    /// <summary>A blank and a sentence that names the first sign which seldom belongs into a value; empty when there is none.</summary>
    /// <param name="hasBlanks">A blank is no such sign.</param>
    public static string NameSign(string text, bool hasBlanks = false)
    {
        foreach (var c in text)
        {
            var sign = Signs.TryGetValue(c, out var known) ? known
                : c == ' ' && !hasBlanks ? "a blank"
                : c is > '\uFF00' and < '\uFF5F' ? $"the full-width sign U+{(int)c:X4}"
                : char.IsControl(c) || char.IsWhiteSpace(c) ? $"the character U+{(int)c:X4}"
                : null;
            if (sign is not null)
            {
                return $" The value holds {sign}.";
            }
        }

        return "";
    }

    /// <summary>The text of a file, whatever editor wrote it; null when it is no text.</summary>
    public static string? Decode(byte[] bytes)
    {
        try
        {
            var text = bytes is [0xFF, 0xFE, ..] ? new UnicodeEncoding(false, true, true).GetString(bytes)
                : bytes is [0xFE, 0xFF, ..] ? new UnicodeEncoding(true, true, true).GetString(bytes)
                : new UTF8Encoding(false, true).GetString(bytes);
            text = text.TrimStart('\uFEFF');
            return text.Contains('\0') ? null : text;
        }
        catch (DecoderFallbackException)
        {
            return null;
        }
    }

    /// <summary>Why a file that the operator named cannot be read, as the predicate of a sentence.</summary>
    public static string WhyUnreadable(string path) =>
        Directory.Exists(path) ? "is a folder" : File.Exists(path) ? "may not be read by this user" : "does not exist";

    private static string Trim(string text)
    {
        static bool IsPadding(char c) => char.IsWhiteSpace(c) || c is '\uFEFF' or '\u200B' or '\u2060';
        var (from, to) = (0, text.Length);
        while (from < to && IsPadding(text[from]))
        {
            from++;
        }

        while (to > from && IsPadding(text[to - 1]))
        {
            to--;
        }

        return text[from..to];
    }
}
