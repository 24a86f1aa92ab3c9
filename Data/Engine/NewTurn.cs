namespace AiChat.Data.Engine;

/// <summary>
/// A question and its empty answer, which each engine inserts by one statement, and what PostgreSQL inserts with them of the run.
/// </summary>
internal sealed record NewTurn
{
    public required long UserId { get; init; }

    public required string BootId { get; init; }

    public required long SessionId { get; init; }

    public required long? ParentId { get; init; }

    public required string Content { get; init; }

    public required string ClientMessageId { get; init; }

    public required string RequestHash { get; init; }

    public required long ConnectionId { get; init; }

    public required string Model { get; init; }

    public required string Provider { get; init; }

    public required long CreatedAt { get; init; }
}

internal sealed record TurnRow
{
    public long Id { get; init; }

    public long? ParentId { get; init; }

    /// <summary>Null where the run is inserted by itself.</summary>
    public long? RunId { get; init; }
}
