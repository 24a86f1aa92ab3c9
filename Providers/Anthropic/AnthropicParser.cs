using System.Text;
using System.Text.Json;
using AiChat.Providers.Protocol;
using AiChat.Providers.Transport;

namespace AiChat.Providers.Anthropic;

/// <summary>Reads the events of a Messages stream, or a whole message.</summary>
internal sealed class AnthropicParser(ChatRequest request) : DocumentParser(request)
{
    public const string StateKind = "anthropic";

    private readonly Dictionary<int, int> _calls = [];
    private readonly List<ThinkingBlock> _thinking = [];
    private ThinkingBlock? _open;

    public override void End()
    {
        if (Output.HasToolCalls && _thinking.Count > 0)
        {
            Output.State(ProviderState.Pack(StateKind, Request.Model, Write));
        }
    }

    protected override void Read(JsonElement frame)
    {
        switch (frame.Text("type"))
        {
            case "message_start":
                ReadUsage(frame.Child("message").Child("usage"));
                break;
            case "content_block_start":
                Start(Index(frame), frame.Child("content_block"));
                break;
            case "content_block_delta":
                Delta(Index(frame), frame.Child("delta"));
                break;
            case "message_delta":
                ReadUsage(frame.Child("usage"));
                Finish(frame.Child("delta"));
                break;
            case "message_stop":
                Ended = true;
                break;
            case "message":
                Whole(frame);
                break;
            case "error":
                throw Error(frame);
            default:
                // Pings and events of later versions are ignored. An error can come without a type.
                if (frame.Child("error").ValueKind is JsonValueKind.Object or JsonValueKind.String)
                {
                    throw Error(frame);
                }

                break;
        }
    }

    private static int Index(JsonElement frame) => Count(frame, "index") ?? 0;

    private void Start(int index, JsonElement block)
    {
        _open = null;
        switch (block.Text("type"))
        {
            case "text":
                Output.Text(block.Text("text"));
                break;
            case "thinking":
                _thinking.Add(_open = new ThinkingBlock());
                Output.Keep(ReplyWork.Line);
                Think(block.Text("thinking"), block.Text("signature"));
                break;
            case "redacted_thinking":
                _thinking.Add(new ThinkingBlock { Redacted = block.Text("data") });
                Output.Keep(ReplyWork.Line + (_thinking[^1].Redacted?.Length ?? 0));
                break;
            case "tool_use":
                // The input is empty here and follows in pieces, except from servers that send it at once.
                var input = block.Child("input");
                var whole = input.ValueKind == JsonValueKind.Object && input.EnumerateObject().MoveNext() ? LenientJson.Raw(input) : null;
                Output.ToolCall(_calls[index] = _calls.Count, block.Text("id"), block.Text("name"), whole);
                break;
            default:
                // Results of server-side tools and blocks of later versions.
                break;
        }
    }

    private void Delta(int index, JsonElement delta)
    {
        switch (delta.Text("type"))
        {
            case "text_delta":
                Output.Text(delta.Text("text"));
                break;
            case "thinking_delta":
                Think(delta.Text("thinking"), null);
                break;
            case "signature_delta":
                Think(null, delta.Text("signature"));
                break;
            case "input_json_delta" when _calls.TryGetValue(index, out var call):
                Output.ToolCall(call, null, null, delta.Text("partial_json"));
                break;
            default:
                // Citations and deltas of later versions.
                break;
        }
    }

    private void Think(string? text, string? signature)
    {
        Output.Reasoning(text);
        Output.Keep(signature?.Length ?? 0);
        _open?.Text.Append(text);
        _open?.Signature.Append(signature);
    }

    private void Finish(JsonElement delta)
    {
        if (delta.Text("stop_reason") is { } reason)
        {
            Output.Finish(reason switch
            {
                "end_turn" or "stop_sequence" or "pause_turn" => FinishReason.Stop,
                "max_tokens" or "model_context_window_exceeded" => FinishReason.Length,
                "tool_use" => FinishReason.ToolCalls,
                "refusal" => FinishReason.ContentFilter,
                _ => FinishReason.Other,
            }, reason);
        }
    }

    private void Whole(JsonElement message)
    {
        var index = 0;
        var content = message.Child("content");
        foreach (var block in content.ValueKind == JsonValueKind.Array ? content.EnumerateArray() : default)
        {
            Start(index++, block);
        }

        ReadUsage(message.Child("usage"));
        Finish(message);
        Ended = true;
    }

    // input_tokens excludes tokens read from the cache or written to it; both are part of the prompt.
    private void ReadUsage(JsonElement usage)
    {
        var (cached, written) = (Count(usage, "cache_read_input_tokens"), Count(usage, "cache_creation_input_tokens"));
        if (usage.ValueKind == JsonValueKind.Object)
        {
            var prompt = Count(usage, "input_tokens") is { } input ? input + (cached ?? 0) + (written ?? 0) : (int?)null;
            Output.Usage(prompt, Count(usage, "output_tokens"), null, cached, written);
        }
    }

    private void Write(Utf8JsonWriter json)
    {
        json.WriteStartArray();
        foreach (var block in _thinking)
        {
            json.WriteStartObject();
            json.WriteString("type", block.Redacted is null ? "thinking" : "redacted_thinking");
            if (block.Redacted is not null)
            {
                json.WriteString("data", block.Redacted);
            }
            else
            {
                json.WriteString("thinking", block.Text.ToString());
                json.WriteString("signature", block.Signature.ToString());
            }

            json.WriteEndObject();
        }

        json.WriteEndArray();
    }

    private sealed class ThinkingBlock
    {
        public StringBuilder Text { get; } = new();
        public StringBuilder Signature { get; } = new();
        public string? Redacted { get; init; }
    }
}
