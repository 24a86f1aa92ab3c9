using System.Text.Json;
using AiChat.Providers.Protocol;
using AiChat.Providers.Transport;

namespace AiChat.Endpoints.Compat;

/// <summary>A protocol of the compatible API: reads requests, and makes the call to a provider.</summary>
internal abstract class Dialect
{
    /// <summary>
    /// Members by which clients of some gateways choose the target of a call, or another model for it. The administrator chooses these, so
    /// a provider of the same protocol is not sent them, and for one of another the request is refused with their names.
    /// </summary>
    public static readonly IReadOnlySet<string> Steering = new HashSet<string>(StringComparer.OrdinalIgnoreCase)
    {
        "base_url", "baseurl", "api_base", "api_key", "apikey", "api_version", "api_type", "azure_endpoint", "endpoint", "organization",
        "custom_llm_provider", "model_list", "fallbacks", "models", "route", "context_window_fallbacks", "extra_body", "extra_headers",
        "extra_query", "headers", "proxy",
    };

    // No reasoning tags are extracted: clients of an API get the model's text unchanged.
    private static readonly ChatReasoning AsWritten = new() { Tags = [] };

    /// <summary>Whether this provider speaks the same protocol: the body goes on as it came, and the reply comes back as it is.</summary>
    public abstract bool IsSpokenBy(string provider);

    /// <summary>Headers of the client that go on with the body.</summary>
    protected virtual IReadOnlyList<string> CarriedHeaders => [];

    /// <summary>
    /// Reads what matters whoever answers, and refuses what no provider could answer. Everything else is left to the provider, or to
    /// <see cref="Translated"/>.
    /// </summary>
    /// <exception cref="CompatRefusal">No provider of this protocol would take the body.</exception>
    public CompatRequest Read(JsonElement body, HttpRequest http)
    {
        var prompt = PromptMeasure.Of(body);
        return Read(body) with
        {
            PromptTokens = prompt.Tokens,
            Address = prompt.Address,
            Query = http.Query["beta"] is [{ Length: > 0 } beta] ? "?beta=" + Uri.EscapeDataString(beta) : "",
            Headers =
            [
                .. from name in CarriedHeaders
                   let value = http.Headers[name].ToString()
                   where value.Length > 0
                   select new KeyValuePair<string, string>(name, value),
            ],
        };
    }

    /// <inheritdoc cref="Read(JsonElement, HttpRequest)"/>
    protected abstract CompatRequest Read(JsonElement body);

    /// <summary>Reads the members that are translated for providers of other protocols.</summary>
    /// <exception cref="CompatRefusal">The body is not valid in this protocol, or asks for what only this protocol has.</exception>
    public abstract CompatRequest Translated(JsonElement body);

    /// <summary>Makes the writer of an answer that is translated.</summary>
    /// <param name="request">The request to answer.</param>
    /// <param name="model">The name by which the client knows the model.</param>
    /// <param name="now">The time of creation.</param>
    public abstract AnswerWriter Writer(CompatRequest request, string model, DateTimeOffset now);

    /// <summary>Makes the writer of an answer whose provider speaks the same protocol.</summary>
    /// <inheritdoc cref="Writer"/>
    public abstract AnswerWriter Relay(CompatRequest request, string model, DateTimeOffset now);

    /// <summary>The call with the client's body, to a provider of the same protocol.</summary>
    public ChatRequest Pass(CompatRequest request, ResolvedCall call)
    {
        // A provider that answers whole says nothing until it is ready.
        var timeouts = request.Stream ? call.Timeouts : call.Timeouts with { FirstByte = call.Timeouts.Total };
        return new ChatRequest
        {
            Endpoint = call.Endpoint,
            Model = call.Model,
            Turns = [],
            Sampling = new ChatSampling { MaxOutputTokens = request.Sampling.MaxOutputTokens },
            Timeouts = timeouts,
            Reasoning = AsWritten,
            CacheTtl = CacheWishes.Ttl(request.Body),
            Passthrough = new PassthroughRequest(request.Body)
            {
                Dropped = Steering,
                Stream = request.Stream,
                Choices = request.Choices,
                PromptTokens = request.PromptTokens,
                Query = request.Query,
                Headers = request.Headers,
                States = States(request.Body, call),
            },
        };
    }

    /// <summary>The call to a provider of another protocol.</summary>
    /// <param name="request">From <see cref="Translated"/>.</param>
    /// <param name="call">The target.</param>
    public static ChatRequest Translate(CompatRequest request, ResolvedCall call) => Translation.Of(
        new ChatRequest
        {
            Endpoint = call.Endpoint,
            Model = call.Model,
            Turns = [.. request.Turns.Select(call.WithState)],
            SystemPrompt = request.System,
            Timeouts = call.Timeouts,
            Reasoning = AsWritten,
            CacheTtl = CacheWishes.Ttl(request.Body),
        },
        request,
        call);

    /// <summary>What a provider wants back that the client could not carry, by the place of a message in the body.</summary>
    protected virtual IReadOnlyDictionary<int, string> States(JsonElement body, ResolvedCall call) => new Dictionary<int, string>();
}

/// <summary>The target of a call.</summary>
/// <param name="Provider">The kind of provider.</param>
/// <param name="Model">The provider's id of the model.</param>
/// <param name="Endpoint">The address and the key.</param>
/// <param name="Timeouts">The bounds of the call.</param>
/// <param name="WithState">Restores the provider state that belongs to a turn.</param>
internal sealed record ResolvedCall(
    string Provider, string Model, ProviderEndpoint Endpoint, ChatTimeouts Timeouts, Func<ChatTurn, ChatTurn> WithState);
