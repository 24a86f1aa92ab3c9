using System.Buffers;
using System.Text.Json;
using AiChat.Providers.OpenAi;
using AiChat.Providers.Protocol;

namespace AiChat.Providers.Transport;

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
        Json = new Utf8JsonWriter(_buffer, new JsonWriterOptions { SkipValidation = true, Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping });
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

    /// <summary>A member whose value is JSON text from elsewhere; what is no JSON object is sent as an empty one.</summary>
    public void Object(string name, string json)
    {
        Json.WritePropertyName(name);
        WriteObject(Json, json);
    }

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

    /// <summary><c>data:image/png;base64,…</c> or the bare base64 as a string; the image itself is read when the body is sent.</summary>
    public void Image(ChatImage image, bool dataUrl)
    {
        if (image.Open is null)
        {
            throw new ProviderException(ProviderFailure.BadRequest, "This provider takes images only as data, not by address.");
        }

        Json.WriteStringValue(dataUrl ? $"data:{image.MimeType};base64," : "");
        Json.Flush();
        _images.Add(new BodyImage(_buffer.WrittenCount - 1, image)); // before the closing quote
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
                OpenAiPassthroughBody.Raw(Json, member);
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
