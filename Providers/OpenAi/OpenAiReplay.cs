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
    private (string? Id, string Text) _last = (null, "");
    private bool _isWhole;
    private int _length;

    public void AddReasoning(string? piece)
    {
        if (!string.IsNullOrEmpty(piece) && Fits(piece.Length))
        {
            (_reasoning ??= new StringBuilder()).Append(piece);
        }
    }

    /// <summary>Takes a list of details.</summary>
    /// <returns>What they say of the reasoning, and whether it is said from its beginning, as MiniMax does in every piece.</returns>
    public (string Text, bool IsWhole) AddDetails(ref Utf8JsonReader reader)
    {
        using var details = JsonDocument.ParseValue(ref reader);
        var said = "";
        foreach (var detail in details.RootElement.ValueKind == JsonValueKind.Array ? details.RootElement.EnumerateArray() : default)
        {
            var text = LenientJson.Raw(detail);
            if (Fits(text.Length))
            {
                (_details ??= []).Add(text);
            }

            var piece = detail.Text("text") ?? detail.Text("summary") ?? "";
            var id = detail.Text("id");
            _isWhole |= detail.Text("format")?.StartsWith("minimax", StringComparison.OrdinalIgnoreCase) == true
                || (id is not null && id == _last.Id && piece.Length > _last.Text.Length && _last.Text.Length > 0
                    && piece.StartsWith(_last.Text, StringComparison.Ordinal));
            _last = (id, piece);
            said += piece;
        }

        return (said, _isWhole);
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
