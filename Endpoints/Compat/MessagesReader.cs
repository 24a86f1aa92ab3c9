using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using AiChat.Providers.Protocol;

namespace AiChat.Endpoints.Compat;

/// <summary>Reads a request of Anthropic's Messages API for a provider of another protocol.</summary>
internal sealed class MessagesReader
{
    /// <summary>The longest id of a user that OpenAI takes.</summary>
    private const int MaxUserId = 64;

    /// <summary>Members that are translated, and cache_control, which steers a cache that other protocols keep themselves.</summary>
    private static readonly HashSet<string> Known =
    [
        "model", "messages", "system", "stream", "max_tokens", "temperature", "top_p", "top_k", "stop_sequences", "thinking",
        "output_config", "output_format", "tools", "tool_choice", "metadata", "service_tier", "context_management", "speed",
        "cache_control",
    ];

    private static readonly HashSet<string> OutputMembers = new(StringComparer.Ordinal) { "effort", "format" };

    private static readonly HashSet<string> ThinkingMembers = new(StringComparer.Ordinal) { "type", "budget_tokens", "display" };

    private static readonly HashSet<string> ChoiceMembers = new(StringComparer.Ordinal) { "type", "name", "disable_parallel_tool_use" };

    private static readonly HashSet<string> MetadataMembers = new(StringComparer.Ordinal) { "user_id" };

    /// <summary>Of a message, and what the message of an answer has beside.</summary>
    private static readonly HashSet<string> MessageMembers = new(StringComparer.Ordinal)
    {
        "role", "content", "id", "type", "model", "stop_reason", "stop_sequence", "usage",
    };

    /// <summary>Of a tool; those that defer its loading or its streaming change nothing where all tools are loaded.</summary>
    private static readonly HashSet<string> ToolMembers = new(StringComparer.Ordinal)
    {
        "type", "name", "description", "input_schema", "strict", "cache_control", "defer_loading", "eager_input_streaming",
        "input_examples", "allowed_callers",
    };

    private readonly StringBuilder _system = new();
    private readonly List<ChatTurn> _turns = [];
    private readonly List<ChatImage> _images = [];
    private readonly ForeignMembers _foreign = new();
    private ChatWebSearch? _search;

    private MessagesReader()
    {
    }

    public static CompatRequest Read(JsonElement body) => new MessagesReader().Whole(body);

    private CompatRequest Whole(JsonElement body)
    {
        _foreign.AddUnknown(body, Known);
        AddUntranslatable(body);
        AddSystem(body.Get("system"));
        foreach (var message in body.Items("messages"))
        {
            ReadMessage(message);
        }

        var output = body.Get("output_config");
        var isOutput = output.ValueKind == JsonValueKind.Object;
        var choice = body.Get("tool_choice");
        var isChoice = choice.ValueKind == JsonValueKind.Object;
        var reasoning = ReasoningMembers.OfMessages(body.Get("thinking"), output, _foreign);
        var tools = body.Items("tools").Select(Tool).OfType<ChatTool>().ToList();
        return new CompatRequest
        {
            Model = body.Required("model"),
            System = _system.Length == 0 ? null : _system.ToString(),
            Turns = ToolPairs.Arrange(_turns, _foreign),
            Sampling = new ChatSampling
            {
                MaxOutputTokens = body.Positive("max_tokens"),
                Temperature = body.Double("temperature"),
                TopP = body.Double("top_p"),
                TopK = body.Int("top_k"),
                Stop = body.Strings("stop_sequences"),
            },
            Reasons = reasoning.Enabled,
            Effort = reasoning.Effort,
            Budget = reasoning.Budget,
            Tools = tools,
            ToolChoice = !isChoice ? null : choice.Required("type") switch
            {
                "auto" => "auto",
                "none" => "none",
                "any" => "required",
                _ => choice.Required("name"),
            },
            ParallelTools = isChoice && choice.Flag("disable_parallel_tool_use") is { } disabled ? !disabled : null,
            Format = ToolMapping.Format(isOutput ? output.Get("format") : body.Get("output_format"), null, _foreign),
            UserId = UserId(body.Get("metadata")),
            WebSearch = _search,
            Stream = body.Bool("stream"),
            StopName = "stop_sequences",
            Foreign = _foreign.Names,
            Body = body,
        };
    }

    private void AddUntranslatable(JsonElement body)
    {
        _foreign.AddUnknown(body.Get("output_config"), OutputMembers, "output_config.");
        _foreign.AddUnknown(body.Get("metadata"), MetadataMembers, "metadata.");
        _foreign.AddUnknown(body.Get("thinking"), ThinkingMembers, "thinking.");
        _foreign.AddUnknown(body.Get("tool_choice"), ChoiceMembers, "tool_choice.");
        _foreign.AddIf(body.String("speed") is not (null or "standard"), "speed");
        _foreign.AddIf(body.String("service_tier") is not (null or "auto" or "standard_only"), "service_tier");

        // Thinking of earlier answers is never sent to another protocol, so clearing it is done already.
        var context = body.Get("context_management");
        foreach (var edit in context.ValueKind == JsonValueKind.Object ? context.Items("edits") : [])
        {
            _foreign.AddIf(edit.String("type")?.StartsWith("clear_thinking", StringComparison.Ordinal) != true, "context_management");
        }
    }

    // Longer ids would be refused, and who can read the id needs no more than that it is always the same.
    private static string? UserId(JsonElement metadata) =>
        metadata.ValueKind == JsonValueKind.Object && metadata.String("user_id") is { Length: > 0 } id
            ? id.Length <= MaxUserId ? id : Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(id)))
            : null;

    private void AddSystem(JsonElement content)
    {
        var text = CompatBody.Text(content, (block, written) =>
        {
            if (block.Required("type") == "text")
            {
                written.Append(written.Length == 0 ? "" : "\n").Append(block.String("text"));
            }
            else
            {
                _foreign.Add($"the {block.String("type")} block of system");
            }
        });
        _system.Append(_system.Length == 0 || text.Length == 0 ? "" : "\n\n").Append(text);
    }

    private ChatTool? Tool(JsonElement tool)
    {
        switch (tool.String("type"))
        {
            case null or "custom":
                _foreign.AddUnknown(tool, ToolMembers, "tools: ");
                var callers = tool.Strings("allowed_callers");
                _foreign.AddIf(callers.Any(caller => caller != "direct"), "tools: allowed_callers");
                var read = ToolMapping.Tool(tool, "input_schema");
                var examples = tool.Get("input_examples");
                return examples.ValueKind == JsonValueKind.Array
                    ? read with { Description = $"{read.Description}\n\nExamples of its input: {examples.GetRawText()}" }
                    : read;
            case { } type when type.StartsWith("web_search_", StringComparison.Ordinal):
                _search = WebSearchTool.Messages(tool, _foreign);
                return null;
            case var type:
                _foreign.Add($"tools of type {type}");
                return null;
        }
    }

    private void ReadMessage(JsonElement message)
    {
        _foreign.AddUnknown(message, MessageMembers, "messages: ");
        var content = message.Get("content");
        var role = message.Required("role");
        if (role == "system")
        {
            AddSystem(content);
            return;
        }

        var side = role switch
        {
            "user" => ChatRole.User,
            "assistant" => ChatRole.Assistant,
            _ => throw CompatRefusal.Bad($"The role {role} is unknown."),
        };
        var parts = new MessageParts();
        if (content.ValueKind == JsonValueKind.String)
        {
            parts.Text.Append(CompatBody.AsString(content, "content"));
        }
        else
        {
            foreach (var block in message.Items("content"))
            {
                ReadBlock(block, parts);
            }
        }

        if (parts.Text.Length > 0 || parts.Images.Count > 0 || parts.Files.Count > 0 || parts.Calls.Count > 0)
        {
            _turns.Add(new ChatTurn(side, parts.Text.ToString())
            {
                Images = parts.Images,
                Files = parts.Files,
                ToolCalls = parts.Calls,
            });
        }
    }

    private void ReadBlock(JsonElement block, MessageParts parts)
    {
        var type = block.Required("type");
        _foreign.AddUnknownOf(block, type, PartMembers.Messages);
        switch (type)
        {
            case "text":
                parts.Text.Append(block.String("text"));
                break;
            case "image":
                parts.Images.Add(Image(block));
                break;
            case "document":
                ReadDocument(block, parts);
                break;
            case "search_result":
                AddCitations(block);
                CompatFiles.AddText($"{block.String("title")} ({block.String("source")})", Inner(block.Get("content"), parts), parts.Text);
                break;
            case "tool_reference":
                CompatFiles.AddText(null, $"The tool {block.String("tool_name")} is there.", parts.Text);
                break;
            case "tool_use":
                parts.Calls.Add(
                    new ChatToolCall(block.Required("id"), block.Required("name"), ToolMapping.Parameters(block.Get("input"))));
                break;
            case "tool_result":
                var result = new MessageParts();
                result.Text.Append(Inner(block.Get("content"), result));
                _turns.Add(new ChatTurn(ChatRole.Tool, result.Text.ToString())
                {
                    ToolCallId = block.Required("tool_use_id"),
                    ToolFailed = block.Bool("is_error"),
                    Images = result.Images,
                    Files = result.Files,
                });
                break;
            case "thinking" or "redacted_thinking":
                break; // signed for its own provider; CallStates holds what another one wants back with its calls
            default:
                _foreign.Add($"the {type} block of messages");
                break;
        }
    }

    /// <summary>The text of a content inside a block; its pictures and files go to the parts around it.</summary>
    private string Inner(JsonElement content, MessageParts around) => CompatBody.Text(content, (block, text) =>
    {
        var parts = new MessageParts();
        ReadBlock(block, parts);
        text.Append(text.Length == 0 || parts.Text.Length == 0 ? "" : "\n").Append(parts.Text);
        around.Images.AddRange(parts.Images);
        around.Files.AddRange(parts.Files);
    });

    private ChatImage Image(JsonElement block) =>
        block.Get("source") is { ValueKind: JsonValueKind.Object } source && source.Required("type") == "base64"
            ? source.Image64("data", _images)
            : throw CompatRefusal.Bad("Images are accepted in base64 only; addresses are not fetched.");

    private void AddCitations(JsonElement block)
    {
        var citations = block.Get("citations");
        _foreign.AddIf(citations.ValueKind == JsonValueKind.Object && citations.Bool("enabled"), "citations");
    }

    private void ReadDocument(JsonElement block, MessageParts parts)
    {
        AddCitations(block);
        var title = block.String("title");
        if (block.String("context") is { Length: > 0 } context)
        {
            CompatFiles.AddText(title, context, parts.Text);
        }

        var source = block.Get("source");
        switch (source.ValueKind == JsonValueKind.Object ? source.Required("type") : null)
        {
            case "text":
                CompatFiles.AddText(title, source.Required("data"), parts.Text);
                break;
            case "content":
                CompatFiles.AddText(title, Inner(source.Get("content"), parts), parts.Text);
                break;
            case "base64" when CompatFiles.TryAdd64(source, "data", source.Required("media_type"), title, parts.Files, parts.Text):
                break;
            case "base64":
                _foreign.Add($"documents of type {source.String("media_type")}");
                break;
            default:
                throw CompatRefusal.Bad("Documents are accepted in base64 or as text; addresses and stored files are not fetched.");
        }
    }

    private sealed class MessageParts
    {
        public StringBuilder Text { get; } = new();

        public List<ChatImage> Images { get; } = [];

        public List<ChatFile> Files { get; } = [];

        public List<ChatToolCall> Calls { get; } = [];
    }
}
