using System.Text.Json;
using System.Text.Json.Nodes;

namespace AiChat.Tests.Api.Matrix;

internal sealed class OpenAiStandIn : StandIn
{
    public override string Kind => "openai";

    public override string Model => "oa-model";

    public override string BasePath => "/v1";

    public override string Path => "/v1/chat/completions";

    public override string ContentType => "text/event-stream";

    public override string End => "data: [DONE]\n\n";

    public override string Frame(JsonNode frame) => $"data: {frame.ToJsonString()}\n\n";

    public override IEnumerable<JsonNode> Frames(Scene scene)
    {
        if (scene.Thinking is not null)
        {
            yield return Chunk(new { reasoning_content = scene.Thinking });
        }

        foreach (var piece in scene.Pieces)
        {
            yield return scene.Refuses ? Chunk(new { refusal = piece }) : Chunk(new { content = piece });
        }

        foreach (var (place, begins, arguments) in scene.CallPieces())
        {
            object call = begins
                ? new { index = place, id = Scene.Id(place), type = "function", function = new { name = "get_weather", arguments } }
                : new { index = place, function = new { arguments } };
            yield return Chunk(new { tool_calls = new[] { call } });
        }

        if (!scene.Breaks)
        {
            var last = new { index = 0, delta = new { }, finish_reason = Word(scene), stop_reason = scene.StopWord };
            yield return Node(new { choices = new[] { last } });
            yield return Node(new { choices = Array.Empty<object>(), usage = Usage });
        }
    }

    public override JsonNode Whole(Scene scene) => Node(new
    {
        id = "c1",
        @object = "chat.completion",
        choices = new[]
        {
            new
            {
                index = 0,
                message = new
                {
                    role = "assistant",
                    content = scene.Refuses || scene.Calls.Count > 0 ? null : string.Concat(scene.Pieces),
                    refusal = scene.Refuses ? string.Concat(scene.Pieces) : null,
                    reasoning_content = scene.Thinking,
                    tool_calls = scene.Calls.Count == 0 ? null : scene.Calls.Select((arguments, place) =>
                        new { id = Scene.Id(place), type = "function", function = new { name = "get_weather", arguments } }),
                },
                finish_reason = Word(scene),
                stop_reason = scene.StopWord,
            },
        },
        usage = Usage,
    });

    public override JsonNode Error(string message) => Node(new { error = new { message, type = "server_error" } });

    public override IReadOnlyList<string> Tools(JsonElement sent) =>
        [.. Items(At(sent, "tools")).Select(tool => Word(At(tool, "function", "name"))!)];

    public override string? Choice(JsonElement sent) =>
        Word(At(sent, "tool_choice")) ?? Word(At(sent, "tool_choice", "function", "name"));

    public override bool? Parallel(JsonElement sent) => Flag(At(sent, "parallel_tool_calls"));

    public override string? Stop(JsonElement sent) => Word(At(sent, "stop", 0));

    public override JsonElement Schema(JsonElement sent) => At(sent, "response_format", "json_schema", "schema");

    public override string Reasoning(JsonElement sent) => Raw(At(sent, "reasoning_effort"));

    public override string Reasoning(string effort) => $"\"{effort}\"";

    public override string Result(JsonElement sent) =>
        Word(At(Items(At(sent, "messages")).First(message => Word(At(message, "role")) == "tool"), "content"))!;

    public override JsonElement Arguments(JsonElement sent) => Parse(Word(At(
        Items(At(sent, "messages")).First(message => At(message, "tool_calls").ValueKind == JsonValueKind.Array),
        "tool_calls", 0, "function", "arguments")));

    public override double? Temperature(JsonElement sent) => At(sent, "temperature").GetDouble();

    private static object Usage => new { prompt_tokens = Prompt, completion_tokens = Completion, total_tokens = Prompt + Completion };

    private static string Word(Scene scene) => scene.IsFiltered ? "content_filter" : scene.IsCut ? "length"
        : scene.Calls.Count > 0 ? "tool_calls" : "stop";

    private static JsonNode Chunk(object delta) => Node(new { choices = new[] { new { index = 0, delta } } });
}

internal sealed class ResponsesStandIn : StandIn
{
    public override string Kind => "openai_responses";

    public override string Model => "re-model";

    public override string BasePath => "/v1";

    public override string Path => "/v1/responses";

    public override string ContentType => "text/event-stream";

    public override string Frame(JsonNode frame) => $"event: {frame["type"]}\ndata: {frame.ToJsonString()}\n\n";

    public override IEnumerable<JsonNode> Frames(Scene scene)
    {
        var items = Items(scene).ToList();
        var created = new { id = "resp_1", @object = "response", status = "in_progress" };
        yield return Node(new { type = "response.created", response = created });
        var at = 0;
        if (scene.Thinking is not null)
        {
            yield return Added(at, items[at]);
            var type = "response.reasoning_summary_text.delta";
            yield return Node(new { type, output_index = at, summary_index = 0, item_id = "rs_1", delta = scene.Thinking });
            yield return Done(at, items[at++]);
        }

        if (scene.Pieces.Count > 0)
        {
            yield return Added(at, items[at]);
            foreach (var piece in scene.Pieces)
            {
                var type = scene.Refuses ? "response.refusal.delta" : "response.output_text.delta";
                yield return Node(new { type, output_index = at, content_index = 0, item_id = "msg_1", delta = piece });
            }

            if (scene.Breaks)
            {
                yield break;
            }

            yield return Done(at, items[at++]);
        }

        foreach (var (place, begins, arguments) in scene.CallPieces())
        {
            if (begins)
            {
                yield return Added(at + place, Call(place, ""));
            }

            var type = "response.function_call_arguments.delta";
            yield return Node(new { type, output_index = at + place, item_id = $"fc_{place}", delta = arguments });
        }

        for (var place = 0; place < scene.Calls.Count; place++)
        {
            yield return Done(at + place, Call(place, scene.Calls[place]));
        }

        var end = scene.IsFiltered || scene.IsCut ? "response.incomplete" : "response.completed";
        yield return Node(new { type = end, response = Whole(scene) });
    }

    public override JsonNode Whole(Scene scene) => Node(new
    {
        id = "resp_1",
        @object = "response",
        status = scene.IsFiltered || scene.IsCut ? "incomplete" : "completed",
        incomplete_details = scene.IsFiltered ? new { reason = "content_filter" }
            : scene.IsCut ? new { reason = "max_output_tokens" } : null,
        output = Items(scene),
        usage = new { input_tokens = Prompt, output_tokens = Completion, total_tokens = Prompt + Completion },
    });

    public override JsonNode Error(string message) => Node(new { type = "error", code = "server_error", message });

    public override IReadOnlyList<string> Tools(JsonElement sent) => [.. Items(At(sent, "tools")).Select(tool => Word(At(tool, "name"))!)];

    public override string? Choice(JsonElement sent) => Word(At(sent, "tool_choice")) ?? Word(At(sent, "tool_choice", "name"));

    public override bool? Parallel(JsonElement sent) => Flag(At(sent, "parallel_tool_calls"));

    public override string? Stop(JsonElement sent) => null;

    public override JsonElement Schema(JsonElement sent) => At(sent, "text", "format", "schema");

    public override string Reasoning(JsonElement sent) => Raw(At(sent, "reasoning", "effort"));

    public override string Reasoning(string effort) => $"\"{effort}\"";

    public override string Result(JsonElement sent)
    {
        var output = At(Items(At(sent, "input")).First(item => Word(At(item, "type")) == "function_call_output"), "output");
        return Word(output) ?? Word(At(output, 0, "text"))!;
    }

    public override JsonElement Arguments(JsonElement sent) =>
        Parse(Word(At(Items(At(sent, "input")).First(item => Word(At(item, "type")) == "function_call"), "arguments")));

    public override double? Temperature(JsonElement sent) => At(sent, "temperature").GetDouble();

    private static IEnumerable<JsonNode> Items(Scene scene)
    {
        if (scene.Thinking is not null)
        {
            var summary = new[] { new { type = "summary_text", text = scene.Thinking } };
            yield return Node(new { type = "reasoning", id = "rs_1", summary });
        }

        if (scene.Pieces.Count > 0)
        {
            var text = string.Concat(scene.Pieces);
            object part = scene.Refuses ? new { type = "refusal", refusal = text } : new { type = "output_text", text };
            yield return Node(new { type = "message", id = "msg_1", role = "assistant", status = "completed", content = new[] { part } });
        }

        for (var place = 0; place < scene.Calls.Count; place++)
        {
            yield return Call(place, scene.Calls[place]);
        }
    }

    private static JsonNode Call(int place, string arguments) => Node(new
    {
        type = "function_call",
        id = $"fc_{place}",
        call_id = Scene.Id(place),
        name = "get_weather",
        arguments,
        status = "completed",
    });

    private static JsonNode Added(int at, JsonNode item) => Node(new { type = "response.output_item.added", output_index = at, item });

    private static JsonNode Done(int at, JsonNode item) => Node(new { type = "response.output_item.done", output_index = at, item });
}
