using System.Buffers;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace AiChat.Providers.Protocol;

/// <summary>The arguments of tool calls as models write them: mostly a JSON object, sometimes nothing, sometimes broken.</summary>
internal static class ToolArguments
{
    /// <summary>The member for broken arguments: a model then sees what it wrote, and not a call without arguments.</summary>
    public const string Broken = "raw_arguments";

    public static bool IsObject(string json)
    {
        try
        {
            using var document = JsonDocument.Parse(json);
            return document.RootElement.ValueKind == JsonValueKind.Object;
        }
        catch (JsonException)
        {
            return false;
        }
    }

    /// <summary>The model gave no arguments.</summary>
    public static bool IsNothing(string json) => json.AsSpan().Trim() is "" or "null" or "\"\"";

    /// <summary>A JSON object in any case: text that is none stands in it under <see cref="Broken"/>.</summary>
    public static string Whole(string json)
    {
        if (IsObject(json))
        {
            return json;
        }

        if (IsNothing(json))
        {
            return "{}";
        }

        var buffer = new ArrayBufferWriter<byte>();
        using (var writer = new Utf8JsonWriter(buffer, new JsonWriterOptions { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping }))
        {
            writer.WriteStartObject();
            writer.WriteString(Broken, json);
            writer.WriteEndObject();
        }

        return Encoding.UTF8.GetString(buffer.WrittenSpan);
    }
}
