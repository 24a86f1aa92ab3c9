using System.Buffers;
using System.Text;
using System.Text.Json;

namespace AiChat.Providers.Protocol;

/// <summary>
/// The envelope of <see cref="ChatDelta.State"/>: the provider and the model, around the vendor's own data. Signatures are useless to
/// another model, and some models refuse foreign ones.
/// </summary>
internal static class ProviderState
{
    public static string Pack(string kind, string model, Action<Utf8JsonWriter> write)
    {
        var buffer = new ArrayBufferWriter<byte>();
        using (var json = new Utf8JsonWriter(buffer, new JsonWriterOptions { SkipValidation = true }))
        {
            json.WriteStartObject();
            json.WriteString("kind", kind);
            json.WriteString("model", model);
            json.WritePropertyName("data");
            write(json);
            json.WriteEndObject();
        }

        return Encoding.UTF8.GetString(buffer.WrittenSpan);
    }

    /// <summary>The data inside, or null when it belongs to another provider or model or cannot be read.</summary>
    public static JsonElement? Unpack(string? state, string kind, string model)
    {
        if (string.IsNullOrEmpty(state))
        {
            return null;
        }

        try
        {
            using var document = JsonDocument.Parse(state);
            var root = document.RootElement;
            var fits = root.GetProperty("kind").ValueEquals(kind) && root.GetProperty("model").ValueEquals(model);
            return fits ? root.GetProperty("data").Clone() : null;
        }
        catch (Exception exception) when (exception is JsonException or KeyNotFoundException or InvalidOperationException)
        {
            return null;
        }
    }
}
