using System.Text.Json;
using AiChat.Providers.Transport;

namespace AiChat.Endpoints.Compat;

/// <summary>Tells the steps of an agent from what a person asks, in all three protocols.</summary>
internal static class AgentSteps
{
    /// <summary>
    /// Whether the request brings results of tools that the model called: after the model's last words there is at least one. Programs send
    /// one such request for each round of tools, and the person behind them asked once.
    /// </summary>
    public static bool IsStep(JsonElement body) =>
        After(body, "messages", IsOfModel).Any(IsResult) || After(body, "input", IsOfModel).Any(IsResult);

    /// <summary>The entries of the list after the model's last one.</summary>
    private static IEnumerable<JsonElement> After(JsonElement body, string list, Func<JsonElement, bool> isOfModel) =>
        body.Get(list) is { ValueKind: JsonValueKind.Array } items
            ? items.EnumerateArray().Where(item => item.ValueKind == JsonValueKind.Object).Reverse().TakeWhile(item => !isOfModel(item))
            : [];

    private static bool IsOfModel(JsonElement item) =>
        Is(item, "role", "assistant") || Is(item, "role", "model") || Is(item, "type", "reasoning")
        || (Word(item, "type") is { } type && type.EndsWith("_call", StringComparison.Ordinal));

    // A message of the role tool; the items of Responses are function_call_output and its kin; Anthropic's results are blocks of a message.
    private static bool IsResult(JsonElement item) =>
        Is(item, "role", "tool") || Is(item, "role", "function")
        || (Word(item, "type") is { } type && (type.EndsWith("_call_output", StringComparison.Ordinal) || type == "mcp_approval_response"))
        || (item.Get("content") is { ValueKind: JsonValueKind.Array } blocks && blocks.EnumerateArray().Any(IsResultBlock));

    private static bool IsResultBlock(JsonElement block) =>
        block.ValueKind == JsonValueKind.Object && Word(block, "type")?.EndsWith("tool_result", StringComparison.Ordinal) == true;

    private static bool Is(JsonElement item, string name, string word) => Word(item, name) == word;

    private static string? Word(JsonElement item, string name) =>
        item.Get(name) is { ValueKind: JsonValueKind.String } value ? LenientJson.Read(value) : null;
}
