using AiChat.Data.Imports;
using AiChat.Data.NodePlatform;

namespace AiChat.Endpoints.NodePlatform;

/// <summary>Reads a chat that came over the wire.</summary>
internal static class ChatForms
{
    public static ImportedChat Read(ChatForm form) => new()
    {
        Source = NodePlatformStore.Source,
        Key = form.Key,
        Title = form.Title,
        TitleSource = form.TitleSource,
        CreatedAt = form.CreatedAt,
        UpdatedAt = form.UpdatedAt,
        Pinned = form.Pinned,
        SystemPrompt = form.SystemPrompt,
        Model = form.Model,
        ConnectionId = form.ConnectionId,
        Reasoning = form.Reasoning,
        LeafKey = form.LeafKey,
        Messages = [.. form.Messages.Select(message => Read(message, form.ConnectionId))],
    };

    private static ImportedMessage Read(MessageForm form, long? connectionId) => new()
    {
        Key = form.Key,
        ParentKey = form.ParentKey,
        Role = form.Role,
        Content = form.Content,
        Reasoning = form.Reasoning is { } reasoning ? (ImportedText)reasoning : null,
        ReasoningMs = form.ReasoningMs,
        ToolCalls = form.ToolCalls is { } calls ? (ImportedText)calls : null,
        ConnectionId = form.Role == "assistant" ? connectionId : null,
        Model = form.Model,
        Status = form.Status,
        ErrorCode = form.Error is null ? null : "imported",
        ErrorDetail = form.Error,
        PromptTokens = form.PromptTokens,
        CompletionTokens = form.CompletionTokens,
        // Whether the provider counted or the platform guessed was not kept.
        UsageSource = form.PromptTokens is null && form.CompletionTokens is null ? null : "estimate",
        CreatedAt = form.CreatedAt,
    };
}
