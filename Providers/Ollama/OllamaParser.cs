using System.Text.Json;
using AiChat.Providers.Protocol;
using AiChat.Providers.Transport;

namespace AiChat.Providers.Ollama;

/// <summary>Reads chat responses, one JSON object per line.</summary>
internal sealed class OllamaParser(ChatRequest request) : DocumentParser(request)
{
    /// <summary>Characters before the arguments of a forced call; what comes after is text.</summary>
    private const int MaxBefore = 4 * 1024;

    private readonly ChatTool? _forced = ChatTool.Forced(request.Tools, request.ToolChoice);
    private string _before = "";
    private bool _isCalling;
    private int _calls;

    protected override void Read(JsonElement frame)
    {
        var message = frame.Child("message");
        Output.Reasoning(message.Text("thinking") ?? message.Text("reasoning"));
        if (_forced is not null)
        {
            Argument(message.Text("content") ?? "", _forced.Name);
        }
        else if (frame.Flag("done") == true)
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

    /// <summary>A piece of an answer whose form is the arguments of the tool that must be called (<see cref="OllamaBody"/>).</summary>
    private void Argument(string piece, string tool)
    {
        if (_isCalling)
        {
            Output.ToolCall(0, null, null, piece);
            return;
        }

        _before += piece;
        var begin = _before.IndexOf('{', StringComparison.Ordinal);
        if (begin >= 0)
        {
            (_isCalling, var arguments, _before) = (true, _before[begin..], _before[..begin]);
            SayBefore();
            Output.ToolCall(0, null, tool, arguments);
            _calls = 1;
        }
        else if (_before.Length > MaxBefore)
        {
            SayBefore();
        }
    }

    /// <summary>A model that does not keep to the form says something before the arguments, or puts them into a block of code.</summary>
    private void SayBefore()
    {
        var text = _before.TrimEnd();
        foreach (var fence in (string[])["```json", "```"])
        {
            text = text.EndsWith(fence, StringComparison.Ordinal) ? text[..^fence.Length] : text;
        }

        Output.Text(string.IsNullOrWhiteSpace(text) ? "" : text);
        _before = "";
    }

    private void Finish(JsonElement frame)
    {
        SayBefore();
        if (Count(frame, "prompt_eval_count") is not null || Count(frame, "eval_count") is not null)
        {
            Output.Usage(Count(frame, "prompt_eval_count"), Count(frame, "eval_count"));
        }

        Output.Finish(frame.Text("done_reason"));
        Ended = true;
    }
}
