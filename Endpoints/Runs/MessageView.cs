using AiChat.Data.Chats;
using AiChat.Endpoints.Calls;
using AiChat.Endpoints.Images;

namespace AiChat.Endpoints.Runs;

/// <summary>Stored message rows as clients see them.</summary>
internal static class MessageView
{
    public static MessageResponse From(
        MessageRow row, IReadOnlyList<long>? siblings = null, IReadOnlyList<ImageResponse>? images = null) => new()
        {
            Id = row.Id,
            SessionId = row.SessionId,
            ParentId = row.ParentId,
            Role = row.Role,
            Content = row.Content,
            Reasoning = row.Reasoning,
            ReasoningMs = row.ReasoningMs,
            Images = images ?? [],
            ToolCalls = ToolEvents.Calls(row.ToolCalls, row.Status != "streaming"),
            ClientMessageId = row.ClientMessageId,
            ConnectionId = row.ConnectionId,
            Model = row.Model,
            Provider = row.Provider,
            Status = row.Status,
            Error = row.ErrorCode is { } code ? new MessageError(code, row.ErrorDetail ?? "") : null,
            FinishReason = row.FinishReason,
            Usage = Usage(row),
            FirstTokenMs = row.FirstTokenMs,
            TotalMs = row.TotalMs,
            Siblings = siblings ?? [],
            Summary = row.Summary,
            CreatedAt = DateTimeOffset.FromUnixTimeMilliseconds(row.CreatedAt),
        };

    /// <summary>What the answer used; null when no provider did work that counts.</summary>
    public static UsageResponse? Usage(MessageRow row) => row.UsageSource is not { } source ? null : new UsageResponse(
        row.PromptTokens ?? 0,
        row.CompletionTokens ?? 0,
        row.ReasoningTokens ?? 0,
        row.CachedTokens ?? 0,
        (row.PromptTokens ?? 0) + (row.CompletionTokens ?? 0),
        QuotaPolicy.Amount(row.CostNanos),
        QuotaPolicy.Amount(row.SavedNanos),
        source);
}
