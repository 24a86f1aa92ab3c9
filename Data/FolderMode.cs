namespace AiChat.Data;

/// <summary>Says when others on this machine may look into a folder of the server.</summary>
internal static class FolderMode
{
    public const UnixFileMode Group = UnixFileMode.GroupRead | UnixFileMode.GroupWrite | UnixFileMode.GroupExecute;
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

    /// <summary>
    /// The mark of a volume that Kubernetes has prepared by fsGroup: the folder of the file belongs to the file's own group, which may
    /// write and is handed on. With each mount Kubernetes may open every file in it to that group, in which only this pod is.
    /// </summary>
    public static bool IsSharedByGroup(string file)
    {
        const UnixFileMode mark = UnixFileMode.SetGroup | UnixFileMode.GroupWrite;
        var folder = Path.GetDirectoryName(file)!;
        return (File.GetUnixFileMode(folder) & mark) == mark && Ownership.Of(folder)?.Group == Ownership.Of(file)?.Group;
    }
}
