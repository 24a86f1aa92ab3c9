namespace AiChat.Data.Sqlite;

/// <summary>
/// Finds a text in others without regard to case. What one search costs grows with the length of the text alone, whatever is looked
/// for (Knuth, Morris and Pratt): comparing anew at each place takes seconds for one repeated letter. Safe for any number of threads.
/// </summary>
internal sealed class TextPattern
{
    private readonly char[] _letters;

    /// <summary>For each beginning of the pattern, how much of its end is a beginning again.</summary>
    private readonly int[] _borders;

    /// <summary>All that equals the first letter; null when a scan for it could pass over another form.</summary>
    private readonly string? _first;

    /// <param name="text">Not empty.</param>
    public TextPattern(string text)
    {
        _letters = [.. text.Select(char.ToUpperInvariant)];
        _borders = new int[_letters.Length];
        for (int at = 1, length = 0; at < _letters.Length; at++)
        {
            length = Next(length, _letters[at]);
            _borders[at] = length;
        }

        var (upper, lower) = (_letters[0], char.ToLowerInvariant(_letters[0]));
        _first = char.IsAscii(upper) || upper == lower ? $"{upper}{lower}" : null;
    }

    public int Length => _letters.Length;

    /// <summary>Where it begins in the text, or -1.</summary>
    public int IndexIn(ReadOnlySpan<char> text)
    {
        var length = 0;
        for (var at = 0; at < text.Length; at++)
        {
            if (length == 0 && _first is not null)
            {
                var skipped = text[at..].IndexOfAny(_first[0], _first[1]);
                if (skipped < 0)
                {
                    return -1;
                }

                at += skipped;
            }

            length = Next(length, char.ToUpperInvariant(text[at]));
            if (length == _letters.Length)
            {
                return at - length + 1;
            }
        }

        return -1;
    }

    /// <summary>How much of the pattern ends with this letter, when so much of it ended before.</summary>
    private int Next(int length, char letter)
    {
        while (length > 0 && _letters[length] != letter)
        {
            length = _borders[length - 1];
        }

        return _letters[length] == letter ? length + 1 : 0;
    }
}
