using AiChat.Providers.Protocol;
using AiChat.Providers.Transport;

namespace AiChat.Providers.OpenAi;

/// <summary>
/// OpenAI's Responses API, without storing anything there (OpenAI API reference: "Responses", "Streaming events"; guide
/// "Reasoning models"). The base URL includes the version, as in <c>https://api.openai.com/v1</c>.
/// </summary>
internal sealed class OpenAiResponsesProvider(ProviderHttp http) : IChatProvider, IEmbeddingProvider, IRelayProvider
{
    private readonly UnsupportedParameters _sender = new(http);
    private readonly OpenAiProvider _openAi = new(http);

    public string Kind => "openai_responses";

    public IAsyncEnumerable<ChatDelta> StreamAsync(ChatRequest request, CancellationToken cancel)
    {
        var call = request.Passthrough;
        var url = ProviderUrl.Combine(request.Endpoint.BaseUrl, "responses");
        return new OpenAiResponsesParser(request).ReadAsync(
            stop => _sender.SendAsync(request, Refusal, refused => new ProviderCall(request.Endpoint, url)
            {
                Body = call is null ? OpenAiResponsesBody.Build(request, refused) : PassthroughBody.Build(request),
                Headers = [.. ProviderCredential.Headers(request.Endpoint), .. call?.Headers ?? []],
                Timeouts = request.Timeouts,
            }, stop),
            cancel);
    }

    public Task<IReadOnlyList<ProviderModel>> ListModelsAsync(ProviderEndpoint endpoint, CancellationToken cancel) =>
        _openAi.ListModelsAsync(endpoint, cancel);

    public bool TakesTokens => _openAi.TakesTokens;

    public Task<EmbeddingReply> EmbedAsync(EmbeddingRequest request, CancellationToken cancel) => _openAi.EmbedAsync(request, cancel);

    public bool Relays(string path) => _openAi.Relays(path);

    public Task<ProviderReply> SendAsync(RelayRequest request, CancellationToken cancel) => _openAi.SendAsync(request, cancel);

    private static Refused Refusal(string detail, Refused refused)
    {
        bool Names(string word) => detail.Contains(word, StringComparison.OrdinalIgnoreCase);

        return refused | (Names("reasoning.summary") || Names("reasoning summar") ? Refused.ReasoningSummary
            : Names("encrypted") ? Refused.EncryptedReasoning
            : Names("action.sources") || Names("include") ? Refused.Include
            : Names("reasoning.effort") ? Refused.ReasoningEffort
            : Names("text.format") || Names("response_format") ? Refused.Format
            : Names("strict") ? Refused.StrictTools
            : Names("safety_identifier") ? Refused.User
            : Names("temperature") || Names("top_p") ? Refused.Sampling : Refused.None);
    }
}
