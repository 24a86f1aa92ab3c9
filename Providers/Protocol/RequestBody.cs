using System.Buffers;
using System.Runtime.InteropServices;
using System.Text.Encodings.Web;
using System.Text.Json;
using AiChat.Providers.Transport;

namespace AiChat.Providers.Protocol;

/// <summary>Writes a JSON request body; members without a value are left out.</summary>
internal sealed class RequestBody : IDisposable
{
    public const int DefaultValue = 1024;

    /// <summary>For what comes beside messages that are written as they came, and for what the writer wants ahead.</summary>
    public const int Rest = 16 * 1024;

    private readonly ArrayBufferWriter<byte> _buffer;
    private readonly List<BodyImage> _images = [];

    /// <param name="capacity">Bytes that it will have at least; a buffer that has to grow is copied and holds twice as much.</param>
    public RequestBody(int capacity = DefaultValue)
    {
        _buffer = new ArrayBufferWriter<byte>(capacity);
        Json = new Utf8JsonWriter(_buffer, new JsonWriterOptions { SkipValidation = true, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping });
        Json.WriteStartObject();
    }

    public Utf8JsonWriter Json { get; }

    public void Number(string name, double? value)
    {
        if (value is { } number && double.IsFinite(number))
        {
            Json.WriteNumber(name, number);
        }
    }

    public void Number(string name, long? value)
    {
        if (value is { } number)
        {
            Json.WriteNumber(name, number);
        }
    }

    public void Strings(string name, IReadOnlyList<string> values)
    {
        if (values.Count > 0)
        {
            Json.WriteStartArray(name);
            foreach (var value in values)
            {
                Json.WriteStringValue(value);
            }

            Json.WriteEndArray();
        }
    }

    /// <summary>Writes JSON text from elsewhere as a value; text that is not a JSON object becomes an empty object.</summary>
    public static void WriteObject(Utf8JsonWriter writer, string json)
    {
        try
        {
            using var document = JsonDocument.Parse(json.Length == 0 ? "{}" : json);
            if (document.RootElement.ValueKind == JsonValueKind.Object)
            {
                writer.WriteRawValue(json.Length == 0 ? "{}" : json, skipInputValidation: true);
                return;
            }
        }
        catch (JsonException)
        {
            // Models write broken arguments now and then; sent as they are they would spoil the whole request.
        }

        writer.WriteStartObject();
        writer.WriteEndObject();
    }

    /// <summary>
    /// Writes a value as it came: text is not decoded and encoded again, which would take six times its length for text full of escapes.
    /// </summary>
    public static void WriteRaw(Utf8JsonWriter json, JsonElement value) =>
        json.WriteRawValue(JsonMarshal.GetRawUtf8Value(value), skipInputValidation: true);

    /// <inheritdoc cref="WriteRaw(Utf8JsonWriter, JsonElement)"/>
    public static void WriteRaw(Utf8JsonWriter json, JsonProperty member)
    {
        json.WritePropertyName(member.Name);
        WriteRaw(json, member.Value);
    }

    /// <summary><c>data:image/png;base64,…</c> or the bare base64 as a string; the image itself is read when the body is sent.</summary>
    public void Image(ChatImage image, bool dataUrl)
    {
        Json.WriteStringValue(dataUrl ? $"data:{image.MimeType};base64," : "");
        Json.Flush();
        _images.Add(new BodyImage(_buffer.WrittenCount - 1, image.Length, image.Open)); // before the closing quote
    }

    /// <summary>Ends the object, with the members of <paramref name="extra"/> that are not there yet.</summary>
    public ProviderBody Finish(ReadOnlyMemory<byte> extra)
    {
        if (!extra.IsEmpty)
        {
            AddExtra(extra);
        }

        Json.WriteEndObject();
        Json.Flush();
        return new ProviderBody(_buffer.WrittenMemory, _images);
    }

    public void Dispose() => Json.Dispose();

    private void AddExtra(ReadOnlyMemory<byte> extra)
    {
        Json.Flush();
        var names = TopLevelNames(_buffer.WrittenSpan);
        try
        {
            using var document = JsonDocument.Parse(extra);
            foreach (var member in document.RootElement.EnumerateObject().Where(member => names.Add(member.Name)))
            {
                WriteRaw(Json, member);
            }
        }
        catch (Exception exception) when (exception is JsonException or InvalidOperationException)
        {
            throw new ProviderException(ProviderFailure.BadRequest, "The additional members are not a JSON object.", inner: exception);
        }
    }

    private static HashSet<string> TopLevelNames(ReadOnlySpan<byte> unfinished)
    {
        var names = new HashSet<string>(StringComparer.Ordinal);
        var reader = new Utf8JsonReader(unfinished, isFinalBlock: false, default);
        while (reader.Read())
        {
            if (reader.TokenType == JsonTokenType.PropertyName && reader.CurrentDepth == 1)
            {
                names.Add(reader.GetString()!);
            }
        }

        return names;
    }
}
