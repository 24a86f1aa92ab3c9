using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace AiChat.Data;

/// <summary>What .NET does not offer for files that must survive a power cut.</summary>
internal static partial class DurableFiles
{
    private const int ReadOnlyDirectory = 0x10000; // O_RDONLY | O_DIRECTORY on Linux x64; arm64 differs, see below
    private const int ReadOnlyDirectoryArm = 0x4000;
    private const int ReadOnlyNoLink = 0xA0800; // O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK on Linux x64
    private const int ReadOnlyNoLinkArm = 0x88800;
    private const int NoSuchFile = 2;
    private const int NotAFolder = 20;
    private const int IsALink = 40;
    private const int DontNeed = 4; // POSIX_FADV_DONTNEED

    /// <summary>Makes renames and new names in a folder durable (fsync of the directory, see fsync(2)).</summary>
    /// <exception cref="IOException">The folder cannot be opened or flushed.</exception>
    public static void SyncFolder(string path)
    {
        using var folder = OpenFolder(path);
        if (Sync((int)folder.DangerousGetHandle()) != 0)
        {
            throw new IOException($"Cannot flush the folder {path} (errno {Marshal.GetLastPInvokeError()}).");
        }
    }

    /// <summary>Creates a folder (mode 0700) and those above it where they are missing, and makes their names durable.</summary>
    public static void CreateFolder(string path)
    {
        if (Directory.Exists(path))
        {
            return;
        }

        if (Path.GetDirectoryName(path) is { Length: > 0 } parent)
        {
            CreateFolder(parent);
        }

        Directory.CreateDirectory(path, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        SyncFolder(Path.GetDirectoryName(path) ?? "/");
    }

    /// <summary>Opens a folder, which .NET itself refuses.</summary>
    /// <exception cref="IOException">The folder cannot be opened.</exception>
    public static SafeFileHandle OpenFolder(string path)
    {
        var flags = RuntimeInformation.ProcessArchitecture == Architecture.Arm64 ? ReadOnlyDirectoryArm : ReadOnlyDirectory;
        var handle = Open(path, flags);
        return handle >= 0
            ? new SafeFileHandle(handle, ownsHandle: true)
            : throw new IOException($"Cannot open the folder {path} (errno {Marshal.GetLastPInvokeError()}).");
    }

    /// <summary>Opens a file for reading unless a link stands at its place; null then and when it is missing.</summary>
    /// <exception cref="IOException">It is there and cannot be opened.</exception>
    public static SafeFileHandle? OpenPlain(string path)
    {
        var handle = Open(path, RuntimeInformation.ProcessArchitecture == Architecture.Arm64 ? ReadOnlyNoLinkArm : ReadOnlyNoLink);
        if (handle >= 0)
        {
            return new SafeFileHandle(handle, ownsHandle: true);
        }

        var error = Marshal.GetLastPInvokeError();
        return error is NoSuchFile or NotAFolder or IsALink
            ? null : throw new IOException($"Cannot open an image file (errno {error}).", error);
    }

    /// <summary>Gives a file a second name, which costs no space; false where the system has none between these two folders.</summary>
    public static bool TryLink(string path, string link) => Link(path, link) == 0;

    /// <summary>Tells the system that the file will not be read soon, so that copying it does not push out what others read.</summary>
    public static void LetGo(SafeFileHandle file) => _ = Advise((int)file.DangerousGetHandle(), 0, 0, DontNeed);

    /// <summary>Writes a file whole and onto the disk, and then gives it its name, in place of one that is there.</summary>
    public static void Replace(string path, ReadOnlySpan<byte> content)
    {
        var temporary = path + ".new";
        File.Delete(temporary);
        var options = new FileStreamOptions
        {
            Mode = FileMode.CreateNew,
            Access = FileAccess.Write,
            UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite,
        };
        using (var stream = new FileStream(temporary, options))
        {
            stream.Write(content);
            stream.Flush(flushToDisk: true);
        }

        File.Move(temporary, path, overwrite: true);
        SyncFolder(Path.GetDirectoryName(path)!);
    }

    [LibraryImport("libc", EntryPoint = "open", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Open(string path, int flags);

    [LibraryImport("libc", EntryPoint = "fsync", SetLastError = true)]
    private static partial int Sync(int handle);

    [LibraryImport("libc", EntryPoint = "link", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Link(string path, string link);

    [LibraryImport("libc", EntryPoint = "posix_fadvise")]
    private static partial int Advise(int handle, nint offset, nint length, int advice);
}
