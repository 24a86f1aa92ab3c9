using System.Collections.Frozen;

namespace AiChat.Providers.Protocol;

/// <summary>
/// What the words mean by which providers say why a model ended: one table for all protocols, because gateways carry the words of one
/// into another. Words are compared without case.
/// </summary>
internal static class FinishWords
{
    private static readonly FrozenDictionary<string, FinishReason> Reasons = Table();

    // Words that say nothing was made, when nothing was.
    private static readonly FrozenDictionary<string, string> Nothing = new Dictionary<string, string>
    {
        ["load"] = "The provider only loaded the model; it wrote nothing. Ask again.",
        ["unload"] = "The provider unloaded the model before it wrote anything. Ask again.",
        ["no_image"] = "The model made no image.",
        ["image_other"] = "The model made no image, for a reason that the provider does not name.",
    }.ToFrozenDictionary(StringComparer.OrdinalIgnoreCase);

    private static readonly FrozenDictionary<string, string> Broken = new Dictionary<string, string>
    {
        ["error"] = "The provider broke the answer off with an error that it does not name.",
        ["failed"] = "The provider broke the answer off with an error that it does not name.",
        ["server_error"] = "The provider broke the answer off with an error that it does not name.",
        ["engine_error"] = "The provider broke the answer off with an error that it does not name.",
        ["unknown_error"] = "The provider broke the answer off with an error that it does not name.",
        ["network_error"] = "The provider lost its connection to the model.",
        ["insufficient_system_resource"] = "The provider broke the answer off because it is short of resources.",
        ["abort"] = "The provider broke the answer off.",
        ["aborted"] = "The provider broke the answer off.",
        ["cancelled"] = "The provider broke the answer off.",
        ["canceled"] = "The provider broke the answer off.",
        ["user_cancel"] = "The provider broke the answer off.",
        ["timeout"] = "The provider broke the answer off because it took too long.",
        ["malformed_function_call"] = "The model wrote a tool call that the provider cannot read.",
        ["malformed_response"] = "The model wrote something that the provider cannot read.",
        ["missing_thought_signature"] =
            "The provider misses the signature of an earlier thought; begin a new chat, or choose another model.",
        ["malformed_model_output"] = "The model wrote something that the provider cannot read.",
        ["malformed_tool_use"] = "The model wrote a tool call that the provider cannot read.",
        ["unexpected_tool_call"] = "The model called a tool that was not offered.",
        ["too_many_tool_calls"] = "The model called too many tools.",
    }.ToFrozenDictionary(StringComparer.OrdinalIgnoreCase);

    /// <summary>A word may say more behind a colon (<c>content_filter: SAFETY</c> of Gemini's compatible API).</summary>
    public static FinishReason Read(string word) => Reasons.TryGetValue(word, out var reason) ? reason
        : word.IndexOf(':', StringComparison.Ordinal) is > 0 and var colon ? Read(word[..colon].TrimEnd()) : FinishReason.Other;

    /// <summary>
    /// The word that tells more, of the two that OpenRouter gives: it says "stop" also when its provider broke the answer off, cut it or
    /// filtered it.
    /// </summary>
    public static string Of(string word, string? native) =>
        native is not null && (Breaks(native) || (Read(word) == FinishReason.Stop && Read(native) is FinishReason.Length
            or FinishReason.ContentFilter)) ? native : word;

    /// <summary>Whether a model that ended with this word broke off.</summary>
    public static bool Breaks(string word) => Broken.ContainsKey(word);

    /// <summary>In English, what went wrong when a model ended with this word; null when the answer is whole.</summary>
    /// <param name="word">The provider's word.</param>
    /// <param name="empty">Nothing came before it.</param>
    public static string? Fault(string? word, bool empty)
    {
        if (word is null)
        {
            return null;
        }

        return Broken.TryGetValue(word, out var broken) ? $"{broken} ({word})"
            : empty && Nothing.TryGetValue(word, out var nothing) ? $"{nothing} ({word})" : null;
    }

    private static FrozenDictionary<string, FinishReason> Table()
    {
        var table = new Dictionary<string, FinishReason>();
        void Add(FinishReason reason, params ReadOnlySpan<string> words)
        {
            foreach (var word in words)
            {
                table.Add(word, reason);
            }
        }

        Add(FinishReason.Stop, "stop", "eos", "eos_token", "end_turn", "stop_sequence", "stop_token", "completed", "complete", "done",
            "finished", "end", "normal", "pause_turn");
        Add(FinishReason.Length, "length", "max_tokens", "model_length", "max_output_tokens", "max_completion_tokens", "max_length",
            "max_output", "model_context_window_exceeded", "context_length_exceeded", "context_window_exceeded", "token_limit",
            "token_limit_reached", "error_limit");
        Add(FinishReason.ToolCalls, "tool_calls", "tool_call", "function_call", "tool_use");
        Add(FinishReason.ContentFilter, "content_filter", "content_filtered", "refusal", "sensitive", "safety", "recitation", "blocklist",
            "prohibited_content", "spii", "image_safety", "image_prohibited_content", "image_recitation", "guardrail_intervened",
            "error_toxic", "moderation", "blocked", "risk", "model_armor", "guardrails");
        return table.ToFrozenDictionary(StringComparer.OrdinalIgnoreCase);
    }
}
