namespace AiChat.Data;

/// <summary>Why the store could not do its work.</summary>
internal enum StoreFailure
{
    /// <summary>Too many calls are waiting; the same call may succeed a moment later.</summary>
    Busy,

    /// <summary>The disk (or the user's share of it) is full. Nothing was written.</summary>
    Full,

    /// <summary>The file cannot be read or written now. After a failed commit the row may or may not be there.</summary>
    Unavailable,

    /// <summary>The read exceeded its time limit; repeating it would exceed it again.</summary>
    TooLong,
}

/// <summary>A failure of the store itself, never of a caller's input.</summary>
internal sealed class StoreException(StoreFailure failure, string message, Exception? inner = null) : Exception(message, inner)
{
    public StoreFailure Failure { get; } = failure;
}

/// <summary>The process cannot start; the message is one line for the operator, the code follows sysexits.h.</summary>
internal sealed class StartupException(int exitCode, string message, Exception? inner = null) : Exception(Line(message), inner)
{
    /// <summary>An essential part failed while running.</summary>
    public const int Software = 70;

    /// <summary>The database file failed while running.</summary>
    public const int InputOutput = 74;

    /// <summary>Another process has the data folder or the port, or the address is not there: worth another start in a while.</summary>
    public const int TemporaryFailure = 75;

    /// <summary>A setting or the data folder is wrong: no other start mends it, and the unit of systemd makes none.</summary>
    public const int Configuration = 78;

    public int ExitCode { get; } = exitCode;

    /// <summary>What SQLite quotes from a damaged file may hold anything that a terminal would obey.</summary>
    private static string Line(string message) => string.Concat(message.Select(c => char.IsControl(c) ? ' ' : c));
}
