namespace AiChat.Endpoints.Runs;

/// <summary>How to reason; absent members follow the settings. A null or absent effort is not sent to the provider.</summary>
internal sealed record ReasoningRequest(bool? Enabled = null, string? Effort = null, bool? Save = null)
{
    /// <summary>The request, with the session's values where the request has none.</summary>
    public static ReasoningRequest? Merge(ReasoningRequest? asked, ReasoningRequest? session) => asked is null || session is null
        ? asked ?? session
        : new ReasoningRequest(asked.Enabled ?? session.Enabled, asked.Effort ?? session.Effort, asked.Save ?? session.Save);

    /// <summary>Adds what is out of bounds, by field.</summary>
    public void Validate(IDictionary<string, string[]> errors)
    {
        if (Effort is not (null or "unset" or "minimal" or "low" or "medium" or "high"))
        {
            errors["reasoning.effort"] = ["minimal, low, medium, high or unset."];
        }
    }
}
