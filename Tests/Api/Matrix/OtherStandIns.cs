using System.Text.Json;
using System.Text.Json.Nodes;

namespace AiChat.Tests.Api.Matrix;

internal sealed class AnthropicStandIn : StandIn
{
    public override string Kind => "anthropic";

    public override string Model => "claude-opus-4-6";

    public override string Path => "/v1/messages";

    public override string ContentType => "text/event-stream";

    public override string Frame(JsonNode frame) => $"event: {frame["type"]}\ndata: {frame.ToJsonString()}\n\n";

    public override IEnumerable<JsonNode> Frames(Scene scene)
    {
        yield return Node(new
        {
            type = "message_start",
            message = new
            {
                id = "msg_1",
                type = "message",
                role = "assistant",
                content = Array.Empty<object>(),
                usage = new { input_tokens = Prompt, output_tokens = 1 },
            },
        });
        var index = 0;
        if (scene.Thinking is not null)
        {
            yield return Start(index, new { type = "thinking", thinking = "", signature = "" });
            yield return Delta(index, new { type = "thinking_delta", thinking = scene.Thinking });
            yield return Stop(index++);
        }

        if (scene.Pieces.Count > 0)
        {
            yield return Start(index, new { type = "text", text = "" });
            foreach (var piece in scene.Pieces)
            {
                yield return Delta(index, new { type = "text_delta", text = piece });
            }

            if (scene.Breaks)
            {
                yield break;
            }

            yield return Stop(index++);
        }

        // This protocol has one block open at a time.
        foreach (var (place, begins, arguments) in scene.CallPieces().OrderBy(piece => piece.Place))
        {
            if (begins)
            {
                yield return Start(index + place, new { type = "tool_use", id = Scene.Id(place), name = "get_weather", input = new { } });
            }

            yield return Delta(index + place, new { type = "input_json_delta", partial_json = arguments });
            if (!begins)
            {
                yield return Stop(index + place);
            }
        }

        yield return Node(new
        {
            type = "message_delta",
            delta = new { stop_reason = Word(scene), stop_sequence = scene.StopWord },
            usage = new { output_tokens = Completion },
        });
        yield return Node(new { type = "message_stop" });
    }

    public override JsonNode Whole(Scene scene)
    {
        List<object> content = [];
        if (scene.Pieces.Count > 0)
        {
            content.Add(new { type = "text", text = string.Concat(scene.Pieces) });
        }

        content.AddRange(scene.Calls.Select((arguments, place) =>
            (object)new { type = "tool_use", id = Scene.Id(place), name = "get_weather", input = Parse(arguments) }));
        return Node(new
        {
            id = "msg_1",
            type = "message",
            role = "assistant",
            content,
            stop_reason = Word(scene),
            stop_sequence = scene.StopWord,
            usage = new { input_tokens = Prompt, output_tokens = Completion },
        });
    }

    public override JsonNode Error(string message) => Node(new { type = "error", error = new { type = "api_error", message } });

    public override IReadOnlyList<string> Tools(JsonElement sent) => [.. Items(At(sent, "tools")).Select(tool => Word(At(tool, "name"))!)];

    public override string? Choice(JsonElement sent) =>
        Word(At(sent, "tool_choice", "name"))
        ?? (Word(At(sent, "tool_choice", "type")) is { } type ? type == "any" ? "required" : type : null);

    public override bool? Parallel(JsonElement sent) => Flag(At(sent, "tool_choice", "disable_parallel_tool_use")) is { } off ? !off : null;

    public override string? Stop(JsonElement sent) => Word(At(sent, "stop_sequences", 0));

    public override JsonElement Schema(JsonElement sent) => At(sent, "output_config", "format", "schema");

    public override string Reasoning(JsonElement sent) => Raw(At(sent, "output_config", "effort"));

    public override string Reasoning(string effort) => effort switch { "none" => "", "minimal" => "\"low\"", _ => $"\"{effort}\"" };

    public override string Result(JsonElement sent)
    {
        var content = At(Blocks(sent, "tool_result").First(), "content");
        return Word(content) ?? Word(At(content, 0, "text"))!;
    }

    public override JsonElement Arguments(JsonElement sent) => At(Blocks(sent, "tool_use").First(), "input");

    public override double? Temperature(JsonElement sent) => At(sent, "temperature").GetDouble();

    private static IEnumerable<JsonElement> Blocks(JsonElement sent, string type) => Items(At(sent, "messages"))
        .SelectMany(message => Items(At(message, "content"))).Where(block => Word(At(block, "type")) == type);

    private static string Word(Scene scene) => scene.Refuses || scene.IsFiltered ? "refusal" : scene.IsCut ? "max_tokens"
        : scene.StopWord is not null ? "stop_sequence" : scene.Calls.Count > 0 ? "tool_use" : "end_turn";

    private static JsonNode Start(int index, object block) => Node(new { type = "content_block_start", index, content_block = block });

    private static JsonNode Delta(int index, object delta) => Node(new { type = "content_block_delta", index, delta });

    private static JsonNode Stop(int index) => Node(new { type = "content_block_stop", index });
}

internal sealed class GeminiStandIn : StandIn
{
    public override string Kind => "google_genai";

    public override string Model => "gemini-2.5-flash";

    public override string Path => $"/v1beta/models/{Model}:streamGenerateContent";

    public override string ContentType => "text/event-stream";

    public override string Frame(JsonNode frame) => $"data: {frame.ToJsonString()}\n\n";

    public override IEnumerable<JsonNode> Frames(Scene scene)
    {
        if (scene.Thinking is not null)
        {
            yield return Parts(new { text = scene.Thinking, thought = true });
        }

        foreach (var piece in scene.Pieces)
        {
            yield return Parts(new { text = piece });
        }

        foreach (var arguments in scene.Calls)
        {
            yield return Parts(new { functionCall = new { name = "get_weather", args = Parse(arguments) } });
        }

        if (!scene.Breaks)
        {
            yield return Node(new
            {
                candidates = new[] { new { finishReason = Word(scene) } },
                usageMetadata = new { promptTokenCount = Prompt, candidatesTokenCount = Completion },
            });
        }
    }

    public override JsonNode Error(string message) => Node(new { error = new { code = 503, message, status = "UNAVAILABLE" } });

    public override IReadOnlyList<string> Tools(JsonElement sent) =>
        [.. Items(At(sent, "tools", 0, "functionDeclarations")).Select(tool => Word(At(tool, "name"))!)];

    public override string? Choice(JsonElement sent)
    {
        var config = At(sent, "toolConfig", "functionCallingConfig");
        return Word(At(config, "allowedFunctionNames", 0)) ?? Word(At(config, "mode")) switch
        {
            "ANY" => "required",
            "NONE" => "none",
            null => null,
            _ => "auto",
        };
    }

    public override bool? Parallel(JsonElement sent) => null;

    public override string? Stop(JsonElement sent) => Word(At(sent, "generationConfig", "stopSequences", 0));

    public override JsonElement Schema(JsonElement sent) =>
        Word(At(sent, "generationConfig", "responseMimeType")) == "application/json"
            ? At(sent, "generationConfig", "responseJsonSchema") : default;

    public override string Reasoning(JsonElement sent) => Raw(At(sent, "generationConfig", "thinkingConfig", "thinkingBudget"));

    public override string Reasoning(string effort) => effort switch
    {
        "none" => "0",
        "minimal" => "512",
        "low" => "1024",
        "medium" => "8192",
        _ => "24576",
    };

    public override string Result(JsonElement sent)
    {
        var response = At(Parts(sent, "functionResponse").First(), "response");
        return Word(At(response, "output")) ?? $"error {Word(At(response, "error"))}";
    }

    public override JsonElement Arguments(JsonElement sent) => At(Parts(sent, "functionCall").First(), "args");

    public override double? Temperature(JsonElement sent) => At(sent, "generationConfig", "temperature").GetDouble();

    private static IEnumerable<JsonElement> Parts(JsonElement sent, string name) => Items(At(sent, "contents"))
        .SelectMany(content => Items(At(content, "parts"))).Select(part => At(part, name))
        .Where(part => part.ValueKind == JsonValueKind.Object);

    private static string Word(Scene scene) => scene.IsFiltered || scene.Refuses ? "SAFETY" : scene.IsCut ? "MAX_TOKENS" : "STOP";

    private static JsonNode Parts(object part) =>
        Node(new { candidates = new[] { new { content = new { role = "model", parts = new[] { part } } } } });
}

internal sealed class OllamaStandIn : StandIn
{
    public override string Kind => "ollama";

    public override string Model => "ol-model";

    public override string Path => "/api/chat";

    public override string ContentType => "application/x-ndjson";

    public override string Frame(JsonNode frame) => $"{frame.ToJsonString()}\n";

    public override IEnumerable<JsonNode> Frames(Scene scene)
    {
        if (scene.Thinking is not null)
        {
            yield return Message(new { role = "assistant", content = "", thinking = scene.Thinking });
        }

        foreach (var piece in scene.Pieces)
        {
            yield return Message(new { role = "assistant", content = piece });
        }

        foreach (var arguments in scene.Calls)
        {
            var call = new { function = new { name = "get_weather", arguments = Parse(arguments) } };
            yield return Message(new { role = "assistant", content = "", tool_calls = new[] { call } });
        }

        if (!scene.Breaks)
        {
            yield return Node(new
            {
                message = new { role = "assistant", content = "" },
                done = true,
                done_reason = scene.IsFiltered || scene.Refuses ? "content_filter" : scene.IsCut ? "length" : "stop",
                prompt_eval_count = Prompt,
                eval_count = Completion,
            });
        }
    }

    public override JsonNode Error(string message) => Node(new { error = message });

    public override IReadOnlyList<string> Tools(JsonElement sent) =>
        [.. Items(At(sent, "tools")).Select(tool => Word(At(tool, "function", "name"))!)];

    public override string? Choice(JsonElement sent) => null;

    public override bool? Parallel(JsonElement sent) => null;

    public override string? Stop(JsonElement sent) => Word(At(sent, "options", "stop", 0));

    public override JsonElement Schema(JsonElement sent) => At(sent, "format");

    public override string Reasoning(JsonElement sent) => Raw(At(sent, "think"));

    public override string Reasoning(string effort) => effort == "none" ? "false" : "true";

    public override string Result(JsonElement sent) =>
        Word(At(Items(At(sent, "messages")).First(message => Word(At(message, "role")) == "tool"), "content"))!;

    public override JsonElement Arguments(JsonElement sent) => At(
        Items(At(sent, "messages")).First(message => At(message, "tool_calls").ValueKind == JsonValueKind.Array),
        "tool_calls", 0, "function", "arguments");

    public override double? Temperature(JsonElement sent) => At(sent, "options", "temperature").GetDouble();

    private static JsonNode Message(object message) => Node(new { message, done = false });
}
