using System.Text.Json;
using AiChat.Providers.Protocol;
using AiChat.Providers.Transport;

namespace AiChat.Providers.OpenAi;

/// <summary>
/// Chat completions at any OpenAI-compatible server (OpenAI API reference: "Create chat completion", "List models").
/// The base URL includes the version, as in <c>https://api.openai.com/v1</c>.
/// </summary>
internal sealed class OpenAiProvider(ProviderHttp http) : IChatProvider, IEmbeddingProvider
{
    private readonly UnsupportedParameters _sender = new(http);

    public string Kind => "openai";

    public bool TakesTokens => true;

    public IAsyncEnumerable<ChatDelta> StreamAsync(ChatRequest request, CancellationToken cancel) =>
        StreamAsync(
            request, ProviderUrl.Combine(request.Endpoint.BaseUrl, "chat/completions"), _ => Task.FromResult(ProviderCredential.Headers(request.Endpoint)), cancel);

    public async Task<IReadOnlyList<ProviderModel>> ListModelsAsync(ProviderEndpoint endpoint, CancellationToken cancel)
    {
        var call = new ProviderCall(endpoint, ProviderUrl.Combine(endpoint.BaseUrl, "models")) { Headers = ProviderCredential.Headers(endpoint) };
        using var document = await ProviderModels.GetAsync(http, call, cancel);
        return OpenAiModels.Read(document.RootElement);
    }

    public Task<EmbeddingReply> EmbedAsync(EmbeddingRequest request, CancellationToken cancel) =>
        EmbedAsync(request, ProviderUrl.Combine(request.Endpoint.BaseUrl, "embeddings"), ProviderCredential.Headers(request.Endpoint), cancel);

    /// <summary>OpenAI API reference: "Create embeddings".</summary>
    public Task<EmbeddingReply> EmbedAsync(EmbeddingRequest request, Uri url, IReadOnlyList<KeyValuePair<string, string>> headers, CancellationToken cancel)
    {
        using var body = new RequestBody();
        body.Json.WriteString("model", request.Model);
        body.Strings("input", request.Inputs);
        if (request.Tokens.Count > 0)
        {
            WriteTokens(body.Json, request.Tokens);
        }

        body.Number("dimensions", (long?)request.Dimensions);
        var call = new ProviderCall(request.Endpoint, url) { Body = body.Finish(default), Headers = headers };
        return Embeddings.SendAsync(http, request, call, "embedding", "prompt_tokens", cancel);
    }

    /// <summary>The same protocol at another address and with another key header: Azure.</summary>
    public IAsyncEnumerable<ChatDelta> StreamAsync(
        ChatRequest request, Uri url, Func<CancellationToken, Task<IReadOnlyList<KeyValuePair<string, string>>>> headers, CancellationToken cancel) =>
        new OpenAiParser(request).ReadAsync(
            async stop =>
            {
                var sent = await headers(stop);
                return await _sender.SendAsync(request, Refusal, refused => new ProviderCall(request.Endpoint, url)
                {
                    Body = OpenAiBody.Build(request, refused),
                    Headers = sent,
                    Timeouts = request.Timeouts,
                    MaxLine = request.Native is null ? ProviderCall.DefaultLine : FrameDecoder.MaxDocument, // sounds and probabilities are long
                }, stop);
            },
            cancel);

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

    // Which of the members we could do without an error message complains about.
    private static Refused Refusal(string detail, Refused refused)
    {
        bool Names(string member) => detail.Contains(member, StringComparison.OrdinalIgnoreCase);

        return refused | (Names("stream_options") || Names("include_usage") ? Refused.StreamOptions
            : Names("max_tokens") && Names("max_completion_tokens") && !refused.HasFlag(Refused.MaxTokens) ? Refused.MaxTokens
            : Names("max_completion_tokens") ? Refused.MaxCompletionTokens
            : Names("reasoning_effort") || Names("reasoning effort") ? Refused.ReasoningEffort
            : Names("'temperature'") || Names("'top_p'") || Names("'stop'") || Names("_penalty'") ? Refused.Sampling
            : Refused.None);
    }
}

/// <summary>Reads model lists of the compatible kind; the limits come under many names.</summary>
internal static class OpenAiModels
{
    public static IReadOnlyList<ProviderModel> Read(JsonElement root)
    {
        var list = root.ValueKind == JsonValueKind.Object && root.TryGetProperty("data", out var data) ? data
            : root.ValueKind == JsonValueKind.Object && root.TryGetProperty("models", out var models) ? models : root;
        return ProviderModels.Read(list, Read);
    }

    private static ProviderModel? Read(JsonElement item, string? id)
    {
        id ??= item.Text("id");
        if (id is null)
        {
            return null;
        }

        var capabilities = item.Child("capabilities");
        var parameters = item.Child("supported_parameters");
        return new ProviderModel(id)
        {
            Name = item.Text("name") ?? item.Text("display_name"),
            ContextLimit = item.Number("context_length") ?? item.Number("max_model_len") ?? item.Number("context_window")
                ?? item.Number("max_context_length") ?? item.Child("meta").Number("n_ctx_train"),
            MaxOutputTokens = item.Child("top_provider").Number("max_completion_tokens") ?? item.Number("max_completion_tokens") ?? item.Number("max_output_tokens"),
            Vision = capabilities.Flag("vision") ?? item.Child("architecture").Child("input_modalities").Contains("image"),
            Tools = capabilities.Flag("function_calling") ?? parameters.Contains("tools"),
            Reasoning = capabilities.Flag("reasoning") ?? parameters.Contains("reasoning"),
            ImageGeneration = item.Child("architecture").Child("output_modalities").Contains("image"),
            Chat = capabilities.Flag("completion_chat") ?? capabilities.Flag("chat_completion") ?? (item.Text("type") is "embeddings" or "embedding" ? false : null),
        };
    }
}
