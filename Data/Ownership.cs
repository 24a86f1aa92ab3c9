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
    private const uint Root = 0;

    private static bool _keepsRoot;

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
    /// <param name="keepsRoot">
    /// Root may still read for it what the person named on the command line, by <see cref="AsStarted"/>; a program that replaces this
    /// process would inherit that.
    /// </param>
    /// <exception cref="IOException">The system refused; the process may have lost groups.</exception>
    public static void Become(Owner owner, bool keepsRoot = false)
    {
        uint[] groups = [owner.Group];
        var saved = keepsRoot ? Root : owner.User;
        if (SetGroups(1, groups) != 0 || SetGroup(owner.Group) != 0 || SetUsers(owner.User, owner.User, saved) != 0)
        {
            throw new IOException(Marshal.GetPInvokeErrorMessage(Marshal.GetLastPInvokeError()));
        }

        _keepsRoot = keepsRoot;
    }

    /// <summary>
    /// Until it is disposed of, this thread opens files as the person who started the command: root, when the process became the owner of
    /// the data folder since. Only for what this person named: to read it, to put a finished file there, to remove what was unpacked of it.
    /// </summary>
    public static StarterRights AsStarted()
    {
        if (_keepsRoot)
        {
            SetFileUser(Root);
        }

        return new StarterRights(_keepsRoot);
    }

    /// <summary>The rights of one thread; it cannot be kept across an await, after which another thread may go on.</summary>
    internal readonly ref struct StarterRights(bool isChanged) : IDisposable
    {
        public void Dispose()
        {
            if (isChanged)
            {
                SetFileUser(EffectiveUser());
            }
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

    [LibraryImport("libc", EntryPoint = "setresuid", SetLastError = true)]
    private static partial int SetUsers(uint real, uint effective, uint saved);

    /// <summary>Of the calling thread alone, unlike the others, which change the whole process.</summary>
    [LibraryImport("libc", EntryPoint = "setfsuid")]
    private static partial void SetFileUser(uint user);

    [LibraryImport("libc", EntryPoint = "lchown", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int ChangeOwner(string path, uint user, uint group);
}
