using System.Globalization;
using System.Text.Json;
using AiChat.Providers.Protocol;
using AiChat.Providers.Transport;

namespace AiChat.Providers.OpenAi;

/// <summary>Token counts under the names that OpenAI-compatible servers use.</summary>
internal struct OpenAiUsage
{
    public int? Prompt { get; private set; }
    public int? Completion { get; private set; }
    public int? Reasoning { get; private set; }
    public int? Cached { get; private set; }
    public int? CacheWrite { get; private set; }
    public int? Total { get; private set; }
    public readonly bool Any => Prompt is not null || Completion is not null;

    public void Read(ref Utf8JsonReader reader)
    {
        if (reader.TokenType != JsonTokenType.StartObject)
        {
            reader.Skip();
            return;
        }

        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            if (reader.ValueTextEquals("prompt_tokens"u8) || reader.ValueTextEquals("input_tokens"u8))
            {
                Prompt = DeltaWriter.Later(Number(ref reader), Prompt);
            }
            else if (reader.ValueTextEquals("completion_tokens"u8) || reader.ValueTextEquals("output_tokens"u8))
            {
                Completion = DeltaWriter.Later(Number(ref reader), Completion);
            }
            else if (reader.ValueTextEquals("cached_tokens"u8) || reader.ValueTextEquals("num_cached_tokens"u8)
                || reader.ValueTextEquals("prompt_cache_hit_tokens"u8) || reader.ValueTextEquals("cache_read_input_tokens"u8))
            {
                Cached = DeltaWriter.Later(Number(ref reader), Cached);
            }
            else if (reader.ValueTextEquals("cache_write_tokens"u8) || reader.ValueTextEquals("cache_creation_input_tokens"u8)
                || reader.ValueTextEquals("cache_creation_tokens"u8))
            {
                CacheWrite = DeltaWriter.Later(Number(ref reader), CacheWrite);
            }
            else if (reader.ValueTextEquals("reasoning_tokens"u8))
            {
                Reasoning = DeltaWriter.Later(Number(ref reader), Reasoning);
            }
            else if (reader.ValueTextEquals("total_tokens"u8))
            {
                Total = DeltaWriter.Later(Number(ref reader), Total);
            }
            else
            {
                // The details are nested objects.
                reader.Read();
                Read(ref reader);
            }
        }
    }

    /// <summary>Reads the usage inside an object, which has other members too.</summary>
    public void ReadInside(ref Utf8JsonReader reader)
    {
        if (reader.TokenType != JsonTokenType.StartObject)
        {
            return;
        }

        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var usage = reader.ValueTextEquals("usage"u8);
            reader.Read();
            if (usage)
            {
                Read(ref reader);
            }
            else
            {
                reader.Skip();
            }
        }
    }

    /// <summary>
    /// Brings the counts to one meaning by the total: xAI leaves the reasoning out of the completion, Gemini's compatible API does too and
    /// names it nowhere else, and gateways to Anthropic leave what the cache held out of the prompt.
    /// </summary>
    public void Settle()
    {
        if (Prompt is { } prompt && Completion is { } completion && (Total ?? 0L) - prompt - completion is > 0 and var beside)
        {
            var cache = (long)(Cached ?? 0) + (CacheWrite ?? 0);
            if (beside == Reasoning)
            {
                Completion = completion + Reasoning;
            }
            else if (beside == cache || beside == Cached || beside == CacheWrite)
            {
                Prompt = (int)(prompt + beside);
            }
            else if (Reasoning is not > 0 && beside <= int.MaxValue - completion)
            {
                (Completion, Reasoning) = ((int)(completion + beside), (int)beside);
            }
        }

        // Perplexity counts it in neither.
        Completion = Reasoning > Completion ? Completion + Reasoning : Completion;
    }

    public static int? Number(ref Utf8JsonReader reader)
    {
        reader.Read();
        if (reader.TokenType == JsonTokenType.Number && reader.TryGetDouble(out var value) && value is >= 0 and <= int.MaxValue)
        {
            return (int)value;
        }

        if (reader.TokenType == JsonTokenType.String)
        {
            var digits = LenientJson.Read(ref reader);
            return int.TryParse(digits, NumberStyles.None, CultureInfo.InvariantCulture, out var count) ? count : null;
        }

        reader.Skip();
        return null;
    }
}
