using System.Text.Json;
using AiChat.Endpoints.Http;
using AiChat.Providers.Protocol;

namespace AiChat.Endpoints.Compat;

/// <summary>The events of a Responses stream, or the whole response. Output items stay open until the end of the answer.</summary>
internal sealed class ResponseWriter(string model, long created) : AnswerWriter
{
    private readonly string _id = NewId("resp_");
    private readonly List<OutputItem> _items = [];
    private long _sequence;

    private sealed record OutputItem(string Kind, string Id, int Index, CompatToolCall? Call);

    public override void Begin()
    {
        Event("response.created", json => Response(json, "in_progress"));
        Event("response.in_progress", json => Response(json, "in_progress"));
    }

    public override void End()
    {
        foreach (var item in _items)
        {
            Done(item);
        }

        var status = Status();
        Event($"response.{status}", json => Response(json, status));
    }

    public override void Fail(Problem problem, string requestId) => Event("response.failed", json => Response(json, "failed", problem));

    public override void WriteWhole(Utf8JsonWriter json) => Members(json, Status(), null);

    protected override void OnText(string text)
    {
        var item = Open("message", null);
        Event("response.output_text.delta", json =>
        {
            Place(json, item, "content_index");
            json.WriteString("delta", text);
        });
    }

    protected override void OnReasoning(string text)
    {
        var item = Open("reasoning", null);
        Event("response.reasoning_summary_text.delta", json =>
        {
            Place(json, item, "summary_index");
            json.WriteString("delta", text);
        });
    }

    protected override void OnCall(CompatToolCall call, string arguments, bool first)
    {
        var item = Open("function_call", call);
        if (arguments.Length > 0)
        {
            Event("response.function_call_arguments.delta", json =>
            {
                Place(json, item, null);
                json.WriteString("delta", arguments);
            });
        }
    }

    private OutputItem Open(string kind, CompatToolCall? call)
    {
        if (_items.Find(known => known.Kind == kind && known.Call == call) is { } open)
        {
            return open;
        }

        var item = new OutputItem(kind, NewId(kind switch { "message" => "msg_", "reasoning" => "rs_", _ => "fc_" }), _items.Count, call);
        _items.Add(item);
        Event("response.output_item.added", json =>
        {
            json.WriteNumber("output_index", item.Index);
            json.WriteStartObject("item");
            Item(json, item, whole: false);
            json.WriteEndObject();
        });
        if (kind != "function_call")
        {
            var type = kind == "message" ? "response.content_part.added" : "response.reasoning_summary_part.added";
            Event(type, json => Part(json, item, ""));
        }

        return item;
    }

    private void Done(OutputItem item)
    {
        if (item.Call is { } call)
        {
            Event("response.function_call_arguments.done", json =>
            {
                Place(json, item, null);
                json.WriteString("name", call.Name);
                json.WriteString("arguments", call.ArgumentsJson);
            });
        }
        else
        {
            var message = item.Kind == "message";
            var text = (message ? Answer.Text : Answer.Reasoning).ToString();
            Event(message ? "response.output_text.done" : "response.reasoning_summary_text.done", json =>
            {
                Place(json, item, message ? "content_index" : "summary_index");
                json.WriteString("text", text);
            });
            Event(message ? "response.content_part.done" : "response.reasoning_summary_part.done", json => Part(json, item, text));
        }

        Event("response.output_item.done", json =>
        {
            json.WriteNumber("output_index", item.Index);
            json.WriteStartObject("item");
            Item(json, item, whole: true);
            json.WriteEndObject();
        });
    }

    private static void Place(Utf8JsonWriter json, OutputItem item, string? inner)
    {
        json.WriteString("item_id", item.Id);
        json.WriteNumber("output_index", item.Index);
        if (inner is not null)
        {
            json.WriteNumber(inner, 0);
        }

        if (inner == "content_index")
        {
            json.WriteStartArray("logprobs");
            json.WriteEndArray();
        }
    }

    private static void Part(Utf8JsonWriter json, OutputItem item, string text)
    {
        json.WriteString("item_id", item.Id);
        json.WriteNumber("output_index", item.Index);
        json.WriteNumber(item.Kind == "message" ? "content_index" : "summary_index", 0);
        json.WriteStartObject("part");
        Piece(json, item.Kind, text);
        json.WriteEndObject();
    }

    private static void Piece(Utf8JsonWriter json, string kind, string text)
    {
        json.WriteString("type", kind == "message" ? "output_text" : "summary_text");
        json.WriteString("text", text);
        if (kind == "message")
        {
            json.WriteStartArray("annotations");
            json.WriteEndArray();
        }
    }

    private void Item(Utf8JsonWriter json, OutputItem item, bool whole)
    {
        json.WriteString("id", item.Id);
        json.WriteString("type", item.Kind);
        if (item.Kind != "reasoning")
        {
            json.WriteString("status", whole ? "completed" : "in_progress");
        }

        if (item.Call is { } call)
        {
            json.WriteString("call_id", call.Id);
            json.WriteString("name", call.Name);
            json.WriteString("arguments", whole ? call.ArgumentsJson : "");
            return;
        }

        if (item.Kind == "message")
        {
            json.WriteString("role", "assistant");
        }

        json.WriteStartArray(item.Kind == "message" ? "content" : "summary");
        if (whole)
        {
            json.WriteStartObject();
            Piece(json, item.Kind, (item.Kind == "message" ? Answer.Text : Answer.Reasoning).ToString());
            json.WriteEndObject();
        }

        json.WriteEndArray();
    }

    private void Response(Utf8JsonWriter json, string status, Problem? problem = null)
    {
        json.WriteStartObject("response");
        Members(json, status, problem);
        json.WriteEndObject();
    }

    private void Members(Utf8JsonWriter json, string status, Problem? problem)
    {
        json.WriteString("id", _id);
        json.WriteString("object", "response");
        json.WriteNumber("created_at", created);
        json.WriteString("status", status);
        if (problem is null)
        {
            json.WriteNull("error");
        }
        else
        {
            json.WriteStartObject("error");
            json.WriteString("code", problem.Code);
            json.WriteString("message", problem.Detail);
            json.WriteEndObject();
        }

        if (status == "incomplete")
        {
            json.WriteStartObject("incomplete_details");
            json.WriteString("reason", Answer.Finish == FinishReason.Length ? "max_output_tokens" : "content_filter");
            json.WriteEndObject();
        }
        else
        {
            json.WriteNull("incomplete_details");
        }

        json.WriteString("model", model);
        json.WriteNull("previous_response_id");
        json.WriteBoolean("store", false);
        json.WriteBoolean("parallel_tool_calls", true);
        json.WriteStartArray("output");
        foreach (var item in status == "in_progress" ? [] : _items)
        {
            json.WriteStartObject();
            Item(json, item, whole: true);
            json.WriteEndObject();
        }

        json.WriteEndArray();
        Usage(json);
    }

    private void Usage(Utf8JsonWriter json)
    {
        if (Answer.Used is not { } used)
        {
            json.WriteNull("usage");
            return;
        }

        json.WriteStartObject("usage");
        json.WriteNumber("input_tokens", used.PromptTokens);
        json.WriteStartObject("input_tokens_details");
        json.WriteNumber("cached_tokens", used.CachedTokens);
        json.WriteEndObject();
        json.WriteNumber("output_tokens", used.CompletionTokens);
        json.WriteStartObject("output_tokens_details");
        json.WriteNumber("reasoning_tokens", used.ReasoningTokens);
        json.WriteEndObject();
        json.WriteNumber("total_tokens", used.PromptTokens + used.CompletionTokens);
        json.WriteEndObject();
    }

    private string Status() => Answer.Finish is FinishReason.Length or FinishReason.ContentFilter ? "incomplete" : "completed";

    private void Event(string type, Action<Utf8JsonWriter> write) => Frame(type, json =>
    {
        json.WriteString("type", type);
        json.WriteNumber("sequence_number", _sequence++);
        write(json);
    });
}
