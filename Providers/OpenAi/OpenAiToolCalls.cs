using System.Text.Json;
using AiChat.Providers.Protocol;
using AiChat.Providers.Transport;

namespace AiChat.Providers.OpenAi;

/// <summary>Reads the tool calls of a frame: pieces in a delta, or whole calls in a message.</summary>
internal sealed class OpenAiToolCalls
{
    private readonly List<Piece> _pieces = [];

    public void Begin() => _pieces.Clear();

    /// <param name="reader">Stands on the value of <c>tool_calls</c>.</param>
    /// <param name="whole">The calls are whole, and may have come in pieces before.</param>
    public void Read(ref Utf8JsonReader reader, bool whole)
    {
        if (reader.TokenType == JsonTokenType.StartObject)
        {
            using var call = JsonDocument.ParseValue(ref reader);
            _pieces.Add(Read(call.RootElement, whole, 0));
            return;
        }

        if (reader.TokenType != JsonTokenType.StartArray)
        {
            reader.Skip();
            return;
        }

        for (var at = 0; reader.Read() && reader.TokenType != JsonTokenType.EndArray; at++)
        {
            using var call = JsonDocument.ParseValue(ref reader);
            if (call.RootElement.ValueKind == JsonValueKind.Object)
            {
                _pieces.Add(Read(call.RootElement, whole, at));
            }
        }
    }

    /// <param name="reader">Stands on the value of <c>function_call</c>.</param>
    /// <param name="whole">As in <see cref="Read(ref Utf8JsonReader, bool)"/>.</param>
    public void ReadFunction(ref Utf8JsonReader reader, bool whole)
    {
        if (reader.TokenType != JsonTokenType.StartObject)
        {
            reader.Skip();
            return;
        }

        using var function = JsonDocument.ParseValue(ref reader);
        var (name, arguments) = (Text(function.RootElement, "name"), Text(function.RootElement, "arguments"));
        _pieces.Add(new Piece(0, null, name, arguments, null, whole));
    }

    public void Emit(DeltaWriter output, OpenAiReplay replay)
    {
        foreach (var piece in _pieces)
        {
            var index = output.ToolCall(piece.Index, piece.Id, piece.Name, piece.Arguments, piece.Whole);
            if (piece.Extra is not null)
            {
                replay.AddExtra(index, piece.Extra);
            }
        }
    }

    private static Piece Read(JsonElement call, bool whole, int place)
    {
        int? index = call.TryGetProperty("index", out var number) && number.ValueKind == JsonValueKind.Number
            && number.TryGetInt32(out var value) ? value : whole ? place : null;
        var extra = call.TryGetProperty("extra_content", out var content) && content.ValueKind == JsonValueKind.Object
            ? LenientJson.Raw(content) : null;
        var function = call.Child("function") is { ValueKind: JsonValueKind.Object } inner ? inner : call;
        return new Piece(index, Text(call, "id"), Text(function, "name"), Text(function, "arguments"), extra, whole);
    }

    private static string? Text(JsonElement element, string name) => element.Child(name) switch
    {
        { ValueKind: JsonValueKind.String } value => LenientJson.Read(value),
        { ValueKind: JsonValueKind.Object } value => LenientJson.Raw(value),
        { ValueKind: JsonValueKind.Number } value => LenientJson.Raw(value),
        _ => null,
    };

    private readonly record struct Piece(int? Index, string? Id, string? Name, string? Arguments, string? Extra, bool Whole);
}
