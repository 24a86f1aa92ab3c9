using System.Text.Json;
using AiChat.Endpoints.Http;
using AiChat.Providers.Protocol;

namespace AiChat.Endpoints.Compat;

/// <summary>
/// The events of a message stream, or the whole message. One block is open at a time, as the protocol demands: what belongs to another
/// block than the open call waits until the call's arguments are complete.
/// </summary>
internal sealed class AnthropicMessageWriter(string model) : AnswerWriter
{
    private readonly string _id = NewId("msg_");
    private readonly List<Piece> _waiting = [];
    private CompatToolCall? _call;
    private JsonProgress _arguments;
    private string _open = "";
    private int _blocks;

    private readonly record struct Piece(string Type, string Text, CompatToolCall? Call);

    public override ReadOnlySpan<byte> Heartbeat => "event: ping\ndata: {\"type\": \"ping\"}\n\n"u8;

    public override void Begin() => Event("message_start", json =>
    {
        json.WriteStartObject("message");
        Head(json);
        json.WriteStartArray("content");
        json.WriteEndArray();
        json.WriteNull("stop_reason");
        json.WriteNull("stop_sequence");

        // Clients read the prompt's length here, before the provider has told it.
        json.WriteStartObject("usage");
        json.WriteNumber("input_tokens", PromptTokens);
        json.WriteNumber("cache_creation_input_tokens", 0);
        json.WriteNumber("cache_read_input_tokens", 0);
        json.WriteNumber("output_tokens", 1);
        json.WriteEndObject();
        json.WriteEndObject();
    });

    /// <summary>The input of a call is JSON here, so broken arguments are an error; those that were cut off end with max_tokens.</summary>
    public override Problem? Fault() => Answer.Finish != FinishReason.Length && Answer.Calls.Find(call => call.IsBroken) is { } broken
        ? new Problem(
            502, "invalid_tool_arguments", $"The model called {broken.Name} with arguments that are no JSON object: {broken.Arguments}")
        : null;

    public override void End()
    {
        while (_waiting.Count > 0)
        {
            Close();
            SayWaiting();
        }

        Close();
        Event("message_delta", json =>
        {
            json.WriteStartObject("delta");
            Stop(json);
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

        var images = string.Concat(Answer.Images.Select(Picture));
        WriteText(json, $"{Answer.Text}{Answer.Refusal}{images}{Pages(Answer.Sources)}");
        foreach (var call in Answer.Calls)
        {
            if (call.IsBroken)
            {
                // Cut off by the output limit: what there is of it is told, but it is no call.
                WriteText(json, $"{call.Name}({call.Arguments}");
                continue;
            }

            json.WriteStartObject();
            json.WriteString("type", "tool_use");
            json.WriteString("id", call.Id);
            json.WriteString("name", call.Name);
            json.WritePropertyName("input");
            RequestBody.WriteObject(json, call.ArgumentsJson);
            json.WriteEndObject();
        }

        json.WriteEndArray();
        Stop(json);
        Usage(json);
    }

    protected override void OnText(string text) => Take(new Piece("text", text, null));

    protected override void OnReasoning(string text) => Take(new Piece("thinking", text, null));

    protected override void OnCall(CompatToolCall call, string arguments, bool first) => Take(new Piece("tool_use", arguments, call));

    // The protocol has no picture in an answer, so it stands in the text.
    protected override void OnImage(ChatDelta.Image image) => OnText(Picture(image));

    protected override void OnSources(IReadOnlyList<ChatSource> pages) => OnText(Pages(pages));

    private static string Picture(ChatDelta.Image image) => $"\n\n![]({DataUrl(image)})\n";

    private static string Pages(IReadOnlyList<ChatSource> pages) =>
        pages.Count == 0 ? ""
            : "\n\n" + string.Join('\n', pages.Select((page, at) => $"[{at + 1}] {$"{page.Title} {page.Url}".TrimStart()}"));

    private static void WriteText(Utf8JsonWriter json, string text)
    {
        if (text.Length > 0)
        {
            json.WriteStartObject();
            json.WriteString("type", "text");
            json.WriteString("text", text);
            json.WriteEndObject();
        }
    }

    private void Take(Piece piece)
    {
        if (IsBusy && piece.Call != _call)
        {
            _waiting.Add(piece);
            return;
        }

        Say(piece);
        while (!IsBusy && _waiting.Count > 0)
        {
            SayWaiting();
        }
    }

    /// <summary>A call is open whose arguments are not complete.</summary>
    private bool IsBusy => _call is not null && !_arguments.Complete;

    /// <summary>Says the first piece that waits, and all pieces of the same call.</summary>
    private void SayWaiting()
    {
        var first = _waiting[0];
        var same = first.Call is null ? [first] : _waiting.FindAll(piece => piece.Call == first.Call);
        same.ForEach(piece => _waiting.Remove(piece));
        same.ForEach(Say);
    }

    private void Say(Piece piece)
    {
        if (piece.Call is { } call && call != _call)
        {
            Close();
            Open("tool_use", json =>
            {
                json.WriteString("id", call.Id);
                json.WriteString("name", call.Name);
                json.WriteStartObject("input");
                json.WriteEndObject();
            });
            (_call, _arguments) = (call, default);
        }
        else if (piece.Call is null)
        {
            Open(piece.Type, json =>
            {
                json.WriteString(piece.Type, "");
                if (piece.Type == "thinking")
                {
                    json.WriteString("signature", "");
                }
            });
        }

        if (piece.Text.Length > 0)
        {
            _arguments.Read(piece.Call is null ? "" : piece.Text);
            var (type, member) = piece.Type switch
            {
                "text" => ("text_delta", "text"),
                "thinking" => ("thinking_delta", "thinking"),
                _ => ("input_json_delta", "partial_json"),
            };
            Event("content_block_delta", json =>
            {
                json.WriteNumber("index", _blocks - 1);
                json.WriteStartObject("delta");
                json.WriteString("type", type);
                json.WriteString(member, piece.Text);
                json.WriteEndObject();
            });
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
        if (_open == "thinking")
        {
            // Thinking ends with its signature; there is none, but clients wait for the event.
            Event("content_block_delta", json =>
            {
                json.WriteNumber("index", _blocks - 1);
                json.WriteStartObject("delta");
                json.WriteString("type", "signature_delta");
                json.WriteString("signature", "");
                json.WriteEndObject();
            });
        }

        if (_open.Length > 0)
        {
            (_open, _call) = ("", null);
            Event("content_block_stop", json => json.WriteNumber("index", _blocks - 1));
        }
    }

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
        json.WriteNumber("input_tokens", Math.Max(0, Used.PromptTokens - Used.CachedTokens - Answer.CacheWriteTokens));
        json.WriteNumber("cache_read_input_tokens", Used.CachedTokens);
        json.WriteNumber("cache_creation_input_tokens", Answer.CacheWriteTokens);
        json.WriteNumber("output_tokens", Used.CompletionTokens);
        json.WriteEndObject();
    }

    private void Stop(Utf8JsonWriter json)
    {
        json.WriteString("stop_reason", Answer switch
        {
            { Refusal.Length: > 0 } => "refusal",
            { Finish: FinishReason.Stop, StopWord: not null } => "stop_sequence",
            { Finish: FinishReason.Length } => "max_tokens",
            { Finish: FinishReason.ToolCalls } => "tool_use",
            { Finish: FinishReason.ContentFilter } => "refusal",
            { Finish: FinishReason.Other, FinishWord: { } word } => word.ToLowerInvariant(),
            _ => "end_turn",
        });
        json.WriteString("stop_sequence", Answer.Finish == FinishReason.Stop ? Answer.StopWord : null);
    }
}
