using AiChat.Data;

namespace AiChat.Commands;

/// <summary>The exit codes that scripts may rely on. Those of a refused start (sysexits.h) are in <see cref="StartupException"/>.</summary>
internal static class ExitCodes
{
    public const int Done = 0;

    /// <summary>The command was understood and refused, or what it checked is not well; standard error says why.</summary>
    public const int Refused = 1;

    /// <summary>The command or its arguments are wrong (EX_USAGE).</summary>
    public const int Usage = 64;

    /// <summary>There is no installation in the data folder (EX_NOINPUT).</summary>
    public const int NoInput = 66;

    /// <summary>The server ended while it worked (EX_UNAVAILABLE).</summary>
    public const int Unavailable = 69;

    /// <summary>The data folder belongs to another user, or the command needs root (EX_NOPERM).</summary>
    public const int NoPermission = 77;
}
