using System.Text.RegularExpressions;

namespace AiChat.Tests;

/// <summary>
/// Faults of texts that are composed from parts, such as "it A key is at most 4096 characters, without spaces..".
/// </summary>
internal static partial class Wording
{
    public static void Check(string text)
    {
        Assert.False(Doubled().Match(text) is { Success: true } wrong && wrong.Value != "...", $"Badly put together: {text}");
        Assert.False(text.Length == 0 || text != text.Trim(), $"Empty or padded: '{text}'");
    }

    /// <summary>Doubled punctuation, a space before it, a repeated word, or a sentence that begins inside another.</summary>
    [GeneratedRegex(
        @"\.{2,}|[,;:.!?] *[,;:!?]|(?<= ) |\s[.,;!?](\s|$)|\b(?<word>\p{L}+) \k<word>\b"
        + @"|\b(it|value|is|has) (A|The|It|There|At|From|Use)\b")]
    private static partial Regex Doubled();
}
