using System.Text.Json;
using AiChat.Endpoints.Calls;
using AiChat.Endpoints.Http;
using AiChat.Providers.Protocol;

namespace AiChat.Endpoints.Compat;

/// <summary>
/// Relays the answer of a provider that speaks the Messages API. Members that every client reads are added where a server leaves them out.
/// </summary>
/// <param name="model">The name by which the client knows the model.</param>
/// <param name="stream">Whether the client asked for a stream.</param>
internal sealed class AnthropicRelay(string model, bool stream) : RelayWriter(model)
{
    private static readonly string[] Head = ["id", "type", "role", "model", "content", "stop_reason", "stop_sequence", "usage"];

    private readonly string _id = NewId("msg_");
    private readonly MessagePieces _pieces = new();
    private bool _begun;
    private bool _finished;
    private bool _ended;

    public override ReadOnlySpan<byte> Heartbeat => "event: ping\ndata: {\"type\": \"ping\"}\n\n"u8;

    public override void End()
    {
        Start(default);
        if (!_finished)
        {
            Finish(default);
        }

        if (!_ended)
        {
            Frame("message_stop", json => json.WriteString("type", "message_stop"));
        }
    }

    public override void Fail(Problem problem, string requestId) =>
        Frame("error", json => VendorErrors.Write(json, "/v1/messages", problem, requestId));

    public override void WriteWhole(Utf8JsonWriter json)
    {
        var message = _pieces.Message;
        Write(json, message, () =>
        {
            if (_pieces.IsWhole)
            {
                Value(json, message.Child("content"));
            }
            else
            {
                _pieces.WriteContent(json);
            }
        });
    }

    protected override void OnFrame(JsonElement frame)
    {
        var type = frame.Text("type");
        if (!stream)
        {
            Gather(frame);
            _pieces.Add(type, frame);
            return;
        }

        switch (type)
        {
            case "message" when _begun:
                EndWith(frame); // says again what has gone on already
                break;
            case "message":
                Explode(frame);
                break;
            case "message_start":
                Start(frame.Child("message"));
                break;
            case "message_delta":
                Start(default);
                Finish(frame);
                break;
            default:
                Start(default);
                _ended |= type == "message_stop";
                Pass(frame);
                break;
        }
    }

    private void Start(JsonElement message)
    {
        if (_begun)
        {
            return;
        }

        _begun = true;
        Frame("message_start", json =>
        {
            json.WriteString("type", "message_start");
            json.WriteStartObject("message");
            Write(json, message, () =>
            {
                json.WriteStartArray();
                json.WriteEndArray();
            });
            json.WriteEndObject();
        });
    }

    private void Finish(JsonElement delta)
    {
        _finished = true;
        if (delta.Child("delta").ValueKind == JsonValueKind.Object && delta.Child("usage").ValueKind == JsonValueKind.Object)
        {
            Pass(delta);
            return;
        }

        Frame("message_delta", json =>
        {
            json.WriteString("type", "message_delta");
            if (delta.Child("delta").ValueKind != JsonValueKind.Object)
            {
                json.WriteStartObject("delta");
                json.WriteString("stop_reason", "end_turn");
                json.WriteNull("stop_sequence");
                json.WriteEndObject();
            }

            Members(json, delta, "type");
            if (delta.Child("usage").ValueKind != JsonValueKind.Object)
            {
                json.WriteStartObject("usage");
                json.WriteNumber("output_tokens", TokenEstimate.Estimate(Answer.Text.ToString()));
                json.WriteEndObject();
            }
        });
    }

    /// <summary>A server that does not stream answers with the whole message.</summary>
    private void Explode(JsonElement message)
    {
        Start(message);
        var at = 0;
        foreach (var block in message.Child("content") is { ValueKind: JsonValueKind.Array } blocks ? blocks.EnumerateArray() : default)
        {
            var index = at++;
            Frame("content_block_start", json =>
            {
                json.WriteString("type", "content_block_start");
                json.WriteNumber("index", index);
                Member(json, "content_block", block);
            });
            Frame("content_block_stop", json =>
            {
                json.WriteString("type", "content_block_stop");
                json.WriteNumber("index", index);
            });
        }

        EndWith(message);
    }

    private void EndWith(JsonElement message)
    {
        if (_finished)
        {
            return;
        }

        _finished = true;
        Frame("message_delta", json =>
        {
            json.WriteString("type", "message_delta");
            json.WriteStartObject("delta");
            foreach (var name in (string[])["stop_reason", "stop_sequence", "container"])
            {
                if (message.TryGetProperty(name, out var value))
                {
                    Member(json, name, value);
                }
            }

            json.WriteEndObject();
            json.WriteStartObject("usage");
            Members(json, message.Child("usage"));
            json.WriteEndObject();
        });
    }

    /// <summary>The members of a message: its own, the client's name of the model, and what clients rely on where it is missing.</summary>
    private void Write(Utf8JsonWriter json, JsonElement message, Action content)
    {
        json.WriteString("id", message.Text("id") is { Length: > 0 } id ? id : _id);
        json.WriteString("type", "message");
        json.WriteString("role", "assistant");
        json.WriteString("model", Model);
        json.WritePropertyName("content");
        content();
        foreach (var name in (string[])["stop_reason", "stop_sequence"])
        {
            var value = _pieces.Delta(name) ?? message.Child(name);
            if (value.ValueKind == JsonValueKind.Undefined || (stream && name == "stop_reason"))
            {
                json.WriteNull(name);
            }
            else
            {
                Member(json, name, value);
            }
        }

        json.WriteStartObject("usage");
        Usage(json, message.Child("usage"));
        json.WriteEndObject();
        Members(json, message, [.. Head, .. _pieces.Names]);
        foreach (var name in _pieces.Names)
        {
            if (!Head.Contains(name))
            {
                Member(json, name, _pieces.Delta(name)!.Value);
            }
        }
    }

    private void Usage(Utf8JsonWriter json, JsonElement usage)
    {
        Members(json, usage, [.. _pieces.Counts]);
        foreach (var name in _pieces.Counts)
        {
            Member(json, name, _pieces.Count(name));
        }

        if (usage.Child("input_tokens").ValueKind == JsonValueKind.Undefined && !_pieces.Counts.Contains("input_tokens"))
        {
            json.WriteNumber("input_tokens", Answer.Used?.PromptTokens ?? PromptTokens);
        }

        if (usage.Child("output_tokens").ValueKind == JsonValueKind.Undefined && !_pieces.Counts.Contains("output_tokens"))
        {
            json.WriteNumber("output_tokens", Answer.Used?.CompletionTokens ?? 0);
        }
    }
}
