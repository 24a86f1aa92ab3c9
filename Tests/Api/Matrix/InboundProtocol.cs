using System.Text.Json;
using System.Text.Json.Nodes;

namespace AiChat.Tests.Api.Matrix;

/// <summary>What a client asks for, in no protocol's words.</summary>
internal sealed record Wish(string Scene)
{
    public static readonly JsonNode Schema = JsonNode.Parse(
        """{"type":"object","properties":{"city":{"type":"string"}},"required":["city"],"additionalProperties":false}""")!;

    public bool Stream { get; init; } = true;

    public string? System { get; init; }

    public bool Tools { get; init; }

    public bool Strict { get; init; }

    /// <summary>required, or a tool's name.</summary>
    public string? Choice { get; init; }

    public bool? Parallel { get; init; }

    /// <summary>Base64 of an image, or null.</summary>
    public string? Image { get; init; }

    public string? Detail { get; init; }

    public string? Document { get; init; }

    public string? Stop { get; init; }

    public bool Form { get; init; }

    public string? Effort { get; init; }

    public double? Temperature { get; init; }

    /// <summary>The arguments of a call in the history, whose result is told; null = no history.</summary>
    public string? Called { get; init; }

    public string ResultOf { get; init; } = "call_7";

    public bool Failed { get; init; }

    public string? ResultImage { get; init; }
}

/// <summary>An answer as its client reads it.</summary>
internal sealed record Seen
{
    public string Text { get; set; } = "";

    public string Thinking { get; set; } = "";

    public string Refusal { get; set; } = "";

    /// <summary>The arguments of the calls, in their order; each is of get_weather.</summary>
    public List<string> Calls { get; } = [];

    public string? Finish { get; set; }

    public string? StopWord { get; set; }

    public long Prompt { get; set; }

    public long Completion { get; set; }

    /// <summary>The prompt's length as it is told before the answer; null where the protocol has no place for it.</summary>
    public long? PromptAhead { get; set; }

    public string? Error { get; set; }
}

/// <summary>A protocol that clients speak: how they ask in it, and how they read the answer.</summary>
internal abstract class InboundProtocol
{
    public static readonly IReadOnlyList<InboundProtocol> All = [new ChatInbound(), new ResponsesInbound(), new MessagesInbound()];

    public abstract string Path { get; }

    /// <summary>The kind of provider that speaks the same protocol.</summary>
    public abstract string Kind { get; }

    public abstract JsonObject Ask(string model, Wish wish);

    public abstract Seen Read(IReadOnlyList<JsonElement> frames);

    public abstract Seen ReadWhole(JsonElement answer);

    /// <summary>What this protocol calls an ordinary end, one with calls, by the limit, and by the filter.</summary>
    public abstract (string Stop, string Calls, string Length, string Filter) Words { get; }

    protected static JsonObject Node(object value) => (JsonObject)JsonSerializer.SerializeToNode(value)!;

    protected static JsonArray List(params IEnumerable<object?> items) =>
        new([.. items.Where(item => item is not null).Select(item => item as JsonNode ?? JsonSerializer.SerializeToNode(item))]);

    protected static string Text(JsonElement element, params ReadOnlySpan<object> path) =>
        Find(element, path) is { ValueKind: JsonValueKind.String } found ? found.GetString()! : "";

    protected static JsonElement Find(JsonElement element, params ReadOnlySpan<object> path)
    {
        foreach (var step in path)
        {
            element = step is string name
                ? element.ValueKind == JsonValueKind.Object && element.TryGetProperty(name, out var member) ? member : default
                : element.ValueKind == JsonValueKind.Array && element.GetArrayLength() > (int)step ? element[(int)step] : default;
        }

        return element;
    }

    protected static long Number(JsonElement element, params ReadOnlySpan<object> path) =>
        Find(element, path) is { ValueKind: JsonValueKind.Number } found ? found.GetInt64() : 0;

    protected static IEnumerable<JsonElement> Items(JsonElement element, params ReadOnlySpan<object> path) =>
        Find(element, path) is { ValueKind: JsonValueKind.Array } list ? list.EnumerateArray() : default(JsonElement.ArrayEnumerator);

    protected static string Pdf(Wish wish) => "data:application/pdf;base64," + wish.Document;

    protected static string Question(Wish wish) => $"scene:{wish.Scene}";
}

internal sealed class ChatInbound : InboundProtocol
{
    public override string Path => "/v1/chat/completions";

    public override string Kind => "openai";

    public override (string Stop, string Calls, string Length, string Filter) Words => ("stop", "tool_calls", "length", "content_filter");

    public override JsonObject Ask(string model, Wish wish)
    {
        var body = Node(new { model, stream = wish.Stream, max_tokens = 99 });
        if (wish.Stream)
        {
            body["stream_options"] = Node(new { include_usage = true });
        }

        object? called = wish.Called is null ? null : new
        {
            role = "assistant",
            content = (string?)null,
            tool_calls = List(new { id = "call_7", type = "function", function = new { name = "get_weather", arguments = wish.Called } }),
        };
        body["messages"] = List(
            wish.System is null ? null : new { role = "system", content = wish.System },
            new
            {
                role = "user",
                content = List(
                    new { type = "text", text = Question(wish) },
                    wish.Image is null ? null : new { type = "image_url", image_url = Image(wish) },
                    wish.Document is null ? null
                        : new { type = "file", file = new { filename = "a.pdf", file_data = Pdf(wish) } }),
            },
            called,
            called is null ? null : new { role = "tool", tool_call_id = wish.ResultOf, content = "12 degrees" });
        if (wish.Tools)
        {
            var function = Node(new { name = "get_weather", description = "d", parameters = Wish.Schema });
            if (wish.Strict)
            {
                function["strict"] = true;
            }

            body["tools"] = List(new { type = "function", function });
        }

        if (wish.Choice is not null)
        {
            body["tool_choice"] = wish.Choice == "required"
                ? "required" : Node(new { type = "function", function = new { name = wish.Choice } });
        }

        if (wish.Parallel is { } parallel)
        {
            body["parallel_tool_calls"] = parallel;
        }

        if (wish.Stop is not null)
        {
            body["stop"] = List(wish.Stop);
        }

        if (wish.Form)
        {
            var form = new { name = "place", strict = true, schema = Wish.Schema };
            body["response_format"] = Node(new { type = "json_schema", json_schema = form });
        }

        if (wish.Effort is not null)
        {
            body["reasoning_effort"] = wish.Effort;
        }

        if (wish.Temperature is { } temperature)
        {
            body["temperature"] = temperature;
        }

        return body;
    }

    public override Seen Read(IReadOnlyList<JsonElement> frames)
    {
        var seen = new Seen();
        foreach (var frame in frames)
        {
            seen.Error ??= Text(frame, "error", "message") is { Length: > 0 } error ? error : null;
            seen.Prompt = Math.Max(seen.Prompt, Number(frame, "usage", "prompt_tokens"));
            seen.Completion = Math.Max(seen.Completion, Number(frame, "usage", "completion_tokens"));
            var choice = Find(frame, "choices", 0);
            var delta = Find(choice, "delta");
            seen.Text += Text(delta, "content");
            seen.Thinking += Text(delta, "reasoning_content");
            seen.Refusal += Text(delta, "refusal");
            foreach (var call in Items(delta, "tool_calls"))
            {
                var at = (int)Number(call, "index");
                if (at == seen.Calls.Count)
                {
                    Assert.Equal("get_weather", Text(call, "function", "name"));
                    seen.Calls.Add("");
                }

                seen.Calls[at] += Text(call, "function", "arguments");
            }

            seen.Finish = Text(choice, "finish_reason") is { Length: > 0 } finish ? finish : seen.Finish;
            seen.StopWord = Text(choice, "stop_reason") is { Length: > 0 } word ? word : seen.StopWord;
        }

        return seen;
    }

    public override Seen ReadWhole(JsonElement answer)
    {
        var seen = new Seen
        {
            Text = Text(answer, "choices", 0, "message", "content"),
            Refusal = Text(answer, "choices", 0, "message", "refusal"),
            Finish = Text(answer, "choices", 0, "finish_reason"),
            StopWord = Text(answer, "choices", 0, "stop_reason") is { Length: > 0 } word ? word : null,
            Prompt = Number(answer, "usage", "prompt_tokens"),
            Completion = Number(answer, "usage", "completion_tokens"),
            Error = Text(answer, "error", "message"),
        };
        seen.Calls.AddRange(Items(answer, "choices", 0, "message", "tool_calls").Select(call => Text(call, "function", "arguments")));
        return seen;
    }

    private static JsonObject Image(Wish wish)
    {
        var image = Node(new { url = "data:image/png;base64," + wish.Image });
        if (wish.Detail is not null)
        {
            image["detail"] = wish.Detail;
        }

        return image;
    }
}
