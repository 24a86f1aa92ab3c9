using Microsoft.Win32.SafeHandles;

namespace AiChat.Data.Sqlite;

/// <summary>The status of a file. Equal <see cref="Id"/>s are the same file, whatever its names.</summary>
internal readonly record struct FileStatus(
    (ulong Device, ulong Inode) Id, long Size, (long Seconds, long Nanoseconds) Modified, uint Links)
{
    private const int NoSuchFile = 2;
    private const int NotAFolder = 20;

    /// <summary>Null when the file does not exist.</summary>
    /// <exception cref="IOException">The status cannot be read.</exception>
    public static FileStatus? Read(string path) => Read(SystemStat.CurrentFolder, path, 0);

    /// <summary>The status of an open file, which may have been unlinked.</summary>
    public static FileStatus? Read(SafeFileHandle file) => Read((int)file.DangerousGetHandle(), "", SystemStat.EmptyPath);

    private static FileStatus? Read(int folder, string path, int flags) =>
        SystemStat.Read(folder, path, flags, out var error) is { } stat
            ? new FileStatus((stat.Device, stat.Inode), stat.Size, stat.Modified, stat.Links)
            : error is NoSuchFile or NotAFolder ? null
            : throw new IOException($"Cannot look at the file {path} (errno {error}).", error);
}
