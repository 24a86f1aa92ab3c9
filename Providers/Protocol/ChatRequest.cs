using System.Runtime.InteropServices;
using AiChat.Providers.Transport;

namespace AiChat.Providers.Protocol;

/// <summary>One call to a model. A null or empty member is not sent; no default replaces it.</summary>
internal sealed record ChatRequest
{
    public required ProviderEndpoint Endpoint { get; init; }

    /// <summary>The provider's own id, without the prefix of the connection.</summary>
    public required string Model { get; init; }

    public string? SystemPrompt { get; init; }

    /// <summary>The conversation, oldest first. Empty turns (no text, image or tool call) are dropped, not sent.</summary>
    public required IReadOnlyList<ChatTurn> Turns { get; init; }

    public ChatSampling Sampling { get; init; } = ChatSampling.Unset;
    public ChatReasoning Reasoning { get; init; } = ChatReasoning.Default;
    public IReadOnlyList<ChatTool> Tools { get; init; } = [];

    /// <summary><c>auto</c>, <c>none</c>, <c>required</c>, or the name of one tool; null = not sent.</summary>
    public string? ToolChoice { get; init; }

    public ChatTimeouts Timeouts { get; init; } = ChatTimeouts.Default;

    /// <summary>
    /// Tokens of prompt and answer together to which the turns were cut; for servers that cut by a limit of their own. Null = not sent.
    /// </summary>
    public int? ContextLimit { get; init; }

    /// <summary>How long a local server keeps the model loaded, in its own words; empty = not sent.</summary>
    public string KeepAlive { get; init; } = "";

    /// <summary>Marks the part that the next request will repeat, for providers that cache prompts on request.</summary>
    public bool CachesPrompt { get; init; }

    /// <summary>
    /// A JSON object (UTF-8) whose members are added to the body's top level, for APIs that pass unknown members through. A member that the
    /// provider writes itself is not overridden.
    /// </summary>
    public ReadOnlyMemory<byte> ExtraBody { get; init; }

    /// <summary>Set only for clients that speak the provider's own protocol.</summary>
    public PassthroughRequest? Passthrough { get; init; }
}

internal static class ChatRequests
{
    /// <summary>The request for a model whose template has no place for a system message.</summary>
    public static ChatRequest Without(this ChatRequest request, Refused refused)
    {
        if (!refused.HasFlag(Refused.SystemRole) || string.IsNullOrWhiteSpace(request.SystemPrompt))
        {
            return request;
        }

        return request with { SystemPrompt = null, Turns = [new ChatTurn(ChatRole.User, request.SystemPrompt), .. request.Turns] };
    }
}

internal enum ChatRole
{
    User,
    Assistant,
    Tool,
}

internal sealed record ChatTurn(ChatRole Role, string Text)
{
    public IReadOnlyList<ChatImage> Images { get; init; } = [];

    /// <summary>Assistant turns: the calls the model asked for. Each needs a Tool turn with its id after this turn.</summary>
    public IReadOnlyList<ChatToolCall> ToolCalls { get; init; } = [];

    /// <summary>Tool turns: the call that <see cref="Text"/> answers.</summary>
    public string? ToolCallId { get; init; }

    /// <summary>Tool turns: the call failed and <see cref="Text"/> says why.</summary>
    public bool ToolFailed { get; init; }

    /// <summary>
    /// Assistant turns: the value of <see cref="ChatDelta.State"/> that came with the answer (signed thinking, thought
    /// signatures), unchanged. A provider or model that it does not belong to ignores it.
    /// </summary>
    public string? State { get; init; }
}

/// <summary>A call the model asked for; the arguments are a JSON object as text, empty counts as <c>{}</c>.</summary>
internal sealed record ChatToolCall(string Id, string Name, string Arguments);

/// <summary>A function the model may call; the parameters are a JSON object schema as text.</summary>
internal sealed record ChatTool(string Name, string Description, string ParametersJson);

/// <summary>An image of a message, read only while the request is sent.</summary>
/// <param name="Length">Bytes that <paramref name="Open"/> gives.</param>
internal sealed record ChatImage(string MimeType, long Length, Func<Stream> Open)
{
    public static ChatImage FromBytes(string mimeType, ReadOnlyMemory<byte> bytes) => new(mimeType, bytes.Length, () =>
        MemoryMarshal.TryGetArray(bytes, out var array)
            ? new MemoryStream(array.Array!, array.Offset, array.Count, writable: false)
            : new MemoryStream(bytes.ToArray()));
}

internal sealed record ChatSampling
{
    public static readonly ChatSampling Unset = new();

    public double? Temperature { get; init; }
    public double? TopP { get; init; }
    public int? TopK { get; init; }
    public double? FrequencyPenalty { get; init; }
    public double? PresencePenalty { get; init; }
    public int? MaxOutputTokens { get; init; }
    public IReadOnlyList<string> Stop { get; init; } = [];
    public long? Seed { get; init; }
}

internal sealed record ChatReasoning
{
    public static readonly ChatReasoning Default = new();

    /// <summary>True asks for reasoning, false asks for none; null = not sent.</summary>
    public bool? Enabled { get; init; }

    /// <summary>Null = not sent.</summary>
    public ReasoningEffort? Effort { get; init; }

    /// <summary>Tag pairs that mark reasoning inside the visible text; empty = the text is not searched for tags.</summary>
    public IReadOnlyList<ReasoningTag> Tags { get; init; } = ReasoningTag.Defaults;
}

internal enum ReasoningEffort
{
    Minimal,
    Low,
    Medium,
    High,
}

internal static class ReasoningEfforts
{
    /// <summary>The word that providers use for it.</summary>
    public static string Word(this ReasoningEffort effort) => effort switch
    {
        ReasoningEffort.Minimal => "minimal",
        ReasoningEffort.Low => "low",
        ReasoningEffort.Medium => "medium",
        ReasoningEffort.High => "high",
    };
}
