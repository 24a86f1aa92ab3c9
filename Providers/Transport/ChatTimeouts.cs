namespace AiChat.Providers.Transport;

/// <summary>How long a call may be silent. Only content re-arms the timers: comments and pings do not.</summary>
internal sealed record ChatTimeouts
{
    public static readonly ChatTimeouts Default = new();

    /// <summary>Name look-up and TCP connect.</summary>
    public TimeSpan Connect { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>From the start of the call to the first data frame.</summary>
    public TimeSpan FirstByte { get; init; } = TimeSpan.FromSeconds(120);

    /// <summary>Between two pieces of content, once visible text or a tool call has begun.</summary>
    public TimeSpan Idle { get; init; } = TimeSpan.FromSeconds(90);

    /// <summary>Between two pieces of content before that, while the model may be reasoning without showing it.</summary>
    public TimeSpan ReasoningIdle { get; init; } = TimeSpan.FromSeconds(300);

    public TimeSpan Total { get; init; } = TimeSpan.FromMinutes(10);
}
