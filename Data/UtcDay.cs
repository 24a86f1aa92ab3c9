namespace AiChat.Data;

/// <summary>Days as quotas count them: whole days since 1970-01-01 in UTC.</summary>
internal static class UtcDay
{
    private const long MillisecondsPerDay = 86_400_000;

    public static long From(DateTimeOffset time) => time.ToUnixTimeMilliseconds() / MillisecondsPerDay;

    /// <summary>The moment at which the day of <paramref name="time"/> ends.</summary>
    public static DateTimeOffset EndOf(DateTimeOffset time) => StartOf(From(time) + 1);

    public static DateTimeOffset StartOf(long day) => DateTimeOffset.FromUnixTimeMilliseconds(day * MillisecondsPerDay);

    public static long FirstOfMonth(DateTimeOffset time) => From(time) - time.UtcDateTime.Day + 1;

    public static DateTimeOffset EndOfMonth(DateTimeOffset time) => StartOf(FirstOfMonth(time)).AddMonths(1);
}
