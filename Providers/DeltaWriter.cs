using System.Runtime.InteropServices;
using System.Text.Json;

namespace AiChat.Providers;

/// <summary>
/// Collects what a vendor's parser finds and keeps the promises of <see cref="IChatProvider.StreamAsync"/>: no empty deltas,
/// reasoning tags taken out of the text, no character split over two deltas, caps, and usage, state and end once, at the end.
/// </summary>
internal sealed class DeltaWriter
{
    public const int MaxText = 2 * 1024 * 1024;
    private const int MaxToolArguments = 1024 * 1024;
    private const int MaxToolCalls = 128;

    private readonly ReasoningTagSplitter _splitter;
    private HashSet<int>? _calls;
    private List<ChatDelta>? _frames;
    private int _text;
    private int _reasoning;
    private int _arguments;
    private char _half;
    private char _reasoningHalf;
    private ChatDelta.Usage? _usage;
    private string? _state;
    private FinishReason? _reason;
    private string? _raw;

    public DeltaWriter(IReadOnlyList<ReasoningTag> tags) => _splitter = new ReasoningTagSplitter(tags, this);

    /// <summary>What is ready to be handed to the caller, who clears it.</summary>
    public List<ChatDelta> Ready { get; } = [];

    /// <summary>The last content was visible text or a tool call, not reasoning.</summary>
    public bool Visible { get; private set; }

    /// <summary>The model said that it is done.</summary>
    public bool Finished => _reason is not null;

    public bool HasToolCalls => _calls is not null;

    /// <summary>Begins the ids of calls that came without one.</summary>
    private string CallPrefix => field ??= $"call_{Guid.NewGuid():N}"[..21];

    public void Text(string? piece)
    {
        piece = Whole(piece, ref _half);
        if (piece.Length > 0)
        {
            _splitter.Push(piece);
        }
    }

    public void Reasoning(string? piece)
    {
        piece = Whole(piece, ref _reasoningHalf);
        if (piece.Length > 0)
        {
            Emit(piece, true);
        }
    }

    /// <summary>A piece of a tool call. The first piece of an index gets an id if it has none.</summary>
    public void ToolCall(int index, string? id, string? name, string? arguments)
    {
        _calls ??= [];
        var first = _calls.Add(index);
        _arguments += arguments?.Length ?? 0;
        if (_calls.Count > MaxToolCalls || _arguments > MaxToolArguments)
        {
            throw new ProviderException(ProviderFailure.TooLarge, "The model asked for too many or too long tool calls.");
        }

        if (first || !string.IsNullOrEmpty(arguments))
        {
            Visible = true;
            id = first && string.IsNullOrEmpty(id) ? $"{CallPrefix}_{index}" : id;
            Ready.Add(new ChatDelta.ToolCall(index, first ? id : null, first ? name ?? "" : null, arguments ?? ""));
        }
    }

    /// <summary>A frame for the client. One that says nothing yet waits for the next: it is not what a call is waited for.</summary>
    /// <param name="speaks">It holds something of the answer that no other delta shows.</param>
    public void Frame(JsonElement json, bool speaks)
    {
        _frames ??= [];
        _frames.Add(new ChatDelta.Frame(json));
        if (speaks || Ready.Count > 0)
        {
            TakeFrames();
        }
    }

    /// <summary>Later reports complete or replace earlier ones, member by member.</summary>
    public void Usage(int? prompt, int? completion, int? reasoning = null, int? cached = null, int? cacheWrite = null) =>
        _usage = new ChatDelta.Usage(prompt ?? _usage?.PromptTokens, completion ?? _usage?.CompletionTokens, reasoning ?? _usage?.ReasoningTokens,
            cached ?? _usage?.CachedTokens, cacheWrite ?? _usage?.CacheWriteTokens);

    public void State(string value) => _state = value;

    public void Finish(FinishReason reason, string? raw)
    {
        _reason = reason;
        _raw = raw;
    }

    /// <summary>Writes what was held back, also when the reply broke off.</summary>
    public void Flush()
    {
        if (_half != '\0')
        {
            _half = '\0';
            _splitter.Push("\uFFFD");
        }

        _splitter.Finish();
    }

    /// <summary>The reply is complete: the closing deltas.</summary>
    public void Complete(int skippedFrames)
    {
        Flush();
        TakeFrames();
        if (_usage is not null)
        {
            Ready.Add(_usage);
        }

        if (_state is not null)
        {
            Ready.Add(new ChatDelta.State(_state));
        }

        var reason = _reason ?? FinishReason.Stop;

        // Some servers say "stop" after tool calls; the calls are there all the same.
        Ready.Add(new ChatDelta.End(HasToolCalls && reason == FinishReason.Stop ? FinishReason.ToolCalls : reason, _raw, skippedFrames));
    }

    /// <summary>A JSON string as text; bytes that are no text become U+FFFD instead of losing the piece.</summary>
    public static string? Read(ref Utf8JsonReader reader)
    {
        try
        {
            return reader.TokenType == JsonTokenType.String ? reader.GetString() : null;
        }
        catch (InvalidOperationException)
        {
            return LooseJsonText.Decode(reader.ValueSpan);
        }
    }

    public static string? Read(JsonElement value)
    {
        try
        {
            return value.ValueKind == JsonValueKind.String ? value.GetString() : null;
        }
        catch (InvalidOperationException)
        {
            return LooseJsonText.Decode(JsonMarshal.GetRawUtf8Value(value)[1..^1]);
        }
    }

    private void TakeFrames()
    {
        if (_frames is not null)
        {
            Ready.AddRange(_frames);
            _frames.Clear();
        }
    }

    // Some servers cut a surrogate pair in two; the halves belong into one delta.
    private static string Whole(string? piece, ref char half)
    {
        if (string.IsNullOrEmpty(piece))
        {
            return "";
        }

        if (half != '\0')
        {
            piece = half + piece;
            half = '\0';
        }

        if (char.IsHighSurrogate(piece[^1]))
        {
            half = piece[^1];
            piece = piece[..^1];
        }

        return piece;
    }

    /// <summary>Text of which it is certain what it is.</summary>
    public void Emit(string text, bool reasoning)
    {
        ref var count = ref reasoning ? ref _reasoning : ref _text;
        count += text.Length;
        if (count > MaxText)
        {
            throw new ProviderException(ProviderFailure.TooLarge, reasoning ? "The reasoning is longer than 2 MiB." : "The answer is longer than 2 MiB.");
        }

        Visible = !reasoning;
        Ready.Add(reasoning ? new ChatDelta.Reasoning(text) : new ChatDelta.Text(text));
    }
}
