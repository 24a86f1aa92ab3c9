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
        var message = frame.Child("message");
        Output.Reasoning(message.Text("thinking"));
        if (frame.Flag("done") == true)
        {
            Output.LastText(message.Text("content"));
        }
        else
        {
            Output.Text(message.Text("content"));
        }

        var pictures = message.Child("images");
        foreach (var picture in pictures.ValueKind == JsonValueKind.Array ? pictures.EnumerateArray() : default)
        {
            AnswerPartReader.Image(Output, picture);
            if (LenientJson.Read(picture) is { } base64)
            {
                Output.Image(null, base64);
            }
        }

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

    protected override bool Knows(JsonElement frame) =>
        frame.Child("message").ValueKind == JsonValueKind.Object || frame.TryGetProperty("done", out _);

    private void Finish(JsonElement frame)
    {
        if (Count(frame, "prompt_eval_count") is not null || Count(frame, "eval_count") is not null)
        {
            Output.Usage(Count(frame, "prompt_eval_count"), Count(frame, "eval_count"));
        }

        Output.Finish(frame.Text("done_reason"));
        Ended = true;
    }
}
