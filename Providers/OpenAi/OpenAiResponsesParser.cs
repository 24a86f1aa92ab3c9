using System.Text.Json;
using AiChat.Providers.Protocol;
using AiChat.Providers.Transport;

namespace AiChat.Providers.OpenAi;

/// <summary>
/// Reads the events of a Responses stream, or a whole response. Text, summaries and calls come in pieces, at the end of their part, of
/// their item and of the response, or only at some of these places; each place completes what came before it.
/// </summary>
internal sealed class OpenAiResponsesParser(ChatRequest request) : DocumentParser(request)
{
    public const string StateKind = "openai_responses";
    private const string SummaryBreak = "\n\n";

    private readonly List<string> _reasoning = [];
    private Part _text;
    private Part _thought;

    public override void End()
    {
        if (Request.Passthrough is null && Output.HasToolCalls && _reasoning.Count > 0)
        {
            Output.State(ProviderState.Pack(StateKind, Request.Model, json =>
            {
                json.WriteStartArray();
                _reasoning.ForEach(item => json.WriteRawValue(item, skipInputValidation: true));
                json.WriteEndArray();
            }));
        }
    }

    protected override bool Knows(JsonElement frame) => frame.Text("type") is not null || frame.Text("object") is not null;

    protected override bool Speaks(JsonElement frame) =>
        frame.Text("type") is not ("response.created" or "response.in_progress" or "response.queued" or "keepalive");

    protected override void Read(JsonElement frame)
    {
        var type = frame.Text("type");
        Output.Refuses = type?.StartsWith("response.refusal.", StringComparison.Ordinal) == true
            || frame.Child("part").Text("type") == "refusal";
        switch (type)
        {
            case "response.output_text.delta" or "response.refusal.delta":
                _text.Enter(Place(frame, "content_index"), Output.TextMark, ends: false);
                Output.Text(frame.Text("delta"));
                break;
            case "response.output_text.done" or "response.refusal.done":
                EndText(Place(frame, "content_index"), frame.Text("text") ?? frame.Text("refusal"));
                break;
            case "response.content_part.added":
                _text.Enter(Place(frame, "content_index"), Output.TextMark, ends: false);
                Output.TextAhead(TextOf(frame.Child("part")));
                break;
            case "response.content_part.done" when frame.Child("part").Text("type") is "output_text" or "refusal" or "text":
                EndText(Place(frame, "content_index"), TextOf(frame.Child("part")));
                break;
            case "response.output_text.annotation.added":
                var annotation = frame.Child("annotation");
                Output.Source(annotation.Text("url"), annotation.Text("title"), null);
                break;
            case "response.reasoning_summary_text.delta":
                Think(Place(frame, "summary_index"), frame.Text("delta"));
                break;
            case "response.reasoning_text.delta":
                Think(Place(frame, "content_index"), frame.Text("delta"));
                break;
            case "response.reasoning_summary_text.done":
                EndThought(Place(frame, "summary_index"), frame.Text("text"));
                break;
            case "response.reasoning_text.done":
                EndThought(Place(frame, "content_index"), frame.Text("text"));
                break;
            case "response.reasoning_summary_part.done":
                EndThought(Place(frame, "summary_index"), frame.Child("part").Text("text"));
                break;
            case "response.output_item.added":
                Call(Index(frame), frame.Child("item"), whole: false);
                break;
            case "response.function_call_arguments.delta":
                Output.ToolCall(Index(frame), null, null, frame.Text("delta"));
                break;
            case "response.function_call_arguments.done":
                Output.ToolCall(Index(frame), null, frame.Text("name"), frame.Text("arguments"), whole: true);
                break;
            case "response.output_item.done":
                Finish(Index(frame), frame.Child("item"));
                break;
            case "response.failed" when frame.Child("error").ValueKind == JsonValueKind.Object:
                throw Error(frame); // a gateway's, beside a response that names none
            case "response.completed" or "response.incomplete" or "response.failed" or "response.done" or "response.cancelled":
                Finish(frame.Child("response"));
                break;
            case "error" or "response.error":
                throw Error(frame);
            case null when frame.Text("object") == "response":
                Finish(frame);
                break;
            default:
                // Events that belong to tools that are not asked for.
                break;
        }
    }

    private static int Index(JsonElement frame) => Count(frame, "output_index") ?? 0;

    private static (int Item, int Part) Place(JsonElement frame, string part) => (Index(frame), Count(frame, part) ?? 0);

    private static string? TextOf(JsonElement part) => part.Text("text") ?? part.Text("refusal");

    /// <summary>The message says nothing but that the model does not answer.</summary>
    private static bool IsRefusal(JsonElement message)
    {
        var parts = Items(message, "content").Select(part => part.Text("type")).ToList();
        return parts.Contains("refusal") && !parts.Contains("output_text");
    }

    private static string Joined(IEnumerable<string?> parts, string between) =>
        string.Join(between, parts.Where(part => !string.IsNullOrEmpty(part)));

    private void EndText((int Item, int Part) place, string? text)
    {
        _text.Enter(place, Output.TextMark, ends: true);
        Output.EndBlock();
        Output.WholeText(text, _text.Mark);
    }

    private void Think((int Item, int Part) place, string? delta)
    {
        // Each part begins with a title, which needs a gap after the part before it.
        if (_thought.Enter(place, Output.ReasoningMark, ends: false) && Output.ReasoningMark.Length > 0 && !string.IsNullOrEmpty(delta))
        {
            Output.Reasoning(SummaryBreak);
            _thought.Mark = Output.ReasoningMark;
        }

        Output.Reasoning(delta);
    }

    private void EndThought((int Item, int Part) place, string? text)
    {
        if (_thought.Enter(place, Output.ReasoningMark, ends: true) && Output.ReasoningMark.Length > 0 && !string.IsNullOrEmpty(text))
        {
            Output.Reasoning(SummaryBreak);
            _thought.Mark = Output.ReasoningMark;
        }

        Output.WholeReasoning(text, _thought.Mark);
    }

    private void Call(int? index, JsonElement item, bool whole)
    {
        if (item.Text("type") == "function_call")
        {
            Output.ToolCall(index, item.Text("call_id") ?? item.Text("id"), item.Text("name"), item.Text("arguments"), whole);
        }
    }

    /// <summary>An item is complete; what it says of itself may not have come in pieces.</summary>
    private void Finish(int index, JsonElement item)
    {
        switch (item.Text("type"))
        {
            case "function_call":
                Call(index, item, whole: true);
                break;
            case "reasoning":
                Keep(item);
                if (_thought.Item != index)
                {
                    _thought.Enter((index, 0), Output.ReasoningMark, ends: true);
                    Output.WholeReasoning(Thoughts(item), _thought.Mark);
                }

                break;
            case "image_generation_call":
                Picture(item);
                break;
            case "web_search_call":
                Search(item);
                break;
            case "message":
                // Its parts were ended one by one, or this is all that comes of them.
                Output.EndBlock();
                if (_text.Item != index)
                {
                    _text.Enter((index, 0), Output.TextMark, ends: true);
                }

                Output.Refuses = IsRefusal(item);
                Output.WholeText(Joined(Items(item, "content").Select(TextOf), ""), _text.ItemMark);
                Cite(item);
                _text = default;
                break;
        }
    }

    private void Finish(JsonElement response)
    {
        if (response.Child("error").ValueKind == JsonValueKind.Object)
        {
            throw Error(response);
        }

        var items = Items(response, "output").ToList();
        if (Output.ReasoningMark.Length == 0)
        {
            Output.Reasoning(Joined(items.Where(item => item.Text("type") == "reasoning").Select(Thoughts), SummaryBreak));
        }

        Output.EndBlock();
        var messages = items.Where(item => item.Text("type") == "message").SelectMany(item => Items(item, "content"));
        var text = Joined(messages.Select(TextOf), "");
        Output.Refuses = items.Exists(IsRefusal);
        Output.WholeText(text.Length > 0 ? text : response.Text("output_text"));
        var called = Output.HasToolCalls;
        for (var at = 0; at < items.Count; at++)
        {
            // Places shift where items are left out, so a call that came before is known by its id only.
            if (!called || items[at].Text("call_id") is not null)
            {
                Call(at, items[at], whole: true);
            }

            Keep(items[at]);
            Cite(items[at]);
            Picture(items[at]);
            Search(items[at]);
        }

        ReadUsage(response.Child("usage"));
        var reason = response.Child("incomplete_details").Text("reason") ?? response.Text("status");
        Output.Finish(reason is "in_progress" or "queued" ? null : reason);
        Ended = true;
    }

    private void Cite(JsonElement message)
    {
        foreach (var part in Items(message, "content"))
        {
            AnswerPartReader.Annotations(Output, part.Child("annotations"));
        }
    }

    private void Picture(JsonElement item)
    {
        if (item.Text("type") == "image_generation_call" && item.Text("result") is { } base64)
        {
            Output.Image($"image/{item.Text("output_format") ?? "png"}", base64);
        }
    }

    /// <summary>
    /// The pages that a search found (OpenAI docs, "Web search": sources). Those that the text cites come again with their titles.
    /// </summary>
    private void Search(JsonElement item)
    {
        if (item.Text("type") == "web_search_call")
        {
            foreach (var page in Items(item.Child("action"), "sources"))
            {
                Output.Source(page.Text("url"), page.Text("title"), page.Text("snippet"));
            }
        }
    }

    private void ReadUsage(JsonElement usage)
    {
        if (usage.ValueKind == JsonValueKind.Object)
        {
            Output.Usage(
                Count(usage, "input_tokens"),
                Count(usage, "output_tokens"),
                Count(usage.Child("output_tokens_details"), "reasoning_tokens"),
                Count(usage.Child("input_tokens_details"), "cached_tokens"));
        }
    }

    private static string Thoughts(JsonElement item) =>
        Joined(Items(item, "summary").Concat(Items(item, "content")).Select(part => part.Text("text")), SummaryBreak);

    /// <summary>Keeps an item of encrypted reasoning for later turns, once.</summary>
    private void Keep(JsonElement item)
    {
        if (item.Text("type") == "reasoning" && item.Text("encrypted_content") is not null)
        {
            var json = LenientJson.Raw(item);
            if (!_reasoning.Exists(known => known == json || IdOf(known) is { } id && id == item.Text("id")))
            {
                _reasoning.Add(json);
                Output.Keep(json.Length);
            }
        }
    }

    private static string? IdOf(string json)
    {
        using var document = JsonDocument.Parse(json);
        return document.RootElement.Text("id");
    }

    private static JsonElement.ArrayEnumerator Items(JsonElement element, string name) =>
        element.Child(name) is { ValueKind: JsonValueKind.Array } list ? list.EnumerateArray() : default;

    /// <summary>The part of the answer that is being read, and where it and its item begin.</summary>
    private struct Part
    {
        private (int Item, int Part) _place;
        private bool _begun;
        private bool _ended;

        public SaidText Mark;

        public SaidText ItemMark { get; private set; }

        public readonly int? Item => _begun ? _place.Item : null;

        /// <summary>An event of a part came; true when it is the first of its part.</summary>
        public bool Enter((int Item, int Part) place, SaidText now, bool ends)
        {
            var same = _begun && _place == place && (!_ended || ends);
            if (same)
            {
                _ended = ends;
                return false;
            }

            ItemMark = _begun && _place.Item == place.Item && _place != place ? ItemMark : now;
            (_place, Mark, _begun, _ended) = (place, now, true, ends);
            return true;
        }
    }
}
