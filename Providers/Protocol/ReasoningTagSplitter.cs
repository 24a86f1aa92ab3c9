using System.Buffers;
using System.Text;

namespace AiChat.Providers.Protocol;

/// <summary>
/// Divides a model's text into visible text and reasoning by tags, also when a tag is split over pieces. Where a tag stands decides, not
/// its letters: a tag inside code or inside a sentence of the answer is text.
/// <para>Reasoning at the beginning of the answer is told as it comes. A pair in the middle of the answer is held until it is closed;
/// unclosed it is text. A closing tag that was never opened makes the text before it reasoning, once, when nothing else was reasoning
/// (templates of DeepSeek R1, QwQ and others open it in the prompt).</para>
/// <para>Line breaks after an opening tag, and white space between a closing tag and the first visible character of the answer, are
/// dropped.</para>
/// </summary>
internal sealed class ReasoningTagSplitter
{
    private const string Openers = "([{<=/\"'“‘«„`「『（【";
    private const string SentenceEnds = ".!?…。！？)）\"”*_`」』】";

    private readonly DeltaWriter _output;
    private readonly AnswerWrapper _answer;
    private readonly IReadOnlyList<ReasoningTag> _tags;
    private readonly SearchValues<char> _firsts;
    private CodePlaces _code = new();
    private ReasoningTag? _inside;
    private StringBuilder? _middle;
    private StringBuilder? _spare;
    private string _held = "";
    private bool _thought;
    private bool _channel;
    private bool _named;
    private bool _visible;
    private bool _trimBreaks;
    private bool _trimSpace;
    private char _last;
    private char _lastLetter;

    public ReasoningTagSplitter(IReadOnlyList<ReasoningTag> tags, DeltaWriter output)
    {
        _output = output;
        _answer = new AnswerWrapper(output);
        _tags = tags;
        _firsts = ReasoningTag.FirstsOf(tags);
    }

    private enum Match
    {
        None,

        /// <summary>More text decides.</summary>
        Open,
        Opens,
        Closes,

        /// <summary>A closing tag inside code that is itself reasoning.</summary>
        Code,
    }

    /// <summary>Reasoning came in a member of its own.</summary>
    public void Thought() => _thought = _answer.Thought = true;

    /// <summary>Takes the next piece and writes what is certain so far, in order.</summary>
    public void Push(string piece)
    {
        if (_tags.Count == 0)
        {
            _output.Emit(piece, reasoning: false);
            return;
        }

        // The common case: nothing held back, nothing that could begin a tag or code.
        if (_held.Length == 0 && piece.AsSpan().IndexOfAny(_firsts) < 0)
        {
            _code.Plain(piece);
            Emit(piece);
            return;
        }

        Scan(_held.Length == 0 ? piece : _held + piece, last: false);
    }

    /// <summary>Ends the text: an incomplete tag is text, and so is what follows a tag in the middle that was never closed.</summary>
    public void Finish()
    {
        if (_held.Length > 0)
        {
            Scan(_held, last: true);
        }

        var left = _middle is not null ? _inside!.Open + _middle : _spare?.ToString();
        (_middle, _spare, _inside, _trimBreaks, _trimSpace) = (null, null, null, false, !_visible);
        Emit(left ?? "");
        _answer.Finish();
    }

    private void Scan(string text, bool last)
    {
        _held = "";
        var from = 0;
        for (var at = 0; at < text.Length;)
        {
            var next = text.AsSpan(at).IndexOfAny(_firsts);
            _code.Plain(next < 0 ? text.AsSpan(at) : text.AsSpan(at, next));
            if (next < 0)
            {
                break;
            }

            at += next;
            if (CodePlaces.Marks.Contains(text[at], StringComparison.Ordinal))
            {
                _code.Mark(text[at++]);
                continue;
            }

            _code.EndRun(text[at]);
            var match = Find(text, at, from, last, out var tag, out var length);
            if (match == Match.Open)
            {
                Emit(text[from..at]);
                _held = text[at..];
                return;
            }

            if (match == Match.None)
            {
                _code.Plain(text.AsSpan(at++, 1));
                continue;
            }

            if (match == Match.Code)
            {
                // Should no other tag close the reasoning, this one did.
                _code.Plain(text.AsSpan(at, length));
                at += length;
                Emit(text[from..at]);
                from = at;
                _spare ??= new StringBuilder();
                continue;
            }

            if (_inside is not null || IsVisible(text, at, from))
            {
                Emit(text[from..at]);
            }

            at = from = at + length;
            Cross(tag!, opens: match == Match.Opens);
        }

        Emit(text[from..]);
    }

    private Match Find(string text, int at, int from, bool last, out ReasoningTag? tag, out int length)
    {
        var open = false;
        var visible = _inside is null && IsVisible(text, at, from);
        foreach (var candidate in _tags)
        {
            tag = candidate;
            var here = text.AsSpan(at);
            length = candidate.Open.Length;
            if (_inside is null && Fits(here, candidate.Open, last, ref open))
            {
                if (MayOpen(candidate, visible))
                {
                    return Match.Opens;
                }

                // Its closing tag belongs to it, so it is text too.
                _named |= !candidate.IsMark;
            }

            length = candidate.Close.Length;
            if ((_inside is null ? !MayCloseAlone(candidate, visible) : candidate != _inside)
                || !Fits(here, candidate.Close, last, ref open))
            {
                continue;
            }

            // What follows the tag decides whether it stands alone.
            var after = at + length;
            if (after == text.Length && !last && (_inside is null ? visible : Before(text, at, from) == '`'))
            {
                return Match.Open;
            }

            if (_inside is not null)
            {
                return ClosesInside(text, at, from, after) ? Match.Closes : Match.Code;
            }

            if (!visible || ClosesAlone(text, at, from, after))
            {
                return Match.Closes;
            }
        }

        (tag, length) = (null, 0);
        return open ? Match.Open : Match.None;
    }

    private static bool Fits(ReadOnlySpan<char> here, string tag, bool last, ref bool open)
    {
        if (here.StartsWith(tag, StringComparison.Ordinal))
        {
            return true;
        }

        open |= !last && here.Length < tag.Length && tag.AsSpan().StartsWith(here, StringComparison.Ordinal);
        return false;
    }

    private bool IsVisible(string text, int at, int from) => _visible || !text.AsSpan(from, at - from).IsWhiteSpace();

    private bool MayOpen(ReasoningTag tag, bool visible) => !visible
        || (!_code.IsCode && (tag.IsMark ? _channel : !tag.Stands || _code.BeginsLine));

    private bool MayCloseAlone(ReasoningTag tag, bool visible) =>
        !tag.IsMark && !tag.Channel && !_named && (!_thought || !visible) && !_code.IsCode;

    private bool ClosesInside(string text, int at, int from, int after) =>
        !_code.IsCode && !(Before(text, at, from) == '`' && after < text.Length && text[after] == '`');

    private bool ClosesAlone(string text, int at, int from, int after)
    {
        var before = Before(text, at, from);
        var next = after < text.Length ? text[after] : '\n';
        var endsSentence = SentenceEnds.Contains(LastLetter(text, at, from));
        return _code.BeginsLine ? next is not (' ' or '\t') || endsSentence
            : char.IsWhiteSpace(before) ? endsSentence && next is '\n' or '\r' : !Openers.Contains(before);
    }

    private char Before(string text, int at, int from) => at > from ? text[at - 1] : _last;

    private char LastLetter(string text, int at, int from)
    {
        var line = text.AsSpan(from, at - from).TrimEnd();
        return line.IsEmpty ? _lastLetter : line[^1];
    }

    private void Cross(ReasoningTag tag, bool opens)
    {
        _channel |= tag.Channel;
        if (tag.IsMark)
        {
            _trimSpace = !_visible;
            return;
        }

        _code = new CodePlaces();
        if (opens)
        {
            _inside = tag;
            _middle = _visible ? new StringBuilder() : null;
            _trimBreaks = _middle is null;
            return;
        }

        if (_inside is null && _visible)
        {
            _answer.BeginAgain();
            _output.TextWasReasoning();
            _visible = false;
        }
        else if (_middle is { Length: > 0 } middle)
        {
            _output.Emit(middle.ToString().TrimStart('\r', '\n'), reasoning: true);
        }

        (_inside, _middle, _spare) = (null, null, null);
        Thought();
        _trimSpace = !_visible;
    }

    private void Emit(string text)
    {
        var reasoning = _inside is not null;
        if (reasoning ? _trimBreaks : _trimSpace)
        {
            text = reasoning ? text.TrimStart('\r', '\n') : text.TrimStart();
        }

        if (text.Length == 0)
        {
            return;
        }

        (_trimBreaks, _trimSpace, _last) = (false, false, text[^1]);
        if (_middle is not null)
        {
            _middle.Append(text);
            return;
        }

        _spare?.Append(text);
        if (reasoning)
        {
            _output.Emit(text, reasoning: true);
            return;
        }

        NoteLetter(text);
        _answer.Text(text);
    }

    private void NoteLetter(string text)
    {
        var letters = text.AsSpan().TrimEnd();
        if (!letters.IsEmpty)
        {
            _visible = true;
            _lastLetter = letters[^1];
        }
    }
}
