using System.Runtime.InteropServices;
using System.Text.Encodings.Web;
using System.Text.Json;
using AiChat.Providers.Transport;

namespace AiChat.Providers.Protocol;

/// <summary>Writes a JSON request body; members without a value are left out.</summary>
internal sealed class RequestBody : IDisposable
{
    public const int DefaultCapacity = 1024;

    /// <summary>Bytes for the members beside passed-through messages, and for what the writer reserves ahead.</summary>
    public const int ExtraCapacity = 16 * 1024;

    private readonly PooledBytes _buffer;
    private List<BodyImage>? _images;

    /// <param name="capacity">Bytes to reserve; a buffer that has to grow is copied and doubled.</param>
    public RequestBody(int capacity = DefaultCapacity)
    {
        _buffer = new PooledBytes(capacity);
        var options = new JsonWriterOptions { SkipValidation = true, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };
        Json = new Utf8JsonWriter(_buffer, options);
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

    /// <summary>Writes the tools as functions, as chat completions and Ollama name them.</summary>
    /// <param name="strict">Whether the protocol has the mark of tools whose arguments must fit.</param>
    public static void WriteFunctions(Utf8JsonWriter json, IReadOnlyList<ChatTool> tools, bool strict = false)
    {
        json.WriteStartArray("tools");
        foreach (var tool in tools)
        {
            json.WriteStartObject();
            json.WriteString("type", "function");
            json.WritePropertyName("function");
            WriteFunction(json, tool, "parameters", strict ? writer => WriteStrict(writer, tool) : null);
            json.WriteEndObject();
        }

        json.WriteEndArray();
    }

    /// <summary>Writes one tool as an object: its name, its description, and its parameters under the vendor's word for them.</summary>
    /// <param name="more">Writes further members.</param>
    public static void WriteFunction(Utf8JsonWriter json, ChatTool tool, string parameters, Action<Utf8JsonWriter>? more = null)
    {
        json.WriteStartObject();
        json.WriteString("name", tool.Name);
        json.WriteString("description", tool.Description);
        json.WritePropertyName(parameters);
        WriteObject(json, tool.ParametersJson);
        more?.Invoke(json);
        json.WriteEndObject();
    }

    // False is what servers do anyway, and some know no such member.
    public static void WriteStrict(Utf8JsonWriter json, ChatTool tool)
    {
        if (tool.Strict == true)
        {
            json.WriteBoolean("strict", true);
        }
    }

    /// <summary>Writes JSON text from elsewhere as a value; text that is not a JSON object becomes an empty object.</summary>
    public static void WriteObject(Utf8JsonWriter writer, string json) =>
        writer.WriteRawValue(ToolArguments.IsObject(json) ? json : "{}", skipInputValidation: true);

    /// <summary>Writes the arguments of a call in the history as an object; see <see cref="ToolArguments.Whole"/>.</summary>
    public static void WriteArguments(Utf8JsonWriter writer, ChatToolCall call) =>
        writer.WriteRawValue(ToolArguments.Whole(call.Arguments), skipInputValidation: true);

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

    /// <summary>Writes an image as a string, as a data URL or as bare base64; the image itself is read when the body is sent.</summary>
    public void Image(ChatImage image, bool dataUrl)
    {
        Json.WriteStringValue(dataUrl ? $"data:{image.MimeType};base64," : "");
        Json.Flush();
        (_images ??= []).Add(new BodyImage(_buffer.Count - 1, image.Length, image.Open)); // before the closing quote
    }

    /// <summary>Adds the members of <paramref name="extra"/> that are not there yet, and ends the object.</summary>
    public ProviderBody Finish(ReadOnlyMemory<byte> extra)
    {
        if (!extra.IsEmpty)
        {
            AddExtra(extra);
        }

        Json.WriteEndObject();
        Json.Flush();
        return new ProviderBody(_buffer, _images ?? []);
    }

    public void Dispose() => Json.Dispose();

    private void AddExtra(ReadOnlyMemory<byte> extra)
    {
        Json.Flush();
        var names = TopLevelNames(_buffer.Written.Span);
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
