namespace AiChat.Data;

/// <summary>Says when others on this machine may look into a folder of the server.</summary>
internal static class FolderMode
{
    private const UnixFileMode Group = UnixFileMode.GroupRead | UnixFileMode.GroupWrite | UnixFileMode.GroupExecute;
    private const UnixFileMode Others = UnixFileMode.OtherRead | UnixFileMode.OtherWrite | UnixFileMode.OtherExecute;

    /// <summary>
    /// A line with the command to type; null when the folder is closed to others. It is not changed without being asked, because it may be
    /// a folder that other programs use too. One that belongs to another user needs the rights of its group, as with Kubernetes' fsGroup.
    /// </summary>
    public static string? Note(string folder)
    {
        var mode = File.GetUnixFileMode(folder);
        var isOwn = Ownership.Of(folder)?.User == Ownership.Process.User;
        var open = mode & (isOwn ? Group | Others : Others);
        return open == 0 ? null
            : $"The data folder {folder} is open to other users of this machine (mode {Convert.ToString((int)mode & 0b111_111_111, 8)}); "
                + $"run: chmod {(isOwn ? "700" : "o-rwx")} {folder}";
    }
}
