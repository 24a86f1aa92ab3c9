namespace AiChat.Providers.Protocol;

/// <summary>Follows a JSON object that arrives in pieces, only as far as to know where it ends.</summary>
internal struct JsonProgress
{
    private int _depth;
    private bool _inString;
    private bool _escaped;
    private char _before;

    /// <summary>The opening brace was seen.</summary>
    public bool Begun { get; private set; }

    /// <summary>The closing brace was seen.</summary>
    public bool Complete { get; private set; }

    /// <summary>
    /// Where in the last piece the object began once more, at a brace that cannot be part of what came before it; -1 = it did not.
    /// </summary>
    public int Again { get; private set; }

    /// <summary>Reads a piece; returns how much of it belongs to the object.</summary>
    public int Read(ReadOnlySpan<char> piece)
    {
        Again = -1;
        for (var at = 0; at < piece.Length; at++)
        {
            var letter = piece[at];
            if (_inString)
            {
                _inString = _escaped || letter != '"';
                _escaped = !_escaped && letter == '\\';
                continue;
            }

            if (letter == '{' && Begun && _before is not ('{' or '[' or ':' or ','))
            {
                (_depth, Again) = (0, at);
            }

            _inString = letter == '"';
            _before = char.IsWhiteSpace(letter) ? _before : letter;
            _depth += letter is '{' or '[' ? 1 : letter is '}' or ']' ? -1 : 0;
            Begun |= letter == '{';
            if (Begun && _depth == 0)
            {
                Complete = true;
                return at + 1;
            }
        }

        return piece.Length;
    }
}
