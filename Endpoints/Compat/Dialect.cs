using System.Buffers;
using System.Text.Json;
using AiChat.Providers.Protocol;
using AiChat.Providers.Transport;

namespace AiChat.Endpoints.Compat;

/// <summary>A protocol of the compatible API: reads requests, and makes the call to a provider.</summary>
internal abstract class Dialect
{
    /// <summary>
    /// Members by which clients of some gateways choose the target of a call. They are dropped: the administrator chooses the target.
    /// </summary>
    private static readonly HashSet<string> Steering = new(StringComparer.OrdinalIgnoreCase)
    {
        "base_url", "baseurl", "api_base", "api_key", "apikey", "api_version", "api_type", "azure_endpoint", "endpoint", "organization",
        "custom_llm_provider", "model_list", "fallbacks", "context_window_fallbacks", "extra_body", "extra_headers", "extra_query",
        "headers", "proxy",
    };

    /// <summary>Whether this provider speaks the same protocol, and so gets the members that are not translated.</summary>
    protected abstract bool IsSpokenBy(string provider);

    /// <summary>Whether this provider's frames are relayed to the client.</summary>
    public virtual bool RelaysFrames(string provider) => false;

    /// <summary>Whether this provider understands all members of the request.</summary>
    public bool Takes(CompatRequest request, string provider) => request.OnlyPassthrough.Count == 0 || IsSpokenBy(provider);

    /// <summary>Members that the provider's code writes itself, or that are not passed on.</summary>
    protected abstract IReadOnlySet<string> OwnMembers { get; }

    /// <summary>Reads the members that are translated for providers of other protocols.</summary>
    /// <exception cref="CompatRefusal">The body is not valid in this protocol.</exception>
    public abstract CompatRequest Read(JsonElement body);

    /// <summary>Makes the writer of the answer.</summary>
    /// <param name="request">The request to answer.</param>
    /// <param name="model">The name by which the client knows the model.</param>
    /// <param name="now">The time of creation.</param>
    public abstract AnswerWriter Writer(CompatRequest request, string model, DateTimeOffset now);

    /// <summary>The call to this model: passed through when the provider speaks the same protocol, else translated.</summary>
    public ChatRequest For(CompatRequest request, ResolvedCall call)
    {
        var sent = new ChatRequest
        {
            Endpoint = call.Endpoint,
            Model = call.Model,
            Turns = [.. request.Turns.Select(call.WithState)],
            SystemPrompt = request.System,
            Timeouts = call.Timeouts,
            // No reasoning tags are extracted: clients of an API get the model's text unchanged.
            Reasoning = new ChatReasoning { Tags = [] },
        };
        return IsSpokenBy(call.Provider)
            ? PassThrough(sent, request, call) with { ExtraBody = Rest(request.Body) }
            : Translate(sent, request, call.Provider);
    }

    /// <summary>Adds what a provider of the same protocol gets besides the members that are not translated.</summary>
    protected virtual ChatRequest PassThrough(ChatRequest sent, CompatRequest request, ResolvedCall call) => sent;

    private static ChatRequest Translate(ChatRequest sent, CompatRequest request, string provider) => sent with
    {
        SystemPrompt = request.Schema is null || provider == "openai_responses"
            ? request.System
            : WithSchema(request.System, request.Schema),
        Sampling = request.Sampling,
        Tools = request.Tools,
        ToolChoice = request.Tools.Count == 0 ? null : request.ToolChoice,
        Reasoning = sent.Reasoning with { Enabled = request.Reasons, Effort = request.Effort },
        ExtraBody = request.Schema is not null && provider == "openai_responses" ? TextFormat(request.Schema) : default,
    };

    private ReadOnlyMemory<byte> Rest(JsonElement body) => JsonObject(json =>
    {
        foreach (var member in body.EnumerateObject().Where(member => !OwnMembers.Contains(member.Name) && !Steering.Contains(member.Name)))
        {
            RequestBody.WriteRaw(json, member);
        }
    });

    // Protocols without a member for the schema get it as an instruction.
    private static string WithSchema(string? system, string schema)
    {
        var rule = schema.Length == 0
            ? "Answer with one JSON object and nothing else."
            : $"Answer with JSON that fits this JSON schema, and with nothing else:\n{schema}";
        return string.IsNullOrWhiteSpace(system) ? rule : $"{system}\n\n{rule}";
    }

    private static ReadOnlyMemory<byte> TextFormat(string schema) => JsonObject(json =>
    {
        json.WriteStartObject("text");
        json.WriteStartObject("format");
        json.WriteString("type", schema.Length == 0 ? "json_object" : "json_schema");
        if (schema.Length > 0)
        {
            json.WriteString("name", "answer");
            json.WritePropertyName("schema");
            json.WriteRawValue(schema);
        }

        json.WriteEndObject();
        json.WriteEndObject();
    });

    private static ReadOnlyMemory<byte> JsonObject(Action<Utf8JsonWriter> members)
    {
        var buffer = new ArrayBufferWriter<byte>();
        using var json = new Utf8JsonWriter(buffer);
        json.WriteStartObject();
        members(json);
        json.WriteEndObject();
        json.Flush();
        return buffer.WrittenMemory;
    }
}

/// <summary>The target of a call.</summary>
/// <param name="Provider">The kind of provider.</param>
/// <param name="Model">The provider's id of the model.</param>
/// <param name="Endpoint">The address and the key.</param>
/// <param name="Timeouts">The bounds of the call.</param>
/// <param name="WithState">Restores the provider state that belongs to a turn.</param>
internal sealed record ResolvedCall(
    string Provider, string Model, ProviderEndpoint Endpoint, ChatTimeouts Timeouts, Func<ChatTurn, ChatTurn> WithState);
