using System.Globalization;
using AiChat.Data.Backups;

namespace AiChat.Endpoints.Backups;

/// <summary>Which scheduled backups are kept: the newest of each of the last days and weeks. Others are nobody's to remove.</summary>
internal static class BackupRetention
{
    /// <summary>
    /// The names of those that go. The newest always stays. One of the future, from when the clock was wrong, neither goes nor counts: a
    /// month of them would make each new one the surplus.
    /// </summary>
    public static IReadOnlyList<string> Surplus(IEnumerable<string> names, int days, int weeks, TimeZoneInfo zone, DateTimeOffset now)
    {
        var scheduled = names.Where(BackupPaths.IsScheduled)
            .Select(name => (Name: name, Time: BackupPaths.TimeOf(name)))
            .Where(one => one.Time <= now.AddDays(1))
            .Select(one => (one.Name, Day: DateOnly.FromDateTime(TimeZoneInfo.ConvertTime(one.Time!.Value, zone).DateTime)))
            .OrderByDescending(one => one.Name, StringComparer.Ordinal)
            .ToList();
        var daily = scheduled.DistinctBy(one => one.Day).Take(days);
        var weekly = scheduled.DistinctBy(one => WeekOf(one.Day)).Take(weeks);
        var kept = scheduled.Take(1).Concat(daily).Concat(weekly).Select(one => one.Name).ToHashSet(StringComparer.Ordinal);
        return [.. scheduled.Select(one => one.Name).Where(name => !kept.Contains(name))];
    }

    private static (int Year, int Week) WeekOf(DateOnly day)
    {
        var time = day.ToDateTime(TimeOnly.MinValue);
        return (ISOWeek.GetYear(time), ISOWeek.GetWeekOfYear(time));
    }
}
