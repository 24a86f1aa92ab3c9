using System.Text;
using System.Text.Json;
using AiChat.Providers.Protocol;

namespace AiChat.Endpoints.Compat;

/// <summary>OpenAI's chat completions (OpenAI API reference: "Create chat completion", "The chat completion chunk object").</summary>
internal sealed class ChatCompletions : Dialect
{
    /// <summary>Bound of n: each answer is charged.</summary>
    private const int MaxChoices = 8;

    public override bool IsSpokenBy(string provider) => provider is "openai" or "azure_openai";

    protected override CompatRequest Read(JsonElement body)
    {
        var choices = body.Int("n") ?? 1;
        if (choices is < 1 or > MaxChoices)
        {
            throw CompatRefusal.Bad($"n is 1 to {MaxChoices}.");
        }

        CheckAnswers(body);
        return new CompatRequest
        {
            Model = body.Required("model"),
            Sampling = new ChatSampling { MaxOutputTokens = MaxTokens(body) },
            Stream = body.Bool("stream"),
            IncludeUsage = body.Get("stream_options") is { ValueKind: JsonValueKind.Object } options && options.Bool("include_usage"),
            Choices = choices,
            Body = body,
        };
    }

    public override CompatRequest Translated(JsonElement body)
    {
        if (OnlyHere(body).ToList() is [_, ..] names)
        {
            throw CompatRefusal.Bad(
                $"The provider of this model speaks another protocol, which does not have this: {string.Join(", ", names)}.");
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
            throw CompatRefusal.Bad("messages contains no message besides system messages.");
        }

        return new CompatRequest
        {
            Model = body.Required("model"),
            System = system.Length == 0 ? null : system.ToString(),
            Turns = turns,
            Sampling = Sampling(body),
            Effort = ToolMapping.Effort(body.String("reasoning_effort")),
            Tools = [.. body.Items("tools").Select(Tool).OfType<ChatTool>()],
            ToolChoice = ToolMapping.Choice(body.Get("tool_choice"), "function"),
            Schema = ToolMapping.Schema(body.Get("response_format"), "json_schema"),
            Stream = body.Bool("stream"),
            Body = body,
        };
    }

    public override AnswerWriter Writer(CompatRequest request, string model, DateTimeOffset now) =>
        new ChatCompletionWriter(model, now.ToUnixTimeSeconds(), request.Stream, request.IncludeUsage);

    public override AnswerWriter Relay(CompatRequest request, string model, DateTimeOffset now) =>
        new ChatCompletionWriter(model, now.ToUnixTimeSeconds(), request.Stream, request.IncludeUsage) { RelaysFrames = true };

    protected override IReadOnlyDictionary<int, string> States(JsonElement body, ResolvedCall call)
    {
        Dictionary<int, string> states = [];
        foreach (var (at, message) in body.Items("messages").Index())
        {
            if (message.Child("tool_calls") is { ValueKind: JsonValueKind.Array } calls && calls.GetArrayLength() > 0
                && calls[0].Text("id") is { } id
                && call.WithState(new ChatTurn(ChatRole.Assistant, "") { ToolCalls = [new ChatToolCall(id, "", "")] }).State is { } state)
            {
                states[at] = state;
            }
        }

        return states;
    }

    /// <summary>Refuses an empty conversation, and the answer of a call that nobody made.</summary>
    private static void CheckAnswers(JsonElement body)
    {
        HashSet<string> calls = [];
        var at = 0;
        foreach (var message in body.Items("messages"))
        {
            foreach (var id in message.Items("tool_calls").Select(call => call.Text("id")).OfType<string>())
            {
                calls.Add(id);
            }

            if (message.String("role") == "tool" && !calls.Contains(message.Required("tool_call_id")))
            {
                throw CompatRefusal.Bad(
                    $"messages[{at}]: the role tool answers {message.String("tool_call_id")}, but no tool_calls before it have this id.");
            }

            at++;
        }

        if (at == 0)
        {
            throw CompatRefusal.Bad("messages is empty.");
        }
    }

    /// <summary>The members of the request that only a provider of this protocol understands.</summary>
    private static IEnumerable<string> OnlyHere(JsonElement body)
    {
        if (body.Int("n") is > 1)
        {
            yield return "n";
        }

        if (body.Bool("logprobs"))
        {
            yield return "logprobs";
        }

        if (body.Int("top_logprobs") is > 0)
        {
            yield return "top_logprobs";
        }

        if (WantsAudio(body))
        {
            yield return body.Get("audio").ValueKind == JsonValueKind.Undefined ? "modalities" : "audio";
        }

        var contents = body.Items("messages").Select(message => message.Get("content"));
        var lists = contents.Where(content => content.ValueKind == JsonValueKind.Array);
        foreach (var part in lists.SelectMany(content => content.EnumerateArray()))
        {
            if (part.Required("type") is ("input_audio" or "file") and var type)
            {
                yield return $"the {type} part of messages";
            }
        }
    }

    private static bool WantsAudio(JsonElement body) =>
        body.Get("audio").ValueKind != JsonValueKind.Undefined || body.Strings("modalities").Contains("audio");

    private static int? MaxTokens(JsonElement body) => body.Positive("max_completion_tokens") ?? body.Positive("max_tokens");

    private static ChatSampling Sampling(JsonElement body) => new()
    {
        Temperature = body.Double("temperature"),
        TopP = body.Double("top_p"),
        TopK = body.Int("top_k"),
        FrequencyPenalty = body.Double("frequency_penalty"),
        PresencePenalty = body.Double("presence_penalty"),
        MaxOutputTokens = MaxTokens(body),
        Stop = body.Strings("stop"),
        Seed = body.Int("seed"),
    };

    // Tools of other types run at one vendor; other providers do not know them.
    private static ChatTool? Tool(JsonElement tool) =>
        tool.String("type") != "function" ? null
        : tool.Get("function") is { ValueKind: JsonValueKind.Object } function ? ToolMapping.Tool(function, "parameters")
        : throw CompatRefusal.Bad("A tool has no function.");

    private static void ReadMessage(JsonElement message, StringBuilder system, List<ChatTurn> turns, List<ChatImage> images)
    {
        List<ChatImage> own = [];
        var text = ReadContent(message.Get("content"), own, images);
        switch (message.Required("role"))
        {
            case "assistant":
                turns.Add(new ChatTurn(ChatRole.Assistant, text) { ToolCalls = [.. message.Items("tool_calls").Select(Call)] });
                break;
            case "tool":
                turns.Add(new ChatTurn(ChatRole.Tool, text) { ToolCallId = message.Required("tool_call_id") });
                break;
            case var role:
                CompatBody.AddMessage(role, text, own, system, turns);
                break;
        }
    }

    private static ChatToolCall Call(JsonElement call)
    {
        var function = call.Get("function");
        return function.ValueKind == JsonValueKind.Object
            ? new ChatToolCall(call.Required("id"), function.Required("name"), function.String("arguments") ?? "")
            : throw CompatRefusal.Bad("A tool call has no function.");
    }

    private static string ReadContent(JsonElement content, List<ChatImage> own, List<ChatImage> images) =>
        CompatBody.Text(content, (part, text) =>
        {
            switch (part.Required("type"))
            {
                case "text" or "refusal":
                    text.Append(part.String("text") ?? part.String("refusal"));
                    break;
                case "image_url":
                    own.Add(part.Get("image_url") is { ValueKind: JsonValueKind.Object } link
                        ? link.Image("url", images)
                        : part.Image("image_url", images));
                    break;
                case var type:
                    throw CompatRefusal.Bad($"Parts of type {type} are not supported.");
            }
        });
}
