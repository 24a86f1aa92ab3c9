namespace AiChat.Providers.Protocol;

/// <summary>
/// Divides a model's text into visible text and reasoning marked by tags, also when a tag is split over pieces. At most one incomplete tag
/// is held back. Line breaks right inside the tags, and white space between a closing tag and the first visible character of the answer,
/// are dropped. A tag directly after a backtick is text about a tag.
/// </summary>
internal sealed class ReasoningTagSplitter
{
    private readonly DeltaWriter _output;
    private readonly IReadOnlyList<ReasoningTag> _tags;
    private readonly string _firsts;
    private string _held = "";
    private string? _close;
    private bool _trimBreaks;
    private bool _trimSpace;
    private bool _visible;
    private char _last;

    public ReasoningTagSplitter(IReadOnlyList<ReasoningTag> tags, DeltaWriter output)
    {
        _output = output;
        _tags = tags;
        _firsts = string.Concat(tags.Select(tag => tag.Open[0]).Distinct());
    }

    /// <summary>Takes the next piece and writes what is certain so far, in order.</summary>
    public void Push(string piece)
    {
        if (_tags.Count == 0)
        {
            _output.Emit(piece, reasoning: false);
            return;
        }

        // The common case: outside reasoning, nothing held back, nothing that could begin a tag.
        if (_held.Length == 0 && _close is null && !_trimSpace && piece.AsSpan().IndexOfAny(_firsts) < 0)
        {
            Emit(piece);
            return;
        }

        Scan(_held.Length == 0 ? piece : _held + piece, last: false);
    }

    /// <summary>Ends the text: an incomplete tag is text.</summary>
    public void Finish()
    {
        if (_held.Length > 0)
        {
            Scan(_held, last: true);
        }
    }

    private void Scan(string text, bool last)
    {
        _held = "";
        var from = 0;
        while (from < text.Length)
        {
            var (at, length) = _close is null ? FindOpen(text, from, last, out var tag) : FindClose(text, from, last, out tag);
            Emit(text[from..at]);
            if (length == 0)
            {
                _held = text[at..];
                return;
            }

            _trimBreaks = _close is null;
            _trimSpace = _close is not null && !_visible;
            _close = _close is null ? tag!.Close : null;
            from = at + length;
        }
    }

    // Where the next opening tag starts and how long it is; length 0 = nothing more is certain from there on.
    private (int At, int Length) FindOpen(string text, int from, bool last, out ReasoningTag? tag)
    {
        for (var at = from; at < text.Length; at++)
        {
            var next = text.AsSpan(at).IndexOfAny(_firsts);
            if (next < 0)
            {
                break;
            }

            at += next;
            if ((at > 0 ? text[at - 1] : _last) == '`')
            {
                continue;
            }

            tag = _tags.FirstOrDefault(candidate => text.AsSpan(at).StartsWith(candidate.Open, StringComparison.Ordinal));
            if (tag is not null)
            {
                return (at, tag.Open.Length);
            }

            if (!last && _tags.Any(candidate => candidate.Open.AsSpan().StartsWith(text.AsSpan(at), StringComparison.Ordinal)))
            {
                return (at, 0);
            }
        }

        tag = null;
        return (text.Length, 0);
    }

    private (int At, int Length) FindClose(string text, int from, bool last, out ReasoningTag? tag)
    {
        tag = null;
        var at = text.IndexOf(_close!, from, StringComparison.Ordinal);
        if (at >= 0)
        {
            return (at, _close!.Length);
        }

        for (at = Math.Max(from, text.Length - _close!.Length + 1); at < text.Length && !last; at++)
        {
            if (_close.AsSpan().StartsWith(text.AsSpan(at), StringComparison.Ordinal))
            {
                return (at, 0);
            }
        }

        return (text.Length, 0);
    }

    private void Emit(string text)
    {
        var reasoning = _close is not null;
        if (reasoning ? _trimBreaks : _trimSpace)
        {
            text = reasoning ? text.TrimStart('\r', '\n') : text.TrimStart();
        }

        if (text.Length == 0)
        {
            return;
        }

        _trimBreaks = false;
        _trimSpace = false;
        _last = text[^1];
        _visible |= !reasoning && !string.IsNullOrWhiteSpace(text);
        _output.Emit(text, reasoning);
    }
}
