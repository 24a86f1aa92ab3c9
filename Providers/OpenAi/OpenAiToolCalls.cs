using System.Text;
using System.Text.Json;
using AiChat.Providers.Protocol;
using AiChat.Providers.Transport;

namespace AiChat.Providers.OpenAi;

/// <summary>
/// Puts tool call deltas together: with an index, without one, with one index for several calls, arguments as text or as an object.
/// </summary>
internal sealed class OpenAiToolCalls
{
    private readonly List<Piece> _pieces = [];
    private readonly List<(int? Index, string? Id)> _calls = [];

    public void Begin() => _pieces.Clear();

    public void Read(ref Utf8JsonReader reader)
    {
        if (reader.TokenType != JsonTokenType.StartArray)
        {
            reader.Skip();
            return;
        }

        while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
        {
            using var call = JsonDocument.ParseValue(ref reader);
            if (call.RootElement.ValueKind == JsonValueKind.Object)
            {
                _pieces.Add(Read(call.RootElement));
            }
        }
    }

    public void Emit(DeltaWriter output, OpenAiReplay replay)
    {
        foreach (var piece in _pieces)
        {
            var index = Place(piece);
            output.ToolCall(index, piece.Id, piece.Name, piece.Arguments);
            if (piece.Extra is not null)
            {
                replay.AddExtra(index, piece.Extra);
            }
        }
    }

    private static Piece Read(JsonElement call)
    {
        int? index = call.TryGetProperty("index", out var number) && number.ValueKind == JsonValueKind.Number && number.TryGetInt32(out var value) ? value : null;
        var id = Text(call, "id");
        var extra = call.TryGetProperty("extra_content", out var content) && content.ValueKind == JsonValueKind.Object ? LenientJson.Raw(content) : null;
        return call.TryGetProperty("function", out var function) && function.ValueKind == JsonValueKind.Object
            ? new Piece(index, id, Text(function, "name"), Text(function, "arguments"), extra) : new Piece(index, id, null, null, extra);
    }

    private static string? Text(JsonElement element, string name) => !element.TryGetProperty(name, out var value) ? null : value.ValueKind switch
    {
        JsonValueKind.String => LenientJson.Read(value),
        JsonValueKind.Object => LenientJson.Raw(value),
        _ => null,
    };

    // The number of the call that a piece belongs to, counted by us: the provider's index can be missing or always 0.
    private int Place(Piece piece)
    {
        var at = _calls.FindLastIndex(call => piece.Index is null ? string.IsNullOrEmpty(piece.Id) || call.Id == piece.Id
            : call.Index == piece.Index && (string.IsNullOrEmpty(piece.Id) || call.Id is null || call.Id == piece.Id));
        if (at >= 0)
        {
            return at;
        }

        _calls.Add((piece.Index, string.IsNullOrEmpty(piece.Id) ? null : piece.Id));
        return _calls.Count - 1;
    }

    private readonly record struct Piece(int? Index, string? Id, string? Name, string? Arguments, string? Extra);
}

/// <summary>
/// What some servers want back with an answer that called tools: DeepSeek its <c>reasoning_content</c>, OpenRouter its
/// <c>reasoning_details</c>, Gemini's compatible door the <c>extra_content</c> of each call (thought signatures).
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

    public string? Pack(string model) => _reasoning is null && _details is null && _extras is null ? null : ProviderState.Pack(Kind, model, json =>
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
    });

    private bool Fits(int length)
    {
        _length += length;
        return _length <= MaxLength;
    }
}
