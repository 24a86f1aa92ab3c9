using System.Buffers;
using System.Text.Json;
using AiChat.Providers.OpenAi;
using AiChat.Providers.Protocol;
using AiChat.Providers.Transport;

namespace AiChat.Endpoints.Compat;

/// <summary>Another vendor's API as its clients speak it.</summary>
internal abstract class Dialect
{
    /// <summary>Members by which clients of some gateways steer where a call goes. Ours goes where the administrator said, so they end here.</summary>
    private static readonly HashSet<string> Steering = new(StringComparer.OrdinalIgnoreCase)
    {
        "base_url", "baseurl", "api_base", "api_key", "apikey", "api_version", "api_type", "azure_endpoint", "endpoint", "organization",
        "custom_llm_provider", "model_list", "fallbacks", "context_window_fallbacks", "extra_body", "extra_headers", "extra_query", "headers", "proxy",
    };

    /// <summary>Whether this provider speaks the same, and so gets what we did not read.</summary>
    protected abstract bool IsSpokenBy(string provider);

    /// <summary>Whether this provider's frames go on to the client as they are.</summary>
    public virtual bool RelaysFrames(string provider) => false;

    /// <summary>Whether this provider can be asked for all that the request names.</summary>
    public bool Takes(CompatRequest request, string provider) => request.OnlyPassthrough.Count == 0 || IsSpokenBy(provider);

    /// <summary>Members that a provider's own code writes, or that stay here.</summary>
    protected abstract IReadOnlySet<string> OwnMembers { get; }

    /// <summary>Reads what is translated for providers of other protocols; their own get the rest as it came.</summary>
    public abstract CompatRequest Read(JsonElement body);

    public abstract AnswerWriter Writer(CompatRequest request, string model, DateTimeOffset now);

    /// <summary>The call to this model: as it came where the provider speaks the same, else in our own terms.</summary>
    public ChatRequest For(CompatRequest request, ResolvedCall call)
    {
        var sent = new ChatRequest
        {
            Endpoint = call.Endpoint,
            Model = call.Model,
            Turns = [.. request.Turns.Select(call.WithState)],
            SystemPrompt = request.System,
            Timeouts = call.Timeouts,
            // Clients of an API see what the model says; they know how to read it.
            Reasoning = new ChatReasoning { Tags = [] },
        };
        return IsSpokenBy(call.Provider)
            ? PassThrough(sent, request, call) with { ExtraBody = Rest(request.Body) }
            : Translate(sent, request, call.Provider);
    }

    /// <summary>Adds what a provider that speaks the same gets beside the rest of the body.</summary>
    protected virtual ChatRequest PassThrough(ChatRequest sent, CompatRequest request, ResolvedCall call) => sent;

    private static ChatRequest Translate(ChatRequest sent, CompatRequest request, string provider) => sent with
    {
        SystemPrompt = request.Schema is null || provider == "openai_responses" ? request.System : WithSchema(request.System, request.Schema),
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
            OpenAiPassthroughBody.Raw(json, member);
        }
    });

    // Protocols without such a member understand the words.
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

/// <summary>Where a call goes and what it needs to know of earlier ones.</summary>
/// <param name="WithState">Puts back what the provider wants to see again with a turn.</param>
internal sealed record ResolvedCall(string Provider, string Model, ProviderEndpoint Endpoint, ChatTimeouts Timeouts, Func<ChatTurn, ChatTurn> WithState);
