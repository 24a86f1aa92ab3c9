using System.Text.Json;
using AiChat.Endpoints.Http;
using AiChat.Providers.Protocol;

namespace AiChat.Endpoints.Compat;

/// <summary>The events of a Responses stream, or the whole response. Output items stay open until the end of the answer.</summary>
internal sealed class ResponseWriter(string model, long created, CompatRequest request) : AnswerWriter
{
    private const string Message = "message";
    private const string Refusal = "refusal";
    private const string Reasoning = "reasoning";
    private const string Picture = "image_generation_call";
    private const string Function = "function_call";
    private const string Custom = "custom_tool_call";

    private readonly string _id = NewId("resp_");
    private readonly List<OutputItem> _items = [];
    private long _sequence;

    private sealed record OutputItem(string Kind, string Id, int Index, CompatToolCall? Call, ChatDelta.Image? Image)
    {
        public bool IsMessage => Kind is Message or Refusal;

        public bool HasParts => IsMessage || Kind == Reasoning;
    }

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
        var item = Open(Message, null);
        Event("response.output_text.delta", json =>
        {
            Place(json, item, "content_index");
            json.WriteString("delta", text);
        });
    }

    protected override void OnRefusal(string text)
    {
        var item = Open(Refusal, null);
        Event("response.refusal.delta", json =>
        {
            Place(json, item, "content_index");
            json.WriteString("delta", text);
        });
    }

    protected override void OnImage(ChatDelta.Image image) => Open(Picture, null, image);

    // They stand with the text, which ends with the answer.
    protected override void OnSources(IReadOnlyList<ChatSource> pages)
    {
    }

    protected override void OnReasoning(string text)
    {
        var item = Open(Reasoning, null);
        Event("response.reasoning_summary_text.delta", json =>
        {
            Place(json, item, "summary_index");
            json.WriteString("delta", text);
        });
    }

    protected override void OnCall(CompatToolCall call, string arguments, bool first)
    {
        var item = Open(Origin(call) is { IsCustom: true } ? Custom : Function, call);
        if (arguments.Length > 0 && item.Kind == Function)
        {
            Event("response.function_call_arguments.delta", json =>
            {
                Place(json, item, null);
                json.WriteString("delta", arguments);
            });
        }
    }

    private ToolOrigin? Origin(CompatToolCall call) => request.Origins.GetValueOrDefault(call.Name);

    private OutputItem Open(string kind, CompatToolCall? call, ChatDelta.Image? image = null)
    {
        if (_items.Find(known => known.Kind == kind && known.Call == call && known.Image == image) is { } open)
        {
            return open;
        }

        var id = NewId(kind switch { Message or Refusal => "msg_", Reasoning => "rs_", Picture => "ig_", Custom => "ctc_", _ => "fc_" });
        var item = new OutputItem(kind, id, _items.Count, call, image);
        _items.Add(item);
        Event("response.output_item.added", json =>
        {
            json.WriteNumber("output_index", item.Index);
            json.WriteStartObject("item");
            Item(json, item, whole: false);
            json.WriteEndObject();
        });
        if (item.HasParts)
        {
            var type = item.IsMessage ? "response.content_part.added" : "response.reasoning_summary_part.added";
            Event(type, json => Part(json, item, ""));
        }

        return item;
    }

    private void Done(OutputItem item)
    {
        if (item.Kind == Custom)
        {
            foreach (var (type, member) in ((string, string)[])[("delta", "delta"), ("done", "input")])
            {
                Event($"response.custom_tool_call_input.{type}", json =>
                {
                    Place(json, item, null);
                    json.WriteString(member, ResponseTools.Unwrap(item.Call!.ArgumentsJson));
                });
            }
        }
        else if (item.Call is { } call)
        {
            Event("response.function_call_arguments.done", json =>
            {
                Place(json, item, null);
                json.WriteString("name", Origin(call)?.Name ?? call.Name);
                json.WriteString("arguments", call.ArgumentsJson);
            });
        }
        else if (item.HasParts)
        {
            var message = item.IsMessage;
            var text = TextOf(item);
            var done = item.Kind switch
            {
                Message => "response.output_text.done",
                Refusal => "response.refusal.done",
                _ => "response.reasoning_summary_text.done",
            };
            Event(done, json =>
            {
                Place(json, item, message ? "content_index" : "summary_index");
                json.WriteString(item.Kind == Refusal ? "refusal" : "text", text);
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

        if (item.Kind == Message)
        {
            json.WriteStartArray("logprobs");
            json.WriteEndArray();
        }
    }

    private string TextOf(OutputItem item) =>
        (item.Kind switch { Message => Answer.Text, Refusal => Answer.Refusal, _ => Answer.Reasoning }).ToString();

    private void Part(Utf8JsonWriter json, OutputItem item, string text)
    {
        json.WriteString("item_id", item.Id);
        json.WriteNumber("output_index", item.Index);
        json.WriteNumber(item.IsMessage ? "content_index" : "summary_index", 0);
        json.WriteStartObject("part");
        Piece(json, item.Kind, text);
        json.WriteEndObject();
    }

    private void Piece(Utf8JsonWriter json, string kind, string text)
    {
        json.WriteString("type", kind switch { Message => "output_text", Refusal => "refusal", _ => "summary_text" });
        json.WriteString(kind == Refusal ? "refusal" : "text", text);
        if (kind != Message)
        {
            return;
        }

        json.WriteStartArray("annotations");
        foreach (var page in Answer.Sources)
        {
            json.WriteStartObject();
            json.WriteString("type", "url_citation");
            json.WriteNumber("start_index", 0);
            json.WriteNumber("end_index", 0);
            json.WriteString("url", page.Url);
            json.WriteString("title", page.Title);
            json.WriteEndObject();
        }

        json.WriteEndArray();
    }

    private void Item(Utf8JsonWriter json, OutputItem item, bool whole)
    {
        json.WriteString("id", item.Id);
        json.WriteString("type", item.IsMessage ? Message : item.Kind);
        if (item.Kind != Reasoning)
        {
            json.WriteString("status", !whole ? "in_progress" : Answer.Finish == FinishReason.Length ? "incomplete" : "completed");
        }

        if (item.Call is { } call)
        {
            Call(json, call, whole);
            return;
        }

        if (item.Image is { } image)
        {
            json.WriteString("output_format", image.MimeType.Split('/')[^1]);
            json.WritePropertyName("result");
            if (whole)
            {
                Base64(json, "", image);
            }
            else
            {
                json.WriteNullValue();
            }

            return;
        }

        if (item.IsMessage)
        {
            json.WriteString("role", "assistant");
        }

        json.WriteStartArray(item.IsMessage ? "content" : "summary");
        if (whole)
        {
            json.WriteStartObject();
            Piece(json, item.Kind, TextOf(item));
            json.WriteEndObject();
        }

        json.WriteEndArray();
    }

    private void Call(Utf8JsonWriter json, CompatToolCall call, bool whole)
    {
        var origin = Origin(call);
        json.WriteString("call_id", call.Id);
        json.WriteString("name", origin?.Name ?? call.Name);
        if (origin?.Namespace is { } space)
        {
            json.WriteString("namespace", space);
        }

        if (origin is { IsCustom: true })
        {
            json.WriteString("input", whole ? ResponseTools.Unwrap(call.ArgumentsJson) : "");
        }
        else
        {
            json.WriteString("arguments", whole ? call.ArgumentsJson : "");
        }
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
            json.WriteString("reason", Answer.Finish switch
            {
                FinishReason.Length => "max_output_tokens",
                FinishReason.Other => Answer.FinishWord!.ToLowerInvariant(),
                _ => "content_filter",
            });
            json.WriteEndObject();
        }
        else
        {
            json.WriteNull("incomplete_details");
        }

        json.WriteString("model", model);
        json.WriteNull("previous_response_id");
        json.WriteBoolean("store", false);
        json.WriteBoolean("parallel_tool_calls", request.ParallelTools ?? true);
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

    private string Status() => Answer.Finish is FinishReason.Length or FinishReason.ContentFilter
        || (Answer.Finish == FinishReason.Other && Answer.FinishWord is not null) ? "incomplete" : "completed";

    private void Event(string type, Action<Utf8JsonWriter> write) => Frame(type, json =>
    {
        json.WriteString("type", type);
        json.WriteNumber("sequence_number", _sequence++);
        write(json);
    });
}
