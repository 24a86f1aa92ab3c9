using System.Globalization;
using System.Text.RegularExpressions;
using AiChat.Data.Images;

namespace AiChat.Data.Backups;

/// <summary>The names of backups, and of the files in them. Any other name is refused before it becomes a path.</summary>
internal static partial class BackupPaths
{
    public const string Database = "app.db";

    /// <summary>The master key in clear.</summary>
    public const string PlainKey = "master.key";

    /// <summary>The master key under a passphrase (<see cref="SealedKey"/>).</summary>
    public const string SealedKey = "master.key.json";

    public const string Images = "images/";

    private const string Scheduled = "-scheduled";

    /// <summary>A name that an address, a path and an object of a store may hold.</summary>
    public static bool IsName(string name) => NameForm().IsMatch(name);

    /// <summary>The name of a backup that is made now. They sort by time.</summary>
    public static string NameAt(DateTimeOffset now, bool scheduled) =>
        now.UtcDateTime.ToString("yyyyMMdd'T'HHmmss'Z'", CultureInfo.InvariantCulture) + (scheduled ? Scheduled : "-manual");

    /// <summary>Made by the schedule, so that it is also removed by it.</summary>
    public static bool IsScheduled(string name) => name.Contains(Scheduled, StringComparison.Ordinal);

    /// <summary>When a backup was made, by its name; null when it was named otherwise.</summary>
    public static DateTimeOffset? TimeOf(string name) =>
        name.Length > 16 && DateTimeOffset.TryParseExact(
            name[..16], "yyyyMMdd'T'HHmmss'Z'", CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var time)
            ? time : null;

    /// <summary>Whether a backup may hold a file of this path.</summary>
    public static bool IsFile(string path) =>
        path is Database or PlainKey or SealedKey
        || (path.StartsWith(Images, StringComparison.Ordinal) && ImageFolder.IsName(path[Images.Length..]));

    // The first character is none of a hidden file or of an option.
    [GeneratedRegex(@"\A[A-Za-z0-9_][A-Za-z0-9._-]{0,99}\z")]
    private static partial Regex NameForm();
}
