using System.Buffers;

namespace AiChat.Data.Engine;

/// <summary>
/// What every engine can keep of a text: PostgreSQL has no U+0000, and a half of a surrogate pair has no form in UTF-8. Each such character
/// becomes U+FFFD, one for one, so that lengths stay as they were told.
/// </summary>
internal static class StoredText
{
    private const char Replacement = '\uFFFD';

    private static readonly SearchValues<char> _suspects =
        SearchValues.Create([.. Enumerable.Range(0xD800, 0x800).Prepend(0).Select(code => (char)code)]);

    /// <summary>The text itself unless something in it has to be replaced.</summary>
    public static string Of(string text)
    {
        var at = Next(text, 0);
        if (at < 0)
        {
            return text;
        }

        return string.Create(text.Length, (text, at), static (letters, given) =>
        {
            given.text.CopyTo(letters);
            for (var next = given.at; next >= 0; next = Next(letters, next + 1))
            {
                letters[next] = Replacement;
            }
        });
    }

    /// <summary>The place of the next character that cannot be kept; -1 when there is none.</summary>
    private static int Next(ReadOnlySpan<char> text, int from)
    {
        for (var at = from; at < text.Length; at++)
        {
            var found = text[at..].IndexOfAny(_suspects);
            if (found < 0)
            {
                return -1;
            }

            at += found;
            if (!char.IsHighSurrogate(text[at]) || at + 1 == text.Length || !char.IsLowSurrogate(text[at + 1]))
            {
                return at;
            }

            at++;
        }

        return -1;
    }
}
