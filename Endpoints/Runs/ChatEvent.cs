using System.Text.Json.Serialization;
using AiChat.Data;
using AiChat.Endpoints.Images;

namespace AiChat.Endpoints.Runs;

/// <summary>Names of the events on a chat stream. Clients know them: names may be added, never changed.</summary>
internal static class ChatEvent
{
    public const string Start = "start";
    public const string Delta = "delta";
    public const string Reasoning = "reasoning";
    public const string Tool = "tool";

    /// <summary>An attempt failed before the first token and another follows.</summary>
    public const string Retry = "retry";
    public const string Usage = "usage";
    public const string Quota = "quota";
    public const string Title = "title";
    public const string Error = "error";
    public const string Done = "done";

    /// <summary>The server is about to stop; the answer is finished first, or its text so far is kept.</summary>
    public const string Restarting = "restarting";
}

/// <summary>
/// Sent once both rows are durable. The answer's text is empty here; all of it follows as deltas. TrimmedMessages counts the oldest
/// messages of the branch that did not fit the model's context. While the answer is written, the model is the one that was asked; in a
/// replay it is the one that wrote the answer, as in <see cref="DoneEvent"/>.
/// </summary>
internal sealed record StartEvent(
    long SessionId, MessageResponse? UserMessage, MessageResponse AssistantMessage, string Model, int? ContextLimit, int PromptTokens,
    int? TrimmedMessages = null);

/// <summary>
/// The end of a stretch of reasoning; the milliseconds are those of the whole answer so far. With ContentLength, only that many
/// characters (UTF-16) of the text before this event are the answer's; a client that has more of it moves the rest to the reasoning.
/// </summary>
internal sealed record ReasoningDoneEvent(bool Done, long Ms, int? ContentLength = null);

internal sealed record TitleEvent(long SessionId, string Title);

/// <summary>Why an attempt failed, which model is asked next, and after which wait.</summary>
internal sealed record RetryEvent(
    string Code, string Detail, long WaitMs, long ConnectionId, string Model, string Provider, string ConnectionName);

/// <summary>
/// The model is the one that wrote the answer, not necessarily the one that was asked first; TrimmedMessages counts what that model did
/// not get. RemovedVersions are older answers to the same question that were removed because of the limit on versions. Images are the
/// pictures that the model made.
/// </summary>
internal sealed record DoneEvent(
    long MessageId, string Status, string? FinishReason, UsageResponse? Usage, long? FirstTokenMs, long? TotalMs,
    long? ConnectionId, string? Model, string? Provider, int? TrimmedMessages, IReadOnlyList<long>? RemovedVersions = null,
    IReadOnlyList<ImageResponse>? Images = null);

/// <param name="Saved">What the provider's prompt cache saved of the cost; negative when filling it cost more.</param>
internal sealed record UsageResponse(
    long PromptTokens, long CompletionTokens, long ReasoningTokens, long CachedTokens, long TotalTokens, decimal? Cost, decimal? Saved,
    string Source);

/// <summary>Messages a day; a null limit is unlimited.</summary>
internal sealed record QuotaResponse(
    [property: JsonIgnore(Condition = JsonIgnoreCondition.Never)] long? Limit,
    long Used,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.Never)] long? Remaining,
    DateTimeOffset ResetsAt)
{
    public static QuotaResponse From(long? limit, long used, DateTimeOffset now) =>
        new(limit, used, limit is { } max ? Math.Max(0, max - used) : null, UtcDay.EndOf(now));
}

/// <summary>A tool call as clients see it. Status is running, succeeded or failed; the result of a web search is a JSON list.</summary>
internal sealed record ToolCallResponse(
    string Id, string Name, string Status, string? Arguments = null, string? Result = null, string? Error = null);

internal sealed record MessageError(string Code, string Detail);

/// <summary>A message as clients see it.</summary>
internal sealed record MessageResponse
{
    public required long Id { get; init; }

    public required long SessionId { get; init; }

    [JsonIgnore(Condition = JsonIgnoreCondition.Never)]
    public long? ParentId { get; init; }

    public required string Role { get; init; }

    public required string Content { get; init; }

    public string? Reasoning { get; init; }

    public long? ReasoningMs { get; init; }

    public IReadOnlyList<ImageResponse> Images { get; init; } = [];

    public IReadOnlyList<ToolCallResponse> ToolCalls { get; init; } = [];

    public string? ClientMessageId { get; init; }

    public long? ConnectionId { get; init; }

    public string? Model { get; init; }

    public string? Provider { get; init; }

    public required string Status { get; init; }

    public MessageError? Error { get; init; }

    public string? FinishReason { get; init; }

    public UsageResponse? Usage { get; init; }

    public long? FirstTokenMs { get; init; }

    public long? TotalMs { get; init; }

    public IReadOnlyList<long> Siblings { get; init; } = [];

    /// <summary>While the answer is written: the event id that this text ends at. Attach after it to get the rest.</summary>
    public long? EventId { get; init; }

    /// <summary>What a model gets instead of this message and all before it; empty is nothing. Absent where it gets the messages.</summary>
    public string? Summary { get; init; }

    public required DateTimeOffset CreatedAt { get; init; }
}

/// <summary>A question and its finished answer.</summary>
internal sealed record CompletionResponse(MessageResponse UserMessage, MessageResponse AssistantMessage);
