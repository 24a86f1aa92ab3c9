using AiChat.Providers;

namespace AiChat.Endpoints.Chat;

/// <summary>What the administrator's settings mean for one run.</summary>
internal static class RunSettings
{
    public static ChatReasoning ReasoningFor(this SystemSettings settings, RunOptions options) => new()
    {
        Enabled = settings.ReasoningEnabled ? options.ReasoningEnabled : false,
        Effort = options.Effort ?? settings.OpenaiReasoningEffort,
        Tags = settings.ReasoningTags,
    };
}
