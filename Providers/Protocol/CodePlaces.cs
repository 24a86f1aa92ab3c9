namespace AiChat.Providers.Protocol;

/// <summary>
/// Follows Markdown text only as far as to know whether a place in it is code: a fenced or indented block, or a span between backticks.
/// It reads the characters of <see cref="Marks"/> one by one and everything between them as plain.
/// </summary>
internal struct CodePlaces
{
    public const string Marks = "\n`~";

    private const int MaxIndent = 3;

    private int _indent;
    private bool _begun;
    private bool _blankBefore;
    private int _span;
    private char _run;
    private int _runLength;
    private bool _runBeginsLine;
    private char _fence;
    private int _fenceLength;

    public CodePlaces() => _blankBefore = true;

    /// <summary>Only white space stands before this place in its line, less than makes it code.</summary>
    public readonly bool BeginsLine => !_begun && _indent <= MaxIndent && _runLength == 0;

    public readonly bool IsCode => _fence != '\0' || _span > 0 || (!_begun && _indent > MaxIndent && _blankBefore);

    /// <summary>Reads text without marks.</summary>
    public void Plain(ReadOnlySpan<char> text)
    {
        if (text.IsEmpty)
        {
            return;
        }

        EndRun(text[0]);
        if (_begun)
        {
            return;
        }

        foreach (var letter in text)
        {
            if (letter is not (' ' or '\t' or '\r'))
            {
                _begun = true;
                return;
            }

            _indent += letter == '\t' ? MaxIndent + 1 : letter == ' ' ? 1 : 0;
        }
    }

    /// <summary>Reads one of the marks.</summary>
    public void Mark(char mark)
    {
        if (mark == '\n')
        {
            EndRun(mark);
            _blankBefore = !_begun;
            (_indent, _begun, _span) = (0, false, 0);
            return;
        }

        if (_runLength > 0 && _run == mark)
        {
            _runLength++;
            return;
        }

        EndRun(mark);
        (_run, _runLength, _runBeginsLine) = (mark, 1, BeginsLine);
    }

    /// <summary>Reads what comes next as no mark, so that a run of marks before it is over.</summary>
    public void EndRun(char next)
    {
        if (_runLength == 0)
        {
            return;
        }

        var (length, fences) = (_runLength, _runBeginsLine && _runLength >= 3);
        (_runLength, _begun) = (0, true);
        if (_fence != '\0')
        {
            var closes = fences && _run == _fence && length >= _fenceLength && char.IsWhiteSpace(next);
            _fence = closes ? '\0' : _fence;
        }
        else if (fences)
        {
            (_fence, _fenceLength) = (_run, length);
        }
        else if (_run == '`')
        {
            _span = _span == 0 ? length : _span == length ? 0 : _span;
        }
    }
}
