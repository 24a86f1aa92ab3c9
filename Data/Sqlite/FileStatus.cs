using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace AiChat.Data.Sqlite;

/// <summary>The status of a file. Equal <see cref="Id"/>s are the same file, whatever its names.</summary>
internal readonly partial record struct FileStatus(
    (uint Major, uint Minor, ulong Inode) Id, long Size, (long Seconds, uint Nanoseconds) Modified, uint Links)
{
    private const int CurrentFolder = -100; // AT_FDCWD
    private const int EmptyPath = 0x1000; // AT_EMPTY_PATH
    private const uint BasicFields = 0x7ff; // STATX_BASIC_STATS
    private const int Length = 256;
    private const int NoSuchFile = 2;
    private const int NotAFolder = 20;

    /// <summary>Null when the file does not exist.</summary>
    /// <exception cref="IOException">The status cannot be read.</exception>
    public static FileStatus? Read(string path) => Read(CurrentFolder, path, 0);

    /// <summary>The status of an open file, which may have been unlinked.</summary>
    public static FileStatus? Read(SafeFileHandle file) => Read((int)file.DangerousGetHandle(), "", EmptyPath);

    private static FileStatus? Read(int folder, string path, int flags)
    {
        Span<byte> status = stackalloc byte[Length];
        if (Statx(folder, path, flags, BasicFields, status) == 0)
        {
            return Parse(status);
        }

        var error = Marshal.GetLastPInvokeError();
        return error is NoSuchFile or NotAFolder ? null : throw new IOException($"Cannot look at the file {path} (errno {error}).", error);
    }

    /// <summary>struct statx, which is the same on every processor (statx(2)), except for the order of its bytes.</summary>
    private static FileStatus Parse(ReadOnlySpan<byte> status) => new(
        (MemoryMarshal.Read<uint>(status[136..]), MemoryMarshal.Read<uint>(status[140..]), MemoryMarshal.Read<ulong>(status[32..])),
        MemoryMarshal.Read<long>(status[40..]),
        (MemoryMarshal.Read<long>(status[112..]), MemoryMarshal.Read<uint>(status[120..])),
        MemoryMarshal.Read<uint>(status[16..]));

    [LibraryImport("libc", EntryPoint = "statx", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Statx(int folder, string path, int flags, uint mask, Span<byte> status);
}
