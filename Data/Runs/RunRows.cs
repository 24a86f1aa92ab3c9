using AiChat.Data.Accounts;
using AiChat.Data.Images;

namespace AiChat.Data.Runs;

internal enum StartOutcome
{
    Started,

    /// <summary>The same request was started before; attach to it.</summary>
    Known,

    /// <summary>The client's id was used for another request.</summary>
    Conflict,

    /// <summary>The session, parent, message or image does not exist or belongs to somebody else.</summary>
    NotFound,

    /// <summary>The message to continue is still being written or is no answer.</summary>
    NotNow,

    /// <summary>A limit or budget is used up; <see cref="StartedRun.Limit"/> says which.</summary>
    Refused,
}

/// <summary>The input of a start. Ids come from the client; the store checks that they belong to the user.</summary>
internal sealed record NewRun
{
    public const string Send = "send";
    public const string Regenerate = "regenerate";
    public const string Continue = "continue";

    public required long UserId { get; init; }

    public required long SessionId { get; init; }

    public required string Kind { get; init; }

    public required string ClientMessageId { get; init; }

    /// <summary>Digest of the request; two requests with the same digest are the same.</summary>
    public required string RequestHash { get; init; }

    public required string BootId { get; init; }

    /// <summary>What the person wrote (send).</summary>
    public string Content { get; init; } = "";

    public IReadOnlyList<string> ImageIds { get; init; } = [];

    /// <summary>The answer to regenerate or to continue.</summary>
    public long? TargetId { get; init; }

    /// <summary>The answer that the question follows (send). Null with <see cref="AtRoot"/> adds another first question.</summary>
    public long? ParentId { get; init; }

    public bool AtRoot { get; init; }

    public required long ConnectionId { get; init; }

    public required string Model { get; init; }

    public required string Provider { get; init; }

    /// <summary>The title that the session gets when it has none yet.</summary>
    public string? Title { get; init; }
}

internal sealed record StartedRun(StartOutcome Outcome)
{
    /// <summary>The limit that refused it.</summary>
    public LimitRefusal? Limit { get; init; }

    /// <summary>The usage reserved until the run ends.</summary>
    public Reservation? Reservation { get; init; }

    public long RunId { get; init; }

    /// <summary>The answer.</summary>
    public long MessageId { get; init; }

    public long? UserMessageId { get; init; }

    /// <summary>When the answer's row was created.</summary>
    public long CreatedAt { get; init; }

    /// <summary>The session's new title, when it changed.</summary>
    public string? Title { get; init; }

    /// <summary>The message that the question (send) or the answer follows.</summary>
    public long? ParentId { get; init; }

    /// <summary>Whether the question or the answer may have siblings, which are other versions of it.</summary>
    public bool MayHaveVersions { get; init; }

    /// <summary>Messages a day; null is unlimited.</summary>
    public long? DailyLimit { get; init; }

    public long MessagesUsed { get; init; }

    /// <summary>The text so far of a continued answer.</summary>
    public string? PreviousContent { get; init; }

    public string? PreviousReasoning { get; init; }

    public string? PreviousTools { get; init; }
}

internal sealed record RunChunk
{
    public const string Content = "content";
    public const string Reasoning = "reasoning";

    /// <summary>The JSON of one event of a tool call.</summary>
    public const string Tool = "tool";

    public long RunId { get; init; }

    /// <summary>The event id that precedes this text.</summary>
    public long Position { get; init; }

    public string Kind { get; init; } = "";

    public string Value { get; init; } = "";

    /// <summary>Events of tool calls with their positions as a message row stores them: a JSON list, null when there are none.</summary>
    public static string? ToolEvents(IEnumerable<(long Position, string Json)> events)
    {
        var list = string.Join(',', events.Select(one => $$"""{"position":{{one.Position}},"event":{{one.Json}}}"""));
        return list.Length == 0 ? null : $"[{list}]";
    }
}

internal sealed record OrphanRow
{
    public long Id { get; init; }

    public long UserId { get; init; }

    public long SessionId { get; init; }

    public long MessageId { get; init; }

    public long StartedAt { get; init; }

    public long? ConnectionId { get; init; }

    public string? Model { get; init; }

    public string? Provider { get; init; }

    public string Content { get; init; } = "";

    public string? Reasoning { get; init; }

    public string? ToolCalls { get; init; }

    public string? Layout { get; init; }
}

internal sealed record FinishedRun
{
    public required long RunId { get; init; }

    public required long UserId { get; init; }

    public required long SessionId { get; init; }

    public required long MessageId { get; init; }

    public required string Status { get; init; }

    public required string Content { get; init; }

    public string? Reasoning { get; init; }

    public long? ReasoningMs { get; init; }

    public string? ToolCalls { get; init; }

    public required string Layout { get; init; }

    public string? ProviderState { get; init; }

    /// <summary>The pictures that the model made, whose files are stored.</summary>
    public IReadOnlyList<StoredImage> Images { get; init; } = [];

    public string? ErrorCode { get; init; }

    public string? ErrorDetail { get; init; }

    public string? FinishReason { get; init; }

    /// <summary>Maximum number of answers to the same question when this one is done; 0 is unlimited.</summary>
    public int KeptVersions { get; init; }

    public required long ConnectionId { get; init; }

    public required string Model { get; init; }

    public required string Provider { get; init; }

    public long PromptTokens { get; init; }

    public long CompletionTokens { get; init; }

    public long ReasoningTokens { get; init; }

    public long CachedTokens { get; init; }

    /// <summary>Null when no call had a price.</summary>
    public long? CostNanos { get; init; }

    /// <summary>What the provider's cache saved of that; negative when filling it cost more.</summary>
    public long? SavedNanos { get; init; }

    /// <summary>Null when no provider call counts.</summary>
    public string? UsageSource { get; init; }

    public long? FirstTokenMs { get; init; }

    public long TotalMs { get; init; }

    /// <summary>Number of the branch's oldest messages that were not sent to the model; null when no model was called.</summary>
    public int? TrimmedMessages { get; init; }

    /// <summary>The usage that was reserved for the run.</summary>
    public required Reservation Reservation { get; init; }

    /// <summary>The provider calls to charge. Empty for a failure or a stop before the first token, which refunds the message.</summary>
    public IReadOnlyList<LedgerEntry> Calls { get; init; } = [];
}
