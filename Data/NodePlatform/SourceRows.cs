namespace AiChat.Data.NodePlatform;

internal sealed class SourceUser
{
    public long Id { get; init; }

    public string? Username { get; init; }

    public string? Hash { get; init; }

    public string? Role { get; init; }

    public string? Status { get; init; }

    public long? Created { get; init; }

    public long? Approved { get; init; }

    public string? Reason { get; init; }

    /// <summary>The preferred model: its id with the prefix.</summary>
    public string? Model { get; init; }

    public string? Avatar { get; init; }

    /// <summary>Messages a day; null follows the default.</summary>
    public long? DailyLimit { get; init; }
}

internal sealed class SourceChat
{
    public long Id { get; init; }

    public string? Guest { get; init; }

    public long? ConnectionId { get; init; }

    public string? Model { get; init; }

    public string? Title { get; init; }

    public long? Created { get; init; }

    public bool? Reasoning { get; init; }

    public string? Effort { get; init; }

    public bool? Think { get; init; }

    public string? Prompt { get; init; }

    public long? Pinned { get; init; }
}

/// <summary>A message with the usage that was recorded for it.</summary>
internal sealed class SourceMessage
{
    public long Id { get; init; }

    public long? ParentId { get; init; }

    public string? Role { get; init; }

    public string? Content { get; init; }

    public string? Reasoning { get; init; }

    public long? ReasoningSeconds { get; init; }

    public string? Tools { get; init; }

    public long? Created { get; init; }

    public long? Updated { get; init; }

    public string? Status { get; init; }

    public string? StreamReasoning { get; init; }

    public string? Error { get; init; }

    public string? Model { get; init; }

    public long? Prompt { get; init; }

    public long? Completion { get; init; }

    /// <summary>A text of it is longer than is taken of one.</summary>
    public bool IsLong { get; init; }
}

internal sealed class SourceAttachment
{
    public long Id { get; init; }

    public long MessageId { get; init; }

    public long? MessageCreated { get; init; }

    public string? Path { get; init; }

    public long? Created { get; init; }
}

internal sealed class SourceUsage
{
    public long Id { get; init; }

    public long ChatId { get; init; }

    public long? ChatCreated { get; init; }

    public long UserId { get; init; }

    public long? MessageId { get; init; }

    public long? MessageCreated { get; init; }

    public string? Model { get; init; }

    public string? Provider { get; init; }

    public long? Prompt { get; init; }

    public long? Completion { get; init; }

    public long? Created { get; init; }
}

internal sealed class SourceSetting
{
    public string? Key { get; init; }

    public string? Value { get; init; }
}

internal sealed class SourceConnection
{
    public long Id { get; init; }

    public string? Provider { get; init; }

    public string? BaseUrl { get; init; }

    public bool? Enabled { get; init; }

    public string? AuthType { get; init; }

    public string? ApiKey { get; init; }

    public string? Headers { get; init; }

    public string? AzureVersion { get; init; }

    public string? Prefix { get; init; }

    public string? Tags { get; init; }

    public string? ModelIds { get; init; }

    public string? Capabilities { get; init; }

    public long? Created { get; init; }
}

/// <summary>What an administrator decided about a model.</summary>
internal sealed class SourceModel
{
    public long ConnectionId { get; init; }

    public string? Model { get; init; }

    public string? Tags { get; init; }

    public string? Meta { get; init; }

    public string? Capabilities { get; init; }
}

internal sealed class SourceTrace
{
    public long Id { get; init; }

    public long? ChatId { get; init; }

    public long? ChatCreated { get; init; }

    public long? MessageId { get; init; }

    public long? MessageCreated { get; init; }

    public string? ClientId { get; init; }

    public string? Actor { get; init; }

    public string? Status { get; init; }

    public string? Metadata { get; init; }

    public long? Started { get; init; }

    public long? Ended { get; init; }

    public long? Events { get; init; }

    /// <summary>The file of its events, as the machine there named it.</summary>
    public string? Log { get; init; }
}

internal sealed class SourceTraceEvent
{
    public string? Type { get; init; }

    public long? At { get; init; }

    public string? Payload { get; init; }
}

/// <summary>How much there is of everything.</summary>
internal sealed class SourceCounts
{
    public long Users { get; init; }

    public long Chats { get; init; }

    public long GuestChats { get; init; }

    /// <summary>Chats whose owner is not there.</summary>
    public long LostChats { get; init; }

    public long Messages { get; init; }

    /// <summary>Messages whose chat is not there.</summary>
    public long LostMessages { get; init; }

    public long Traces { get; init; }
}
