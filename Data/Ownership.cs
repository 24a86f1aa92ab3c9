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
    /// <summary>As whom the process acts on files.</summary>
    public static Owner Process => new(EffectiveUser(), EffectiveGroup());

    /// <summary>The owner of a file or folder, also of one that a link leads to; null when it is missing or cannot be looked at.</summary>
    public static Owner? Of(string path) => SystemStat.Read(SystemStat.CurrentFolder, path, 0, out _)?.Owner;

    /// <summary>As <see cref="Of"/>, but of a link itself.</summary>
    public static Owner? OfEntry(string path) =>
        SystemStat.Read(SystemStat.CurrentFolder, path, SystemStat.NoFollow, out _)?.Owner;

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

    /// <summary>From now on this process is that user, in that group and no other.</summary>
    /// <exception cref="IOException">The system refused; the process may have lost groups.</exception>
    public static void Become(Owner owner)
    {
        uint[] groups = [owner.Group];
        if (SetGroups(1, groups) != 0 || SetGroup(owner.Group) != 0 || SetUser(owner.User) != 0)
        {
            throw new IOException(Marshal.GetPInvokeErrorMessage(Marshal.GetLastPInvokeError()));
        }
    }

    [LibraryImport("libc", EntryPoint = "geteuid")]
    private static partial uint EffectiveUser();

    [LibraryImport("libc", EntryPoint = "getegid")]
    private static partial uint EffectiveGroup();

    [LibraryImport("libc", EntryPoint = "setgroups", SetLastError = true)]
    private static partial int SetGroups(nint count, uint[] groups);

    [LibraryImport("libc", EntryPoint = "setgid", SetLastError = true)]
    private static partial int SetGroup(uint group);

    [LibraryImport("libc", EntryPoint = "setuid", SetLastError = true)]
    private static partial int SetUser(uint user);

    [LibraryImport("libc", EntryPoint = "lchown", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int ChangeOwner(string path, uint user, uint group);
}
