using System.Text.Json;
using AiChat.Providers.Protocol;
using AiChat.Providers.Transport;

namespace AiChat.Providers.OpenAi;

/// <summary>Reads the events of a Responses stream, or a whole response.</summary>
internal sealed class OpenAiResponsesParser(ChatRequest request) : DocumentParser(request)
{
    public const string StateKind = "openai_responses";

    private readonly Dictionary<int, int> _calls = [];
    private readonly HashSet<int> _withArguments = [];
    private readonly List<string> _reasoning = [];
    private bool _summarized;

    public override void End()
    {
        if (Output.HasToolCalls && _reasoning.Count > 0)
        {
            Output.State(ProviderState.Pack(StateKind, Request.Model, json =>
            {
                json.WriteStartArray();
                _reasoning.ForEach(item => json.WriteRawValue(item, skipInputValidation: true));
                json.WriteEndArray();
            }));
        }
    }

    protected override void Read(JsonElement frame)
    {
        switch (frame.Text("type"))
        {
            case "response.output_text.delta" or "response.refusal.delta":
                Output.Text(frame.Text("delta"));
                break;
            case "response.reasoning_summary_text.delta" or "response.reasoning_text.delta":
                _summarized = true;
                Output.Reasoning(frame.Text("delta"));
                break;
            case "response.reasoning_summary_part.added" when _summarized:
                // Each part begins with a title, which needs a gap after the part before it.
                Output.Reasoning("\n\n");
                break;
            case "response.output_item.added":
                Start(Index(frame), frame.Child("item"));
                break;
            case "response.function_call_arguments.delta" when _calls.TryGetValue(Index(frame), out var call):
                _withArguments.Add(call);
                Output.ToolCall(call, null, null, frame.Text("delta"));
                break;
            case "response.output_item.done":
                Finish(Index(frame), frame.Child("item"));
                break;
            case "response.completed" or "response.incomplete" or "response.failed":
                Finish(frame.Child("response"));
                break;
            case "error":
                throw Error(frame);
            case null when frame.Text("object") == "response":
                Whole(frame);
                break;
            default:
                // Events that repeat others, or belong to tools that are not asked for.
                if (frame.Child("error").ValueKind is JsonValueKind.Object or JsonValueKind.String)
                {
                    throw Error(frame);
                }

                break;
        }
    }

    private static int Index(JsonElement frame) => Count(frame, "output_index") ?? 0;

    private void Start(int index, JsonElement item)
    {
        if (item.Text("type") == "function_call" && !_calls.ContainsKey(index))
        {
            var call = _calls[index] = _calls.Count;
            var arguments = item.Text("arguments");
            if (!string.IsNullOrEmpty(arguments))
            {
                _withArguments.Add(call);
            }

            Output.ToolCall(call, item.Text("call_id") ?? item.Text("id"), item.Text("name"), arguments);
        }
    }

    private void Finish(int index, JsonElement item)
    {
        switch (item.Text("type"))
        {
            case "function_call":
                Start(index, item);
                if (_calls.TryGetValue(index, out var call) && _withArguments.Add(call))
                {
                    Output.ToolCall(call, null, null, item.Text("arguments"));
                }

                break;
            case "reasoning" when item.Text("encrypted_content") is not null:
                _reasoning.Add(LenientJson.Raw(item));
                Output.Keep(_reasoning[^1].Length);
                break;
            default:
                // The text of a message has already been read from its deltas.
                break;
        }
    }

    private void Finish(JsonElement response)
    {
        if (response.Child("error").ValueKind == JsonValueKind.Object)
        {
            throw Error(response);
        }

        var usage = response.Child("usage");
        if (usage.ValueKind == JsonValueKind.Object)
        {
            Output.Usage(
                Count(usage, "input_tokens"),
                Count(usage, "output_tokens"),
                Count(usage.Child("output_tokens_details"), "reasoning_tokens"),
                Count(usage.Child("input_tokens_details"), "cached_tokens"));
        }

        var reason = response.Child("incomplete_details").Text("reason") ?? response.Text("status");
        Output.Finish(reason switch
        {
            "completed" or null => FinishReason.Stop,
            "max_output_tokens" => FinishReason.Length,
            "content_filter" => FinishReason.ContentFilter,
            _ => FinishReason.Other,
        }, reason);
        Ended = true;
    }

    private void Whole(JsonElement response)
    {
        var index = 0;
        foreach (var item in Items(response, "output"))
        {
            foreach (var part in Items(item, "summary"))
            {
                Output.Reasoning(part.Text("text"));
            }

            foreach (var part in Items(item, "content"))
            {
                if (item.Text("type") == "reasoning")
                {
                    Output.Reasoning(part.Text("text"));
                }
                else
                {
                    Output.Text(part.Text("text") ?? part.Text("refusal"));
                }
            }

            Finish(index++, item);
        }

        Finish(response);
    }

    private static JsonElement.ArrayEnumerator Items(JsonElement element, string name) =>
        element.Child(name) is { ValueKind: JsonValueKind.Array } list ? list.EnumerateArray() : default;
}
