using System.Text.Json;
using AiChat.Providers.Protocol;
using AiChat.Providers.Transport;

namespace AiChat.Providers.OpenAi;

/// <summary>
/// Chat completions at any OpenAI-compatible server (OpenAI API reference: "Create chat completion", "List models").
/// The base URL includes the version, as in <c>https://api.openai.com/v1</c>.
/// </summary>
internal sealed class OpenAiProvider(ProviderHttp http) : IChatProvider, IEmbeddingProvider, IRelayProvider
{
    private readonly UnsupportedParameters _sender = new(http);

    public string Kind => "openai";

    public bool TakesTokens => true;

    public IAsyncEnumerable<ChatDelta> StreamAsync(ChatRequest request, CancellationToken cancel) =>
        StreamAsync(
            request,
            ProviderUrl.Combine(request.Endpoint.BaseUrl, "chat/completions"),
            _ => Task.FromResult(ProviderCredential.Headers(request.Endpoint)),
            cancel);

    public async Task<IReadOnlyList<ProviderModel>> ListModelsAsync(ProviderEndpoint endpoint, CancellationToken cancel)
    {
        var url = ProviderUrl.Combine(endpoint.BaseUrl, "models");
        var call = new ProviderCall(endpoint, url) { Headers = ProviderCredential.Headers(endpoint) };
        using var document = await ProviderModels.GetAsync(http, call, cancel);
        return OpenAiModels.Read(document.RootElement);
    }

    public Task<EmbeddingReply> EmbedAsync(EmbeddingRequest request, CancellationToken cancel) =>
        EmbedAsync(
            request, ProviderUrl.Combine(request.Endpoint.BaseUrl, "embeddings"), ProviderCredential.Headers(request.Endpoint), cancel);

    public bool Relays(string path) => true;

    public Task<ProviderReply> SendAsync(RelayRequest request, CancellationToken cancel) => request.SendAsync(
        http, ProviderUrl.Combine(request.Endpoint.BaseUrl, request.Path), ProviderCredential.Headers(request.Endpoint), cancel);

    /// <summary>OpenAI API reference: "Create embeddings".</summary>
    public Task<EmbeddingReply> EmbedAsync(
        EmbeddingRequest request, Uri url, IReadOnlyList<KeyValuePair<string, string>> headers, CancellationToken cancel)
    {
        using var body = new RequestBody();
        body.Json.WriteString("model", request.Model);
        body.Strings("input", request.Inputs);
        if (request.Tokens.Count > 0)
        {
            WriteTokens(body.Json, request.Tokens);
        }

        body.Number("dimensions", (long?)request.Dimensions);
        var call = new ProviderCall(request.Endpoint, url) { Body = body.Finish(request.ExtraBody), Headers = headers };
        return Embeddings.SendAsync(http, request, call, "embedding", "prompt_tokens", cancel);
    }

    /// <summary>The same protocol at another address and with other headers, for Azure.</summary>
    public IAsyncEnumerable<ChatDelta> StreamAsync(
        ChatRequest request,
        Uri url,
        Func<CancellationToken, Task<IReadOnlyList<KeyValuePair<string, string>>>> headers,
        CancellationToken cancel) =>
        Parser(request).ReadAsync(
            async stop =>
            {
                var sent = await headers(stop);
                return await _sender.SendAsync(request, Refusal, refused => new ProviderCall(request.Endpoint, url)
                {
                    Body = request.Passthrough is null
                        ? OpenAiBody.Build(request, refused) : OpenAiPassthroughBody.Build(request, refused),
                    Headers = sent,
                    Timeouts = request.Timeouts,
                }, stop);
            },
            cancel);

    /// <summary>Mistral says the beginning of the answer again (Mistral docs, "Prefix").</summary>
    private static OpenAiParser Parser(ChatRequest request)
    {
        var parser = new OpenAiParser(request);
        if (request is { Passthrough: null, Turns: [.., { Role: ChatRole.Assistant, Text: var begun }] }
            && OpenAiHosts.Find(request.Endpoint.BaseUrl) == OpenAiHost.Mistral)
        {
            parser.Output.Echo(begun);
        }

        return parser;
    }

    private static void WriteTokens(Utf8JsonWriter json, IReadOnlyList<IReadOnlyList<int>> texts)
    {
        json.WriteStartArray("input");
        foreach (var tokens in texts)
        {
            json.WriteStartArray();
            foreach (var token in tokens)
            {
                json.WriteNumberValue(token);
            }

            json.WriteEndArray();
        }

        json.WriteEndArray();
    }

    // As a member: the word alone stands in many sentences.
    private static bool NamesUser(string detail)
    {
        string[] forms = ["'user'", "\"user\"", "`user`", "body.user", "body, user", "argument supplied: user"];
        return forms.Any(form => detail.Contains(form, StringComparison.OrdinalIgnoreCase));
    }

    // The optional members that an error message names.
    private static Refused Refusal(string detail, Refused refused)
    {
        bool Names(string member) => detail.Contains(member, StringComparison.OrdinalIgnoreCase);

        return refused | (Names("stream_options") || Names("include_usage") ? Refused.StreamOptions
            : Names("max_tokens") && Names("max_completion_tokens") && !refused.HasFlag(Refused.MaxTokens) ? Refused.MaxTokens
            : Names("max_completion_tokens") ? Refused.MaxCompletionTokens
            : Names("reasoning_effort") || Names("reasoning effort") ? Refused.ReasoningEffort
            : Names("response_format") || Names("json_schema") ? Refused.Format
            : Names("strict") ? Refused.StrictTools
            : Names("cache_control") ? Refused.CacheMarks
            : NamesUser(detail) ? Refused.User
            : Names("'temperature'") || Names("'top_p'") || Names("'stop'") || Names("_penalty'") ? Refused.Sampling
            : Refused.None);
    }
}
