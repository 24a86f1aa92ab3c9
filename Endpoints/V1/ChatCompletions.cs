using System.Text;
using System.Text.Json;
using AiChat.Endpoints.Http;
using AiChat.Providers;

namespace AiChat.Endpoints.V1;

/// <summary>OpenAI's chat completions (OpenAI API reference: "Create chat completion", "The chat completion chunk object").</summary>
internal sealed class ChatCompletions : Dialect
{
    private static readonly HashSet<string> Ours = new(StringComparer.Ordinal) { "model", "messages", "stream", "stream_options", "n" };

    protected override IReadOnlySet<string> Kept => Ours;

    protected override bool IsSpokenBy(string provider) => provider is "openai" or "azure_openai";

    public override DoorRequest Read(JsonElement body)
    {
        if (body.Int("n") is not (null or 1))
        {
            throw DoorRefusal.Bad("n is 1: one answer at a time.");
        }

        var system = new StringBuilder();
        List<ChatTurn> turns = [];
        List<ChatImage> images = [];
        foreach (var message in body.Items("messages"))
        {
            ReadMessage(message, system, turns, images);
        }

        if (turns.Count == 0)
        {
            throw DoorRefusal.Bad("messages holds no message of a user.");
        }

        return new DoorRequest
        {
            Model = body.Required("model"),
            System = system.Length == 0 ? null : system.ToString(),
            Turns = turns,
            Sampling = Sampling(body),
            Effort = ToolWords.Effort(body.String("reasoning_effort")),
            Tools = [.. body.Items("tools").Select(Tool).OfType<ChatTool>()],
            ToolChoice = ToolWords.Choice(body.Get("tool_choice"), "function"),
            Schema = ToolWords.Schema(body.Get("response_format"), "json_schema"),
            Stream = body.Bool("stream"),
            IncludeUsage = body.Get("stream_options") is { ValueKind: JsonValueKind.Object } options && options.Bool("include_usage"),
            Body = body,
        };
    }

    public override AnswerWriter Writer(DoorRequest request, string model, DateTimeOffset now) => new ChatCompletionWriter(model, now.ToUnixTimeSeconds(), request.IncludeUsage);

    private static ChatSampling Sampling(JsonElement body) => new()
    {
        Temperature = body.Double("temperature"),
        TopP = body.Double("top_p"),
        TopK = body.Int("top_k"),
        FrequencyPenalty = body.Double("frequency_penalty"),
        PresencePenalty = body.Double("presence_penalty"),
        MaxOutputTokens = ToolWords.Positive(body.Int("max_completion_tokens") ?? body.Int("max_tokens")),
        Stop = body.Strings("stop"),
        Seed = body.Int("seed"),
    };

    // Tools of other kinds run at one vendor; others would not know them.
    private static ChatTool? Tool(JsonElement tool) => tool.String("type") != "function" ? null : tool.Get("function") is { ValueKind: JsonValueKind.Object } function
        ? new ChatTool(function.Required("name"), function.String("description") ?? "", ToolWords.Parameters(function.Get("parameters")))
        : throw DoorRefusal.Bad("A tool has no function.");

    private static void ReadMessage(JsonElement message, StringBuilder system, List<ChatTurn> turns, List<ChatImage> images)
    {
        List<ChatImage> own = [];
        var text = ReadContent(message.Get("content"), own, images);
        switch (message.Required("role"))
        {
            case "system" or "developer":
                system.Append(system.Length == 0 ? "" : "\n\n").Append(text);
                break;
            case "user":
                turns.Add(new ChatTurn(ChatRole.User, text) { Images = own });
                break;
            case "assistant":
                turns.Add(new ChatTurn(ChatRole.Assistant, text) { ToolCalls = [.. message.Items("tool_calls").Select(Call)] });
                break;
            case "tool":
                turns.Add(new ChatTurn(ChatRole.Tool, text) { ToolCallId = message.Required("tool_call_id") });
                break;
            case var role:
                throw DoorRefusal.Bad($"There is no role {role}.");
        }
    }

    private static ChatToolCall Call(JsonElement call)
    {
        var function = call.Get("function");
        return function.ValueKind == JsonValueKind.Object
            ? new ChatToolCall(call.Required("id"), function.Required("name"), function.String("arguments") ?? "")
            : throw DoorRefusal.Bad("A tool call has no function.");
    }

    private static string ReadContent(JsonElement content, List<ChatImage> own, List<ChatImage> images)
    {
        if (content.ValueKind is JsonValueKind.Undefined)
        {
            return "";
        }

        if (content.ValueKind == JsonValueKind.String)
        {
            return DoorBody.AsString(content, "content");
        }

        var text = new StringBuilder();
        foreach (var part in content.ValueKind == JsonValueKind.Array ? content.EnumerateArray() : throw DoorRefusal.Bad("content is neither a text nor a list."))
        {
            switch (part.Required("type"))
            {
                case "text" or "refusal":
                    text.Append(part.String("text") ?? part.String("refusal"));
                    break;
                case "image_url":
                    var image = DoorBody.Image(part.Get("image_url") is { ValueKind: JsonValueKind.Object } link ? link.Required("url") : part.Required("image_url"), images);
                    images.Add(image);
                    own.Add(image);
                    break;
                case var type:
                    throw DoorRefusal.Bad($"Parts of the type {type} are not taken here.");
            }
        }

        return text.ToString();
    }
}

/// <summary>Chunks of a chat completion, or the whole of it.</summary>
internal sealed class ChatCompletionWriter(string model, long created, bool includeUsage) : AnswerWriter
{
    private readonly string _id = NewId("chatcmpl-");

    public override void Begin() => Chunk(json =>
    {
        json.WriteString("role", "assistant");
        json.WriteString("content", "");
    });

    public override void End()
    {
        Chunk(_ => { }, Finish());
        if (includeUsage)
        {
            Frame(null, json =>
            {
                Head(json, "chat.completion.chunk");
                json.WriteStartArray("choices");
                json.WriteEndArray();
                Usage(json);
            });
        }

        Raw("data: [DONE]\n\n"u8);
    }

    public override void Fail(Problem problem, string requestId) => Frame(null, json => VendorErrors.Write(json, "/v1/chat/completions", problem, requestId));

    public override void WriteWhole(Utf8JsonWriter json)
    {
        Head(json, "chat.completion");
        json.WriteStartArray("choices");
        json.WriteStartObject();
        json.WriteNumber("index", 0);
        json.WriteStartObject("message");
        json.WriteString("role", "assistant");
        if (Answer.Text.Length == 0 && Answer.Calls.Count > 0)
        {
            json.WriteNull("content");
        }
        else
        {
            json.WriteString("content", Answer.Text.ToString());
        }

        if (Answer.Reasoning.Length > 0)
        {
            json.WriteString("reasoning_content", Answer.Reasoning.ToString());
        }

        json.WriteNull("refusal");
        WriteCalls(json);
        json.WriteEndObject();
        json.WriteNull("logprobs");
        json.WriteString("finish_reason", Finish());
        json.WriteEndObject();
        json.WriteEndArray();
        Usage(json);
    }

    protected override void OnText(string text) => Chunk(json => json.WriteString("content", text));

    protected override void OnReasoning(string text) => Chunk(json => json.WriteString("reasoning_content", text));

    protected override void OnCall(DoorToolCall call, string arguments, bool first) => Chunk(json =>
    {
        json.WriteStartArray("tool_calls");
        json.WriteStartObject();
        json.WriteNumber("index", call.Place);
        if (first)
        {
            json.WriteString("id", call.Id);
            json.WriteString("type", "function");
        }

        json.WriteStartObject("function");
        if (first)
        {
            json.WriteString("name", call.Name);
        }

        json.WriteString("arguments", arguments);
        json.WriteEndObject();
        json.WriteEndObject();
        json.WriteEndArray();
    });

    private void Chunk(Action<Utf8JsonWriter> delta, string? finish = null) => Frame(null, json =>
    {
        Head(json, "chat.completion.chunk");
        json.WriteStartArray("choices");
        json.WriteStartObject();
        json.WriteNumber("index", 0);
        json.WriteStartObject("delta");
        delta(json);
        json.WriteEndObject();
        json.WriteString("finish_reason", finish);
        json.WriteEndObject();
        json.WriteEndArray();
    });

    private void Head(Utf8JsonWriter json, string kind)
    {
        json.WriteString("id", _id);
        json.WriteString("object", kind);
        json.WriteNumber("created", created);
        json.WriteString("model", model);
    }

    private void WriteCalls(Utf8JsonWriter json)
    {
        if (Answer.Calls.Count == 0)
        {
            return;
        }

        json.WriteStartArray("tool_calls");
        foreach (var call in Answer.Calls)
        {
            json.WriteStartObject();
            json.WriteString("id", call.Id);
            json.WriteString("type", "function");
            json.WriteStartObject("function");
            json.WriteString("name", call.Name);
            json.WriteString("arguments", call.ArgumentsJson);
            json.WriteEndObject();
            json.WriteEndObject();
        }

        json.WriteEndArray();
    }

    private void Usage(Utf8JsonWriter json)
    {
        json.WriteStartObject("usage");
        json.WriteNumber("prompt_tokens", Used.PromptTokens);
        json.WriteNumber("completion_tokens", Used.CompletionTokens);
        json.WriteNumber("total_tokens", Used.PromptTokens + Used.CompletionTokens);
        json.WriteStartObject("prompt_tokens_details");
        json.WriteNumber("cached_tokens", Used.CachedTokens);
        json.WriteEndObject();
        json.WriteStartObject("completion_tokens_details");
        json.WriteNumber("reasoning_tokens", Used.ReasoningTokens);
        json.WriteEndObject();
        json.WriteEndObject();
    }

    private string Finish() => Answer.Finish switch
    {
        FinishReason.Stop or FinishReason.Other => "stop",
        FinishReason.Length => "length",
        FinishReason.ToolCalls => "tool_calls",
        FinishReason.ContentFilter => "content_filter",
    };
}
