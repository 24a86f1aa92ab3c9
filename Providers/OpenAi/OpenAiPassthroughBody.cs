using System.Runtime.InteropServices;
using System.Text.Json;
using AiChat.Providers.Protocol;

namespace AiChat.Providers.OpenAi;

/// <summary>
/// Writes messages as a client of the same protocol wrote them. Adds what the provider wants back with its tool calls where the client
/// could not carry it.
/// </summary>
internal static class OpenAiPassthroughBody
{
    public static void WriteMessages(Utf8JsonWriter json, PassthroughRequest call, string model)
    {
        foreach (var message in call.Messages)
        {
            if (ProviderState.Unpack(message.State, OpenAiReplay.Kind, model) is { } state)
            {
                WriteWith(json, message.Json, state);
            }
            else
            {
                RequestBody.WriteRaw(json, message.Json);
            }
        }
    }

    private static void WriteWith(Utf8JsonWriter json, JsonElement message, JsonElement state)
    {
        json.WriteStartObject();
        foreach (var member in message.EnumerateObject())
        {
            if (member.NameEquals("tool_calls") && member.Value.ValueKind == JsonValueKind.Array
                && state.TryGetProperty("extras", out var extras))
            {
                WriteCalls(json, member.Value, extras);
            }
            else
            {
                RequestBody.WriteRaw(json, member);
            }
        }

        foreach (var name in (string[])["reasoning_content", "reasoning_details"])
        {
            if (state.TryGetProperty(name, out var value) && !message.TryGetProperty(name, out _))
            {
                json.WritePropertyName(name);
                value.WriteTo(json);
            }
        }

        json.WriteEndObject();
    }

    private static void WriteCalls(Utf8JsonWriter json, JsonElement calls, JsonElement extras)
    {
        json.WriteStartArray("tool_calls");
        var index = 0;
        foreach (var call in calls.EnumerateArray())
        {
            if (call.ValueKind == JsonValueKind.Object && extras.TryGetProperty(index.ToString(), out var extra)
                && !call.TryGetProperty("extra_content", out _))
            {
                json.WriteStartObject();
                foreach (var member in call.EnumerateObject())
                {
                    RequestBody.WriteRaw(json, member);
                }

                json.WritePropertyName("extra_content");
                extra.WriteTo(json);
                json.WriteEndObject();
            }
            else
            {
                RequestBody.WriteRaw(json, call);
            }

            index++;
        }

        json.WriteEndArray();
    }

    /// <summary>Bytes that the messages take.</summary>
    public static int LengthOf(PassthroughRequest call) =>
        call.Messages.Sum(message => JsonMarshal.GetRawUtf8Value(message.Json).Length + 1);
}
