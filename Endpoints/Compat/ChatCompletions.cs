using System.Text;
using System.Text.Json;
using AiChat.Providers.Protocol;

namespace AiChat.Endpoints.Compat;

/// <summary>OpenAI's chat completions (OpenAI API reference: "Create chat completion", "The chat completion chunk object").</summary>
internal sealed class ChatCompletions : Dialect
{
    private static readonly HashSet<string> Own = new(StringComparer.Ordinal) { "model", "messages", "stream", "stream_options" };

    /// <summary>Bound of n: each answer is charged.</summary>
    private const int MaxChoices = 8;

    protected override IReadOnlySet<string> OwnMembers => Own;

    protected override bool IsSpokenBy(string provider) => provider is "openai" or "azure_openai";

    public override CompatRequest Read(JsonElement body)
    {
        var choices = body.Int("n") ?? 1;
        if (choices is < 1 or > MaxChoices)
        {
            throw CompatRefusal.Bad($"n is 1 to {MaxChoices}.");
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
            IncludeUsage = body.Get("stream_options") is { ValueKind: JsonValueKind.Object } options && options.Bool("include_usage"),
            Choices = choices,
            OnlyPassthrough = [.. OnlyPassthrough(body, choices)],
            Body = body,
        };
    }

    public override AnswerWriter Writer(CompatRequest request, string model, DateTimeOffset now) =>
        new ChatCompletionWriter(model, now.ToUnixTimeSeconds(), request.Stream, request.IncludeUsage);

    public override bool RelaysFrames(string provider) => IsSpokenBy(provider);

    // The messages are passed through, because only their provider reads names, details, audio and files.
    protected override ChatRequest PassThrough(ChatRequest sent, CompatRequest request, ResolvedCall call)
    {
        // Audio comes whole unless the client streams: streamed audio has a format that the client must have asked for.
        var whole = !request.Stream && WantsAudio(request.Body);
        var messages = request.Body.Items("messages").Select(message => Restored(message, call));
        return sent with
        {
            Passthrough = new PassthroughRequest([.. messages], request.Choices, whole),
            Timeouts = whole ? sent.Timeouts with { FirstByte = sent.Timeouts.Total } : sent.Timeouts,
        };
    }

    private static PassthroughMessage Restored(JsonElement message, ResolvedCall call)
    {
        var calls = message.Items("tool_calls").Select(Call).ToList();
        var turn = new ChatTurn(ChatRole.Assistant, "") { ToolCalls = calls };
        return new PassthroughMessage(message, calls.Count == 0 ? null : call.WithState(turn).State);
    }

    /// <summary>The members of the request that only a provider of this protocol understands.</summary>
    private static IEnumerable<string> OnlyPassthrough(JsonElement body, int choices)
    {
        if (choices > 1)
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

    private static ChatSampling Sampling(JsonElement body) => new()
    {
        Temperature = body.Double("temperature"),
        TopP = body.Double("top_p"),
        TopK = body.Int("top_k"),
        FrequencyPenalty = body.Double("frequency_penalty"),
        PresencePenalty = body.Double("presence_penalty"),
        MaxOutputTokens = body.Positive("max_completion_tokens") ?? body.Positive("max_tokens"),
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
                case "input_audio":
                    CheckHolder(part, "input_audio", "data");
                    break;
                case "file":
                    CheckHolder(part, "file", "file_data");
                    break;
                case var type:
                    throw CompatRefusal.Bad($"Parts of type {type} are not supported.");
            }
        });

    /// <summary>
    /// Checks a part that only a provider of this protocol reads. An address in it is refused, because a provider would fetch it.
    /// </summary>
    private static void CheckHolder(JsonElement part, string holder, string data)
    {
        var value = part.Get(holder);
        if (value.ValueKind != JsonValueKind.Object)
        {
            throw CompatRefusal.Bad($"{holder} is missing.");
        }

        if (value.Holds(data, "://"))
        {
            throw CompatRefusal.Bad($"{holder}.{data} is data, not an address; addresses are not fetched.");
        }
    }
}
