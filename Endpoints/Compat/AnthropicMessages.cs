using System.Text;
using System.Text.Json;
using AiChat.Endpoints.Http;
using AiChat.Providers.Protocol;

namespace AiChat.Endpoints.Compat;

/// <summary>Anthropic's Messages API (Claude docs: "Messages", "Streaming messages", "Tool use", "Beta headers").</summary>
/// <param name="onlyCounts">The request asks only how long it is.</param>
internal sealed class AnthropicMessages(bool onlyCounts = false) : Dialect
{
    protected override IReadOnlyList<string> CarriedHeaders { get; } = ["anthropic-version", "anthropic-beta"];

    public override bool IsSpokenBy(string provider) => provider == "anthropic";

    protected override CompatRequest Read(JsonElement body)
    {
        // What is stored as a thread at the provider belongs to the key of the connection, not to the user. The code tells the vendor's own
        // client to send the whole conversation instead.
        if (body.Get("thread").ValueKind != JsonValueKind.Undefined)
        {
            throw new CompatRefusal(new Problem(400, "thread_unsupported_request", "thread: send the whole conversation as messages.")
            {
                Unsupported = "thread",
            });
        }

        CheckResults(body);
        return new CompatRequest
        {
            Model = body.Required("model"),
            Sampling = new ChatSampling { MaxOutputTokens = MaxTokens(body) },
            Stream = body.Bool("stream"),
            Body = body,
        };
    }

    public override CompatRequest Translated(JsonElement body)
    {
        List<ChatTurn> turns = [];
        List<ChatImage> images = [];
        foreach (var message in body.Items("messages"))
        {
            ReadMessage(message, turns, images);
        }

        if (turns.Count == 0)
        {
            throw CompatRefusal.Bad("messages is empty.");
        }

        var thinking = body.Get("thinking");
        var choice = body.Get("tool_choice");
        return new CompatRequest
        {
            Model = body.Required("model"),
            System = Text(body.Get("system")) is { Length: > 0 } system ? system : null,
            Turns = turns,
            Sampling = new ChatSampling
            {
                MaxOutputTokens = MaxTokens(body),
                Temperature = body.Double("temperature"),
                TopP = body.Double("top_p"),
                TopK = body.Int("top_k"),
                Stop = body.Strings("stop_sequences"),
            },
            Reasons = thinking.ValueKind == JsonValueKind.Undefined ? null : thinking.String("type") is not "disabled",
            Tools = [.. body.Items("tools")
                .Where(tool => tool.String("type") is null or "custom")
                .Select(tool => ToolMapping.Tool(tool, "input_schema"))],
            ToolChoice = choice.ValueKind == JsonValueKind.Undefined ? null : choice.Required("type") switch
            {
                "auto" => "auto",
                "none" => "none",
                "any" => "required",
                _ => choice.Required("name"),
            },
            Stream = body.Bool("stream"),
            Body = body,
        };
    }

    public override AnswerWriter Writer(CompatRequest request, string model, DateTimeOffset now) => new AnthropicMessageWriter(model);

    public override AnswerWriter Relay(CompatRequest request, string model, DateTimeOffset now) =>
        new AnthropicRelay(model, request.Stream, request.PromptTokens);

    private int? MaxTokens(JsonElement body) =>
        body.Positive("max_tokens") ?? (onlyCounts ? null : throw CompatRefusal.Bad("max_tokens is missing."));

    /// <summary>Refuses an empty conversation, and the result of a call that nobody made.</summary>
    private static void CheckResults(JsonElement body)
    {
        HashSet<string> calls = [];
        var at = 0;
        foreach (var message in body.Items("messages"))
        {
            var content = message.Get("content");
            foreach (var block in content.ValueKind == JsonValueKind.Array ? content.EnumerateArray() : default)
            {
                if (block.String("type") == "tool_use" && block.Child("id").ValueKind == JsonValueKind.String)
                {
                    calls.Add(block.Required("id"));
                }
                else if (block.String("type") == "tool_result" && !calls.Contains(block.Required("tool_use_id")))
                {
                    throw CompatRefusal.Bad(
                        $"messages.{at}: a tool_result answers {block.String("tool_use_id")}, but no tool_use before it has this id.");
                }
            }

            at++;
        }

        if (at == 0)
        {
            throw CompatRefusal.Bad("messages is empty.");
        }
    }

    private static void ReadMessage(JsonElement message, List<ChatTurn> turns, List<ChatImage> images)
    {
        var role = message.Required("role") switch
        {
            "user" => ChatRole.User,
            "assistant" => ChatRole.Assistant,
            var other => throw CompatRefusal.Bad($"The role {other} is unknown."),
        };
        var content = message.Get("content");
        if (content.ValueKind == JsonValueKind.String)
        {
            turns.Add(new ChatTurn(role, CompatBody.AsString(content, "content")));
            return;
        }

        var text = new StringBuilder();
        List<ChatImage> own = [];
        List<ChatToolCall> calls = [];
        foreach (var block in message.Items("content"))
        {
            switch (block.Required("type"))
            {
                case "text":
                    text.Append(block.String("text"));
                    break;
                case "image":
                    own.Add(Image(block, images));
                    break;
                case "tool_use":
                    calls.Add(new ChatToolCall(block.Required("id"), block.Required("name"), ToolMapping.Parameters(block.Get("input"))));
                    break;
                case "tool_result":
                    turns.Add(new ChatTurn(ChatRole.Tool, Text(block.Get("content")))
                    {
                        ToolCallId = block.Required("tool_use_id"),
                        ToolFailed = block.Bool("is_error"),
                    });
                    break;
                case "thinking" or "redacted_thinking":
                    break; // CallStates holds the provider state that belongs to the calls
                case var type:
                    throw CompatRefusal.Bad($"Blocks of type {type} are not supported.");
            }
        }

        if (text.Length > 0 || own.Count > 0 || calls.Count > 0)
        {
            turns.Add(new ChatTurn(role, text.ToString()) { Images = own, ToolCalls = calls });
        }
    }

    private static ChatImage Image(JsonElement block, List<ChatImage> images)
    {
        var source = block.Get("source");
        return source.ValueKind == JsonValueKind.Object && source.Required("type") == "base64"
            ? source.Image64("data", images)
            : throw CompatRefusal.Bad("Images are accepted in base64 only; addresses are not fetched.");
    }

    /// <summary>The text of a string or of a list's text blocks.</summary>
    private static string Text(JsonElement content) => content.ValueKind switch
    {
        JsonValueKind.Undefined => "",
        JsonValueKind.String => CompatBody.AsString(content, "content"),
        JsonValueKind.Array => string.Join(
            '\n', content.EnumerateArray().Where(block => block.Required("type") == "text").Select(block => block.Required("text"))),
        _ => throw CompatRefusal.Bad("Content is neither a text nor a list of blocks."),
    };
}

/// <summary>The events of a message stream, or the whole message.</summary>
internal sealed class AnthropicMessageWriter(string model) : AnswerWriter
{
    private readonly string _id = NewId("msg_");
    private readonly Dictionary<CompatToolCall, int> _callBlocks = [];
    private string _open = "";
    private int _blocks;

    public override ReadOnlySpan<byte> Heartbeat => "event: ping\ndata: {\"type\": \"ping\"}\n\n"u8;

    public override void Begin() => Event("message_start", json =>
    {
        json.WriteStartObject("message");
        Head(json);
        json.WriteStartArray("content");
        json.WriteEndArray();
        json.WriteNull("stop_reason");
        json.WriteNull("stop_sequence");
        json.WriteStartObject("usage");
        json.WriteNumber("input_tokens", 0);
        json.WriteNumber("output_tokens", 0);
        json.WriteEndObject();
        json.WriteEndObject();
    });

    public override void End()
    {
        Close();
        Event("message_delta", json =>
        {
            json.WriteStartObject("delta");
            json.WriteString("stop_reason", StopReason());
            json.WriteNull("stop_sequence");
            json.WriteEndObject();
            Usage(json);
        });
        Event("message_stop", _ => { });
    }

    public override void Fail(Problem problem, string requestId) =>
        Frame("error", json => VendorErrors.Write(json, "/v1/messages", problem, requestId));

    public override void WriteWhole(Utf8JsonWriter json)
    {
        Head(json);
        json.WriteStartArray("content");
        if (Answer.Reasoning.Length > 0)
        {
            json.WriteStartObject();
            json.WriteString("type", "thinking");
            json.WriteString("thinking", Answer.Reasoning.ToString());
            json.WriteString("signature", "");
            json.WriteEndObject();
        }

        if (Answer.Text.Length > 0)
        {
            json.WriteStartObject();
            json.WriteString("type", "text");
            json.WriteString("text", Answer.Text.ToString());
            json.WriteEndObject();
        }

        foreach (var call in Answer.Calls)
        {
            json.WriteStartObject();
            json.WriteString("type", "tool_use");
            json.WriteString("id", call.Id);
            json.WriteString("name", call.Name);
            json.WritePropertyName("input");
            RequestBody.WriteObject(json, call.ArgumentsJson);
            json.WriteEndObject();
        }

        json.WriteEndArray();
        json.WriteString("stop_reason", StopReason());
        json.WriteNull("stop_sequence");
        Usage(json);
    }

    protected override void OnText(string text)
    {
        Open("text", json => json.WriteString("text", ""));
        Delta(_blocks - 1, "text_delta", "text", text);
    }

    protected override void OnReasoning(string text)
    {
        Open("thinking", json =>
        {
            json.WriteString("thinking", "");
            json.WriteString("signature", "");
        });
        Delta(_blocks - 1, "thinking_delta", "thinking", text);
    }

    protected override void OnCall(CompatToolCall call, string arguments, bool first)
    {
        if (first)
        {
            Close();
            Open("tool_use", json =>
            {
                json.WriteString("id", call.Id);
                json.WriteString("name", call.Name);
                json.WriteStartObject("input");
                json.WriteEndObject();
            });
            _callBlocks[call] = _blocks - 1;
        }

        if (arguments.Length > 0)
        {
            Delta(_callBlocks[call], "input_json_delta", "partial_json", arguments);
        }
    }

    private void Open(string type, Action<Utf8JsonWriter> start)
    {
        if (_open == type)
        {
            return;
        }

        Close();
        _open = type;
        var index = _blocks++;
        Event("content_block_start", json =>
        {
            json.WriteNumber("index", index);
            json.WriteStartObject("content_block");
            json.WriteString("type", type);
            start(json);
            json.WriteEndObject();
        });
    }

    private void Close()
    {
        if (_open.Length > 0)
        {
            _open = "";
            Event("content_block_stop", json => json.WriteNumber("index", _blocks - 1));
        }
    }

    private void Delta(int index, string type, string member, string text) => Event("content_block_delta", json =>
    {
        json.WriteNumber("index", index);
        json.WriteStartObject("delta");
        json.WriteString("type", type);
        json.WriteString(member, text);
        json.WriteEndObject();
    });

    private void Event(string name, Action<Utf8JsonWriter> write) => Frame(name, json =>
    {
        json.WriteString("type", name);
        write(json);
    });

    private void Head(Utf8JsonWriter json)
    {
        json.WriteString("id", _id);
        json.WriteString("type", "message");
        json.WriteString("role", "assistant");
        json.WriteString("model", model);
    }

    private void Usage(Utf8JsonWriter json)
    {
        json.WriteStartObject("usage");
        json.WriteNumber("input_tokens", Math.Max(0, Used.PromptTokens - Used.CachedTokens));
        json.WriteNumber("cache_read_input_tokens", Used.CachedTokens);
        json.WriteNumber("cache_creation_input_tokens", 0);
        json.WriteNumber("output_tokens", Used.CompletionTokens);
        json.WriteEndObject();
    }

    private string StopReason() => Answer.Finish switch
    {
        FinishReason.Stop or FinishReason.Other => "end_turn",
        FinishReason.Length => "max_tokens",
        FinishReason.ToolCalls => "tool_use",
        FinishReason.ContentFilter => "refusal",
    };
}
