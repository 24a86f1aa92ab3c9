namespace AiChat.Providers.Protocol;

/// <summary>
/// A model as its provider describes it. Null means that the provider did not say; nothing here is guessed from the name.
/// </summary>
internal sealed record ProviderModel(string Id)
{
    public const int MaxCount = 5_000;
    public const int MaxIdLength = 256;

    public string? Name { get; init; }

    /// <summary>Tokens of prompt and answer together.</summary>
    public int? ContextLimit { get; init; }

    public int? MaxOutputTokens { get; init; }
    public bool? Vision { get; init; }
    public bool? Tools { get; init; }
    public bool? Reasoning { get; init; }
    public bool? ImageGeneration { get; init; }

    /// <summary>False for models that cannot chat, such as embeddings and speech; they can be hidden.</summary>
    public bool? Chat { get; init; }
}
