namespace AiChat.Endpoints.Runs;

/// <summary>How to reason; what is absent follows the settings. Effort null or absent is not sent to the provider.</summary>
internal sealed record ReasoningRequest(bool? Enabled = null, string? Effort = null, bool? Save = null)
{
    /// <summary>What this leaves open is as the session has it.</summary>
    public static ReasoningRequest? Merge(ReasoningRequest? asked, ReasoningRequest? session) => asked is null || session is null
        ? asked ?? session
        : new ReasoningRequest(asked.Enabled ?? session.Enabled, asked.Effort ?? session.Effort, asked.Save ?? session.Save);

    public void Validate(IDictionary<string, string[]> errors)
    {
        if (Effort is not (null or "unset" or "minimal" or "low" or "medium" or "high"))
        {
            errors["reasoning.effort"] = ["minimal, low, medium, high or unset."];
        }
    }
}
