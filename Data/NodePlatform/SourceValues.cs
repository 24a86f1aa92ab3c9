using System.Globalization;
using System.Text;

namespace AiChat.Data.NodePlatform;

/// <summary>Reads values of columns that may hold any type: what an older version, a migration or damage left in them.</summary>
internal static class SourceValues
{
    /// <summary>The platform did not exist before; a time from before it is a clock's mistake.</summary>
    private static readonly long Earliest = new DateTimeOffset(2015, 1, 1, 0, 0, 0, TimeSpan.Zero).ToUnixTimeMilliseconds();

    private const double UnixEpochJulianDay = 2_440_587.5;

    private static readonly long Latest = new DateTimeOffset(2100, 1, 1, 0, 0, 0, TimeSpan.Zero).ToUnixTimeMilliseconds();

    public static object? Text(object? value) => value switch
    {
        null => null,
        byte[] bytes => Encoding.UTF8.GetString(bytes),
        string text => text,
        IFormattable other => other.ToString(null, CultureInfo.InvariantCulture),
        _ => null,
    };

    public static object? Number(object? value) => value switch
    {
        long number => number,
        double real when real is > -9e18 and < 9e18 => (long)real,
        string text when long.TryParse(text.Trim(), NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var number) => number,
        _ => null,
    };

    public static object? Flag(object? value) => value switch
    {
        string text => text.Trim().ToLowerInvariant() switch
        {
            "true" or "1" or "yes" or "on" => 1L,
            "false" or "0" or "no" or "off" => 0L,
            _ => null,
        },
        _ => Number(value) is long number ? (number != 0 ? 1L : 0L) : null,
    };

    /// <summary>
    /// Unix milliseconds of a time as Prisma and SQLite write it: milliseconds or seconds as a number, ISO 8601 with or without a zone, a
    /// date and a time with a space between them, a Julian day. Without a zone it is UTC. Null for what cannot be the time of anything
    /// here.
    /// </summary>
    public static object? Time(object? value)
    {
        var time = value switch
        {
            long number => Milliseconds(number),
            double day when day is > 2_400_000 and < 2_500_000 => (long)Math.Round((day - UnixEpochJulianDay) * 86_400_000),
            double real when real is > -9e15 and < 9e15 => Milliseconds((long)real),
            string text => Parse(text.Trim()),
            _ => null,
        };
        return time >= Earliest && time < Latest ? time : null;
    }

    private static long? Milliseconds(long number) => number switch
    {
        >= 100_000_000 and < 100_000_000_000 => number * 1_000, // seconds
        >= 100_000_000_000_000 => number / 1_000, // microseconds
        _ => number,
    };

    private static long? Parse(string text) =>
        long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? Milliseconds(number)
        : DateTimeOffset.TryParse(
            text, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal | DateTimeStyles.AllowWhiteSpaces, out var time)
            ? time.ToUnixTimeMilliseconds()
        : null;
}
