using System.Globalization;

namespace AiChat.Data.Sqlite;

/// <summary>
/// A row that tells at the next start whether the log (-wal) continues the database file beside it. It names the generation of the log.
/// Before a checkpoint that empties the log, the writer closes generation n with the row "c n+1". Only when that row is in the file does
/// the first transaction of the next log open it: "o n+1". So beside a log in which 8 is open the file holds 8, whenever the process was
/// killed or the power went; a file of an earlier time or of another installation does not. The nonce is there because two installations,
/// or one before and after a restore, count alike.
/// </summary>
internal sealed record LogGeneration(bool IsOpen, long Number, string Nonce)
{
    /// <summary>In the table settings.</summary>
    public const string Key = "internal.log_generation";

    /// <returns>Null for anything that is not the value of such a row.</returns>
    public static LogGeneration? Parse(string? value) =>
        value?.Split(' ') is ["o" or "c", var number, { Length: 8 } nonce]
        && long.TryParse(number, NumberStyles.None, CultureInfo.InvariantCulture, out var counted)
            ? new LogGeneration(value[0] == 'o', counted, nonce)
            : null;

    /// <summary>Whether a file with this row can be the one that the log with the other row was written beside.</summary>
    /// <param name="log">The newest row in the log.</param>
    public bool IsBeside(LogGeneration log) => log.IsOpen
        ? Number == log.Number && Nonce == log.Nonce
        : Number >= log.Number - 1; // the checkpoint may have come to any page
}
