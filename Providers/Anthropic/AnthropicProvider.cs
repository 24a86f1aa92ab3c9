using System.Text.Json;
using AiChat.Providers.Protocol;
using AiChat.Providers.Transport;

namespace AiChat.Providers.Anthropic;

/// <summary>
/// Anthropic's Messages API, version 2023-06-01 (Claude docs: "Messages", "Streaming messages", "Extended thinking",
/// "Adaptive thinking", "Prompt caching", "List models"). The base URL is with or without <c>/v1</c>.
/// </summary>
internal sealed class AnthropicProvider(ProviderHttp http) : IChatProvider, ITokenCounter
{
    private const string Betas = "anthropic-beta";
    private const string Version = "anthropic-version";
    private const int MaxCount = 64 * 1024;

    private readonly UnsupportedParameters _sender = new(http);

    public string Kind => "anthropic";

    public IAsyncEnumerable<ChatDelta> StreamAsync(ChatRequest request, CancellationToken cancel)
    {
        var call = request.Passthrough;
        var endpoint = WithBetas(request.Endpoint, call);
        var url = Url(endpoint, "messages", call?.Query ?? "");
        return new AnthropicParser(request).ReadAsync(
            stop => _sender.SendAsync(request, Refusal, refused => new ProviderCall(endpoint, url)
            {
                Body = call is null ? AnthropicBody.Build(request, refused) : PassthroughBody.Build(request),
                Headers = Headers(endpoint, call),
                Timeouts = request.Timeouts,
            }, stop),
            cancel);
    }

    /// <summary>Claude docs: "Count tokens in a Message". Other servers of the protocol often lack it.</summary>
    public async Task<ReadOnlyMemory<byte>?> CountAsync(ChatRequest request, CancellationToken cancel)
    {
        var endpoint = WithBetas(request.Endpoint, request.Passthrough);
        var call = new ProviderCall(endpoint, Url(endpoint, "messages/count_tokens", request.Passthrough?.Query ?? ""))
        {
            Body = PassthroughBody.Build(request),
            Headers = Headers(endpoint, request.Passthrough),
            Timeouts = request.Timeouts,
        };
        try
        {
            await using var reply = await http.SendAsync(call, cancel);
            var body = await reply.ReadAllAsync(MaxCount);
            // Without the cast null would become an empty body.
            return IsCount(body, endpoint) ? (ReadOnlyMemory<byte>?)body : null;
        }
        catch (ProviderException error) when (error.UpstreamStatus is 404 or 405 or 501
            && !error.Detail.Contains(request.Model, StringComparison.Ordinal))
        {
            return null;
        }
    }

    private static bool IsCount(ReadOnlyMemory<byte> body, ProviderEndpoint endpoint)
    {
        try
        {
            using var document = JsonDocument.Parse(body);
            return ErrorText.IsIn(document.RootElement)
                ? throw ProviderErrors.FromError(ErrorText.Read(document.RootElement), endpoint)
                : document.RootElement.Number("input_tokens") is not null;
        }
        catch (JsonException)
        {
            return false;
        }
    }

    public async Task<IReadOnlyList<ProviderModel>> ListModelsAsync(ProviderEndpoint endpoint, CancellationToken cancel)
    {
        var call = new ProviderCall(endpoint, Url(endpoint, "models", "?limit=1000")) { Headers = Headers(endpoint, null) };
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

    private static IReadOnlyList<KeyValuePair<string, string>> Headers(ProviderEndpoint endpoint, PassthroughRequest? call)
    {
        var said = call?.Headers ?? [];
        return
        [
            .. endpoint.Auth == ProviderAuth.Bearer
                ? ProviderCredential.Named("x-api-key", endpoint.ApiKey) : ProviderCredential.Headers(endpoint, "x-api-key"),
            .. said.Any(header => Is(header, Version)) ? [] : (KeyValuePair<string, string>[])[new(Version, "2023-06-01")],
            .. said,
        ];
    }

    /// <summary>The connection's own betas together with the client's: a header of the connection would replace the client's.</summary>
    private static ProviderEndpoint WithBetas(ProviderEndpoint endpoint, PassthroughRequest? call)
    {
        var asked = call?.Headers.FirstOrDefault(header => Is(header, Betas)).Value;
        return asked is null || !endpoint.Headers.Any(header => Is(header, Betas)) ? endpoint : endpoint with
        {
            Headers = [.. endpoint.Headers.Select(header => Is(header, Betas)
                ? new KeyValuePair<string, string>(header.Key, Joined(header.Value, asked)) : header)],
        };
    }

    private static string Joined(string own, string asked) =>
        string.Join(',', $"{own},{asked}".Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries).Distinct());

    private static bool Is(KeyValuePair<string, string> header, string name) =>
        name.Equals(header.Key, StringComparison.OrdinalIgnoreCase);

    private static Refused Refusal(string detail, Refused refused)
    {
        bool Names(string word) => detail.Contains(word, StringComparison.OrdinalIgnoreCase);

        if (Names("cache_control") || Names("prompt caching"))
        {
            return refused | Refused.CacheMarks;
        }

        if (Names("temperature") || Names("top_p") || Names("top_k"))
        {
            return refused | Refused.Sampling;
        }

        if (Names("output_config.format") || Names("output_format") || Names("output format") || Names("structured output"))
        {
            return refused | Refused.Format;
        }

        if (Names(".strict") || Names("strict tool"))
        {
            return refused | Refused.StrictTools;
        }

        // A server without the whole member names only it, whatever is inside.
        if (Names("effort") || Names("output_config"))
        {
            return refused | (refused.HasFlag(Refused.ReasoningEffort) ? Refused.Format : Refused.ReasoningEffort);
        }

        // Try the other way to ask for thinking before doing without it.
        return !Names("thinking") ? refused
            : refused.HasFlag(Refused.ThinkingStyle) ? refused | Refused.Thinking : refused | Refused.ThinkingStyle;
    }
}
