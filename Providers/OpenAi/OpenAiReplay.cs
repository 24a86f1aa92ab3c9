using System.Text;
using System.Text.Json;
using AiChat.Providers.Protocol;
using AiChat.Providers.Transport;

namespace AiChat.Providers.OpenAi;

/// <summary>
/// What some servers want back with an answer that called tools: DeepSeek its <c>reasoning_content</c>, OpenRouter its
/// <c>reasoning_details</c>, Gemini's compatible API the <c>extra_content</c> of each call (thought signatures).
/// </summary>
internal sealed class OpenAiReplay
{
    public const string Kind = "openai";
    private const int MaxLength = 256 * 1024;
    private Dictionary<int, string>? _extras;
    private StringBuilder? _reasoning;
    private List<string>? _details;
    private int _length;

    public void AddReasoning(string? piece)
    {
        if (!string.IsNullOrEmpty(piece) && Fits(piece.Length))
        {
            (_reasoning ??= new StringBuilder()).Append(piece);
        }
    }

    public void AddDetails(ref Utf8JsonReader reader)
    {
        using var details = JsonDocument.ParseValue(ref reader);
        if (details.RootElement.ValueKind != JsonValueKind.Array)
        {
            return;
        }

        foreach (var detail in details.RootElement.EnumerateArray())
        {
            var text = LenientJson.Raw(detail);
            if (Fits(text.Length))
            {
                (_details ??= []).Add(text);
            }
        }
    }

    public void AddExtra(int index, string json)
    {
        if (Fits(json.Length))
        {
            (_extras ??= [])[index] = json;
        }
    }

    public string? Pack(string model) => _reasoning is null && _details is null && _extras is null
        ? null
        : ProviderState.Pack(Kind, model, Write);

    private void Write(Utf8JsonWriter json)
    {
        json.WriteStartObject();
        if (_details is not null)
        {
            json.WriteStartArray("reasoning_details");
            _details.ForEach(detail => json.WriteRawValue(detail, skipInputValidation: true));
            json.WriteEndArray();
        }
        else if (_reasoning is not null)
        {
            json.WriteString("reasoning_content", _reasoning.ToString());
        }

        json.WriteStartObject("extras");
        foreach (var (index, extra) in _extras ?? [])
        {
            json.WritePropertyName(index.ToString());
            json.WriteRawValue(extra, skipInputValidation: true);
        }

        json.WriteEndObject();
        json.WriteEndObject();
    }

    private bool Fits(int length)
    {
        _length += length;
        return _length <= MaxLength;
    }
}
