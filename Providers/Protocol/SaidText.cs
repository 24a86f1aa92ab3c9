namespace AiChat.Providers.Protocol;

/// <summary>
/// What was received of a text, as its length and a hash: enough to tell a text that is said again as a whole from one that goes on,
/// without keeping a second copy of the answer. A copy of the value marks a place in the text.
/// </summary>
internal struct SaidText
{
    // Odd, so that the multiplication loses nothing.
    private const ulong Factor = 0x9E37_79B9_7F4A_7C15;

    private ulong _hash;

    public int Length { get; private set; }

    public void Add(ReadOnlySpan<char> piece)
    {
        var hash = _hash;
        foreach (var letter in piece)
        {
            hash = (hash * Factor) + letter + 1;
        }

        _hash = hash;
        Length += piece.Length;
    }

    /// <summary>What a whole text adds to what was received since a mark; null when it says something else or less.</summary>
    public readonly string? Rest(SaidText since, string whole)
    {
        var length = Length - since.Length;
        if (whole.Length < length)
        {
            return null;
        }

        var begin = default(SaidText);
        begin.Add(whole.AsSpan(0, length));
        return begin._hash == _hash - (since._hash * Power(length)) ? whole[length..] : null;
    }

    private static ulong Power(int exponent)
    {
        var (result, square) = (1UL, Factor);
        for (; exponent > 0; exponent >>= 1, square *= square)
        {
            result *= (exponent & 1) == 1 ? square : 1;
        }

        return result;
    }
}

/// <summary>
/// A text that may be said once more: some servers begin a block with its text and then send the same text in pieces. Pieces that say it
/// again are swallowed; a piece that goes on otherwise gives back what was swallowed.
/// </summary>
internal struct RepeatedText
{
    private string? _text;
    private int _at;

    public void Expect(string? text)
    {
        _text = string.IsNullOrEmpty(text) ? null : text;
        _at = 0;
    }

    /// <summary>What is new in a piece.</summary>
    public string Skip(string piece)
    {
        if (_text is not { } text)
        {
            return piece;
        }

        var left = text.AsSpan(_at);
        if (left.StartsWith(piece, StringComparison.Ordinal))
        {
            _at += piece.Length;
            _text = _at == text.Length ? null : text;
            return "";
        }

        var again = piece.AsSpan().StartsWith(left, StringComparison.Ordinal);
        var fresh = again ? piece[left.Length..] : text[.._at] + piece;
        _text = null;
        return fresh;
    }

    /// <summary>The text ended: what was swallowed of a repetition that was never completed.</summary>
    public string End()
    {
        var held = _text is { } text ? text[.._at] : "";
        _text = null;
        return held;
    }
}
