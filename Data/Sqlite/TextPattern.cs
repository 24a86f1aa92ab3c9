namespace AiChat.Data.Sqlite;

/// <summary>
/// Case-insensitive text search in linear time (Knuth, Morris and Pratt): a naive search takes seconds when one letter repeats.
/// Thread-safe.
/// </summary>
internal sealed class TextPattern
{
    private readonly char[] _letters;

    /// <summary>The failure function: for each prefix, the length of its longest proper suffix that is a prefix too.</summary>
    private readonly int[] _borders;

    /// <summary>The two case forms of the first letter; null when a scan for these two could miss a third form.</summary>
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

    /// <summary>Index of the first match, or -1.</summary>
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

    /// <summary>Length of the matched prefix after one more letter.</summary>
    private int Next(int length, char letter)
    {
        while (length > 0 && _letters[length] != letter)
        {
            length = _borders[length - 1];
        }

        return _letters[length] == letter ? length + 1 : 0;
    }
}
