using System.Text.Json;
using AiChat.Providers.Protocol;

namespace AiChat.Endpoints.Compat;

/// <summary>Reads members that several protocols write in nearly the same form.</summary>
internal static class ToolMapping
{
    public static ReasoningEffort? Effort(string? name) => name switch
    {
        "minimal" => ReasoningEffort.Minimal,
        "low" => ReasoningEffort.Low,
        "medium" => ReasoningEffort.Medium,
        "high" or "xhigh" => ReasoningEffort.High,
        _ => null,
    };

    /// <summary>auto, none, required, or the name of one tool.</summary>
    /// <param name="choice">The member that names the choice.</param>
    /// <param name="holder">The member of the object that contains the name; null when the object itself does.</param>
    public static string? Choice(JsonElement choice, string? holder) => choice.ValueKind switch
    {
        JsonValueKind.Undefined => null,
        JsonValueKind.String when CompatBody.AsString(choice, "tool_choice") is ("auto" or "none" or "required") and var mode => mode,
        JsonValueKind.Object when holder is not null && choice.Get(holder) is { ValueKind: JsonValueKind.Object } tool =>
            tool.Required("name"),
        JsonValueKind.Object when choice.String("name") is { } name => name,
        _ => throw CompatRefusal.Bad("tool_choice is auto, none, required or one tool."),
    };

    /// <summary>The schema of a response format as JSON text; "" for any object, null for free text.</summary>
    /// <param name="format">The response format.</param>
    /// <param name="holder">The member of the format that contains the schema; null when the format itself does.</param>
    public static string? Schema(JsonElement format, string? holder)
    {
        if (format.ValueKind == JsonValueKind.Undefined)
        {
            return null;
        }

        var type = format.Required("type");
        var inner = holder is null ? format : format.Get(holder);
        return type switch
        {
            "json_object" => "",
            "json_schema" when inner.ValueKind == JsonValueKind.Object =>
                inner.Get("schema") is { ValueKind: JsonValueKind.Object } schema ? schema.GetRawText() : "",
            _ => null,
        };
    }

    /// <summary>A function that the model may call.</summary>
    /// <param name="function">Its name and description.</param>
    /// <param name="parameters">The member that contains the schema of its parameters.</param>
    public static ChatTool Tool(JsonElement function, string parameters) =>
        new(function.Required("name"), function.String("description") ?? "", Parameters(function.Get(parameters)));

    /// <summary>The JSON of an object; that of a function without parameters when there is none.</summary>
    public static string Parameters(JsonElement parameters) =>
        parameters.ValueKind == JsonValueKind.Object ? parameters.GetRawText() : """{"type":"object","properties":{}}""";
}
