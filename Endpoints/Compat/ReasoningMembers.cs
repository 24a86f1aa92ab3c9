using System.Text.Json;
using AiChat.Providers.Protocol;

namespace AiChat.Endpoints.Compat;

/// <summary>What a request says of reasoning, whichever of the many members it uses.</summary>
/// <param name="Enabled">Whether the model is to reason; null when the request does not say.</param>
/// <param name="Effort">How much.</param>
/// <param name="Budget">How much, in tokens.</param>
internal readonly record struct ReasoningMembers(bool? Enabled, ReasoningEffort? Effort, int? Budget)
{
    /// <summary>Members of chat_template_kwargs that switch reasoning: Qwen's, and that of DeepSeek and Granite.</summary>
    public static readonly IReadOnlySet<string> Template = new HashSet<string>(StringComparer.Ordinal)
    {
        "enable_thinking", "thinking", "reasoning_effort",
    };

    private static readonly HashSet<string> Members = new(StringComparer.Ordinal)
    {
        "enabled", "effort", "max_tokens", "exclude", "summary",
    };

    private static readonly HashSet<string> ThinkingMembers = new(StringComparer.Ordinal) { "type", "budget_tokens", "display" };

    /// <summary>OpenAI's reasoning_effort, OpenRouter's reasoning, the thinking of DeepSeek and GLM, and Qwen's members.</summary>
    public static ReasoningMembers OfChat(JsonElement body, ForeignMembers foreign)
    {
        var reasoning = body.Get("reasoning");
        var thinking = body.Get("thinking");
        var template = body.Get("chat_template_kwargs");
        var isReasoning = reasoning.ValueKind == JsonValueKind.Object;
        var isThinking = thinking.ValueKind == JsonValueKind.Object;
        var isTemplate = template.ValueKind == JsonValueKind.Object;
        foreign.AddUnknown(reasoning, Members, "reasoning.");
        foreign.AddIf(isReasoning && reasoning.Flag("exclude") == true, "reasoning.exclude");
        foreign.AddUnknown(thinking, ThinkingMembers, "thinking.");
        var word = body.String("reasoning_effort") ?? (isReasoning ? reasoning.String("effort") : null)
            ?? (isTemplate ? template.String("reasoning_effort") : null);
        return Of(
            (isReasoning ? reasoning.Flag("enabled") : null) ?? (isThinking ? thinking.String("type") != "disabled" : (bool?)null)
                ?? body.Flag("enable_thinking") ?? (isTemplate ? template.Flag("enable_thinking") ?? template.Flag("thinking") : null),
            word,
            (isReasoning ? reasoning.Int("max_tokens") : null) ?? (isThinking ? thinking.Int("budget_tokens") : null)
                ?? body.Int("thinking_budget"),
            "reasoning_effort",
            foreign);
    }

    public static ReasoningMembers OfResponses(JsonElement reasoning, ForeignMembers foreign) =>
        reasoning.ValueKind == JsonValueKind.Object ? Of(null, reasoning.String("effort"), null, "reasoning.effort", foreign) : default;

    public static ReasoningMembers OfMessages(JsonElement thinking, JsonElement output, ForeignMembers foreign)
    {
        var isThinking = thinking.ValueKind == JsonValueKind.Object;
        var type = isThinking ? thinking.Required("type") : null;
        foreign.AddIf(type is not (null or "enabled" or "adaptive" or "disabled"), $"thinking of type {type}");
        var word = output.ValueKind == JsonValueKind.Object ? output.String("effort") : null;
        return Of(
            isThinking ? type != "disabled" : null,
            word,
            isThinking ? thinking.Int("budget_tokens") : null,
            "output_config.effort",
            foreign);
    }

    private static ReasoningMembers Of(bool? enabled, string? word, int? budget, string member, ForeignMembers foreign)
    {
        var effort = ToolMapping.Effort(word);
        foreign.AddIf(word is not null && effort is null, $"{member} {word}");
        return enabled == false || effort == ReasoningEffort.None || budget == 0
            ? new ReasoningMembers(false, ReasoningEffort.None, null)
            : new ReasoningMembers(enabled, effort, budget is > 0 ? budget : null);
    }
}
