using System.Text.RegularExpressions;

namespace AiChat.Endpoints.Variables;

/// <summary>The zone that TZ names, by which schedules count.</summary>
internal static partial class TimeZones
{
    private const string Data = "/usr/share/zoneinfo/";

    /// <summary>The zone, and a sentence for the operator where the text names none; UTC then.</summary>
    /// <param name="text">The value of TZ; null is the zone of the system.</param>
    public static (TimeZoneInfo Zone, string? Note) Find(string? text)
    {
        if (text is null)
        {
            return (TimeZoneInfo.Local, null);
        }

        var name = text.TrimStart(':');
        name = name.StartsWith(Data, StringComparison.Ordinal) ? name[Data.Length..] : name;
        if (name.Length == 0 || name is "UTC" or "UTC0" or "GMT" or "Etc/UTC" or "Z")
        {
            return (TimeZoneInfo.Utc, null);
        }

        if (Name().IsMatch(name) && TimeZoneInfo.TryFindSystemTimeZoneById(name, out var zone))
        {
            return (zone, null);
        }

        var known = TimeZoneInfo.GetSystemTimeZones();
        if (known.FirstOrDefault(other => other.Id.Equals(name, StringComparison.OrdinalIgnoreCase)) is { } same)
        {
            return (same, null);
        }

        var reason = !Directory.Exists(Data) ? "there is no time zone data on this system (package tzdata)"
            : Offset().IsMatch(name) ? "a zone has a name such as Asia/Shanghai; by offset it is Etc/GMT-8 for eight hours east of UTC"
            : Names.Nearest(known.Select(other => other.Id), name) is { } near ? $"did you mean {near}?"
            : "a zone has a name such as Asia/Shanghai";
        return (TimeZoneInfo.Utc, $"TZ={text} is not known, so times count in UTC: {reason}{(reason.EndsWith('?') ? "" : ".")}");
    }

    [GeneratedRegex(@"\A[A-Za-z0-9_+\-]+(/[A-Za-z0-9_+\-]+)*\z")]
    private static partial Regex Name();

    [GeneratedRegex(@"\A[A-Za-z]{1,6}[+\-]?[0-9]")]
    private static partial Regex Offset();
}
