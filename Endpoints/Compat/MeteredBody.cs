using System.Text.Json;
using AiChat.Endpoints.Calls;
using AiChat.Providers.Protocol;
using AiChat.Providers.Transport;

namespace AiChat.Endpoints.Compat;

/// <summary>The body of a request at a <see cref="MeteredEndpoint"/>. Everything in it goes on but what the server owns.</summary>
internal abstract class MeteredBody : IDisposable
{
    private const int MaxAnswers = 128;

    /// <summary>The model as the client names it; null when it names none.</summary>
    public abstract string? Model { get; }

    /// <summary>Whether the client wants the answer as events.</summary>
    public abstract bool Streams { get; }

    /// <summary>Estimated tokens of the prompt.</summary>
    public abstract long PromptTokens { get; }

    /// <summary>The number of prompts.</summary>
    public virtual int Prompts => 1;

    /// <summary>The number of answers to each prompt.</summary>
    public abstract int Answers { get; }

    /// <summary>The requested maximum of one answer's tokens.</summary>
    public virtual int? MaxTokens => null;

    /// <summary>Whether a stream is to end with its usage by the client's own wish.</summary>
    public virtual bool WantsUsage => true;

    public abstract string MediaType { get; }

    /// <summary>The body for the provider.</summary>
    /// <param name="model">The provider's id of the model.</param>
    /// <param name="askForUsage">Whether to ask for the usage of a stream.</param>
    public abstract ProviderBody For(string model, bool askForUsage);

    public abstract void Dispose();

    public static async Task<MeteredBody> Read(HttpContext context, MeteredEndpoint endpoint) =>
        endpoint.IsForm ? await MeteredForm.ReadForm(context, endpoint) : new MeteredJson(await CompatBody.Read(context), endpoint);

    protected static int Count(int? count) =>
        count is null or (> 0 and <= MaxAnswers) ? count ?? 1 : throw CompatRefusal.Bad($"n is 1 to {MaxAnswers}.");
}

/// <summary>A body of JSON.</summary>
internal sealed class MeteredJson(JsonDocument document, MeteredEndpoint endpoint) : MeteredBody
{
    private readonly JsonElement _body = document.RootElement;

    public override string? Model { get; } = document.RootElement.String("model");

    public override bool Streams { get; } = document.RootElement.Bool("stream");

    public override long PromptTokens { get; } = endpoint.Prompt.Sum(name => Tokens(document.RootElement.Get(name)));

    // A list of texts is several prompts, and so is a list of lists of tokens; one list of tokens is one.
    public override int Prompts { get; } = Math.Max(1, endpoint.Prompt.Sum(name => document.RootElement.Get(name) switch
    {
        { ValueKind: JsonValueKind.Array } list when list.GetArrayLength() > 0 && list[0].ValueKind != JsonValueKind.Number =>
            list.GetArrayLength(),
        _ => 0,
    }));

    public override int Answers { get; } = Count(document.RootElement.Int("n"));

    public override int? MaxTokens { get; } = document.RootElement.Positive("max_tokens");

    public override bool WantsUsage { get; } =
        document.RootElement.Get("stream_options") is { ValueKind: JsonValueKind.Object } options && options.Bool("include_usage");

    public override string MediaType => "application/json";

    public override ProviderBody For(string model, bool askForUsage)
    {
        using var body = new RequestBody();
        body.Json.WriteString("model", model);
        var asks = askForUsage && !WantsUsage;
        if (asks)
        {
            body.Json.WriteStartObject("stream_options");
            body.Json.WriteBoolean("include_usage", true);
            body.Json.WriteEndObject();
        }

        foreach (var member in _body.EnumerateObject())
        {
            if (member.Name != "model" && !Dialect.Steering.Contains(member.Name) && !(asks && member.Name == "stream_options"))
            {
                RequestBody.WriteRaw(body.Json, member);
            }
        }

        return body.Finish(default);
    }

    public override void Dispose() => document.Dispose();

    /// <summary>Texts at any depth; a number is a token, and an image or an address of one is an image.</summary>
    private static long Tokens(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.Number => 1,
        JsonValueKind.String => LenientJson.Read(value) is { } text && !text.StartsWith("data:", StringComparison.OrdinalIgnoreCase)
            ? TokenEstimate.Estimate(text) : TokenEstimate.PerImage,
        JsonValueKind.Array => value.EnumerateArray().Sum(Tokens),
        JsonValueKind.Object => value.EnumerateObject().Where(member => member.Name != "type").Sum(member => Tokens(member.Value)),
        _ => 0,
    };
}
