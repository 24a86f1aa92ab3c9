using AiChat.Providers.Protocol;
using AiChat.Providers.Transport;

namespace AiChat.Providers.OpenAi;

/// <summary>
/// Chat completions at Azure OpenAI (Azure docs: "Azure OpenAI REST API reference", "API version lifecycle"): the v1 API, or
/// deployments with a dated <c>api-version</c>. The base URL is the resource's, as in <c>https://name.openai.azure.com</c>; the
/// model is the deployment's name.
/// </summary>
internal sealed class AzureOpenAiProvider(ProviderHttp http) : IChatProvider, IEmbeddingProvider, IRelayProvider
{
    private readonly OpenAiProvider _openAi = new(http);

    public string Kind => "azure_openai";

    public bool TakesTokens => true;

    /// <summary>The source of Entra tokens; other clouds and tests have their own.</summary>
    public EntraTokens Tokens { get; init; } = new(http);

    public IAsyncEnumerable<ChatDelta> StreamAsync(ChatRequest request, CancellationToken cancel)
    {
        var url = Url(request.Endpoint, Path(request.Endpoint, request.Model, "chat/completions"));
        return _openAi.StreamAsync(request, url, stop => HeadersAsync(request.Endpoint, stop), cancel);
    }

    /// <summary>The base models of the resource; deployments cannot be listed with a key, and usually have the model's name.</summary>
    public async Task<IReadOnlyList<ProviderModel>> ListModelsAsync(ProviderEndpoint endpoint, CancellationToken cancel)
    {
        var url = Url(endpoint, IsV1(endpoint) ? "openai/v1/models" : "openai/models");
        var call = new ProviderCall(endpoint, url) { Headers = await HeadersAsync(endpoint, cancel) };
        using var document = await ProviderModels.GetAsync(http, call, cancel);
        return OpenAiModels.Read(document.RootElement);
    }

    public async Task<EmbeddingReply> EmbedAsync(EmbeddingRequest request, CancellationToken cancel)
    {
        var url = Url(request.Endpoint, Path(request.Endpoint, request.Model, "embeddings"));
        return await _openAi.EmbedAsync(request, url, await HeadersAsync(request.Endpoint, cancel), cancel);
    }

    public bool Relays(string path) => true;

    public async Task<ProviderReply> SendAsync(RelayRequest request, CancellationToken cancel)
    {
        var url = Url(request.Endpoint, Path(request.Endpoint, request.Model, request.Path));
        return await request.SendAsync(http, url, await HeadersAsync(request.Endpoint, cancel), cancel);
    }

    private static bool IsV1(ProviderEndpoint endpoint) => endpoint.AzureApiVersion is null or "" or "v1";

    private static string Path(ProviderEndpoint endpoint, string model, string what) =>
        IsV1(endpoint) ? $"openai/v1/{what}" : $"openai/deployments/{ProviderUrl.Segment(model)}/{what}";

    private static Uri Url(ProviderEndpoint endpoint, string path)
    {
        // Portals show the address with or without the path that is added here.
        var root = endpoint.BaseUrl.AbsoluteUri.TrimEnd('/');
        foreach (var end in (string[])["/openai/v1", "/openai"])
        {
            root = root.EndsWith(end, StringComparison.OrdinalIgnoreCase) ? root[..^end.Length] : root;
        }

        var query = IsV1(endpoint) ? "" : "?api-version=" + Uri.EscapeDataString(endpoint.AzureApiVersion!);
        return ProviderUrl.Combine(new Uri(root), path, query);
    }

    private async Task<IReadOnlyList<KeyValuePair<string, string>>> HeadersAsync(
        ProviderEndpoint endpoint, CancellationToken cancel) => endpoint.Auth switch
        {
            ProviderAuth.None => [],
            ProviderAuth.ApiKey => ProviderCredential.Named("api-key", endpoint.ApiKey),

            // Azure takes only tokens as Bearer, so a resource key saved as Bearer is sent as a key.
            ProviderAuth.Bearer when IsToken(endpoint.ApiKey) => ProviderCredential.Bearer(endpoint.ApiKey),
            ProviderAuth.Bearer => ProviderCredential.Named("api-key", endpoint.ApiKey),
            ProviderAuth.Entra => ProviderCredential.Bearer(await Tokens.GetAsync(endpoint, cancel)),
        };

    private static bool IsToken(string? key) => key?.StartsWith("eyJ", StringComparison.Ordinal) == true;
}
