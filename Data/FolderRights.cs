namespace AiChat.Data;

/// <summary>Says in one line why a file or folder cannot be used, and what to type.</summary>
internal static class FolderRights
{
    /// <summary>Whose it is, who this process is, and the command or line that mends it.</summary>
    /// <param name="path">What could not be used; it may be missing.</param>
    public static string Advice(string path)
    {
        var full = Path.GetFullPath(path);
        var there = full;
        while (!Path.Exists(there) && Path.GetDirectoryName(there) is { } above)
        {
            there = above;
        }

        var mount = Mounts.Of(there);
        if (mount is { ReadOnly: true })
        {
            var folder = File.Exists(there) ? Path.GetDirectoryName(there)! : there;
            return $"{folder} is mounted read-only. Mount a writable folder or volume at {(there == full ? folder : full)}.";
        }

        var me = Ownership.Process;
        if (Ownership.Of(there) is not { } owner)
        {
            return $"This process is user {me}.";
        }

        var seen = $"{there} belongs to user {owner} (mode {Mode(there)}), and this process is user {me}.";
        if (there != full)
        {
            return $"{seen} Make the folder for it: install -d -m 700 -o {me.User} -g {me.Group} {full}";
        }

        if (owner.User == me.User)
        {
            return $"{seen} {AboutOwn(there, me)}";
        }

        // A file of somebody else in a folder of one's own, or of data, comes from a restore or a chown without -R: others are like it.
        var parent = Path.GetDirectoryName(there);
        var isData = parent is not null && (Ownership.Of(parent)?.User == me.User || File.Exists(Path.Combine(parent, "instance.json")));
        var all = isData ? parent! : there;
        return $"{seen} {AboutOthers(all, mount, owner, me)}";
    }

    private static string AboutOwn(string path, Owner me)
    {
        const UnixFileMode needed = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        return (ModeOf(path) & needed) != needed
            ? $"Type: chmod u+rwX {path}"
            : me.User == 0
                ? "Even root may not: the file system takes its rights (NFS root_squash), or SELinux forbids it (mount the volume with :Z)."
                : "Its rights would do, so something else forbids it: SELinux (mount the volume with :Z), AppArmor, a network file system.";
    }

    private static string AboutOthers(string path, Mount? mount, Owner owner, Owner me)
    {
        var onHost = mount is not null && mount.Point != "/" && IsInContainer() && mount.Root is { Length: > 1 } root
            ? root + (path.Length > mount.Point.Length ? path[mount.Point.Length..] : "")
            : path;
        var where = onHost == path ? "" : $" on the host, where {path} is probably {onHost}";
        var otherwise = owner.User != 0 ? $"run as its owner (in a container: user: \"{owner}\")"
            : me.User == 0 ? ""
            : Environment.GetEnvironmentVariable("AICHAT_RUN_AS") is { Length: > 0 } ? "run as root, without AICHAT_RUN_AS"
            : $"let a container take it over (user: \"0:0\" and AICHAT_RUN_AS={me})";
        return $"Type{where}: chown -R {me} {onHost}{(otherwise.Length > 0 ? "   or " + otherwise : "")}";
    }

    private static bool IsInContainer() => File.Exists("/.dockerenv") || File.Exists("/run/.containerenv")
        || Environment.GetEnvironmentVariable("KUBERNETES_SERVICE_HOST") is not null || Mounts.Judge("/") == Fleeting.Container;

    private static UnixFileMode ModeOf(string path)
    {
        try
        {
            return File.GetUnixFileMode(path);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            return 0;
        }
    }

    private static string Mode(string path) => Convert.ToString((int)ModeOf(path), 8).PadLeft(4, '0');
}
