using System.Text.Json;
using System.Text.Json.Serialization;

namespace AiChat.Endpoints.Catalog;

/// <summary>What a model can do, with all layers merged.</summary>
public sealed record ModelCapabilities(bool Vision, bool Tools, bool WebSearch, bool Reasoning, bool ImageGeneration);

/// <summary>One layer's statement about a model; null leaves a capability to the layers below, false denies it.</summary>
public sealed record CapabilityLayer
{
    public static readonly CapabilityLayer Silent = new();

    public bool? Vision { get; init; }

    public bool? Tools { get; init; }

    public bool? WebSearch { get; init; }

    public bool? Reasoning { get; init; }

    public bool? ImageGeneration { get; init; }

    /// <summary>False for models that cannot chat; they are not offered.</summary>
    public bool? Chat { get; init; }

    [JsonIgnore]
    public bool IsSilent => this == Silent;

    /// <summary>This layer's values, with the lower layer's in place of nulls.</summary>
    public CapabilityLayer Over(CapabilityLayer lower) => new()
    {
        Vision = Vision ?? lower.Vision,
        Tools = Tools ?? lower.Tools,
        WebSearch = WebSearch ?? lower.WebSearch,
        Reasoning = Reasoning ?? lower.Reasoning,
        ImageGeneration = ImageGeneration ?? lower.ImageGeneration,
        Chat = Chat ?? lower.Chat,
    };

    /// <summary>Null in all layers means no. A model that can call tools can search the web with our tool.</summary>
    public ModelCapabilities Resolve() =>
        new(Vision ?? false, Tools ?? false, WebSearch ?? Tools ?? false, Reasoning ?? false, ImageGeneration ?? false);
}

/// <summary>Prices per million tokens, in the installation's currency.</summary>
public sealed record ModelPrice(decimal Input, decimal Output, decimal? CachedInput = null, decimal? CacheWrite = null)
{
    /// <summary>A price of 1 per million tokens is 1,000 nanos per token.</summary>
    private const decimal NanosPerToken = 1_000m;

    /// <summary>
    /// What keeping a token for an hour costs beside keeping it for five minutes: twice the price of the input instead of five quarters
    /// (Claude docs, "Pricing").
    /// </summary>
    private const decimal HourOfCache = 1.6m;

    /// <summary>
    /// What a call costs, in 1e-9 of the currency unit; the prompt's tokens include those read from the cache and written to it, and these
    /// those that are kept for an hour.
    /// </summary>
    public long CostNanos(long promptTokens, long completionTokens, long cachedTokens, long writtenTokens = 0, long hourTokens = 0)
    {
        var cached = Math.Min(cachedTokens, promptTokens);
        var written = Math.Min(writtenTokens, promptTokens - cached);
        return (long)Math.Round(NanosPerToken * ((promptTokens - cached - written) * Input + cached * (CachedInput ?? Input)
            + (written + Math.Min(hourTokens, written) * (CacheWrite is null ? 0 : HourOfCache - 1)) * (CacheWrite ?? Input)
            + completionTokens * Output));
    }

    /// <summary>What the provider's cache saved of that cost; negative when filling it cost more than it saved.</summary>
    public long SavedNanos(long promptTokens, long completionTokens, long costNanos) =>
        (long)Math.Round(NanosPerToken * (promptTokens * Input + completionTokens * Output)) - costNanos;

    public string ToJson() => System.Text.Json.JsonSerializer.Serialize(this, CatalogRowJson.Default.ModelPrice);
}

/// <summary>Lists and objects stored as JSON text in the rows of connections, models and overrides.</summary>
[JsonSourceGenerationOptions(
    JsonSerializerDefaults.Web, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    GenerationMode = JsonSourceGenerationMode.Metadata)]
[JsonSerializable(typeof(string[]))]
[JsonSerializable(typeof(long[]))]
[JsonSerializable(typeof(Dictionary<string, string>))]
[JsonSerializable(typeof(CapabilityLayer))]
[JsonSerializable(typeof(ModelPrice))]
[JsonSerializable(typeof(CheckFailure))]
internal sealed partial class CatalogRowJson : JsonSerializerContext;

/// <summary>Why the last check of a connection failed.</summary>
internal sealed record CheckFailure(string Code, string Detail);
