using AiChat.Providers.Transport;

namespace AiChat.Providers.Protocol;

/// <summary>A provider that turns texts into vectors; stateless and safe to share, as <see cref="IChatProvider"/>.</summary>
internal interface IEmbeddingProvider
{
    /// <summary>Whether it speaks OpenAI's protocol: takes texts as tokens of its model, and members that are not known here.</summary>
    bool TakesTokens => false;

    /// <summary>One vector for each text, in their order. Throws <see cref="ProviderException"/> otherwise.</summary>
    Task<EmbeddingReply> EmbedAsync(EmbeddingRequest request, CancellationToken cancel);
}

internal sealed record EmbeddingRequest(ProviderEndpoint Endpoint, string Model, IReadOnlyList<string> Inputs, int? Dimensions)
{
    /// <summary>Instead of <see cref="Inputs"/>, for a provider that takes them: each text as the numbers of its tokens.</summary>
    public IReadOnlyList<IReadOnlyList<int>> Tokens { get; init; } = [];

    /// <summary>A JSON object of members that only a provider of OpenAI's protocol understands.</summary>
    public ReadOnlyMemory<byte> ExtraBody { get; init; }

    /// <inheritdoc cref="ChatRequest.KeepAlive"/>
    public string KeepAlive { get; init; } = "";

    public int Count => Tokens.Count > 0 ? Tokens.Count : Inputs.Count;
}

/// <param name="PromptTokens">Null = not reported.</param>
internal sealed record EmbeddingReply(IReadOnlyList<float[]> Vectors, int? PromptTokens);
