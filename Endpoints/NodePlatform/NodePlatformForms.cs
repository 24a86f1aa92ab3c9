using AiChat.Data.NodePlatform;
using AiChat.Endpoints.Catalog;

namespace AiChat.Endpoints.NodePlatform;

/// <summary>What the command line sends of the other platform's database, part by part, and what it is told of each.</summary>
internal sealed record ConnectionsRequest(bool DryRun, NodePlatformConnection[] Connections);

/// <param name="Key">What names it at every import.</param>
/// <param name="LostKey">It has a key there that could not be opened.</param>
/// <param name="Models">What an administrator decided there about its models.</param>
internal sealed record NodePlatformConnection(string Key, ConnectionForm Form, bool LostKey, NodePlatformModel[] Models);

internal sealed record NodePlatformModel(
    string Model, string[]? Tags = null, CapabilityLayer? Capabilities = null, int? ContextLimit = null, int? MaxOutputTokens = null);

/// <param name="Settings">The values by the names there, as texts.</param>
internal sealed record SettingsRequest(bool DryRun, Dictionary<string, string> Settings);

internal sealed record UsersRequest(bool DryRun, bool Merge, NodePlatformUser[] Users);

internal sealed record GuestsRequest(bool DryRun, string[] Keys);

internal sealed record ChatsRequest(bool DryRun, long UserId, ChatForm[] Chats);

internal sealed record UsageRequest(NodePlatformUsage[] Entries);

internal sealed record MissingRequest(string[] Keys);

internal sealed record TracesRequest(bool DryRun, NodePlatformTrace[] Traces);

/// <summary>A task trace.</summary>
internal sealed record NodePlatformTrace
{
    public required string Key { get; init; }

    public required long UserId { get; init; }

    public string? ChatKey { get; init; }

    public string? MessageKey { get; init; }

    public string? ClientMessageId { get; init; }

    public string? Provider { get; init; }

    public string? Model { get; init; }

    /// <summary>completed, failed or stopped.</summary>
    public required string Status { get; init; }

    public long StartedAt { get; init; }

    public long? EndedAt { get; init; }

    /// <summary>How many there were.</summary>
    public long EventCount { get; init; }

    public NodePlatformTraceEvent[] Events { get; init; } = [];
}

/// <param name="Payload">A JSON object.</param>
internal sealed record NodePlatformTraceEvent(string Type, long At, string Payload);

/// <summary>What became of the things of a request, in their order.</summary>
internal sealed record OutcomesResponse(Outcome[] Items);

/// <param name="Key">What names it at the source.</param>
/// <param name="State">added, present, deleted, skipped and more, by kind.</param>
/// <param name="Id">Its number here.</param>
/// <param name="Name">What it is called here.</param>
/// <param name="Why">Why it is not as it was.</param>
/// <param name="Count">How many messages or entries were added.</param>
/// <param name="Repaired">How many messages had to be put into another place.</param>
internal sealed record Outcome(
    string Key, string State, long? Id = null, string? Name = null, string? Why = null, int Count = 0, int Repaired = 0);

/// <summary>A chat, as <see cref="Data.Imports.ImportedChat"/> without images, which follow by themselves.</summary>
internal sealed record ChatForm
{
    public required string Key { get; init; }

    public required string Title { get; init; }

    public required string TitleSource { get; init; }

    public long? CreatedAt { get; init; }

    public long? UpdatedAt { get; init; }

    public bool Pinned { get; init; }

    public string? SystemPrompt { get; init; }

    public string? Model { get; init; }

    public long? ConnectionId { get; init; }

    /// <summary>A JSON object.</summary>
    public string? Reasoning { get; init; }

    public string? LeafKey { get; init; }

    public required MessageForm[] Messages { get; init; }
}

internal sealed record MessageForm
{
    public required string Key { get; init; }

    public string? ParentKey { get; init; }

    public required string Role { get; init; }

    public required string Content { get; init; }

    public string? Reasoning { get; init; }

    public long? ReasoningMs { get; init; }

    public string? ToolCalls { get; init; }

    public string? Model { get; init; }

    public required string Status { get; init; }

    public string? Error { get; init; }

    public long? PromptTokens { get; init; }

    public long? CompletionTokens { get; init; }

    public long? CreatedAt { get; init; }
}
