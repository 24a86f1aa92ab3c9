using System.Text.Json;

namespace AiChat.Providers.OpenAi;

/// <summary>Token counts under the names that OpenAI-compatible servers use.</summary>
internal struct OpenAiUsage
{
    public int? Prompt { get; private set; }
    public int? Completion { get; private set; }
    public int? Reasoning { get; private set; }
    public int? Cached { get; private set; }
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
                Prompt = Number(ref reader) ?? Prompt;
            }
            else if (reader.ValueTextEquals("completion_tokens"u8) || reader.ValueTextEquals("output_tokens"u8))
            {
                Completion = Number(ref reader) ?? Completion;
            }
            else if (reader.ValueTextEquals("cached_tokens"u8) || reader.ValueTextEquals("prompt_cache_hit_tokens"u8))
            {
                Cached = Number(ref reader) ?? Cached;
            }
            else if (reader.ValueTextEquals("reasoning_tokens"u8))
            {
                Reasoning = Number(ref reader) ?? Reasoning;
            }
            else
            {
                // The details are nested objects.
                reader.Read();
                Read(ref reader);
            }
        }
    }

    public static int? Number(ref Utf8JsonReader reader)
    {
        reader.Read();
        if (reader.TokenType == JsonTokenType.Number && reader.TryGetDouble(out var value) && value is >= 0 and <= int.MaxValue)
        {
            return (int)value;
        }

        reader.Skip();
        return null;
    }
}
