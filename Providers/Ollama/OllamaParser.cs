using System.Text.Json;
using AiChat.Providers.Protocol;
using AiChat.Providers.Transport;

namespace AiChat.Providers.Ollama;

/// <summary>Reads chat responses, one JSON object per line.</summary>
internal sealed class OllamaParser(ChatRequest request) : DocumentParser(request)
{
    private int _calls;

    protected override void Read(JsonElement frame)
    {
        if (frame.Child("error").ValueKind is JsonValueKind.Object or JsonValueKind.String)
        {
            throw Error(frame);
        }

        var message = frame.Child("message");
        Output.Reasoning(message.Text("thinking"));
        Output.Text(message.Text("content"));
        var calls = message.Child("tool_calls");
        foreach (var call in calls.ValueKind == JsonValueKind.Array ? calls.EnumerateArray() : default)
        {
            var function = call.Child("function");
            var arguments = function.Child("arguments");
            var json = arguments.ValueKind == JsonValueKind.Object ? LenientJson.Raw(arguments) : function.Text("arguments") ?? "{}";
            Output.ToolCall(_calls++, call.Text("id"), function.Text("name"), json);
        }

        if (frame.Flag("done") == true)
        {
            Finish(frame);
        }
    }

    private void Finish(JsonElement frame)
    {
        if (Count(frame, "prompt_eval_count") is not null || Count(frame, "eval_count") is not null)
        {
            Output.Usage(Count(frame, "prompt_eval_count"), Count(frame, "eval_count"));
        }

        var reason = frame.Text("done_reason");
        Output.Finish(
            reason switch { "length" => FinishReason.Length, "stop" or null => FinishReason.Stop, _ => FinishReason.Other }, reason);
        Ended = true;
    }
}
