namespace AiChat.Data.NodePlatform;

/// <summary>An account of the Node.js platform as it is to stand here.</summary>
internal sealed record NodePlatformUser
{
    /// <summary>What names it at every import.</summary>
    public required string Key { get; init; }

    public required string Username { get; init; }

    /// <summary>The bcrypt hash; null when it cannot be used.</summary>
    public string? Hash { get; init; }

    public required string Role { get; init; }

    public required string Status { get; init; }

    public string? Reason { get; init; }

    public long? CreatedAt { get; init; }

    public long? ApprovedAt { get; init; }

    /// <summary>Messages a day; null follows the default, a negative number is no limit.</summary>
    public long? DailyLimit { get; init; }

    /// <summary>A JSON object.</summary>
    public string Preferences { get; init; } = "{}";

    /// <summary>Another account there has the same name in other letters: they are two people.</summary>
    public bool IsNamesake { get; init; }
}

/// <summary>What became of an account.</summary>
internal enum UserPlace
{
    /// <summary>A new account.</summary>
    Added,

    /// <summary>New, under another name, because somebody else of the same import has it.</summary>
    Renamed,

    /// <summary>An account of this name was here, and what the other one owned becomes its own.</summary>
    Merged,

    /// <summary>It was imported before.</summary>
    Present,

    /// <summary>It was imported before and deleted here.</summary>
    Deleted,

    /// <summary>An account of this name was here, and nobody said that they are one person: nothing is taken.</summary>
    Taken,
}

/// <param name="Id">The account here; null when there is none, or none yet.</param>
internal sealed record PlacedUser(string Key, UserPlace Place, long? Id, string Name);

/// <summary>Somebody without an account.</summary>
/// <param name="Key">The secret of the browser.</param>
internal sealed record NodePlatformGuest(string Key, string TokenHash);

/// <summary>One answer's usage.</summary>
internal sealed record NodePlatformUsage
{
    public required string Key { get; init; }

    public required long UserId { get; init; }

    public required string ChatKey { get; init; }

    public string? MessageKey { get; init; }

    public required string Model { get; init; }

    public required string Provider { get; init; }

    public long PromptTokens { get; init; }

    public long CompletionTokens { get; init; }

    public long CreatedAt { get; init; }
}

/// <summary>What became of an image.</summary>
internal enum ImagePlace
{
    Added,
    Present,

    /// <summary>Its message is not here.</summary>
    NoMessage,
}
