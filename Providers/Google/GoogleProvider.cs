using System.Text.Json;
using AiChat.Providers.Protocol;
using AiChat.Providers.Transport;

namespace AiChat.Providers.Google;

/// <summary>
/// Google's Gemini API (Gemini API reference: "Generating content" <c>models.streamGenerateContent</c>, "Models"; guides
/// "Thinking", "Thought signatures", "Function calling"). The base URL is with or without its version, <c>/v1beta</c>.
/// </summary>
internal sealed class GoogleProvider(ProviderHttp http) : IChatProvider, IEmbeddingProvider
{
    private const int MaxPages = 5;
    private readonly UnsupportedParameters _sender = new(http);

    public string Kind => "google_genai";

    public IAsyncEnumerable<ChatDelta> StreamAsync(ChatRequest request, CancellationToken cancel)
    {
        var url = Url(request.Endpoint, $"models/{ProviderUrl.Segment(GoogleBody.Name(request.Model))}:streamGenerateContent", "?alt=sse");
        return new GoogleParser(request).ReadAsync(
            stop => _sender.SendAsync(request, Refusal, refused => new ProviderCall(request.Endpoint, url)
            {
                Body = GoogleBody.Build(request, refused),
                Headers = Headers(request.Endpoint),
                Timeouts = request.Timeouts,
            }, stop),
            cancel);
    }

    /// <summary>Gemini API reference: "Embeddings", <c>models.batchEmbedContents</c>; it reports no tokens.</summary>
    public Task<EmbeddingReply> EmbedAsync(EmbeddingRequest request, CancellationToken cancel)
    {
        var name = GoogleBody.Name(request.Model);
        using var body = new RequestBody();
        body.Json.WriteStartArray("requests");
        foreach (var input in request.Inputs)
        {
            body.Json.WriteStartObject();
            body.Json.WriteString("model", $"models/{name}");
            body.Json.WriteStartObject("content");
            body.Json.WriteStartArray("parts");
            body.Json.WriteStartObject();
            body.Json.WriteString("text", input);
            body.Json.WriteEndObject();
            body.Json.WriteEndArray();
            body.Json.WriteEndObject();
            body.Number("outputDimensionality", (long?)request.Dimensions);
            body.Json.WriteEndObject();
        }

        body.Json.WriteEndArray();
        var url = Url(request.Endpoint, $"models/{ProviderUrl.Segment(name)}:batchEmbedContents", "");
        var call = new ProviderCall(request.Endpoint, url) { Body = body.Finish(default), Headers = Headers(request.Endpoint) };
        return Embeddings.SendAsync(http, request, call, "values", null, cancel);
    }

    public async Task<IReadOnlyList<ProviderModel>> ListModelsAsync(ProviderEndpoint endpoint, CancellationToken cancel)
    {
        var models = new List<ProviderModel>();
        string? page = null;
        for (var pages = 0; pages < MaxPages && (pages == 0 || page is not null); pages++)
        {
            var query = "?pageSize=1000" + (page is null ? "" : "&pageToken=" + Uri.EscapeDataString(page));
            var call = new ProviderCall(endpoint, Url(endpoint, "models", query)) { Headers = Headers(endpoint) };
            using var document = await ProviderModels.GetAsync(http, call, cancel);
            models.AddRange(ProviderModels.Read(document.RootElement.Child("models"), Read));
            page = document.RootElement.Text("nextPageToken");
        }

        return models;
    }

    private static ProviderModel? Read(JsonElement item, string? id) => item.Text("name") is not { } name
        ? null
        : new ProviderModel(GoogleBody.Name(name))
        {
            Name = item.Text("displayName"),
            ContextLimit = item.Number("inputTokenLimit"),
            MaxOutputTokens = item.Number("outputTokenLimit"),
            Reasoning = item.Flag("thinking"),
            Chat = item.Child("supportedGenerationMethods").Contains("generateContent"),
        };

    private static Uri Url(ProviderEndpoint endpoint, string path, string query) =>
        ProviderUrl.Combine(endpoint.BaseUrl, endpoint.BaseUrl.AbsolutePath.Length > 1 ? path : "v1beta/" + path, query);

    private static IReadOnlyList<KeyValuePair<string, string>> Headers(ProviderEndpoint endpoint) => endpoint.Auth == ProviderAuth.Bearer
        ? ProviderCredential.Named("x-goog-api-key", endpoint.ApiKey) : ProviderCredential.Headers(endpoint, "x-goog-api-key");

    private static Refused Refusal(string detail, Refused refused)
    {
        bool Names(string word) => detail.Contains(word, StringComparison.OrdinalIgnoreCase);

        string[] forms = ["responseJsonSchema", "response_json_schema", "responseMimeType", "response_mime_type", "response mime type"];
        if (forms.Any(Names) || Names("responseSchema") || Names("response_schema"))
        {
            return refused | Refused.Format;
        }

        if (Names("VALIDATED"))
        {
            return refused | Refused.StrictTools;
        }

        string[] amounts = ["thinking level", "thinking_level", "thinkingLevel", "thinking budget", "thinking_budget"];
        return amounts.Any(Names)
            ? refused | (refused.HasFlag(Refused.ReasoningEffort) ? Refused.Thinking : Refused.ReasoningEffort)
            : Names("thinking") || Names("thoughts") ? refused | Refused.Thinking
            : Names("penalty") || Names("topK") || Names("top_k") ? refused | Refused.Sampling : refused;
    }
}
