using System.Text.Json;
using AiChat.Providers.Protocol;
using AiChat.Providers.Transport;

namespace AiChat.Providers.Ollama;

/// <summary>
/// Ollama's own API (Ollama docs, "API": "Generate a chat completion", "List local models", "Show model information";
/// "Thinking", "Tool support"). The base URL is the server's, as in <c>http://localhost:11434</c>.
/// </summary>
internal sealed class OllamaProvider(ProviderHttp http) : IChatProvider, IEmbeddingProvider
{
    private const int MaxShown = 200;
    private const int ShowAtOnce = 4;
    private readonly UnsupportedParameters _sender = new(http);

    public string Kind => "ollama";

    public IAsyncEnumerable<ChatDelta> StreamAsync(ChatRequest request, CancellationToken cancel) =>
        new OllamaParser(request).ReadAsync(
            stop => _sender.SendAsync(request, Refusal, refused => new ProviderCall(request.Endpoint, Url(request.Endpoint, "chat"))
            {
                Body = OllamaBody.Build(request, refused),
                Headers = ProviderCredential.Headers(request.Endpoint, "Authorization"),
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
        var call = new ProviderCall(request.Endpoint, Url(request.Endpoint, "embed")) { Body = body.Finish(default), Headers = ProviderCredential.Headers(request.Endpoint, "Authorization") };
        return Embeddings.SendAsync(http, request, call, "embeddings", "prompt_eval_count", cancel);
    }

    /// <summary>The local models; what each can do is asked for one by one, and missing when a model does not answer.</summary>
    public async Task<IReadOnlyList<ProviderModel>> ListModelsAsync(ProviderEndpoint endpoint, CancellationToken cancel)
    {
        var call = new ProviderCall(endpoint, Url(endpoint, "tags")) { Headers = ProviderCredential.Headers(endpoint, "Authorization") };
        using var document = await ProviderModels.GetAsync(http, call, cancel);
        var models = ProviderModels.Read(document.RootElement.Child("models"), (item, _) => (item.Text("model") ?? item.Text("name")) is { } id ? new ProviderModel(id) : null).ToArray();
        await Parallel.ForAsync(0, Math.Min(models.Length, MaxShown), new ParallelOptions { MaxDegreeOfParallelism = ShowAtOnce, CancellationToken = cancel },
            async (index, stop) => models[index] = await ShowAsync(endpoint, models[index], stop));
        return models;
    }

    private async Task<ProviderModel> ShowAsync(ProviderEndpoint endpoint, ProviderModel model, CancellationToken cancel)
    {
        using var body = new RequestBody();
        body.Json.WriteString("model", model.Id);
        var call = new ProviderCall(endpoint, Url(endpoint, "show")) { Body = body.Finish(default), Headers = ProviderCredential.Headers(endpoint, "Authorization") };
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

    private static ProviderModel Read(ProviderModel model, JsonElement shown)
    {
        var info = shown.Child("model_info");
        var capabilities = shown.Child("capabilities");
        return model with
        {
            ContextLimit = Parameter(shown.Text("parameters"), "num_ctx") ?? info.Number($"{info.Text("general.architecture")}.context_length"),
            Vision = capabilities.Contains("vision"),
            Tools = capabilities.Contains("tools"),
            Reasoning = capabilities.Contains("thinking"),
            Chat = capabilities.Contains("completion"),
        };
    }

    // Lines of a name and a value, as in a Modelfile.
    private static int? Parameter(string? lines, string name) => (lines ?? "").Split('\n')
        .Select(line => line.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries))
        .Where(words => words.Length == 2 && words[0] == name && int.TryParse(words[1], out _)).Select(words => (int?)int.Parse(words[1])).FirstOrDefault();

    private static Uri Url(ProviderEndpoint endpoint, string path) =>
        ProviderUrl.Combine(endpoint.BaseUrl, endpoint.BaseUrl.AbsolutePath.EndsWith("/api", StringComparison.Ordinal) ? path : "api/" + path);

    private static Refused Refusal(string detail, Refused refused) =>
        detail.Contains("think", StringComparison.OrdinalIgnoreCase) ? refused | Refused.Thinking : refused;
}

/// <summary>Writes the body of a chat request.</summary>
internal static class OllamaBody
{
    public static ProviderBody Build(ChatRequest request, Refused refused)
    {
        using var body = new RequestBody();
        var json = body.Json;
        json.WriteString("model", request.Model);
        json.WriteStartArray("messages");
        if (!string.IsNullOrWhiteSpace(request.SystemPrompt))
        {
            json.WriteStartObject();
            json.WriteString("role", "system");
            json.WriteString("content", request.SystemPrompt);
            json.WriteEndObject();
        }

        var turns = ChatTurns.Clean(request.Turns);
        foreach (var turn in turns)
        {
            WriteTurn(body, turn, turns);
        }

        json.WriteEndArray();
        json.WriteBoolean("stream", true);
        WriteThink(json, request, refused);
        WriteTools(json, request);
        WriteOptions(body, request.Sampling);
        return body.Finish(request.ExtraBody);
    }

    private static void WriteTurn(RequestBody body, ChatTurn turn, List<ChatTurn> turns)
    {
        var json = body.Json;
        json.WriteStartObject();
        json.WriteString("role", turn.Role switch { ChatRole.User => "user", ChatRole.Assistant => "assistant", ChatRole.Tool => "tool" });
        json.WriteString("content", turn.Text);
        if (turn.Role == ChatRole.Tool && turns.SelectMany(other => other.ToolCalls).FirstOrDefault(call => call.Id == turn.ToolCallId) is { } answered)
        {
            json.WriteString("tool_name", answered.Name);
        }

        if (turn.Images.Count > 0)
        {
            json.WriteStartArray("images");
            foreach (var image in turn.Images)
            {
                body.Image(image, dataUrl: false);
            }

            json.WriteEndArray();
        }

        if (turn.ToolCalls.Count > 0)
        {
            json.WriteStartArray("tool_calls");
            foreach (var call in turn.ToolCalls)
            {
                json.WriteStartObject();
                json.WriteStartObject("function");
                json.WriteString("name", call.Name);
                json.WritePropertyName("arguments");
                RequestBody.WriteObject(json, call.Arguments);
                json.WriteEndObject();
                json.WriteEndObject();
            }

            json.WriteEndArray();
        }

        json.WriteEndObject();
    }

    private static void WriteThink(Utf8JsonWriter json, ChatRequest request, Refused refused)
    {
        var (enabled, effort) = (request.Reasoning.Enabled, request.Reasoning.Effort);
        if (refused.HasFlag(Refused.Thinking) || (enabled is null && effort is null))
        {
            return;
        }

        // gpt-oss takes levels and cannot be told not to think; all others take a switch.
        if (request.Model.Contains("gpt-oss", StringComparison.Ordinal))
        {
            json.WriteString("think", enabled == false || effort == ReasoningEffort.Minimal ? "low" : (effort ?? ReasoningEffort.Medium).Word());
        }
        else
        {
            json.WriteBoolean("think", enabled ?? true);
        }
    }

    private static void WriteTools(Utf8JsonWriter json, ChatRequest request)
    {
        if (request.Tools.Count == 0 || request.ToolChoice == "none")
        {
            return;
        }

        json.WriteStartArray("tools");
        foreach (var tool in request.Tools)
        {
            json.WriteStartObject();
            json.WriteString("type", "function");
            json.WriteStartObject("function");
            json.WriteString("name", tool.Name);
            json.WriteString("description", tool.Description);
            json.WritePropertyName("parameters");
            RequestBody.WriteObject(json, tool.ParametersJson);
            json.WriteEndObject();
            json.WriteEndObject();
        }

        json.WriteEndArray();
    }

    private static void WriteOptions(RequestBody body, ChatSampling sampling)
    {
        if (sampling == ChatSampling.Unset)
        {
            return;
        }

        body.Json.WriteStartObject("options");
        body.Number("temperature", sampling.Temperature);
        body.Number("top_p", sampling.TopP);
        body.Number("top_k", (long?)sampling.TopK);
        body.Number("num_predict", (long?)sampling.MaxOutputTokens);
        body.Number("seed", sampling.Seed);
        body.Number("presence_penalty", sampling.PresencePenalty);
        body.Number("frequency_penalty", sampling.FrequencyPenalty);
        body.Strings("stop", sampling.Stop);
        body.Json.WriteEndObject();
    }
}
