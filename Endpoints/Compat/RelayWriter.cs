using System.Buffers;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.Json;
using AiChat.Providers.Protocol;
using AiChat.Providers.Transport;

namespace AiChat.Endpoints.Compat;

/// <summary>
/// Writes the answer of a provider that speaks the client's protocol: its frames go on as they came, known or not, but for the name of the
/// model. The deltas that were read from them only count.
/// </summary>
/// <param name="model">The name by which the client knows the model.</param>
internal abstract class RelayWriter(string model) : AnswerWriter
{
    /// <summary>Bound of an answer that is put together from the frames of a stream, in bytes.</summary>
    private const int MaxGathered = ProviderCall.MaxLine;

    private static readonly SearchValues<byte> LineEnds = SearchValues.Create("\r\n"u8);

    private static readonly SearchValues<char> NameLetters =
        SearchValues.Create("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-");

    private int _gathered;

    protected string Model => model;

    public override void Begin()
    {
    }

    protected override void OnText(string text)
    {
    }

    protected override void OnReasoning(string text)
    {
    }

    protected override void OnImage(ChatDelta.Image image)
    {
    }

    protected override void OnSources(IReadOnlyList<ChatSource> pages)
    {
    }

    protected override void OnCall(CompatToolCall call, string arguments, bool first)
    {
    }

    /// <summary>Writes an event as it came.</summary>
    protected void Pass(JsonElement frame)
    {
        Name(frame);
        Raw("data: "u8);
        Raw(OnOneLine(frame));
        Raw("\n\n"u8);
    }

    /// <summary>Writes an event with other members.</summary>
    protected void Pass(JsonElement frame, Action<Utf8JsonWriter> members)
    {
        Name(frame);
        Frame(null, members);
    }

    /// <summary>Counts what is kept for an answer that is written whole.</summary>
    protected void Gather(JsonElement frame)
    {
        _gathered += JsonMarshal.GetRawUtf8Value(frame).Length;
        if (_gathered > MaxGathered)
        {
            throw new ProviderException(ProviderFailure.TooLarge, "The answer is longer than this server relays.");
        }
    }

    /// <summary>Writes the members of an object but for those that are written otherwise.</summary>
    protected static void Members(Utf8JsonWriter json, JsonElement value, params ReadOnlySpan<string> without)
    {
        foreach (var member in value.ValueKind == JsonValueKind.Object ? value.EnumerateObject() : default)
        {
            if (!without.Contains(member.Name))
            {
                Member(json, member.Name, member.Value);
            }
        }
    }

    protected static void Member(Utf8JsonWriter json, string name, JsonElement value)
    {
        json.WritePropertyName(name);
        Value(json, value);
    }

    protected static void Value(Utf8JsonWriter json, JsonElement value) => json.WriteRawValue(OnOneLine(value), skipInputValidation: true);

    // A line end between the tokens of JSON would end the line of the event.
    private static ReadOnlySpan<byte> OnOneLine(JsonElement value)
    {
        var raw = JsonMarshal.GetRawUtf8Value(value);
        if (raw.IndexOfAny((byte)'\n', (byte)'\r') < 0)
        {
            return raw;
        }

        var line = raw.ToArray();
        line.AsSpan().ReplaceAny(LineEnds, (byte)' ');
        return line;
    }

    private void Name(JsonElement frame)
    {
        if (frame.Text("type") is { } type && !type.AsSpan().ContainsAnyExcept(NameLetters))
        {
            Raw("event: "u8);
            Raw(Encoding.ASCII.GetBytes(type));
            Raw("\n"u8);
        }
    }
}
