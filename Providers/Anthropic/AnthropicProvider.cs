using System.Text.Json;
using AiChat.Providers.Protocol;
using AiChat.Providers.Transport;

namespace AiChat.Providers.Anthropic;

/// <summary>
/// Anthropic's Messages API, version 2023-06-01 (Claude docs: "Messages", "Streaming messages", "Extended thinking",
/// "Adaptive thinking", "Prompt caching", "List models"). The base URL is with or without <c>/v1</c>.
/// </summary>
internal sealed class AnthropicProvider(ProviderHttp http) : IChatProvider
{
    private readonly UnsupportedParameters _sender = new(http);

    public string Kind => "anthropic";

    public IAsyncEnumerable<ChatDelta> StreamAsync(ChatRequest request, CancellationToken cancel) =>
        new AnthropicParser(request).ReadAsync(
            stop => _sender.SendAsync(request, Refusal, refused => new ProviderCall(request.Endpoint, Url(request.Endpoint, "messages"))
            {
                Body = AnthropicBody.Build(request, refused),
                Headers = Headers(request.Endpoint),
                Timeouts = request.Timeouts,
            }, stop),
            cancel);

    public async Task<IReadOnlyList<ProviderModel>> ListModelsAsync(ProviderEndpoint endpoint, CancellationToken cancel)
    {
        var call = new ProviderCall(endpoint, Url(endpoint, "models", "?limit=1000")) { Headers = Headers(endpoint) };
        using var document = await ProviderModels.GetAsync(http, call, cancel);
        return ProviderModels.Read(document.RootElement.Child("data"), Read);
    }

    private static ProviderModel? Read(JsonElement item, string? _) => item.Text("id") is not { } id
        ? null
        : new ProviderModel(id)
        {
            Name = item.Text("display_name"),
            ContextLimit = item.Number("max_input_tokens"),
            MaxOutputTokens = item.Number("max_tokens"),
            Vision = item.Child("capabilities").Child("image_input").Flag("supported"),
            Reasoning = item.Child("capabilities").Child("thinking").Flag("supported"),
        };

    private static Uri Url(ProviderEndpoint endpoint, string path, string query = "") =>
        ProviderUrl.Combine(
            endpoint.BaseUrl, endpoint.BaseUrl.AbsolutePath.EndsWith("/v1", StringComparison.Ordinal) ? path : "v1/" + path, query);

    private static IReadOnlyList<KeyValuePair<string, string>> Headers(ProviderEndpoint endpoint) =>
    [
        .. endpoint.Auth == ProviderAuth.Bearer
            ? ProviderCredential.Named("x-api-key", endpoint.ApiKey) : ProviderCredential.Headers(endpoint, "x-api-key"),
        new("anthropic-version", "2023-06-01"),
    ];

    private static Refused Refusal(string detail, Refused refused)
    {
        bool Names(string word) => detail.Contains(word, StringComparison.OrdinalIgnoreCase);

        if (Names("cache_control"))
        {
            return refused | Refused.CacheMarks;
        }

        if (Names("temperature") || Names("top_p") || Names("top_k"))
        {
            return refused | Refused.Sampling;
        }

        if (Names("effort") || Names("output_config"))
        {
            return refused | Refused.ReasoningEffort;
        }

        // Try the other way to ask for thinking before doing without it.
        return !Names("thinking") ? refused
            : refused.HasFlag(Refused.ThinkingStyle) ? refused | Refused.Thinking : refused | Refused.ThinkingStyle;
    }
}
