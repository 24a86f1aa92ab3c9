using AiChat.Data;

namespace AiChat.Commands;

/// <summary>
/// Makes the process the user that the data folder belongs to. What root wrote into it, the server could not read at its next start.
/// </summary>
internal static class FolderOwner
{
    /// <summary>
    /// Does nothing when the folder is missing or this user's own. Root becomes the owner, and what root named on the command line is read
    /// by <see cref="Ownership.AsStarted"/> from then on; others are refused.
    /// </summary>
    /// <returns>The number of the user that the process has become; null when it has not changed.</returns>
    /// <exception cref="StartupException">The folder belongs to another user.</exception>
    public static uint? Become(string folder)
    {
        var me = Ownership.Process.User;
        if (Ownership.Of(folder) is not { } owner || owner.User == me)
        {
            return null;
        }

        if (me != 0)
        {
            throw new StartupException(
                ExitCodes.NoPermission,
                $"The data folder {folder} belongs to user {owner.User}; run this command as that user or as root.");
        }

        try
        {
            Ownership.Become(owner, keepsRoot: true);
            return owner.User;
        }
        catch (IOException error)
        {
            throw new StartupException(
                ExitCodes.NoPermission,
                $"The data folder {folder} belongs to user {owner.User}, and this process may not become that user ({error.Message}); "
                    + $"start it as user {owner.User}.");
        }
    }
}
