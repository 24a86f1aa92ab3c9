using System.Buffers;

namespace AiChat.Data.Sqlite;

/// <summary>
/// Search for a text in whatever form its letters are written (<see cref="Letters"/>), in linear time (Knuth, Morris and Pratt): a naive
/// search takes seconds when one letter repeats. Thread-safe.
/// </summary>
internal sealed class TextPattern
{
    /// <summary>Up to this length the places of a match are kept on the stack.</summary>
    private const int MaxOnStack = 512;

    private static readonly char[] _ascii = [.. Enumerable.Range(0, 0x80).Select(code => (char)code)];

    private readonly string _letters;

    /// <summary>The failure function: for each prefix, the length of its longest proper suffix that is a prefix too.</summary>
    private readonly int[] _borders;

    /// <summary>The ASCII letters with which no match begins.</summary>
    private readonly SearchValues<char> _others;

    /// <param name="text">One without a letter that can be seen is found nowhere.</param>
    public TextPattern(string text)
    {
        _letters = Letters.Fold(text);
        _borders = new int[_letters.Length];
        for (int at = 1, length = 0; at < _letters.Length; at++)
        {
            length = Next(length, _letters[at]);
            _borders[at] = length;
        }

        _others = SearchValues.Create([.. _ascii.Where(letter => char.ToLowerInvariant(letter) != _letters.FirstOrDefault(char.MaxValue))]);
    }

    /// <summary>The folded form.</summary>
    public string Text => _letters;

    public bool IsIn(ReadOnlySpan<char> text) => Find(text).Length > 0;

    /// <summary>The place of the first match as the text is written; its length is 0 when there is none.</summary>
    public (int Start, int Length) Find(ReadOnlySpan<char> text)
    {
        if (_letters.Length == 0)
        {
            return (0, 0);
        }

        // Where the last letters began, one place for each letter of a match.
        var starts = _letters.Length <= MaxOnStack ? stackalloc int[_letters.Length] : new int[_letters.Length];
        var letters = new FoldedLetters(text);
        for (int length = 0, seen = 0; ; seen = seen + 1 == starts.Length ? 0 : seen + 1)
        {
            if (length == 0)
            {
                letters.Skip(_others);
            }

            if (!letters.MoveNext())
            {
                return (0, 0);
            }

            starts[seen] = letters.Start;
            length = Next(length, letters.Current);
            if (length == _letters.Length)
            {
                var start = starts[seen + 1 == starts.Length ? 0 : seen + 1];
                return (start, letters.End - start);
            }
        }
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
