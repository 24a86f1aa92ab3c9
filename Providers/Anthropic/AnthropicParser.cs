using System.Text;
using System.Text.Json;
using AiChat.Providers.Protocol;
using AiChat.Providers.Transport;

namespace AiChat.Providers.Anthropic;

/// <summary>Reads the events of a Messages stream, or a whole message.</summary>
internal sealed class AnthropicParser(ChatRequest request) : DocumentParser(request)
{
    public const string StateKind = "anthropic";

    private readonly List<ThinkingBlock> _thinking = [];
    private readonly HashSet<int> _calls = [];
    private ThinkingBlock? _open;
    private int? _input;
    private int? _output;
    private int? _cached;
    private int? _written;
    private bool _isStreamed;
    private JsonElement _begun;

    public override void End()
    {
        if (Request.Passthrough is null && Output.HasToolCalls && _thinking.Count > 0)
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
                _begun = Items(frame.Child("message").Child("content")).MoveNext() ? frame.GetProperty("message").Clone() : default;
                break;
            case "content_block_start":
                _isStreamed = true;
                Start(Index(frame), frame.Child("content_block"));
                break;
            case "content_block_delta":
                Delta(Index(frame), frame.Child("delta"));
                break;
            case "content_block_stop":
                Output.EndBlock();
                break;
            case "message_delta":
                ReadUsage(frame.Child("usage"));
                Finish(frame.Child("delta"));
                break;
            case "message_stop":
                Begin();
                Ended = true;
                break;
            case "message":
                Whole(frame);
                break;
            case "error":
                throw Error(frame);
            default:
                // Pings and events of later versions are ignored.
                break;
        }
    }

    // A server that has the whole answer when it begins says it there and nowhere else.
    private void Begin()
    {
        var index = 0;
        foreach (var block in _isStreamed ? default : Items(_begun.Child("content")))
        {
            Start(index++, block);
        }
    }

    protected override bool Knows(JsonElement frame) => frame.Text("type") is not null;

    protected override bool Speaks(JsonElement frame) =>
        frame.Text("type") is { } type && (type == "message" || type.StartsWith("content_block_", StringComparison.Ordinal));

    private static int Index(JsonElement frame) => Count(frame, "index") ?? 0;

    private void Start(int index, JsonElement block)
    {
        _open = null;
        switch (block.Text("type"))
        {
            case "text":
                Output.TextAhead(block.Text("text"));
                foreach (var cited in Items(block.Child("citations")))
                {
                    Cite(cited);
                }

                break;
            case "thinking":
                _thinking.Add(_open = new ThinkingBlock());
                Output.Keep(ReplyWork.Line);
                Output.ReasoningAhead(block.Text("thinking"));
                _open.Text.Expect(block.Text("thinking"));
                Sign(block.Text("signature"));
                break;
            case "redacted_thinking":
                _thinking.Add(new ThinkingBlock { Redacted = block.Text("data") });
                Output.Keep(ReplyWork.Line + (_thinking[^1].Redacted?.Length ?? 0));
                break;
            case "web_search_tool_result":
                foreach (var page in Items(block.Child("content")))
                {
                    Output.Source(page.Text("url"), page.Text("title"), null);
                }

                break;
            case "web_fetch_tool_result":
                var read = block.Child("content");
                Output.Source(read.Text("url"), read.Child("content").Text("title"), null);
                break;
            case "tool_use":
                // The input is empty here and follows in pieces, except from servers that send it at once, or at once and in pieces.
                var input = block.Child("input");
                var known = input.ValueKind == JsonValueKind.Object && input.EnumerateObject().MoveNext() ? LenientJson.Raw(input)
                    : LenientJson.Read(input);
                _calls.Add(index);
                Output.ToolCall(index, block.Text("id"), block.Text("name"), known);
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
                Output.Reasoning(delta.Text("thinking"));
                _open?.Text.Add(delta.Text("thinking"));
                break;
            case "signature_delta":
                Sign(delta.Text("signature"));
                break;
            case "input_json_delta" when _calls.Contains(index):
                Output.ToolCall(index, null, null, delta.Text("partial_json"));
                break;
            case "citations_delta":
                Cite(delta.Child("citation"));
                break;
            default:
                // Deltas of later versions.
                break;
        }
    }

    private void Cite(JsonElement page) =>
        Output.Source(page.Text("url") ?? page.Text("source"), page.Text("title"), page.Text("cited_text"));

    private static JsonElement.ArrayEnumerator Items(JsonElement list) =>
        list.ValueKind == JsonValueKind.Array ? list.EnumerateArray() : default;

    // A signature is whole where it comes again.
    private void Sign(string? signature)
    {
        Output.Keep(signature?.Length ?? 0);
        if (_open is not null && signature is not null)
        {
            _open.Signature = signature.StartsWith(_open.Signature, StringComparison.Ordinal) ? signature : _open.Signature + signature;
        }
    }

    private void Finish(JsonElement delta)
    {
        if (delta.Text("stop_reason") is { } reason)
        {
            Output.Finish(reason, delta.Text("stop_sequence"));
        }
    }

    private void Whole(JsonElement message)
    {
        var content = message.Child("content");
        if (_isStreamed)
        {
            Complete(content);
        }
        else
        {
            var index = 0;
            foreach (var block in content.ValueKind == JsonValueKind.Array ? content.EnumerateArray() : default)
            {
                Start(index++, block);
            }
        }

        ReadUsage(message.Child("usage"));
        Finish(message);
        Ended = true;
    }

    /// <summary>MiniMax ends a stream with the whole message, which says again what came in pieces.</summary>
    private void Complete(JsonElement content)
    {
        Output.EndBlock();
        var (text, thinking, index, thought) = ("", "", 0, 0);
        foreach (var block in content.ValueKind == JsonValueKind.Array ? content.EnumerateArray() : default)
        {
            text += block.Text("type") == "text" ? block.Text("text") : "";
            if (block.Text("type") is "thinking" or "redacted_thinking" && thought < _thinking.Count)
            {
                thinking += block.Text("thinking");
                _open = _thinking[thought++];
                Sign(block.Text("signature"));
            }

            if (block.Text("type") == "tool_use" && block.Child("input").ValueKind == JsonValueKind.Object)
            {
                Output.ToolCall(index, block.Text("id"), block.Text("name"), LenientJson.Raw(block.Child("input")), whole: true);
            }

            index++;
        }

        Output.WholeReasoning(thinking);
        Output.WholeText(text);
    }

    // input_tokens excludes tokens read from the cache or written to it; both are part of the prompt. The first report can count them in,
    // and the last can leave them out, so the members are merged one by one and summed up afterwards.
    private void ReadUsage(JsonElement usage)
    {
        if (usage.ValueKind != JsonValueKind.Object)
        {
            return;
        }

        var (cached, written, input) = (Count(usage, "cache_read_input_tokens"), Written(usage), Count(usage, "input_tokens"));

        // A report that is the first to know of the cache divides the whole prompt, also into nothing and the cache.
        var divides = (cached > 0 || written > 0) && _cached is not > 0 && _written is not > 0;
        _input = divides ? input ?? _input : DeltaWriter.Later(input, _input);
        _cached = DeltaWriter.Later(cached, _cached);
        _written = DeltaWriter.Later(written, _written);
        _output = DeltaWriter.Later(Count(usage, "output_tokens"), _output);

        // Without a division by time all was written as it was asked for.
        var hours = Count(usage.Child("cache_creation"), "ephemeral_1h_input_tokens")
            ?? (Request.CacheTtl == CacheMark.Hour ? written : null);
        Output.Usage(_input is null ? null : _input + (_cached ?? 0) + (_written ?? 0), _output, null, _cached, _written, hours);
    }

    private static int? Written(JsonElement usage)
    {
        var parts = usage.Child("cache_creation");
        var (brief, lasting) = (Count(parts, "ephemeral_5m_input_tokens"), Count(parts, "ephemeral_1h_input_tokens"));
        return DeltaWriter.Later(
            Count(usage, "cache_creation_input_tokens"), brief is null && lasting is null ? null : (brief ?? 0) + (lasting ?? 0));
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
                json.WriteString("signature", block.Signature);
            }

            json.WriteEndObject();
        }

        json.WriteEndArray();
    }

    /// <summary>The text of a block as it has to be sent back.</summary>
    private sealed class SaidOnce
    {
        private readonly StringBuilder _text = new();
        private RepeatedText _ahead;

        public void Expect(string? text)
        {
            _text.Append(text);
            _ahead.Expect(text);
        }

        public void Add(string? piece) => _text.Append(_ahead.Skip(piece ?? ""));

        public override string ToString() => _text.ToString() + _ahead.End();
    }

    private sealed class ThinkingBlock
    {
        public SaidOnce Text { get; } = new();
        public string Signature { get; set; } = "";
        public string? Redacted { get; init; }
    }
}
