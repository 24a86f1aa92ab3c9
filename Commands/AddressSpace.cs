using System.Globalization;

namespace AiChat.Commands;

/// <summary>
/// Says when a limit of virtual memory, as shared hosts set it, is too small for the runtime, which would end with a stack trace.
/// </summary>
internal static class AddressSpace
{
    private const string Line = "Max address space";
    private const long Needed = 2L * 1024 * 1024 * 1024;

    /// <summary>A line with what to type; null when there is room.</summary>
    /// <param name="limits">As /proc/self/limits has them; null when it cannot be read.</param>
    public static string? Note(IEnumerable<string>? limits)
    {
        var line = limits?.FirstOrDefault(line => line.StartsWith(Line, StringComparison.Ordinal));
        var soft = line?[Line.Length..].TrimStart().Split(' ')[0];
        return long.TryParse(soft, NumberStyles.None, CultureInfo.InvariantCulture, out var bytes) && bytes < Needed
            ? $"The address space of this process is limited to {bytes / (1024 * 1024)} MiB (ulimit -v), and below "
                + $"{Needed / (1024 * 1024)} it may end at any time. It takes little of that as memory: lift the limit "
                + "(ulimit -v unlimited; LimitAS= of a service), and limit the memory instead (MemoryMax=, or --memory of a container)."
            : null;
    }

    /// <summary>The limits of this process.</summary>
    public static IEnumerable<string>? OfProcess()
    {
        try
        {
            return File.ReadAllLines("/proc/self/limits");
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            return null; // in a root without /proc
        }
    }
}
