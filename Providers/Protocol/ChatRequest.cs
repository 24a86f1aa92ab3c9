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

    /// <summary>Whether the model may call several tools in one answer; null = not sent.</summary>
    public bool? ParallelTools { get; init; }

    /// <summary>The form that the answer must have; null = free text.</summary>
    public ChatFormat? Format { get; init; }

    /// <summary>How long an answer is to be (low, medium, high), for protocols that have a word for it; null = not sent.</summary>
    public string? Verbosity { get; init; }

    /// <summary>The program's name for its own user, for protocols that want one against misuse; null = not sent.</summary>
    public string? UserId { get; init; }

    /// <summary>The provider may search the web itself; null = it may not.</summary>
    public ChatWebSearch? WebSearch { get; init; }

    /// <summary>What the model list says of thinking; null = nothing.</summary>
    public bool? Thinks { get; init; }

    /// <summary>
    /// A program asked, not the page: sampling that the model refuses is sent and refused, never left out, so that the program hears of it.
    /// </summary>
    public bool Exact { get; init; }

    public ChatTimeouts Timeouts { get; init; } = ChatTimeouts.Default;

    /// <summary>
    /// Tokens of prompt and answer together to which the turns were cut; for servers that cut by a limit of their own. Null = not sent.
    /// </summary>
    public int? ContextLimit { get; init; }

    /// <summary>Pictures in the text of the answer become pictures of their own (<see cref="MarkdownPictures"/>).</summary>
    public bool TakesPictures { get; init; }

    /// <summary>How long a local server keeps the model loaded, in its own words; empty = not sent.</summary>
    public string KeepAlive { get; init; } = "";

    /// <summary>Marks the part that the next request will repeat, for providers that cache prompts on request.</summary>
    public bool CachesPrompt { get; init; }

    /// <summary>How long the marks last (<see cref="CacheMark"/>); null = the vendor's default.</summary>
    public string? CacheTtl { get; init; }

    /// <summary>
    /// The last turn is the beginning of the answer, which goes on. A protocol without a way to say so asks for the rest in a turn of the
    /// user.
    /// </summary>
    public bool Continues { get; init; }

    /// <summary>
    /// A JSON object (UTF-8) whose members are added to the body's top level, for APIs that pass unknown members through. A member that the
    /// provider writes itself is not overridden.
    /// </summary>
    public ReadOnlyMemory<byte> ExtraBody { get; init; }

    /// <summary>
    /// Takes over the memory of a long line (<see cref="LineMemory"/>) when the next one is read, because what it said may still wait to be
    /// sent. Null lets go of it.
    /// </summary>
    public Action<IDisposable>? Holds { get; init; }

    /// <summary>Set only for clients that speak the provider's own protocol.</summary>
    public PassthroughRequest? Passthrough { get; init; }
}

internal static class ChatRequests
{
    /// <summary>
    /// The request for a model that refuses a form of answers or this order of roles, or whose template has no place for a system message.
    /// </summary>
    /// <param name="refused">What the model refuses.</param>
    /// <param name="goesOn">A last turn of the assistant is the beginning of the answer here.</param>
    public static ChatRequest Without(this ChatRequest request, Refused refused, bool goesOn = false)
    {
        if (request.Continues && !goesOn && request.Turns is [.., { Role: ChatRole.Assistant }])
        {
            request = request with { Turns = [.. request.Turns, new ChatTurn(ChatRole.User, StrictTurns.Continue)] };
        }

        if (request.Format is { } format && refused.HasFlag(Refused.Format))
        {
            var system = string.IsNullOrWhiteSpace(request.SystemPrompt) ? "" : request.SystemPrompt + "\n\n";
            request = request with { Format = null, SystemPrompt = system + format.InWords };
        }

        if (refused.HasFlag(Refused.RoleOrder))
        {
            request = request with { Turns = StrictTurns.Of(request.Turns) };
        }

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

    /// <summary>Documents and sounds, for the protocols that take them.</summary>
    public IReadOnlyList<ChatFile> Files { get; init; } = [];

    /// <summary>There is something in it to send.</summary>
    public bool HasContent => Images.Count > 0 || Files.Count > 0 || !string.IsNullOrWhiteSpace(Text);

    /// <summary>Assistant turns: the calls the model asked for. Each needs a Tool turn with its id after this turn.</summary>
    public IReadOnlyList<ChatToolCall> ToolCalls { get; init; } = [];

    /// <summary>Tool turns: the call that <see cref="Text"/> answers.</summary>
    public string? ToolCallId { get; init; }

    /// <summary>Tool turns: the call failed and <see cref="Text"/> says why.</summary>
    public bool ToolFailed { get; init; }

    /// <summary>The text of a tool turn for protocols without a flag for failed calls.</summary>
    public string ResultText => ToolFailed && !Text.StartsWith("error", StringComparison.OrdinalIgnoreCase) ? $"Error: {Text}" : Text;

    /// <summary>
    /// Assistant turns: the value of <see cref="ChatDelta.State"/> that came with the answer (signed thinking, thought
    /// signatures), unchanged. A provider or model that it does not belong to ignores it.
    /// </summary>
    public string? State { get; init; }
}

/// <summary>A call the model asked for; the arguments are a JSON object as text, empty counts as <c>{}</c>.</summary>
internal sealed record ChatToolCall(string Id, string Name, string Arguments);

/// <summary>A function the model may call; the parameters are a JSON object schema as text.</summary>
internal sealed record ChatTool(string Name, string Description, string ParametersJson)
{
    /// <summary>Whether the arguments must fit the schema exactly; null = not sent.</summary>
    public bool? Strict { get; init; }

    /// <summary>The one tool that a choice leaves to be called; null when the model may choose, or may call none.</summary>
    public static ChatTool? Forced(IReadOnlyList<ChatTool> tools, string? choice) => choice switch
    {
        null or "auto" or "none" => null,
        "required" => tools.Count == 1 ? tools[0] : null,
        _ => tools.FirstOrDefault(tool => tool.Name == choice),
    };
}

/// <summary>A form of answers: JSON, of a schema or of any.</summary>
/// <param name="Name">A name for the form, as some protocols want one.</param>
/// <param name="SchemaJson">The schema as JSON text; "" for any JSON object.</param>
internal sealed record ChatFormat(string Name, string SchemaJson)
{
    public bool? Strict { get; init; }

    public string? Description { get; init; }

    public bool IsAnyObject => SchemaJson.Length == 0;

    /// <summary>An instruction, for models without a member for it.</summary>
    public string InWords => IsAnyObject
        ? "Answer with one JSON object and nothing else."
        : $"Answer with JSON that fits this JSON schema, and with nothing else:\n{SchemaJson}";
}

/// <summary>A search of the web by the provider.</summary>
/// <param name="Domains">The only sites that may be searched; empty = all.</param>
/// <param name="LocationJson">Where the user is, as the JSON object that OpenAI and Anthropic share; null = not sent.</param>
/// <param name="MaxUses">Null = not sent.</param>
internal sealed record ChatWebSearch(IReadOnlyList<string> Domains, string? LocationJson, int? MaxUses)
{
    /// <summary>How much of the pages is read (low, medium, high), for OpenAI's protocols; null = not sent.</summary>
    public string? ContextSize { get; init; }
}

/// <summary>A document (PDF) or a sound of a message.</summary>
internal sealed record ChatFile(string Name, ChatImage Content)
{
    public bool IsAudio => Content.MimeType.StartsWith("audio/", StringComparison.Ordinal);
}

/// <summary>An image of a message, read only while the request is sent.</summary>
/// <param name="Length">Bytes that <paramref name="Open"/> gives.</param>
internal sealed record ChatImage(string MimeType, long Length, Func<Stream> Open)
{
    /// <summary>How closely the model is to look (low, high, auto), for protocols that have a word for it; null = not sent.</summary>
    public string? Detail { get; init; }

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

    /// <summary>Tokens that the model may think, for protocols that count them; null = not sent.</summary>
    public int? Budget { get; init; }

    /// <summary>The effort, or the one that a budget comes to; null when the request says neither.</summary>
    public ReasoningEffort? Level => Effort ?? (Budget is null ? null : ReasoningEfforts.Of(Budget.Value));

    /// <summary>Tag pairs that mark reasoning inside the visible text; empty = the text is not searched for tags.</summary>
    public IReadOnlyList<ReasoningTag> Tags { get; init; } = ReasoningTag.Defaults;
}

internal enum ReasoningEffort
{
    Minimal,
    Low,
    Medium,
    High,
    XHigh,
    Max,

    /// <summary>No reasoning, where the protocol has a word for it.</summary>
    None,
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
        ReasoningEffort.XHigh => "xhigh",
        ReasoningEffort.Max => "max",
        ReasoningEffort.None => "none",
    };

    /// <summary>The effort of protocols whose highest words are missing.</summary>
    public static ReasoningEffort AtMost(this ReasoningEffort effort, ReasoningEffort most) =>
        effort != ReasoningEffort.None && effort > most ? most : effort;

    /// <summary>The effort that a budget of tokens comes to.</summary>
    public static ReasoningEffort Of(int budget) => budget switch
    {
        <= 0 => ReasoningEffort.None,
        <= 4_096 => ReasoningEffort.Low,
        <= 12_288 => ReasoningEffort.Medium,
        _ => ReasoningEffort.High,
    };
}
