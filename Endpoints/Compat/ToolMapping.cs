using System.Text.Json;
using AiChat.Providers.Protocol;

namespace AiChat.Endpoints.Compat;

/// <summary>What several protocols say in nearly the same words.</summary>
internal static class ToolMapping
{
    public static ReasoningEffort? Effort(string? word) => word switch
    {
        "minimal" => ReasoningEffort.Minimal,
        "low" => ReasoningEffort.Low,
        "medium" => ReasoningEffort.Medium,
        "high" or "xhigh" => ReasoningEffort.High,
        _ => null,
    };

    /// <summary>auto, none, required, or the name of one tool.</summary>
    /// <param name="holder">The member that holds the name; null when the name is beside the type.</param>
    public static string? Choice(JsonElement choice, string? holder) => choice.ValueKind switch
    {
        JsonValueKind.Undefined => null,
        JsonValueKind.String => CompatBody.AsString(choice, "tool_choice") is "auto" or "none" or "required" ? choice.GetString() : throw CompatRefusal.Bad("tool_choice is auto, none, required or one tool."),
        JsonValueKind.Object when holder is not null && choice.Get(holder) is { ValueKind: JsonValueKind.Object } named => named.Required("name"),
        JsonValueKind.Object when choice.String("name") is { } name => name,
        _ => throw CompatRefusal.Bad("tool_choice is auto, none, required or one tool."),
    };

    /// <summary>The schema of a wanted format as JSON text, "" for any object, null for free text.</summary>
    public static string? Schema(JsonElement format, string? holder)
    {
        if (format.ValueKind == JsonValueKind.Undefined)
        {
            return null;
        }

        var type = format.Required("type");
        var inner = holder is null ? format : format.Get(holder);
        return type == "json_object" ? ""
            : type == "json_schema" && inner.ValueKind == JsonValueKind.Object ? (inner.Get("schema") is { ValueKind: JsonValueKind.Object } schema ? schema.GetRawText() : "")
            : null;
    }

    public static string Parameters(JsonElement parameters) =>
        parameters.ValueKind == JsonValueKind.Object ? parameters.GetRawText() : """{"type":"object","properties":{}}""";

    public static int? Positive(int? number) => number is null or > 0 ? number : throw CompatRefusal.Bad("The most tokens of an answer are above 0.");
}
