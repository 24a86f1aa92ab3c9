using System.Text.Json;
using AiChat.Providers.Protocol;
using AiChat.Providers.Transport;

namespace AiChat.Providers.OpenAi;

/// <summary>
/// Writes the body of a chat completion as its client wrote it. A stream is asked to end with its usage, and messages get what the provider
/// wants back with its tool calls where the client could not carry it.
/// </summary>
internal static class OpenAiPassthroughBody
{
    public static ProviderBody Build(ChatRequest request, Refused refused)
    {
        var call = request.Passthrough!;
        List<(string, Action<Utf8JsonWriter>)> own = [];
        if (call.States.Count > 0)
        {
            own.Add(("messages", json => WriteMessages(json, call, request.Model)));
        }

        if (call.Stream && !refused.HasFlag(Refused.StreamOptions))
        {
            own.Add(("stream_options", json => WriteStreamOptions(json, call.Body.Child("stream_options"))));
        }

        return PassthroughBody.Build(request, own.ToArray());
    }

    private static void WriteStreamOptions(Utf8JsonWriter json, JsonElement options)
    {
        json.WriteStartObject("stream_options");
        foreach (var option in options.ValueKind == JsonValueKind.Object ? options.EnumerateObject() : default)
        {
            if (!option.NameEquals("include_usage"))
            {
                RequestBody.WriteRaw(json, option);
            }
        }

        json.WriteBoolean("include_usage", true);
        json.WriteEndObject();
    }

    private static void WriteMessages(Utf8JsonWriter json, PassthroughRequest call, string model)
    {
        json.WriteStartArray("messages");
        var at = 0;
        foreach (var message in call.Body.Child("messages").EnumerateArray())
        {
            if (ProviderState.Unpack(call.States.GetValueOrDefault(at++), OpenAiReplay.Kind, model) is { } state)
            {
                WriteWith(json, message, state);
            }
            else
            {
                RequestBody.WriteRaw(json, message);
            }
        }

        json.WriteEndArray();
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
}
