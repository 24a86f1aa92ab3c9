using AiChat.Providers.Protocol;
using AiChat.Providers.Transport;

namespace AiChat.Providers.OpenAi;

/// <summary>
/// Chat completions at Azure OpenAI (Azure docs: "Azure OpenAI REST API reference", "API version lifecycle"): the v1 API, or
/// deployments with a dated <c>api-version</c>. The base URL is the resource's, as in <c>https://name.openai.azure.com</c>; the
/// model is the deployment's name.
/// </summary>
internal sealed class AzureOpenAiProvider(ProviderHttp http) : IChatProvider, IEmbeddingProvider
{
    private readonly OpenAiProvider _openAi = new(http);

    public string Kind => "azure_openai";

    public bool TakesTokens => true;

    /// <summary>Where Entra tokens come from; another cloud or a test has another.</summary>
    public EntraTokens Tokens { get; init; } = new(http);

    public IAsyncEnumerable<ChatDelta> StreamAsync(ChatRequest request, CancellationToken cancel)
    {
        var path = IsV1(request.Endpoint) ? "openai/v1/chat/completions" : $"openai/deployments/{ProviderUrl.Segment(request.Model)}/chat/completions";
        return _openAi.StreamAsync(request, Url(request.Endpoint, path), stop => HeadersAsync(request.Endpoint, stop), cancel);
    }

    /// <summary>The base models of the resource; deployments cannot be listed with a key, and usually bear the model's name.</summary>
    public async Task<IReadOnlyList<ProviderModel>> ListModelsAsync(ProviderEndpoint endpoint, CancellationToken cancel)
    {
        var url = Url(endpoint, IsV1(endpoint) ? "openai/v1/models" : "openai/models");
        using var document = await ProviderModels.GetAsync(http, new ProviderCall(endpoint, url) { Headers = await HeadersAsync(endpoint, cancel) }, cancel);
        return OpenAiModels.Read(document.RootElement);
    }

    public async Task<EmbeddingReply> EmbedAsync(EmbeddingRequest request, CancellationToken cancel)
    {
        var path = IsV1(request.Endpoint) ? "openai/v1/embeddings" : $"openai/deployments/{ProviderUrl.Segment(request.Model)}/embeddings";
        return await _openAi.EmbedAsync(request, Url(request.Endpoint, path), await HeadersAsync(request.Endpoint, cancel), cancel);
    }

    private static bool IsV1(ProviderEndpoint endpoint) => string.IsNullOrEmpty(endpoint.AzureApiVersion) || endpoint.AzureApiVersion == "v1";

    private static Uri Url(ProviderEndpoint endpoint, string path)
    {
        // Portals show the address with or without the path that we add.
        var root = endpoint.BaseUrl.AbsoluteUri.TrimEnd('/');
        foreach (var end in (string[])["/openai/v1", "/openai"])
        {
            root = root.EndsWith(end, StringComparison.OrdinalIgnoreCase) ? root[..^end.Length] : root;
        }

        return ProviderUrl.Combine(new Uri(root), path, IsV1(endpoint) ? "" : "?api-version=" + Uri.EscapeDataString(endpoint.AzureApiVersion!));
    }

    private async Task<IReadOnlyList<KeyValuePair<string, string>>> HeadersAsync(ProviderEndpoint endpoint, CancellationToken cancel) => endpoint.Auth switch
    {
        ProviderAuth.None => [],
        ProviderAuth.ApiKey => ProviderCredential.Named("api-key", endpoint.ApiKey),

        // Azure takes only tokens as Bearer; a resource key chosen as Bearer is meant as a key.
        ProviderAuth.Bearer => IsToken(endpoint.ApiKey) ? ProviderCredential.Bearer(endpoint.ApiKey) : ProviderCredential.Named("api-key", endpoint.ApiKey),
        ProviderAuth.Entra => ProviderCredential.Bearer(await Tokens.GetAsync(endpoint, cancel)),
    };

    private static bool IsToken(string? key) => key?.StartsWith("eyJ", StringComparison.Ordinal) == true;
}
