using System.Text;
using System.Text.Json;
using AiChat.Providers.Protocol;

namespace AiChat.Endpoints.Compat;

/// <summary>Reads a request of OpenAI's Responses API for a provider of another protocol.</summary>
internal sealed class ResponsesReader
{
    /// <summary>
    /// Members that are translated, those that say again what holds here anyway (nothing is stored), and hints that change nothing of the
    /// answer: they steer a cache, or tell the vendor who asks.
    /// </summary>
    private static readonly HashSet<string> Known =
    [
        "model", "input", "instructions", "stream", "stream_options", "store", "include", "temperature", "top_p", "max_output_tokens",
        "reasoning", "tools", "tool_choice", "parallel_tool_calls", "text", "metadata", "user", "safety_identifier", "service_tier",
        "truncation", "max_tool_calls", "top_logprobs", "background", "previous_response_id", "conversation", "prompt_cache_key",
        "prompt_cache_retention", "prompt_cache_options", "client_metadata",
    ];

    private static readonly HashSet<string> TextMembers = new(StringComparer.Ordinal) { "format", "verbosity" };

    private static readonly HashSet<string> StreamMembers = new(StringComparer.Ordinal) { "include_obfuscation" };

    /// <summary>
    /// What may be asked for beside the answer: thoughts for their own provider, which <see cref="CallStates"/> keeps; the pages of a
    /// search, which stand in the annotations; and what comes of tools and inputs that are refused by their own names where they are used.
    /// </summary>
    private static readonly HashSet<string> Included = new(StringComparer.Ordinal)
    {
        "reasoning.encrypted_content", "web_search_call.action.sources", "web_search_call.results", "file_search_call.results",
        "code_interpreter_call.outputs", "computer_call_output.output.image_url", "message.input_image.image_url",
    };

    private static readonly HashSet<string> ReasoningNames = new(StringComparer.Ordinal) { "effort", "summary", "generate_summary" };

    private readonly StringBuilder _system = new();
    private readonly List<ChatTurn> _turns = [];
    private readonly List<ChatImage> _images = [];
    private readonly ForeignMembers _foreign = new();
    private readonly ResponseTools _tools;

    private ResponsesReader()
    {
        _tools = new ResponseTools(_foreign);
    }

    public static CompatRequest Read(JsonElement body) => new ResponsesReader().Whole(body);

    private CompatRequest Whole(JsonElement body)
    {
        _foreign.AddUnknown(body, Known);
        AddUntranslatable(body);
        _system.Append(body.String("instructions"));
        ReadInput(body);
        foreach (var tool in body.Items("tools"))
        {
            _tools.Read(tool);
        }

        // It bounds the tools that run at the provider, of which only the search of the web is translated.
        var uses = body.Positive("max_tool_calls");
        _foreign.AddIf(uses is not null && _tools.Search is null, "max_tool_calls");
        var text = body.Get("text");
        var isText = text.ValueKind == JsonValueKind.Object;
        var choice = ToolMapping.Choice(body.Get("tool_choice"), null, _foreign);
        var reasoning = ReasoningMembers.OfResponses(body.Get("reasoning"), _foreign);
        return new CompatRequest
        {
            Model = body.Required("model"),
            System = _system.Length == 0 ? null : _system.ToString(),
            Turns = ToolPairs.Arrange(_turns, _foreign),
            Sampling = new ChatSampling
            {
                Temperature = body.Double("temperature"),
                TopP = body.Double("top_p"),
                MaxOutputTokens = body.Positive("max_output_tokens"),
            },
            Reasons = reasoning.Enabled,
            Effort = reasoning.Effort,
            Tools = choice.Of(_tools.Tools),
            ToolChoice = choice.Choice,
            Origins = _tools.Origins,
            ParallelTools = body.Flag("parallel_tool_calls"),
            Format = isText ? ToolMapping.Format(text.Get("format"), null, _foreign) : null,
            Verbosity = isText ? text.String("verbosity") : null,
            VerbosityName = "text.verbosity",
            UserId = body.String("safety_identifier") ?? body.String("user"),
            WebSearch = _tools.Search is { } search ? search with { MaxUses = uses } : null,
            MaxUsesName = "max_tool_calls",
            Metadata = body.Get("metadata") is { ValueKind: JsonValueKind.Object } metadata && metadata.EnumerateObject().Any(),
            ServiceTier = body.String("service_tier") is { } tier and not ("auto" or "default") ? tier : null,
            Stream = body.Bool("stream"),
            SharedMembers = Translation.OpenAiMembers,
            Foreign = _foreign.Names,
            Body = body,
        };
    }

    private void AddUntranslatable(JsonElement body)
    {
        _foreign.AddUnknown(body.Get("text"), TextMembers, "text.");
        _foreign.AddUnknown(body.Get("reasoning"), ReasoningNames, "reasoning.");
        _foreign.AddIf(body.String("truncation") is not (null or "disabled"), "truncation");
        _foreign.AddIf(body.Int("top_logprobs") is > 0, "top_logprobs");
        _foreign.AddIf(body.Bool("store"), "store");
        _foreign.AddUnknown(body.Get("stream_options"), StreamMembers, "stream_options.");
        foreach (var part in body.Strings("include").Where(part => !Included.Contains(part)))
        {
            _foreign.Add($"include {part}");
        }
    }

    private void ReadInput(JsonElement body)
    {
        if (body.Get("input").ValueKind == JsonValueKind.String)
        {
            _turns.Add(new ChatTurn(ChatRole.User, body.Required("input")));
            return;
        }

        foreach (var item in body.Items("input"))
        {
            ReadItem(item);
        }
    }

    private void ReadItem(JsonElement item)
    {
        var type = item.String("type") ?? "message";
        _foreign.AddUnknownOf(item, type, PartMembers.Responses);
        switch (type)
        {
            case "message":
                ReadMessage(item);
                break;
            case "function_call":
                var name = ResponseTools.Flat(item.String("namespace"), item.Required("name"));
                AddCall(new ChatToolCall(item.Required("call_id"), name, item.String("arguments") ?? ""));
                break;
            case "custom_tool_call":
                AddCall(new ChatToolCall(
                    item.Required("call_id"), ResponseTools.Flat(item.String("namespace"), item.Required("name")),
                    ResponseTools.Wrap(item.String("input") ?? "")));
                break;
            case "function_call_output" or "custom_tool_call_output":
                List<ChatImage> images = [];
                List<ChatFile> files = [];
                var output = ReadContent(item.Get("output"), images, files);
                _turns.Add(new ChatTurn(ChatRole.Tool, output) { ToolCallId = item.Required("call_id"), Images = images, Files = files });
                break;
            case "additional_tools":
                foreach (var tool in item.Items("tools"))
                {
                    _tools.Read(tool); // codex sends its tools so
                }

                break;
            case "agent_message":
                var said = ReadContent(item.Get("content"), [], []);
                _turns.Add(new ChatTurn(ChatRole.User, item.String("author") is { Length: > 0 } author ? $"{author}: {said}" : said));
                break;
            case "reasoning":
                break; // encrypted for its own provider; CallStates holds what another one wants back with its calls
            default:
                _foreign.Add($"the item {type} of input");
                break;
        }
    }

    private void ReadMessage(JsonElement item)
    {
        List<ChatImage> images = [];
        List<ChatFile> files = [];
        var text = ReadContent(item.Get("content"), images, files);
        switch (item.Required("role"))
        {
            case "system" or "developer":
                _system.Append(_system.Length == 0 ? "" : "\n\n").Append(text);
                break;
            case "user":
                _turns.Add(new ChatTurn(ChatRole.User, text) { Images = images, Files = files });
                break;
            case "assistant":
                _turns.Add(new ChatTurn(ChatRole.Assistant, text));
                break;
            case var role:
                throw CompatRefusal.Bad($"The role {role} is unknown.");
        }
    }

    /// <summary>Adds a call to its turn: the calls of one answer are separate items here.</summary>
    private void AddCall(ChatToolCall call)
    {
        if (_turns is [.., { Role: ChatRole.Assistant } last])
        {
            _turns[^1] = last with { ToolCalls = [.. last.ToolCalls, call] };
        }
        else
        {
            _turns.Add(new ChatTurn(ChatRole.Assistant, "") { ToolCalls = [call] });
        }
    }

    private string ReadContent(JsonElement content, List<ChatImage> images, List<ChatFile> files) =>
        CompatBody.Text(content, (part, text) =>
        {
            var type = part.Required("type");
            _foreign.AddUnknownOf(part, type, PartMembers.Responses);
            switch (type)
            {
                case "input_text" or "output_text" or "text":
                    text.Append(part.String("text"));
                    break;
                case "refusal":
                    text.Append(part.String("refusal"));
                    break;
                case "input_image" when part.String("image_url") is not null:
                    var detail = part.String("detail") is { } word and not "auto" ? word : null;
                    images.Add(part.Image("image_url", _images) with { Detail = detail });
                    break;
                case "input_file":
                    if (!CompatFiles.TryAddUrl(part, "file_data", part.String("filename"), files, text))
                    {
                        _foreign.Add("input_file without file_data of PDF or text");
                    }

                    break;
                default:
                    _foreign.Add($"the {type} part of input");
                    break;
            }
        });
}
