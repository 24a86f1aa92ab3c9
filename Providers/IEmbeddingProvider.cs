using System.Text.Json;

namespace AiChat.Providers;

/// <summary>A provider that turns texts into vectors; stateless and safe to share, as <see cref="IChatProvider"/>.</summary>
internal interface IEmbeddingProvider
{
    /// <summary>Takes texts as tokens of its model, too.</summary>
    bool TakesTokens => false;

    /// <summary>One vector for each text, in their order. Throws <see cref="ProviderException"/> otherwise.</summary>
    Task<EmbeddingReply> EmbedAsync(EmbeddingRequest request, CancellationToken cancel);
}

internal sealed record EmbeddingRequest(ProviderEndpoint Endpoint, string Model, IReadOnlyList<string> Inputs, int? Dimensions)
{
    /// <summary>Instead of <see cref="Inputs"/>, for a provider that takes them: each text as the numbers of its tokens.</summary>
    public IReadOnlyList<IReadOnlyList<int>> Tokens { get; init; } = [];

    public int Count => Tokens.Count > 0 ? Tokens.Count : Inputs.Count;
}

/// <param name="PromptTokens">Null = not reported.</param>
internal sealed record EmbeddingReply(IReadOnlyList<float[]> Vectors, int? PromptTokens);

/// <summary>Sends embedding calls and reads their vectors.</summary>
internal static class Embeddings
{
    // 2,048 vectors of 3,072 numbers, written out.
    private const int MaxBytes = 64 * 1024 * 1024;

    public static async Task<EmbeddingReply> SendAsync(
        ProviderHttp http, EmbeddingRequest request, ProviderCall call, Func<JsonElement, EmbeddingReply> read, CancellationToken cancel)
    {
        using var document = await ProviderModels.GetAsync(http, call, cancel, MaxBytes);
        var reply = read(document.RootElement);
        return reply.Vectors.Count == request.Count && reply.Vectors.All(vector => vector.Length > 0)
            ? reply
            : throw new ProviderException(ProviderFailure.Protocol, "The provider's reply does not hold a vector for each text.");
    }

    public static IReadOnlyList<float[]> Read(JsonElement list, Func<JsonElement, JsonElement> vector) =>
        list.ValueKind != JsonValueKind.Array ? [] : [.. list.EnumerateArray().Select(item => Vector(vector(item)))];

    private static float[] Vector(JsonElement numbers) => numbers.ValueKind != JsonValueKind.Array ? []
        : [.. numbers.EnumerateArray().Select(number => number.ValueKind == JsonValueKind.Number && number.TryGetSingle(out var value) && float.IsFinite(value)
            ? value : throw new ProviderException(ProviderFailure.Protocol, "The provider's vector holds something that is no number."))];
}
