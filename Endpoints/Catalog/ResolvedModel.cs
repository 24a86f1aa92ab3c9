namespace AiChat.Endpoints.Catalog;

/// <summary>A model the user may use now, with everything a run needs to know about it.</summary>
internal sealed record ResolvedModel
{
    public required long ConnectionId { get; init; }

    /// <summary>The kind of provider, as in the registry.</summary>
    public required string Provider { get; init; }

    public required string ConnectionName { get; init; }

    /// <summary>The provider's own id.</summary>
    public required string Model { get; init; }

    /// <summary>Its id in our own APIs, unique in the catalogue.</summary>
    public required string PublicId { get; init; }

    /// <summary>The display name.</summary>
    public required string Name { get; init; }

    public required ModelCapabilities Capabilities { get; init; }

    /// <summary>Tokens of prompt and answer together.</summary>
    public required int ContextLimit { get; init; }

    /// <summary>Null when unknown; then no limit is sent.</summary>
    public int? MaxOutputTokens { get; init; }

    public ModelPrice? Price { get; init; }

    /// <summary>The price is known to be zero.</summary>
    public bool IsFree => Price is { Input: 0, Output: 0, CachedInput: null or 0, CacheWrite: null or 0 };

    /// <summary>Tokens of the longest answer it can give.</summary>
    public long LongestAnswer => Math.Max(0, Math.Min(MaxOutputTokens ?? MaxOfUnknown, ContextLimit));

    /// <summary>As long as what the models of today give at most.</summary>
    private const int MaxOfUnknown = 131_072;
}
