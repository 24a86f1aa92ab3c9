using System.Buffers;
using System.Runtime.CompilerServices;
using System.Text;

namespace AiChat.Data;

/// <summary>
/// Letters that are the same get the same form: Unicode compatibility (NFKC), full case folding, without invisible characters. So a text
/// is found in either case, in full width and half width, composed and decomposed. No language's own rules are followed; the four letters
/// i of Turkish are one. The one place for it: whatever is searched or indexed, by whatever engine, is folded here, and the page does the
/// same (<c>ClientApp/src/lib/browser/letters.ts</c>).
/// </summary>
internal static class Letters
{
    /// <summary>Longer arrays are left to the collector: the pool would keep them.</summary>
    private const int MaxPooled = 32 * 1024;

    /// <summary>The folded form. Two texts with the same letters have the same; folding it again changes nothing.</summary>
    /// <param name="end">What is written behind it as it is.</param>
    public static string Fold(string text, string end = "")
    {
        if (Ascii.IsValid(text))
        {
            return end.Length == 0 ? text.ToLowerInvariant() : FoldAscii(text, end);
        }

        var folded = Take(text.Length + end.Length + 16);
        var length = 0;
        var letters = new FoldedLetters(text);
        while (letters.MoveNext())
        {
            if (length + end.Length == folded.Length)
            {
                var longer = Take(2 * folded.Length);
                folded.CopyTo(longer, 0);
                Give(folded);
                folded = longer;
            }

            folded[length++] = letters.Current;
        }

        end.CopyTo(folded.AsSpan(length));
        var result = new string(folded, 0, length + end.Length);
        Give(folded);
        return result;
    }

    private static string FoldAscii(string text, string end) =>
        string.Create(text.Length + end.Length, (text, end), static (folded, from) =>
        {
            Ascii.ToLower(from.text, folded, out var length);
            from.end.CopyTo(folded[length..]);
        });

    private static char[] Take(int length) => length <= MaxPooled ? ArrayPool<char>.Shared.Rent(length) : new char[length];

    private static void Give(char[] letters)
    {
        if (letters.Length <= MaxPooled)
        {
            ArrayPool<char>.Shared.Return(letters);
        }
    }
}

/// <summary>
/// The folded form of a text in UTF-16 units, one after the other, each with the place in the text that it comes from. Takes no memory, so
/// that a long text can be looked through.
/// </summary>
internal ref struct FoldedLetters(ReadOnlySpan<char> text)
{
    /// <summary>A letter with more marks than this is folded in parts: their number must not decide about the time.</summary>
    private const int MaxCluster = 24;

    /// <summary>Its form has a dot of its own, which only the small letter with a dot has too.</summary>
    private const char TurkishCapital = 'İ';

    private readonly ReadOnlySpan<char> _text = text;
    private Cluster _cluster;
    private int _count;
    private int _at;
    private int _next;

    public char Current { get; private set; }

    /// <summary>Where the letter begins from which the current unit comes.</summary>
    public int Start { get; private set; }

    /// <summary>Where that letter ends, with the marks that belong to it.</summary>
    public int End { get; private set; }

    public bool MoveNext()
    {
        if (_at < _count)
        {
            Current = _cluster[_at++];
            return true;
        }

        if (_next >= _text.Length)
        {
            return false;
        }

        var letter = _text[_next];
        if (letter < 0x80 && (_next + 1 == _text.Length || _text[_next + 1] < 0x80))
        {
            Current = Lower(letter);
            (Start, End) = (_next, ++_next);
            return true;
        }

        Load();
        if (_count == 0)
        {
            return false;
        }

        Current = _cluster[_at++];
        return true;
    }

    /// <summary>Passes over letters that cannot be in front of a match, when no letter is begun.</summary>
    /// <param name="others">ASCII letters none of which the match begins with.</param>
    public void Skip(SearchValues<char> others)
    {
        if (_at < _count || _next >= _text.Length)
        {
            return;
        }

        var skipped = _text[_next..].IndexOfAnyExcept(others);
        _next = skipped < 0 ? _text.Length
            : skipped > 0 && _text[_next + skipped] >= 0x80 ? _next + skipped - 1 // it may join the letter before it
            : _next + skipped;
    }

    /// <summary>The next letter with all that joins it.</summary>
    private void Load()
    {
        var table = LetterTable.Instance;
        (_count, _at) = (0, 0);
        var joins = false;
        while (_next < _text.Length && _count < MaxCluster)
        {
            var first = _text[_next];
            var isPair = char.IsHighSurrogate(first) && _next + 1 < _text.Length && char.IsLowSurrogate(_text[_next + 1]);
            var code = isPair ? char.ConvertToUtf32(first, _text[_next + 1]) : first;
            var isFolded = table.TryFind(code, out var form, out var joinsThis);
            if (_count > 0 && !joinsThis && !(isFolded && form.IsEmpty))
            {
                break;
            }

            Start = _count == 0 ? _next : Start;
            joins |= code == TurkishCapital || (joinsThis && _count > 0);
            if (isFolded)
            {
                form.CopyTo(((Span<char>)_cluster)[_count..]);
                _count += form.Length;
            }
            else
            {
                _cluster[_count++] = first < 0x80 ? Lower(first) : first;
                if (isPair)
                {
                    _cluster[_count++] = _text[_next + 1];
                }
            }

            _next += isPair ? 2 : 1;
        }

        End = _next;
        _count = joins ? table.Compose(_cluster, _count) : _count;
    }

    private static char Lower(char letter) => letter is >= 'A' and <= 'Z' ? (char)(letter | 0x20) : letter;

    /// <summary>The longest form of one letter has 18 units, and a letter of a cluster comes apart into three at most.</summary>
    [InlineArray(128)]
    private struct Cluster
    {
        private char _first;
    }
}
