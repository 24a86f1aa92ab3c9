using System.Text.Json;
using System.Text.Json.Serialization;

namespace AiChat.Endpoints.Catalog;

/// <summary>What a model can do, after all layers were heard.</summary>
public sealed record ModelCapabilities(bool Vision, bool Tools, bool WebSearch, bool Reasoning, bool ImageGeneration);

/// <summary>One layer's word about what a model can do; null says nothing, false is a word too.</summary>
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

    /// <summary>This layer's words, and the lower one's where this one says nothing.</summary>
    public CapabilityLayer Over(CapabilityLayer lower) => new()
    {
        Vision = Vision ?? lower.Vision,
        Tools = Tools ?? lower.Tools,
        WebSearch = WebSearch ?? lower.WebSearch,
        Reasoning = Reasoning ?? lower.Reasoning,
        ImageGeneration = ImageGeneration ?? lower.ImageGeneration,
        Chat = Chat ?? lower.Chat,
    };

    /// <summary>Nobody's word means no. A model that can call tools can search, by our tool.</summary>
    public ModelCapabilities Resolve() =>
        new(Vision ?? false, Tools ?? false, WebSearch ?? Tools ?? false, Reasoning ?? false, ImageGeneration ?? false);
}

/// <summary>Prices per million tokens, in the installation's currency.</summary>
public sealed record ModelPrice(decimal Input, decimal Output, decimal? CachedInput = null, decimal? CacheWrite = null)
{
    /// <summary>A price for a million tokens is this many nanos for one.</summary>
    private const decimal NanosPerToken = 1_000m;

    /// <summary>What a call costs, in 1e-9 of the currency unit; the prompt's tokens include the cached ones.</summary>
    public long CostNanos(long promptTokens, long completionTokens, long cachedTokens)
    {
        var cached = Math.Min(cachedTokens, promptTokens);
        return (long)Math.Round(NanosPerToken * ((promptTokens - cached) * Input + cached * (CachedInput ?? Input) + completionTokens * Output));
    }

    public string ToJson() => System.Text.Json.JsonSerializer.Serialize(this, CatalogRowJson.Default.ModelPrice);
}

/// <summary>Lists and objects that are kept as JSON text in the rows of connections, models and overrides.</summary>
[JsonSourceGenerationOptions(JsonSerializerDefaults.Web, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(string[]))]
[JsonSerializable(typeof(long[]))]
[JsonSerializable(typeof(Dictionary<string, string>))]
[JsonSerializable(typeof(CapabilityLayer))]
[JsonSerializable(typeof(ModelPrice))]
[JsonSerializable(typeof(CheckFailure))]
internal sealed partial class CatalogRowJson : JsonSerializerContext;

/// <summary>Why a connection could not be reached when it was last tried.</summary>
internal sealed record CheckFailure(string Code, string Detail);
