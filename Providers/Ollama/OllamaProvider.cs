using System.Text.Json;
using AiChat.Providers.Protocol;
using AiChat.Providers.Transport;

namespace AiChat.Providers.Ollama;

/// <summary>
/// Ollama's own API (Ollama docs, "API": "Generate a chat completion", "List local models", "Show model information";
/// "Thinking", "Tool support"). The base URL is the server's, as in <c>http://localhost:11434</c>.
/// </summary>
internal sealed class OllamaProvider(ProviderHttp http) : IChatProvider, IEmbeddingProvider, IRelayProvider
{
    /// <summary>
    /// Tokens of context of a model for which nobody chose a number, neither in its Modelfile nor here. Ollama itself takes 4,096 on most
    /// machines (Ollama docs, "FAQ": "How can I specify the context window size?"), which a chat fills soon; the longest that a model can
    /// have would take tens of gigabytes, since the memory for it is taken whole. 8,192 take about 1 GB with a model of 8 billion.
    /// </summary>
    public const int MaxUnasked = 8_192;

    private const int MaxShown = 200;
    private const int ShowAtOnce = 4;
    private readonly UnsupportedParameters _sender = new(http);

    public string Kind => "ollama";

    public IAsyncEnumerable<ChatDelta> StreamAsync(ChatRequest request, CancellationToken cancel) =>
        new OllamaParser(request).ReadAsync(
            stop => _sender.SendAsync(request, Refusal, refused => new ProviderCall(request.Endpoint, Url(request.Endpoint, "chat"))
            {
                Body = OllamaBody.Build(request, refused),
                Headers = Headers(request.Endpoint),
                Timeouts = request.Timeouts,
            }, stop),
            cancel);

    /// <summary>Ollama docs, "API": "Generate embeddings".</summary>
    public Task<EmbeddingReply> EmbedAsync(EmbeddingRequest request, CancellationToken cancel)
    {
        using var body = new RequestBody();
        body.Json.WriteString("model", request.Model);
        body.Strings("input", request.Inputs);
        body.Number("dimensions", (long?)request.Dimensions);
        OllamaBody.WriteKeepAlive(body.Json, request.KeepAlive);
        var call = new ProviderCall(request.Endpoint, Url(request.Endpoint, "embed"))
        {
            Body = body.Finish(default),
            Headers = Headers(request.Endpoint),
        };
        return Embeddings.SendAsync(http, request, call, "embeddings", "prompt_eval_count", cancel);
    }

    /// <summary>Ollama docs, "OpenAI compatibility".</summary>
    public bool Relays(string path) => path == "completions";

    public Task<ProviderReply> SendAsync(RelayRequest request, CancellationToken cancel) => request.SendAsync(
        http, ProviderUrl.Combine(request.Endpoint.BaseUrl, "v1/" + request.Path), Headers(request.Endpoint), cancel);

    /// <summary>The local models. Each model is asked for its capabilities; those of a model that fails stay unknown.</summary>
    public async Task<IReadOnlyList<ProviderModel>> ListModelsAsync(ProviderEndpoint endpoint, CancellationToken cancel)
    {
        var call = new ProviderCall(endpoint, Url(endpoint, "tags")) { Headers = Headers(endpoint) };
        using var document = await ProviderModels.GetAsync(http, call, cancel);
        var models = ProviderModels.Read(document.RootElement.Child("models"), Read).ToArray();
        await Parallel.ForAsync(
            0,
            Math.Min(models.Length, MaxShown),
            new ParallelOptions { MaxDegreeOfParallelism = ShowAtOnce, CancellationToken = cancel },
            async (index, stop) => models[index] = await ShowAsync(endpoint, models[index], stop));
        return models;
    }

    private async Task<ProviderModel> ShowAsync(ProviderEndpoint endpoint, ProviderModel model, CancellationToken cancel)
    {
        using var body = new RequestBody();
        body.Json.WriteString("model", model.Id);
        var call = new ProviderCall(endpoint, Url(endpoint, "show")) { Body = body.Finish(default), Headers = Headers(endpoint) };
        try
        {
            using var document = await ProviderModels.GetAsync(http, call, cancel);
            return Read(model, document.RootElement);
        }
        catch (ProviderException)
        {
            return model;
        }
    }

    private static ProviderModel? Read(JsonElement item, string? _) =>
        (item.Text("model") ?? item.Text("name")) is { } id ? new ProviderModel(id) : null;

    private static ProviderModel Read(ProviderModel model, JsonElement shown)
    {
        var info = shown.Child("model_info");
        var capabilities = shown.Child("capabilities");
        var longest = info.Number($"{info.Text("general.architecture")}.context_length");

        // A model of Ollama's cloud takes no memory here (Ollama docs, "Cloud").
        var runsElsewhere = shown.Text("remote_host") is { Length: > 0 };
        return model with
        {
            ContextLimit = Parameter(shown.Text("parameters"), "num_ctx") ?? (runsElsewhere ? longest : AtMost(MaxUnasked, longest)),
            Vision = capabilities.Contains("vision"),
            Tools = capabilities.Contains("tools"),
            Reasoning = capabilities.Contains("thinking"),
            Chat = capabilities.Contains("completion"),
        };
    }

    private static int? AtMost(int max, int? longest) => longest > max ? max : longest;

    // Lines of a name and a value, as in a Modelfile.
    private static int? Parameter(string? lines, string name) => (lines ?? "").Split('\n')
        .Select(line => line.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries))
        .Where(words => words.Length == 2 && words[0] == name && int.TryParse(words[1], out _))
        .Select(words => (int?)int.Parse(words[1])).FirstOrDefault();

    private static IReadOnlyList<KeyValuePair<string, string>> Headers(ProviderEndpoint endpoint) =>
        ProviderCredential.Headers(endpoint, "Authorization");

    private static Uri Url(ProviderEndpoint endpoint, string path) =>
        ProviderUrl.Combine(
            endpoint.BaseUrl, endpoint.BaseUrl.AbsolutePath.EndsWith("/api", StringComparison.Ordinal) ? path : "api/" + path);

    private static Refused Refusal(string detail, Refused refused) =>
        detail.Contains("think", StringComparison.OrdinalIgnoreCase) ? refused | Refused.Thinking : refused;
}
