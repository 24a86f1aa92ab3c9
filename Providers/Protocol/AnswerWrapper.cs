using System.Text;

namespace AiChat.Providers.Protocol;

/// <summary>
/// Takes off the pair of tags that some thinking models write around the whole visible answer (Hunyuan's <c>answer</c>, ERNIE's
/// <c>response</c>, the <c>answer</c> of models trained as DeepSeek R1 Zero was, the solution of OpenThinker, the box of GLM). It is taken
/// off only at the edges of the answer: such a tag in a sentence or in code is text, and so is the root of an XML document.
/// </summary>
internal sealed class AnswerWrapper(DeltaWriter output)
{
    private static readonly Pair[] Pairs =
    [
        new("<answer>", "</answer>") { WithoutThinking = true },
        new("<response>", "</response>"),
        new("<|begin_of_solution|>", "<|end_of_solution|>") { IsToken = true },
        new("<|begin_of_box|>", "<|end_of_box|>") { IsToken = true },
    ];

    private State _state;
    private Pair? _pair;
    private string _held = "";

    private enum State
    {
        /// <summary>Nothing visible has come.</summary>
        Begin,

        /// <summary>The rest is text.</summary>
        Plain,

        /// <summary>The opening tag was taken off.</summary>
        Wrapped,

        /// <summary>The answer begins with the tag in a line of its text, so that only its end shows what the tag is.</summary>
        Doubtful,
    }

    /// <summary>Reasoning came before the answer.</summary>
    public bool Thought { get; set; }

    /// <summary>The text so far of an answer whose opening tag is in doubt; few have one.</summary>
    private StringBuilder Doubtful => field ??= new StringBuilder();

    /// <summary>Writes a piece of the visible text.</summary>
    public void Text(string piece)
    {
        switch (_state)
        {
            case State.Begin:
                Begin(_held + piece);
                break;
            case State.Wrapped:
                Inside(_held + piece);
                break;
            case State.Doubtful:
                Doubtful.Append(piece);
                break;
            default:
                Emit(piece);
                break;
        }
    }

    /// <summary>What was visible so far becomes reasoning; the answer begins after it.</summary>
    public void BeginAgain()
    {
        Emit(_state == State.Doubtful ? _pair!.Open + Doubtful : _held);
        Doubtful.Clear();
        (_state, _held) = (State.Begin, "");
    }

    /// <summary>Ends the answer: a closing tag at its edge is taken off.</summary>
    public void Finish()
    {
        if (_state == State.Doubtful)
        {
            var whole = Doubtful.ToString();
            var end = whole.AsSpan().TrimEnd();
            var wrapped = end.EndsWith(_pair!.Close, StringComparison.Ordinal);
            _held = wrapped ? end[..^_pair.Close.Length].Trim().ToString() : _pair.Open + whole;
        }
        else if (_state == State.Wrapped && _held.AsSpan().Trim().SequenceEqual(_pair!.Close))
        {
            _held = "";
        }

        Emit(_held);
        (_state, _held) = (State.Plain, "");
    }

    private void Begin(string text)
    {
        _held = "";
        var rest = text.AsSpan().TrimStart();
        if (rest.IsEmpty)
        {
            Emit(text);
            return;
        }

        foreach (var pair in Pairs)
        {
            if (rest.Length < pair.Open.Length && pair.Open.AsSpan().StartsWith(rest, StringComparison.Ordinal))
            {
                _held = text;
                return;
            }

            if (rest.StartsWith(pair.Open, StringComparison.Ordinal))
            {
                Open(pair, text, rest[pair.Open.Length..]);
                return;
            }
        }

        _state = State.Plain;
        Emit(text);
    }

    private void Open(Pair pair, string text, ReadOnlySpan<char> after)
    {
        var inner = after.TrimStart();
        if (inner.IsEmpty && !pair.IsToken)
        {
            _held = text; // what follows decides
            return;
        }

        var gap = after[..^inner.Length];
        var ownLine = gap.IndexOfAny('\n', '\r') >= 0;
        _pair = pair;
        if (pair.IsToken || (inner[0] != '<' && (ownLine ? Thought || pair.WithoutThinking : Thought && gap.IsEmpty)))
        {
            _state = State.Wrapped;
            Inside(inner.ToString());
        }
        else if (Thought && inner[0] != '<')
        {
            _state = State.Doubtful;
            Doubtful.Append(after);
        }
        else
        {
            _state = State.Plain;
            Emit(text);
        }
    }

    // Holds back what may be the end of the answer: white space, and the closing tag or its beginning.
    private void Inside(string text)
    {
        var end = text.AsSpan().TrimEnd();
        var close = _pair!.Close;
        var keep = 0;
        if (end.EndsWith(close, StringComparison.Ordinal))
        {
            keep = close.Length;
        }
        else if (end.Length == text.Length)
        {
            for (var length = Math.Min(close.Length - 1, end.Length); length > 0 && keep == 0; length--)
            {
                keep = end.EndsWith(close.AsSpan(0, length), StringComparison.Ordinal) ? length : 0;
            }
        }

        var until = end[..^keep].TrimEnd().Length;
        _held = text[until..];
        Emit(text[..until]);
    }

    private void Emit(string text)
    {
        if (text.Length > 0)
        {
            output.Emit(text, reasoning: false);
        }
    }

    private sealed record Pair(string Open, string Close)
    {
        /// <summary>Written also where thinking is off and nothing was thought.</summary>
        public bool WithoutThinking { get; init; }

        /// <summary>A token of the model's own, which no text has.</summary>
        public bool IsToken { get; init; }
    }
}
