using System.Text.Json;

namespace AiChat.Providers.Protocol;

/// <summary>A piece of a model's answer. The nested types are the only ones.</summary>
internal abstract record ChatDelta
{
    private ChatDelta()
    {
    }

    /// <summary>Visible text; never empty.</summary>
    /// <param name="IsRefusal">The model says by protocol that it does not answer, and why.</param>
    internal sealed record Text(string Value, bool IsRefusal = false) : ChatDelta;

    /// <summary>Reasoning, from its own field or from between tags; never empty.</summary>
    internal sealed record Reasoning(string Value) : ChatDelta;

    /// <summary>
    /// All visible text of this stream so far was reasoning: the model ended its thinking with a tag that it never opened. What follows
    /// is the answer.
    /// </summary>
    internal sealed record TextWasReasoning : ChatDelta
    {
        public static readonly TextWasReasoning Instance = new();
    }

    /// <summary>A picture that the model made, whole and once.</summary>
    /// <param name="MimeType">As the provider names it; the bytes decide.</param>
    internal sealed record Image(string MimeType, ReadOnlyMemory<byte> Bytes) : ChatDelta;

    /// <summary>The pages that the answer rests on, in the order of their numbers, which begin with 1; at most one, near the end.</summary>
    internal sealed record Sources(IReadOnlyList<ChatSource> Pages) : ChatDelta;

    /// <summary>
    /// A piece of a tool call. The first piece of an <paramref name="Index"/> has the id (made up when the provider gives
    /// none) and the name; the arguments are the fragments of that index, joined.
    /// </summary>
    internal sealed record ToolCall(int Index, string? Id, string? Name, string ArgumentsFragment) : ChatDelta;

    /// <summary>
    /// A frame of the provider's protocol as it came, after the deltas read from it. Only for a <see cref="PassthroughRequest"/>, whose
    /// client receives it.
    /// </summary>
    /// <param name="Json">The frame.</param>
    /// <param name="Speaks">Whether it holds content that no other delta shows.</param>
    internal sealed record Frame(JsonElement Json, bool Speaks = false) : ChatDelta;

    /// <summary>
    /// What must be sent back with this answer in later turns (<see cref="ChatTurn.State"/>); store it, do not read it.
    /// </summary>
    internal sealed record State(string Value) : ChatDelta;

    /// <summary>
    /// Tokens as the provider counts them, with one meaning for all providers: the prompt includes tokens read from its cache
    /// (<paramref name="CachedTokens"/>) or written to it (<paramref name="CacheWriteTokens"/>), the completion includes reasoning
    /// (<paramref name="ReasoningTokens"/>). Null = not reported. <paramref name="LongCacheWriteTokens"/> are those of
    /// <paramref name="CacheWriteTokens"/> that are kept for an hour, which costs more.
    /// </summary>
    internal sealed record Usage(
        int? PromptTokens,
        int? CompletionTokens,
        int? ReasoningTokens = null,
        int? CachedTokens = null,
        int? CacheWriteTokens = null,
        int? LongCacheWriteTokens = null) : ChatDelta;

    /// <summary>
    /// The model finished. <paramref name="Raw"/> is the provider's own word, null when it gave none; <paramref name="SkippedFrames"/>
    /// counts frames that could not be read and were skipped. <paramref name="StopWord"/> is the stop word that ended the answer, where the
    /// provider says which.
    /// </summary>
    internal sealed record End(FinishReason Reason, string? Raw, int SkippedFrames = 0, string? StopWord = null) : ChatDelta;
}

/// <summary>A page that an answer cites.</summary>
internal sealed record ChatSource(string Url, string Title, string Text);

internal enum FinishReason
{
    Stop,

    /// <summary>The output limit or the context was reached.</summary>
    Length,

    ToolCalls,

    /// <summary>The provider's filter cut the answer, or the model refused by protocol.</summary>
    ContentFilter,

    /// <summary>A reason without a member here; see the provider's own word.</summary>
    Other,
}
