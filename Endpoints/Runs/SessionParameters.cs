using System.Text.Json;
using AiChat.Providers.Protocol;

namespace AiChat.Endpoints.Runs;

/// <summary>Sampling parameters of a session; null is not sent to the provider.</summary>
internal sealed record SessionParameters
{
    /// <summary>Those of nearly all sessions.</summary>
    private static readonly SessionParameters Unset = new();

    public double? Temperature { get; init; }

    public double? TopP { get; init; }

    public int? TopK { get; init; }

    public double? FrequencyPenalty { get; init; }

    public double? PresencePenalty { get; init; }

    public int? MaxOutputTokens { get; init; }

    public IReadOnlyList<string>? Stop { get; init; }

    public long? Seed { get; init; }

    /// <summary>Whether the model may search the web when a request does not say.</summary>
    public bool? WebSearch { get; init; }

    /// <summary>How to reason when a request does not say. On the wire it stands beside the parameters, not in them.</summary>
    public ReasoningRequest? Reasoning { get; init; }

    /// <summary>Reads stored parameters, which were validated when they were saved.</summary>
    public static SessionParameters Parse(string? json) =>
        (json is null ? null : JsonSerializer.Deserialize(json, RunsJson.Wire.SessionParameters)) ?? Unset;

    public string ToJson() => JsonSerializer.Serialize(this, RunsJson.Wire.SessionParameters);

    public ChatSampling ToSampling() => new()
    {
        Temperature = Temperature,
        TopP = TopP,
        TopK = TopK,
        FrequencyPenalty = FrequencyPenalty,
        PresencePenalty = PresencePenalty,
        MaxOutputTokens = MaxOutputTokens,
        Stop = Stop ?? [],
        Seed = Seed,
    };

    /// <summary>Adds what is out of bounds, by field. The bounds are the widest that a vendor documents.</summary>
    public void Validate(IDictionary<string, string[]> errors)
    {
        Range(errors, "parameters.temperature", Temperature, 0, 2);
        Range(errors, "parameters.topP", TopP, 0, 1);
        Range(errors, "parameters.topK", TopK, 1, 1_000);
        Range(errors, "parameters.frequencyPenalty", FrequencyPenalty, -2, 2);
        Range(errors, "parameters.presencePenalty", PresencePenalty, -2, 2);
        Range(errors, "parameters.maxOutputTokens", MaxOutputTokens, 1, 1_000_000);
        if (Reasoning is not null)
        {
            errors["parameters.reasoning"] = ["Send it beside the parameters."];
        }

        if (Stop is { } stop && (stop.Count > 8 || stop.Any(text => text.Length is 0 or > 100)))
        {
            errors["parameters.stop"] = ["At most 8 texts of 1 to 100 characters."];
        }
    }

    private static void Range(IDictionary<string, string[]> errors, string field, double? value, double min, double max)
    {
        if (value is { } number && (number < min || number > max))
        {
            errors[field] = [$"From {min} to {max}."];
        }
    }
}
