using System.Text.Json;
using AiChat.Providers.Protocol;
using AiChat.Providers.Transport;

namespace AiChat.Providers.OpenAi;

/// <summary>
/// Joins the deltas of tool calls: with an index, without one, or with one index for several calls; arguments as text or as an object.
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
        int? index = call.TryGetProperty("index", out var number) && number.ValueKind == JsonValueKind.Number
            && number.TryGetInt32(out var value) ? value : null;
        var id = Text(call, "id");
        var extra = call.TryGetProperty("extra_content", out var content) && content.ValueKind == JsonValueKind.Object
            ? LenientJson.Raw(content) : null;
        return call.TryGetProperty("function", out var function) && function.ValueKind == JsonValueKind.Object
            ? new Piece(index, id, Text(function, "name"), Text(function, "arguments"), extra) : new Piece(index, id, null, null, extra);
    }

    private static string? Text(JsonElement element, string name) => element.Child(name) switch
    {
        { ValueKind: JsonValueKind.String } value => LenientJson.Read(value),
        { ValueKind: JsonValueKind.Object } value => LenientJson.Raw(value),
        _ => null,
    };

    // Zero-based position among the answer's tool calls. It is counted here, because the provider's index can be missing or always 0.
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
