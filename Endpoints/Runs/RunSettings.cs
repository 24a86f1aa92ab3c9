using AiChat.Endpoints.Catalog;
using AiChat.Endpoints.Settings;
using AiChat.Providers.Protocol;

namespace AiChat.Endpoints.Runs;

/// <summary>Applies the administrator's settings to one run.</summary>
internal static class RunSettings
{
    public static ChatReasoning ReasoningFor(this SystemSettings settings, RunOptions options, ResolvedModel model) => new()
    {
        Enabled = !settings.ReasoningEnabled ? false
            : options.ReasoningEnabled ?? (settings.OllamaThink && model.Provider == "ollama" ? true : null),
        Effort = options.Effort ?? settings.OpenaiReasoningEffort,
        Tags = settings.ReasoningTags,
    };

    public static ChatSampling SamplingFor(this SystemSettings settings, Run run, ResolvedModel model)
    {
        var sampling = SessionParameters.Parse(run.Session.Parameters).ToSampling();
        return sampling.MaxOutputTokens is null && model.Capabilities.Reasoning
            ? sampling with { MaxOutputTokens = settings.ReasoningMaxOutputTokensDefault }
            : sampling;
    }

    /// <summary>Asks for no longer an answer than has room beside the prompt: many servers refuse the sum of both.</summary>
    public static ChatSampling Within(this ChatSampling sampling, Prompt prompt)
    {
        var room = Math.Max(PromptBuilder.MaxReserve(prompt.ContextLimit), prompt.ContextLimit - prompt.PromptTokens / 10 * 11);
        return sampling.MaxOutputTokens > room ? sampling with { MaxOutputTokens = room } : sampling;
    }
}
