using System.Text.Json;
using AiChat.Providers.Protocol;

namespace AiChat.Endpoints.Compat;

/// <summary>Reads members that several protocols write in nearly the same form, for a provider that speaks another one.</summary>
internal static class ToolMapping
{
    /// <summary>The effort by its word; null when there is none, and for a word that no protocol has.</summary>
    public static ReasoningEffort? Effort(string? name) => name switch
    {
        "none" => ReasoningEffort.None,
        "minimal" => ReasoningEffort.Minimal,
        "low" => ReasoningEffort.Low,
        "medium" => ReasoningEffort.Medium,
        "high" => ReasoningEffort.High,
        "xhigh" => ReasoningEffort.XHigh,
        "max" => ReasoningEffort.Max,
        _ => null,
    };

    /// <summary>Which tool is to be called: auto, none, required or one tool, and those that may be called at all.</summary>
    /// <param name="choice">The member that names the choice.</param>
    /// <param name="holder">The member of the object that contains the name; null when the object itself does.</param>
    /// <param name="gaps">What has no place elsewhere is added.</param>
    public static ChosenTool Choice(JsonElement choice, string? holder, ForeignMembers gaps)
    {
        switch (choice.ValueKind)
        {
            case JsonValueKind.Undefined:
                return default;
            case JsonValueKind.String when CompatBody.AsString(choice, "tool_choice") is ("auto" or "none" or "required") and var mode:
                return new ChosenTool(mode, null);
            case JsonValueKind.Object when choice.String("type") == "allowed_tools":
                var allowed = choice.Get("allowed_tools") is { ValueKind: JsonValueKind.Object } inner ? inner : choice;
                return new ChosenTool(allowed.String("mode"), [.. allowed.Items("tools").Select(tool => Name(tool, holder))]);
            case JsonValueKind.Object when choice.String("type") is null or "function" or "custom":
                return new ChosenTool(Name(choice, holder), null);
            case JsonValueKind.Object:
                gaps.Add($"tool_choice {choice.String("type")}");
                return default;
            default:
                throw CompatRefusal.Bad("tool_choice is auto, none, required or one tool.");
        }
    }

    /// <summary>The form of the answer; null for free text.</summary>
    /// <param name="format">The response format.</param>
    /// <param name="holder">The member of the format that contains the schema; null when the format itself does.</param>
    /// <param name="gaps">A form that has no place elsewhere is added.</param>
    public static ChatFormat? Format(JsonElement format, string? holder, ForeignMembers gaps)
    {
        if (format.ValueKind == JsonValueKind.Undefined)
        {
            return null;
        }

        var inner = holder is null ? format : format.Get(holder);
        switch (format.Required("type"))
        {
            case "text":
                return null;
            case "json_object":
                return new ChatFormat("answer", "");
            case "json_schema" when inner.ValueKind == JsonValueKind.Object
                && inner.Get("schema") is { ValueKind: JsonValueKind.Object } schema:
                return new ChatFormat(inner.String("name") ?? "answer", schema.GetRawText())
                {
                    Strict = inner.Get("strict").ValueKind == JsonValueKind.Undefined ? null : inner.Bool("strict"),
                    Description = inner.String("description"),
                };
            case "json_schema":
                throw CompatRefusal.Bad("The format json_schema has no schema.");
            case var type:
                gaps.Add($"the format {type}");
                return null;
        }
    }

    /// <summary>A function that the model may call.</summary>
    /// <param name="function">Its name and description.</param>
    /// <param name="parameters">The member that contains the schema of its parameters.</param>
    public static ChatTool Tool(JsonElement function, string parameters) =>
        new(function.Required("name"), function.String("description") ?? "", Parameters(function.Get(parameters)))
        {
            Strict = function.Get("strict").ValueKind == JsonValueKind.Undefined ? null : function.Bool("strict"),
        };

    /// <summary>The JSON of an object; that of a function without parameters when there is none.</summary>
    public static string Parameters(JsonElement parameters) =>
        parameters.ValueKind == JsonValueKind.Object ? parameters.GetRawText() : """{"type":"object","properties":{}}""";

    private static string Name(JsonElement tool, string? holder) =>
        holder is not null && tool.Get(tool.String("type") ?? holder) is { ValueKind: JsonValueKind.Object } inner
            ? inner.Required("name")
            : tool.Required("name");
}

/// <summary>Which tool is to be called.</summary>
/// <param name="Choice">auto, none, required or the name of one tool; null when the request does not say.</param>
/// <param name="Allowed">The only tools that may be called; null = all.</param>
internal readonly record struct ChosenTool(string? Choice, IReadOnlyList<string>? Allowed)
{
    /// <summary>The tools that are offered: those that may be called, which says the same.</summary>
    public IReadOnlyList<ChatTool> Of(IReadOnlyList<ChatTool> tools) =>
        Allowed is { } allowed ? [.. tools.Where(tool => allowed.Contains(tool.Name))] : tools;
}
