using System.Text.Json;
using AiChat.Providers.Transport;

namespace AiChat.Providers.Protocol;

/// <summary>
/// Collects what a vendor's parser finds and keeps the promises of <see cref="IChatProvider.StreamAsync"/>: no empty deltas,
/// reasoning tags taken out of the text, no character split over two deltas, caps, and usage, state and end once, at the end.
/// </summary>
internal sealed class DeltaWriter
{
    public const int MaxText = 2 * 1024 * 1024;
    private const int MaxToolArguments = 1024 * 1024;
    private const int MaxToolCalls = 128;

    /// <summary>Characters stored for later turns: signatures, encrypted reasoning.</summary>
    private const int MaxKept = 4 * 1024 * 1024;

    /// <summary>Frames without content that wait for one with content; beyond this the oldest are dropped.</summary>
    private const int MaxWaitingFrames = 1_024;

    private readonly ReasoningTagSplitter _splitter;
    private Dictionary<int, char>? _calls;
    private Queue<ChatDelta>? _frames;
    private int _kept;
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

    /// <summary>The model reported why it finished.</summary>
    public bool Finished => _reason is not null;

    public bool HasToolCalls => _calls is not null;

    /// <summary>Prefix of the ids made up for calls without one.</summary>
    private string CallPrefix => field ??= $"call_{Guid.NewGuid():N}"[..21];

    public void Text(string? piece)
    {
        piece = Whole(piece, ref _half);
        if (piece.Length > 0)
        {
            EndReasoning();
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
        var first = !_calls.TryGetValue(index, out var half);
        arguments = Whole(arguments, ref half);
        _calls[index] = half;
        _arguments += arguments.Length + (first ? (id?.Length ?? 0) + (name?.Length ?? 0) : 0);
        if (_calls.Count > MaxToolCalls || _arguments > MaxToolArguments)
        {
            throw new ProviderException(ProviderFailure.TooLarge, "The model asked for too many or too long tool calls.");
        }

        if (first || arguments.Length > 0)
        {
            EndReasoning();
            Visible = true;
            id = first && string.IsNullOrEmpty(id) ? $"{CallPrefix}_{index}" : id;
            Ready.Add(new ChatDelta.ToolCall(index, first ? id : null, first ? name ?? "" : null, arguments));
        }
    }

    /// <summary>
    /// A frame for the client. A frame without content waits for the next one, because only content ends the wait for an answer.
    /// </summary>
    /// <param name="speaks">Whether it holds content that no other delta shows.</param>
    public void Frame(JsonElement json, bool speaks)
    {
        _frames ??= [];
        _frames.Enqueue(new ChatDelta.Frame(json));
        if (_frames.Count > MaxWaitingFrames)
        {
            _frames.Dequeue();
        }

        if (speaks || Ready.Count > 0)
        {
            TakeFrames();
        }
    }

    /// <summary>Later reports complete or replace earlier ones, member by member.</summary>
    public void Usage(int? prompt, int? completion, int? reasoning = null, int? cached = null, int? cacheWrite = null) =>
        _usage = new ChatDelta.Usage(
            prompt ?? _usage?.PromptTokens,
            completion ?? _usage?.CompletionTokens,
            reasoning ?? _usage?.ReasoningTokens,
            cached ?? _usage?.CachedTokens,
            cacheWrite ?? _usage?.CacheWriteTokens);

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

    public void Finish(FinishReason reason, string? raw)
    {
        _reason = reason;
        _raw = raw;
    }

    /// <summary>Writes what was held back, also when the reply breaks off.</summary>
    public void Flush()
    {
        EndReasoning();
        if (_half != '\0')
        {
            _half = '\0';
            _splitter.Push("\uFFFD");
        }

        _splitter.Finish();
        foreach (var (index, half) in _calls ?? [])
        {
            if (half != '\0')
            {
                Ready.Add(new ChatDelta.ToolCall(index, null, null, "\uFFFD"));
            }
        }

        _calls = _calls?.ToDictionary(call => call.Key, _ => '\0');
    }

    /// <summary>Writes the closing deltas of a complete reply.</summary>
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

        // Some servers report "stop" after tool calls.
        Ready.Add(new ChatDelta.End(HasToolCalls && reason == FinishReason.Stop ? FinishReason.ToolCalls : reason, _raw, skippedFrames));
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

    // Some servers cut a surrogate pair in two; the halves belong in one delta.
    private static string Whole(string? piece, ref char half)
    {
        if (string.IsNullOrEmpty(piece))
        {
            return "";
        }

        if (half != '\0')
        {
            piece = (char.IsLowSurrogate(piece[0]) ? half : '\uFFFD') + piece;
            half = '\0';
        }
        else if (char.IsLowSurrogate(piece[0]))
        {
            piece = '\uFFFD' + piece[1..];
        }

        if (char.IsHighSurrogate(piece[^1]))
        {
            half = piece[^1];
            piece = piece[..^1];
        }

        return piece;
    }

    /// <summary>Writes text that is known to be answer or reasoning.</summary>
    public void Emit(string text, bool reasoning)
    {
        ref var count = ref reasoning ? ref _reasoning : ref _text;
        count += text.Length;
        if (count > MaxText)
        {
            throw new ProviderException(
                ProviderFailure.TooLarge, reasoning ? "The reasoning is longer than 2 MiB." : "The answer is longer than 2 MiB.");
        }

        Visible = !reasoning;
        Ready.Add(reasoning ? new ChatDelta.Reasoning(text) : new ChatDelta.Text(text));
    }
}
