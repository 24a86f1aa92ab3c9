using System.Buffers;
using System.Text.Json;
using AiChat.Providers.Transport;

namespace AiChat.Providers.Protocol;

/// <summary>
/// Collects what a vendor's parser finds and keeps the promises of <see cref="IChatProvider.StreamAsync"/>: no empty deltas, nothing twice
/// that is said again as a whole, reasoning tags taken out of the text, no character split over two deltas, caps, and usage, state and end
/// once, at the end.
/// </summary>
internal sealed class DeltaWriter
{
    public const int MaxText = 2 * 1024 * 1024;

    /// <summary>Characters stored for later turns: signatures, encrypted reasoning.</summary>
    private const int MaxKept = 4 * 1024 * 1024;

    /// <summary>Frames without content that wait for one with content; beyond this the oldest are dropped.</summary>
    private const int MaxWaitingFrames = 1_024;

    /// <summary>A last piece at least this long that equals all pieces before it repeats them; shorter ones can be chance.</summary>
    private const int MinRepeat = 16;

    private readonly ReasoningTagSplitter _splitter;
    private readonly MarkdownPictures? _pictures;
    private ToolCallJoiner? _calls;
    private AnswerParts? _parts;
    private Queue<ChatDelta>? _frames;
    private SaidText _said;
    private SaidText _saidReasoning;
    private RepeatedText _ahead;
    private RepeatedText _reasoningAhead;
    private int _pieces;
    private int _kept;
    private int _text;
    private int _reasoning;
    private char _half;
    private char _reasoningHalf;
    private ChatDelta.Usage? _usage;
    private string? _state;
    private FinishReason? _reason;
    private string? _raw;
    private string? _stopWord;

    /// <param name="tags">Marks of reasoning in the text.</param>
    /// <param name="takesPictures">Pictures in the text become pictures of the answer.</param>
    public DeltaWriter(IReadOnlyList<ReasoningTag> tags, bool takesPictures = false)
    {
        _splitter = new ReasoningTagSplitter(tags, this);
        _pictures = takesPictures ? new MarkdownPictures(this) : null;
    }

    /// <summary>What is ready to be handed to the caller, who clears it.</summary>
    public List<ChatDelta> Ready { get; } = [];

    /// <summary>The last content was visible text or a tool call, not reasoning.</summary>
    public bool Visible { get; private set; }

    /// <summary>The text that comes now is a refusal.</summary>
    public bool Refuses { get; set; }

    /// <summary>Content came, although it may be held back; the reader of the reply resets it.</summary>
    public bool Heard { get; set; }

    /// <summary>Characters of a picture in the text that has begun.</summary>
    public int Held => _pictures?.Held ?? 0;

    /// <summary>Bytes of pictures that count as content; the reader of the reply resets it.</summary>
    public int Paid { get; set; }

    /// <summary>The model reported why it finished.</summary>
    public bool Finished => _reason is not null;

    public bool HasToolCalls => _calls is not null;

    /// <summary>A place in the text received so far, for <see cref="WholeText"/>.</summary>
    public SaidText TextMark => _said;

    /// <inheritdoc cref="TextMark"/>
    public SaidText ReasoningMark => _saidReasoning;

    /// <summary>A piece of the text.</summary>
    public void Text(string? piece)
    {
        piece = SplitLetter.Whole(piece, ref _half);
        if (piece.Length > 0)
        {
            Heard = true;
            Say(_ahead.Skip(piece));
        }
    }

    /// <summary>What the client began the answer with, which the server may say before it goes on.</summary>
    public void Echo(string text) => _ahead.Expect(text);

    /// <summary>The piece that comes with the end of the stream: some servers say the whole text there.</summary>
    public void LastText(string? piece)
    {
        if (piece?.Length >= MinRepeat && _pieces > 1 && _said.Rest(default, piece) is "")
        {
            return;
        }

        Text(piece);
    }

    /// <summary>The beginning of a block, which the pieces that follow may say again.</summary>
    public void TextAhead(string? text)
    {
        EndBlock();
        Text(text);
        _ahead.Expect(text);
    }

    /// <inheritdoc cref="TextAhead"/>
    public void ReasoningAhead(string? text)
    {
        EndBlock();
        Reasoning(text);
        _reasoningAhead.Expect(text);
    }

    /// <summary>Ends a block of <see cref="TextAhead"/>.</summary>
    public void EndBlock()
    {
        Say(_ahead.End());
        if (_reasoningAhead.End() is { Length: > 0 } reasoning)
        {
            Emit(reasoning, reasoning: true);
        }
    }

    /// <summary>The whole text since a mark: completes what came in pieces.</summary>
    /// <param name="adds">A text that says something else is a piece of its own.</param>
    public void WholeText(string? whole, SaidText since = default, bool adds = false)
    {
        if (Rest(_said, since, whole, adds) is { Length: > 0 } rest)
        {
            _half = '\0';
            Text(rest);
        }
    }

    /// <inheritdoc cref="WholeText"/>
    public void WholeReasoning(string? whole, SaidText since = default, bool adds = false)
    {
        if (Rest(_saidReasoning, since, whole, adds) is { Length: > 0 } rest)
        {
            _reasoningHalf = '\0';
            Reasoning(rest);
        }
    }

    public void Reasoning(string? piece)
    {
        piece = SplitLetter.Whole(piece, ref _reasoningHalf);
        if (piece.Length > 0)
        {
            Heard = true;
            piece = _reasoningAhead.Skip(piece);
            if (piece.Length > 0)
            {
                _saidReasoning.Add(_saidReasoning.Length == 0 ? piece.AsSpan().TrimStart() : piece);
                _splitter.Thought();
                Emit(piece, true);
            }
        }
    }

    /// <inheritdoc cref="ToolCallJoiner.Add"/>
    public int ToolCall(int? index, string? id, string? name, string? arguments, bool whole = false)
    {
        _calls ??= new ToolCallJoiner(Ready);
        var ready = Ready.Count;
        if (!string.IsNullOrEmpty(arguments) || !string.IsNullOrEmpty(name))
        {
            EndReasoning();
            _pictures?.Flush();
            Heard |= !string.IsNullOrEmpty(arguments);
        }

        var place = _calls.Add(index, id, name, arguments, whole);
        Visible |= Ready.Count > ready;
        return place;
    }

    /// <summary>A picture in base64; what is none is ignored.</summary>
    public void Image(string? mimeType, ReadOnlySpan<char> base64)
    {
        _parts ??= new AnswerParts(Ready);
        Paid += base64.Length;
        var bytes = ArrayPool<byte>.Shared.Rent(base64.Length);
        Visible |= _parts.Image(mimeType, bytes.AsSpan(0, System.Text.Encoding.Latin1.GetBytes(base64, bytes))) > 0;
        ArrayPool<byte>.Shared.Return(bytes);
    }

    /// <summary>A picture as a data URL; false when the text is none.</summary>
    public bool DataUrl(ReadOnlySpan<char> url)
    {
        const string Begin = "data:image/", Between = ";base64,";
        var at = url.StartsWith(Begin, StringComparison.OrdinalIgnoreCase) ? url.IndexOf(Between, StringComparison.OrdinalIgnoreCase) : -1;
        if (at is < 0 or > 64)
        {
            return false;
        }

        Image(url[5..at].ToString(), url[(at + Between.Length)..]);
        return true;
    }

    /// <inheritdoc cref="AnswerParts.Source"/>
    public void Source(string? url, string? title, string? text, int? number = null) =>
        (_parts ??= new AnswerParts(Ready)).Source(url, title, text, number);

    /// <summary>
    /// A frame for the client. A frame without content waits for the next one, because only content ends the wait for an answer.
    /// </summary>
    /// <param name="speaks">Whether it holds content that no other delta shows.</param>
    public void Frame(JsonElement json, bool speaks)
    {
        _frames ??= [];
        _frames.Enqueue(new ChatDelta.Frame(json, speaks));
        if (_frames.Count > MaxWaitingFrames)
        {
            _frames.Dequeue();
        }

        if (speaks || Heard || Ready.Count > 0)
        {
            TakeFrames();
        }
    }

    /// <summary>Later reports complete or replace earlier ones, member by member; a later zero replaces nothing.</summary>
    public void Usage(
        int? prompt, int? completion, int? reasoning = null, int? cached = null, int? cacheWrite = null, int? longWrite = null) =>
        _usage = new ChatDelta.Usage(
            Later(prompt, _usage?.PromptTokens), Later(completion, _usage?.CompletionTokens), Later(reasoning, _usage?.ReasoningTokens),
            Later(cached, _usage?.CachedTokens), Later(cacheWrite, _usage?.CacheWriteTokens),
            Later(longWrite, _usage?.LongCacheWriteTokens));

    /// <summary>The count that holds after a later report.</summary>
    public static int? Later(int? later, int? earlier) => later is > 0 ? later : earlier ?? later;

    public void State(string value) => _state = value;

    /// <summary>
    /// Counts what a parser stores for <see cref="State"/>. It is not content, so no other cap bounds it.
    /// </summary>
    public void Keep(int characters)
    {
        _kept += characters;
        if (_kept > MaxKept)
        {
            throw new ProviderException(
                ProviderFailure.TooLarge, "The data that the provider wants back with the next message is too long.");
        }
    }

    /// <summary>The model ended, with the provider's word for why; null counts as an ordinary end.</summary>
    public void Finish(string? word, string? stopWord = null)
    {
        _stopWord = stopWord ?? _stopWord;
        _reason = word is null ? FinishReason.Stop : FinishWords.Read(word);
        _raw = word;
    }

    /// <summary>Tells the reader the tool calls that were held back.</summary>
    public void FlushCalls() => _calls?.Flush();

    /// <summary>Writes what was held back, also when the reply breaks off.</summary>
    public void Flush()
    {
        EndReasoning();
        EndBlock();
        if (_half != '\0')
        {
            _half = '\0';
            _splitter.Push("\uFFFD");
        }

        _splitter.Finish();
        _pictures?.Flush();
        _calls?.Flush();
    }

    /// <summary>Writes the closing deltas of a complete reply.</summary>
    /// <exception cref="ProviderException">The model's last word says that the answer broke off.</exception>
    public void Complete(int skippedFrames)
    {
        Flush();
        TakeFrames();
        if (_parts is { Sources.Count: > 0 })
        {
            Ready.Add(new ChatDelta.Sources(_parts.Sources));
        }

        if (_usage is not null)
        {
            Ready.Add(_usage);
        }

        if (_state is not null)
        {
            Ready.Add(new ChatDelta.State(_state));
        }

        if (FinishWords.Fault(_raw, empty: _text == 0 && _calls is null && _parts?.HasImages != true) is { } fault)
        {
            throw new ProviderException(ProviderFailure.ServerError, fault);
        }

        var reason = _reason ?? FinishReason.Stop;

        // Some servers report "stop" after tool calls.
        reason = HasToolCalls && reason == FinishReason.Stop ? FinishReason.ToolCalls : reason;
        Ready.Add(new ChatDelta.End(reason, _raw, skippedFrames, _stopWord));
    }

    /// <summary>Writes text that is known to be answer or reasoning.</summary>
    public void Emit(string text, bool reasoning)
    {
        if (_pictures is null || reasoning)
        {
            _pictures?.Flush();
            Write(text, reasoning);
        }
        else
        {
            _pictures.Push(text);
        }
    }

    /// <summary>As <see cref="Emit"/>, for text without pictures.</summary>
    public void Write(string text, bool reasoning)
    {
        ref var count = ref reasoning ? ref _reasoning : ref _text;
        count += text.Length;
        if (count > MaxText)
        {
            throw new ProviderException(
                ProviderFailure.TooLarge, reasoning ? "The reasoning is longer than 2 MiB." : "The answer is longer than 2 MiB.");
        }

        Visible = !reasoning;
        Ready.Add(reasoning ? new ChatDelta.Reasoning(text) : new ChatDelta.Text(text, Refuses));
    }

    /// <summary>The visible text so far turned out to be reasoning.</summary>
    public void TextWasReasoning()
    {
        (_text, _reasoning) = (0, Math.Min(MaxText, _reasoning + _text));
        Ready.Add(ChatDelta.TextWasReasoning.Instance);
    }

    private static string? Rest(SaidText said, SaidText since, string? whole, bool adds)
    {
        if (string.IsNullOrEmpty(whole) || said.Length == since.Length)
        {
            return whole;
        }

        // White space at the beginning is often trimmed in the whole, so it is not counted.
        return said.Rest(since, since.Length == 0 ? whole.TrimStart() : whole) ?? (adds ? whole : null);
    }

    private void Say(string piece)
    {
        if (piece.Length == 0)
        {
            return;
        }

        EndReasoning();
        _pieces++;
        _said.Add(_said.Length == 0 ? piece.AsSpan().TrimStart() : piece);
        _splitter.Push(piece);
    }

    private void TakeFrames()
    {
        if (_frames is not null)
        {
            Ready.AddRange(_frames);
            _frames.Clear();
        }
    }

    /// <summary>Writes half a surrogate pair at the end of the reasoning, which nothing can complete any more.</summary>
    private void EndReasoning()
    {
        if (_reasoningHalf != '\0')
        {
            _reasoningHalf = '\0';
            Emit("\uFFFD", reasoning: true);
        }
    }
}
