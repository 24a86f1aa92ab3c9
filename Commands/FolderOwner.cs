using System.Runtime.InteropServices;
using AiChat.Data;
using AiChat.Data.Sqlite;

namespace AiChat.Commands;

/// <summary>
/// Makes the process the user that the data folder belongs to. What root wrote into it, the server could not read at its next start.
/// </summary>
internal static partial class FolderOwner
{
    /// <summary>Does nothing when the folder is missing or this user's own. Root becomes the owner; others are refused.</summary>
    /// <returns>The number of the user that the process has become; null when it has not changed.</returns>
    /// <exception cref="StartupException">The folder belongs to another user.</exception>
    public static uint? Become(string folder)
    {
        if (FileStatus.OwnerOf(folder) is not var (user, group) || user == EffectiveUser())
        {
            return null;
        }

        if (EffectiveUser() != 0)
        {
            throw new StartupException(
                ExitCodes.NoPermission, $"The data folder {folder} belongs to user {user}; run this command as that user or as root.");
        }

        return SetGroups(0, 0) == 0 && SetGroup(group) == 0 && SetUser(user) == 0
            ? user
            : throw new StartupException(
                ExitCodes.NoPermission,
                $"The data folder {folder} belongs to user {user}, and this process may not become that user; start it as user {user}.");
    }

    [LibraryImport("libc", EntryPoint = "geteuid")]
    private static partial uint EffectiveUser();

    [LibraryImport("libc", EntryPoint = "setgroups", SetLastError = true)]
    private static partial int SetGroups(nint size, nint list);

    [LibraryImport("libc", EntryPoint = "setgid", SetLastError = true)]
    private static partial int SetGroup(uint group);

    [LibraryImport("libc", EntryPoint = "setuid", SetLastError = true)]
    private static partial int SetUser(uint user);
}
