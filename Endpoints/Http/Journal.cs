namespace AiChat.Endpoints.Http;

/// <summary>
/// Whether standard error goes to systemd's journal (sd-daemon(3)). There each line begins with its priority, which the journal takes off,
/// and tells no time, because the journal keeps its own.
/// </summary>
internal static class Journal
{
    public static bool IsConnected { get; } =
        IsStream(Environment.GetEnvironmentVariable("JOURNAL_STREAM"), new FileInfo("/proc/self/fd/2").LinkTarget);

    /// <summary>What stands before a line of this level; empty when the line goes elsewhere.</summary>
    public static string Prefix(LogLevel level) => !IsConnected ? "" : level switch
    {
        LogLevel.Critical => "<2>",
        LogLevel.Error => "<3>",
        LogLevel.Warning => "<4>",
        LogLevel.Information => "<6>",
        _ => "<7>",
    };

    /// <summary>The variable is inherited by whatever a service starts, so it counts only when it names the very stream.</summary>
    /// <param name="stream">JOURNAL_STREAM: device and inode, separated by a colon.</param>
    /// <param name="standardError">What the descriptor refers to, such as <c>socket:[1234]</c>.</param>
    internal static bool IsStream(string? stream, string? standardError) =>
        stream?.Split(':') is [_, { Length: > 0 } inode] && standardError == $"socket:[{inode}]";
}
