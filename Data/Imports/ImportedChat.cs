namespace AiChat.Data.Imports;

/// <summary>A chat that comes from elsewhere. Times are Unix milliseconds; null is unknown.</summary>
internal sealed record ImportedChat
{
    /// <summary>The kind of program it comes from. With <see cref="Key"/> it names the chat among all chats of its owner here.</summary>
    public required string Source { get; init; }

    /// <summary>What the source calls the chat; the same at every later import.</summary>
    public required string Key { get; init; }

    public string Title { get; init; } = "";

    /// <summary>default, first_message, model or user, as for a chat that began here.</summary>
    public string TitleSource { get; init; } = "user";

    public long? CreatedAt { get; init; }

    public long? UpdatedAt { get; init; }

    public bool Pinned { get; init; }

    public bool Archived { get; init; }

    public string? SystemPrompt { get; init; }

    /// <summary>The model that the next answer comes from, when it is known here.</summary>
    public string? Model { get; init; }

    public long? ConnectionId { get; init; }

    public string? Parameters { get; init; }

    public string? Reasoning { get; init; }

    /// <summary>Any order, any tree: what does not hold together is repaired (<see cref="ImportTree"/>). Versions are siblings.</summary>
    public IReadOnlyList<ImportedMessage> Messages { get; init; } = [];

    /// <summary>The end of the branch that the source showed; null or unknown is the newest end.</summary>
    public string? LeafKey { get; init; }
}

internal sealed record ImportedMessage
{
    /// <summary>Unique in its chat and the same at every later import.</summary>
    public required string Key { get; init; }

    /// <summary>Null begins the chat.</summary>
    public string? ParentKey { get; init; }

    /// <summary>user or assistant.</summary>
    public required string Role { get; init; }

    public ImportedText Content { get; init; } = ImportedText.Empty;

    public ImportedText? Reasoning { get; init; }

    public long? ReasoningMs { get; init; }

    /// <summary>In the form of the column.</summary>
    public ImportedText? ToolCalls { get; init; }

    public long? ConnectionId { get; init; }

    public string? Model { get; init; }

    public string? Provider { get; init; }

    /// <summary>done, stopped, interrupted or failed.</summary>
    public string Status { get; init; } = "done";

    public string? ErrorCode { get; init; }

    public string? ErrorDetail { get; init; }

    public string? FinishReason { get; init; }

    public long? PromptTokens { get; init; }

    public long? CompletionTokens { get; init; }

    public long? ReasoningTokens { get; init; }

    public long? CachedTokens { get; init; }

    public long? CostNanos { get; init; }

    /// <summary>provider or estimate; null when no usage is known.</summary>
    public string? UsageSource { get; init; }

    public long? FirstTokenMs { get; init; }

    public long? TotalMs { get; init; }

    public long? CreatedAt { get; init; }

    public IReadOnlyList<ImportedImage> Images { get; init; } = [];
}

/// <param name="Name">What the report calls it when it cannot be taken.</param>
/// <param name="Open">Opens its bytes, once and only if they are needed; null when the archive does not hold them.</param>
internal sealed record ImportedImage(string Name, Func<Stream?> Open);

/// <param name="ImageShare">Bytes that all images of the owner may take.</param>
/// <param name="RestoreDeleted">Takes a chat again that was imported before and deleted here.</param>
internal sealed record ImportOptions(long ImageShare, bool RestoreDeleted = false);

internal enum ImportOutcome
{
    /// <summary>A new chat.</summary>
    Added,

    /// <summary>The chat was here; messages were added to it.</summary>
    Grown,

    Unchanged,

    /// <summary>It was imported before and its owner deleted it here.</summary>
    DeletedHere,

    /// <summary>It holds no message.</summary>
    Empty,
}

/// <summary>What became of one chat.</summary>
/// <param name="SessionId">The chat here; null when there is none.</param>
/// <param name="Repaired">Messages whose place in the chat the source did not tell.</param>
/// <param name="LeftOut">Images that were not taken.</param>
internal sealed record ImportResult(
    ImportOutcome Outcome, long? SessionId = null, int Messages = 0, int Images = 0, int Repaired = 0,
    IReadOnlyList<LeftOutImage>? LeftOut = null);

internal sealed record LeftOutImage(string Name, ImageRefusal Why, string? Detail = null);

internal enum ImageRefusal
{
    /// <summary>The archive does not hold it.</summary>
    Missing,

    TooLarge,

    /// <summary>Its bytes are no image of a kind that is shown here.</summary>
    Invalid,

    /// <summary>The owner's images would take more than their share of the disk.</summary>
    StorageFull,
}
