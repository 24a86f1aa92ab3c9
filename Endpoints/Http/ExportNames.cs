using System.Globalization;
using System.Text;

namespace AiChat.Endpoints.Http;

/// <summary>File names made from text that people wrote: valid on every system, and never a path.</summary>
internal static class ExportNames
{
    private const int MaxLength = 80;
    private const string Reserved = "<>:\"/\\|?*%;";

    /// <summary>The text without characters that a file system or a header could misread, or the fallback when nothing is left.</summary>
    public static string Create(string text, string fallback)
    {
        var name = new StringBuilder();
        foreach (var rune in text.EnumerateRunes())
        {
            if (name.Length + rune.Utf16SequenceLength > MaxLength)
            {
                break;
            }

            name.Append(IsPlain(rune) ? rune.ToString() : " ");
        }

        // Windows drops dots and spaces at the end; a leading dot hides the file on other systems.
        var trimmed = string.Join(' ', name.ToString().Split(' ', StringSplitOptions.RemoveEmptyEntries)).Trim('.', ' ');
        return trimmed.Length == 0 ? fallback : trimmed;
    }

    /// <summary>False for format characters too: they can reverse the direction of text and so disguise the extension.</summary>
    private static bool IsPlain(Rune rune) => Rune.GetUnicodeCategory(rune) is not (
            UnicodeCategory.Control or UnicodeCategory.Format or UnicodeCategory.Surrogate or UnicodeCategory.PrivateUse
            or UnicodeCategory.OtherNotAssigned or UnicodeCategory.LineSeparator or UnicodeCategory.ParagraphSeparator)
        && !Reserved.Contains(rune.ToString(), StringComparison.Ordinal);
}
