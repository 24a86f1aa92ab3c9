namespace AiChat.Data.Engine;

/// <summary>A message with its text.</summary>
internal sealed record TextRow
{
    public long Id { get; init; }

    public long SessionId { get; init; }

    public string Role { get; init; } = "";

    public string Content { get; init; } = "";
}
