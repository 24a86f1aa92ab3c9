using System.Runtime.InteropServices;

namespace AiChat.Data;

/// <summary>
/// What stat(2) says of a file and .NET does not. It asks the kernel by newfstatat, because the filters of older container engines answer
/// statx with EPERM, and glibc before 2.33 exports no fstatat.
/// </summary>
internal readonly partial record struct SystemStat(
    ulong Device, ulong Inode, uint Links, Owner Owner, long Size, (long Seconds, long Nanoseconds) Modified)
{
    public const int NoFollow = 0x100; // AT_SYMLINK_NOFOLLOW
    public const int EmptyPath = 0x1000; // AT_EMPTY_PATH: the file that the descriptor stands for
    public const int CurrentFolder = -100; // AT_FDCWD

    private const int Length = 256; // both structures are shorter

    /// <param name="folder">A descriptor, from which a relative path begins.</param>
    /// <param name="error">errno when the result is null.</param>
    public static SystemStat? Read(int folder, string path, int flags, out int error)
    {
        Span<byte> status = stackalloc byte[Length];
        error = 0;
        if (Call(IsArm ? 79 : 262, folder, path, status, flags) == 0)
        {
            return Parse(status);
        }

        error = Marshal.GetLastPInvokeError();
        return null;
    }

    private static bool IsArm => RuntimeInformation.ProcessArchitecture == Architecture.Arm64;

    /// <summary>struct stat of the kernel: on x86-64 the links are a long before the mode, on arm64 an int after it.</summary>
    private static SystemStat Parse(ReadOnlySpan<byte> status)
    {
        var owner = IsArm ? 24 : 28;
        return new SystemStat(
            MemoryMarshal.Read<ulong>(status),
            MemoryMarshal.Read<ulong>(status[8..]),
            MemoryMarshal.Read<uint>(status[(IsArm ? 20 : 16)..]),
            new Owner(MemoryMarshal.Read<uint>(status[owner..]), MemoryMarshal.Read<uint>(status[(owner + 4)..])),
            MemoryMarshal.Read<long>(status[48..]),
            (MemoryMarshal.Read<long>(status[88..]), MemoryMarshal.Read<long>(status[96..])));
    }

    [LibraryImport("libc", EntryPoint = "syscall", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial nint Call(nint number, nint folder, string path, Span<byte> status, nint flags);
}
