using System.Text.Json.Serialization;
using AiChat.Data;
using AiChat.Endpoints.Images;

namespace AiChat.Endpoints.Runs;

/// <summary>Names of the events on a chat stream. Clients know them; they may grow, never change.</summary>
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

    /// <summary>The server is about to stop; the answer goes on to its end or is kept as far as it came.</summary>
    public const string Restarting = "restarting";
}

/// <summary>
/// Sent once both rows are durable. The answer's text is empty here: all of it follows as deltas. TrimmedMessages counts the oldest
/// messages of the branch that the model did not get because they no longer fit. Live, the model is the one that was asked; once
/// another has written the answer, it is that one, as <see cref="DoneEvent"/> says.
/// </summary>
internal sealed record StartEvent(
    long SessionId, MessageResponse? UserMessage, MessageResponse AssistantMessage, string Model, int? ContextLimit, int PromptTokens, int? TrimmedMessages = null);

internal sealed record ReasoningDoneEvent(bool Done, long Ms);

internal sealed record TitleEvent(long SessionId, string Title);

/// <summary>Why an attempt failed, and which model is asked next after how long.</summary>
internal sealed record RetryEvent(string Code, string Detail, long WaitMs, long ConnectionId, string Model, string Provider);

/// <summary>
/// The model is the one that wrote the answer, which another may have been asked for; TrimmedMessages is what that one did not get.
/// RemovedVersions are the older answers to the same question that went for this one.
/// </summary>
internal sealed record DoneEvent(
    long MessageId, string Status, string? FinishReason, UsageResponse? Usage, long? FirstTokenMs, long? TotalMs,
    long? ConnectionId, string? Model, string? Provider, int? TrimmedMessages, IReadOnlyList<long>? RemovedVersions = null);

internal sealed record UsageResponse(
    long PromptTokens, long CompletionTokens, long ReasoningTokens, long CachedTokens, long TotalTokens, decimal? Cost, string Source);

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

/// <summary>A call of a tool, or what an event says about it: status is running, succeeded or failed; a web search's result is a JSON list.</summary>
internal sealed record ToolCallResponse(string Id, string Name, string Status, string? Arguments = null, string? Result = null, string? Error = null);

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

    /// <summary>While it is being written: the event id that this text belongs to; attach after it to get the rest.</summary>
    public long? EventId { get; init; }

    public required DateTimeOffset CreatedAt { get; init; }
}

/// <summary>A question and its finished answer.</summary>
internal sealed record CompletionResponse(MessageResponse UserMessage, MessageResponse AssistantMessage);
