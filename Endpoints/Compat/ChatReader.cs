using System.Text;
using System.Text.Json;
using AiChat.Providers.Protocol;

namespace AiChat.Endpoints.Compat;

/// <summary>Reads a chat completion for a provider of another protocol.</summary>
internal sealed class ChatReader
{
    /// <summary>Members that are translated.</summary>
    private static readonly HashSet<string> Translated = new(StringComparer.Ordinal)
    {
        "model", "messages", "stream", "stream_options", "temperature", "top_p", "top_k", "frequency_penalty", "presence_penalty",
        "max_tokens", "max_completion_tokens", "stop", "seed", "tools", "tool_choice", "parallel_tool_calls", "response_format",
        "reasoning_effort", "reasoning", "thinking", "enable_thinking", "thinking_budget", "chat_template_kwargs", "verbosity", "user",
        "safety_identifier", "metadata", "service_tier", "store", "n", "logprobs", "top_logprobs", "modalities", "web_search_options",
    };

    /// <summary>
    /// Members that change nothing of the answer: they steer the cache, or ask for what comes anyway.
    /// </summary>
    private static readonly HashSet<string> Hints = new(StringComparer.Ordinal)
    {
        "prompt_cache_key", "prompt_cache_retention", "prompt_cache_options", "cache_control", "include_reasoning", "usage",
    };

    private static readonly HashSet<string> Known = [.. Translated, .. Hints];

    private static readonly HashSet<string> StreamMembers = new(StringComparer.Ordinal)
    {
        "include_usage", "include_obfuscation", "continuous_usage_stats",
    };

    private static readonly HashSet<string> SearchMembers = new(StringComparer.Ordinal) { "user_location", "search_context_size" };

    private static readonly HashSet<string> ToolMembers = new(StringComparer.Ordinal) { "type", "function", "cache_control" };

    private static readonly HashSet<string> FunctionMembers = new(StringComparer.Ordinal)
    {
        "name", "description", "parameters", "strict", "cache_control",
    };

    private static readonly HashSet<string> MessageMembers = new(StringComparer.Ordinal)
    {
        "role", "content", "name", "tool_calls", "tool_call_id", "refusal", "annotations", "reasoning_content", "reasoning",
        "reasoning_details", "cache_control", "images",
    };

    private static readonly HashSet<string> ImageMembers = new(StringComparer.Ordinal) { "url", "detail" };

    private static readonly HashSet<string> AudioMembers = new(StringComparer.Ordinal) { "data", "format" };

    private static readonly HashSet<string> FileMembers = new(StringComparer.Ordinal) { "file_data", "filename" };

    private readonly StringBuilder _system = new();
    private readonly List<ChatTurn> _turns = [];
    private readonly List<ChatImage> _images = [];
    private readonly ForeignMembers _foreign = new();

    private ChatReader()
    {
    }

    public static CompatRequest Read(JsonElement body) => new ChatReader().Whole(body);

    private CompatRequest Whole(JsonElement body)
    {
        _foreign.AddUnknown(body, Known);
        AddUntranslatable(body);
        foreach (var message in body.Items("messages"))
        {
            ReadMessage(message);
        }

        var choice = ToolMapping.Choice(body.Get("tool_choice"), "function", _foreign);
        var reasoning = ReasoningMembers.OfChat(body, _foreign);
        return new CompatRequest
        {
            Model = body.Required("model"),
            System = _system.Length == 0 ? null : _system.ToString(),
            Turns = ToolPairs.Arrange(_turns, _foreign),
            Sampling = Sampling(body),
            Reasons = reasoning.Enabled,
            Effort = reasoning.Effort,
            Budget = reasoning.Budget,
            Tools = choice.Of([.. body.Items("tools").Select(Tool).OfType<ChatTool>()]),
            ToolChoice = choice.Choice,
            ParallelTools = body.Flag("parallel_tool_calls"),
            Format = ToolMapping.Format(body.Get("response_format"), "json_schema", _foreign),
            Verbosity = body.String("verbosity"),
            UserId = body.String("safety_identifier") ?? body.String("user"),
            WebSearch = WebSearch(body.Get("web_search_options")),
            SearchName = "web_search_options",
            Metadata = body.Get("metadata") is { ValueKind: JsonValueKind.Object } metadata && metadata.EnumerateObject().Any(),
            ServiceTier = body.String("service_tier") is { } tier and not ("auto" or "default") ? tier : null,
            Stream = body.Bool("stream"),
            IncludeUsage = body.Get("stream_options") is { ValueKind: JsonValueKind.Object } options && options.Bool("include_usage"),
            SharedMembers = Translation.OpenAiMembers,
            Foreign = _foreign.Names,
            Body = body,
        };
    }

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

    private void AddUntranslatable(JsonElement body)
    {
        _foreign.AddIf(body.Int("n") is > 1, "n");
        _foreign.AddIf(body.Bool("logprobs"), "logprobs");
        _foreign.AddIf(body.Int("top_logprobs") is > 0, "top_logprobs");
        _foreign.AddIf(body.Bool("store"), "store");
        _foreign.AddIf(body.Strings("modalities").Any(modality => modality != "text"), "modalities");
        _foreign.AddIf(body.Flag("include_reasoning") == false, "include_reasoning");
        _foreign.AddUnknown(body.Get("stream_options"), StreamMembers, "stream_options.");
        _foreign.AddUnknown(body.Get("web_search_options"), SearchMembers, "web_search_options.");
        if (body.Get("chat_template_kwargs") is { ValueKind: JsonValueKind.Object } template)
        {
            _foreign.AddUnknown(template, ReasoningMembers.Template, "chat_template_kwargs.");
        }
    }

    private ChatTool? Tool(JsonElement tool)
    {
        if (tool.String("type") is { } type and not "function")
        {
            _foreign.Add($"tools of type {type}");
            return null;
        }

        _foreign.AddUnknown(tool, ToolMembers, "tools: ");
        _foreign.AddUnknown(tool.Get("function"), FunctionMembers, "tools: ");
        return tool.Get("function") is { ValueKind: JsonValueKind.Object } function
            ? ToolMapping.Tool(function, "parameters")
            : throw CompatRefusal.Bad("A tool has no function.");
    }

    private static ChatWebSearch? WebSearch(JsonElement options)
    {
        if (options.ValueKind != JsonValueKind.Object)
        {
            return null;
        }

        var place = options.Get("user_location") is { ValueKind: JsonValueKind.Object } location ? location.Get("approximate") : default;
        return new ChatWebSearch([], place.ValueKind == JsonValueKind.Object ? WebSearchTool.Located(place) : null, null)
        {
            ContextSize = options.String("search_context_size"),
        };
    }

    private void ReadMessage(JsonElement message)
    {
        var role = message.Required("role");
        _foreign.AddUnknown(message, MessageMembers, "messages: ");
        List<ChatImage> images = [];
        List<ChatFile> files = [];
        var text = CompatBody.Text(message.Get("content"), (part, written) =>
        {
            if (!IsCalled(message, part))
            {
                ReadPart(part, images, files, written);
            }
        });
        text = text.Length == 0 ? message.String("refusal") ?? "" : text;
        foreach (var image in message.Items("images"))
        {
            ReadPart(image, images, files, new StringBuilder()); // those that a model made, as the answer told them
        }

        switch (role)
        {
            case "system" or "developer":
                _system.Append(_system.Length == 0 ? "" : "\n\n").Append(text);
                break;
            case "user":
                _turns.Add(new ChatTurn(ChatRole.User, Named(message, text)) { Images = images, Files = files });
                break;
            case "assistant":
                var calls = message.Items("tool_calls").Select(Call).OfType<ChatToolCall>();
                _turns.Add(new ChatTurn(ChatRole.Assistant, Named(message, text)) { Images = images, ToolCalls = [.. calls] });
                break;
            case "tool":
                _turns.Add(new ChatTurn(ChatRole.Tool, text)
                {
                    ToolCallId = message.Required("tool_call_id"),
                    Images = images,
                    Files = files,
                });
                break;
            default:
                throw CompatRefusal.Bad($"The role {role} is unknown.");
        }
    }

    /// <summary>Whether a part is Anthropic's form of one of the calls that the message names itself, as LangChain sends both.</summary>
    private static bool IsCalled(JsonElement message, JsonElement part) =>
        part.String("type") == "tool_use" && message.Items("tool_calls").Any(call => call.String("id") == part.String("id"));

    // Who speaks, where several do: only this protocol has a member for it.
    private static string Named(JsonElement message, string text) =>
        message.String("name") is { Length: > 0 } name && text.Length > 0 ? $"{name}: {text}" : text;

    private ChatToolCall? Call(JsonElement call)
    {
        if (call.String("type") is { } type and not "function")
        {
            _foreign.Add($"tool calls of type {type}");
            return null;
        }

        _foreign.AddUnknownOf(call, "function", PartMembers.Chat);
        return call.Get("function") is { ValueKind: JsonValueKind.Object } function
            ? new ChatToolCall(call.Required("id"), function.Required("name"), function.String("arguments") ?? "")
            : throw CompatRefusal.Bad("A tool call has no function.");
    }

    private void ReadPart(JsonElement part, List<ChatImage> images, List<ChatFile> files, StringBuilder text)
    {
        var type = part.Required("type");
        _foreign.AddUnknownOf(part, type, PartMembers.Chat);
        switch (type)
        {
            case "text":
                text.Append(part.String("text"));
                break;
            case "refusal":
                text.Append(part.String("refusal"));
                break;
            case "image_url":
                var link = part.Get("image_url") is { ValueKind: JsonValueKind.Object } holder ? holder : part;
                _foreign.AddUnknown(part.Get("image_url"), ImageMembers, "image_url.");
                var image = link.ValueKind == JsonValueKind.Object && link.Get("url").ValueKind != JsonValueKind.Undefined
                    ? link.Image("url", _images)
                    : part.Image("image_url", _images);
                images.Add(image with { Detail = link.String("detail") is { } detail and not "auto" ? detail : null });
                break;
            case "input_audio" when part.Get("input_audio") is { ValueKind: JsonValueKind.Object } audio:
                _foreign.AddUnknown(audio, AudioMembers, "input_audio.");
                if (!CompatFiles.TryAdd64(audio, "data", $"audio/{audio.Required("format")}", "sound", files, text))
                {
                    throw CompatRefusal.Bad("input_audio.data is missing.");
                }

                break;
            case "file" when part.Get("file") is { ValueKind: JsonValueKind.Object } file:
                _foreign.AddUnknown(file, FileMembers, "file.");
                if (!CompatFiles.TryAddUrl(file, "file_data", file.String("filename"), files, text))
                {
                    _foreign.Add("file without file_data of PDF or text");
                }

                break;
            default:
                _foreign.Add($"the {type} part of messages");
                break;
        }
    }
}
