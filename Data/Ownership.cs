using System.Buffers.Binary;
using System.Globalization;
using System.Runtime.InteropServices;

namespace AiChat.Data;

/// <summary>A user and a group by their numbers, which are all that a container without a list of users knows.</summary>
internal readonly record struct Owner(uint User, uint Group)
{
    /// <summary>As chown takes it, such as 65532:65532.</summary>
    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{User}:{Group}");
}

/// <summary>To whom files belong and as whom this process runs, which .NET does not tell.</summary>
internal static partial class Ownership
{
    private const int CurrentFolder = -100; // AT_FDCWD
    private const int NoFollow = 0x100; // AT_SYMLINK_NOFOLLOW
    private const uint Basic = 0x7ff; // STATX_BASIC_STATS
    private const int StatxSize = 256;

    /// <summary>As whom the process acts on files.</summary>
    public static Owner Process => new(EffectiveUser(), EffectiveGroup());

    /// <summary>The owner of a file or folder, or of the link itself; null when it is missing or cannot be looked at.</summary>
    public static Owner? Of(string path)
    {
        // statx(2) has the same layout on every architecture: stx_uid at 20, stx_gid at 24.
        var buffer = new byte[StatxSize];
        return Statx(CurrentFolder, path, NoFollow, Basic, buffer) == 0
            ? new Owner(
                BinaryPrimitives.ReadUInt32LittleEndian(buffer.AsSpan(20)), BinaryPrimitives.ReadUInt32LittleEndian(buffer.AsSpan(24)))
            : null;
    }

    /// <summary>Whether it is a folder, and no link to one.</summary>
    public static bool IsFolder(string path) =>
        File.GetAttributes(path) is var found && found.HasFlag(FileAttributes.Directory) && !found.HasFlag(FileAttributes.ReparsePoint);

    /// <summary>Gives a file, a folder or the link itself to an owner.</summary>
    /// <exception cref="IOException">The system refused.</exception>
    public static void Give(string path, Owner owner)
    {
        if (ChangeOwner(path, owner.User, owner.Group) != 0)
        {
            throw new IOException($"chown {owner} {path}: {Marshal.GetPInvokeErrorMessage(Marshal.GetLastPInvokeError())}");
        }
    }

    [LibraryImport("libc", EntryPoint = "geteuid")]
    private static partial uint EffectiveUser();

    [LibraryImport("libc", EntryPoint = "getegid")]
    private static partial uint EffectiveGroup();

    [LibraryImport("libc", EntryPoint = "statx", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Statx(int folder, string path, int flags, uint mask, [In, Out] byte[] buffer);

    [LibraryImport("libc", EntryPoint = "lchown", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int ChangeOwner(string path, uint user, uint group);
}
