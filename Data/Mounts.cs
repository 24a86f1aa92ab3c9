using System.Globalization;
using System.Runtime.InteropServices;
using System.Text.RegularExpressions;

namespace AiChat.Data;

/// <summary>A line of /proc/self/mountinfo; see proc_pid_mountinfo(5).</summary>
/// <param name="Root">The folder within the file system that is mounted: on a bind mount the host's folder, as its disk names it.</param>
/// <param name="Point">Where it is mounted, as this process sees it.</param>
internal sealed record Mount(int Id, string Root, string Point, bool ReadOnly, string Type, string Source);

/// <summary>Why data in a folder ends with something other than its disk.</summary>
internal enum Fleeting
{
    No,

    /// <summary>In the layer that the engine adds to the image for this one container.</summary>
    Container,

    /// <summary>In a volume without a name: a new container gets another.</summary>
    NamelessVolume,

    /// <summary>In a volume that ends with the pod (emptyDir).</summary>
    Pod,

    /// <summary>In memory.</summary>
    Memory,
}

/// <summary>What is mounted where, and what that says about how long data stays.</summary>
internal static partial class Mounts
{
    private const string Table = "/proc/self/mountinfo";
    private const int OpenPath = 0x200000; // O_PATH, the same on x64 and arm64

    /// <summary>The mount on which a file or folder lies; null when the system does not tell.</summary>
    public static Mount? Of(string path)
    {
        var handle = Open(path, OpenPath);
        if (handle < 0)
        {
            return null;
        }

        try
        {
            // The number is exact where a path is not: links, and mounts over mounts.
            const string label = "mnt_id:";
            var lines = File.ReadAllLines($"/proc/self/fdinfo/{handle}");
            var number = Array.Find(lines, line => line.StartsWith(label, StringComparison.Ordinal))?[label.Length..];
            return int.TryParse(number, CultureInfo.InvariantCulture, out var id)
                ? Parse(File.ReadAllText(Table)).FirstOrDefault(mount => mount.Id == id)
                : null;
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            return null;
        }
        finally
        {
            _ = Close(handle);
        }
    }

    /// <summary>Whether data on this mount ends with a container, a pod or the running system.</summary>
    /// <param name="manager">What /run/systemd/container names, or null: lxc keeps its overlays.</param>
    public static Fleeting Judge(Mount mount, string? manager) => mount switch
    {
        { Type: "tmpfs" or "ramfs" } => Fleeting.Memory,
        { Root: var root } when root.Contains("/kubernetes.io~empty-dir/", StringComparison.Ordinal) => Fleeting.Pod,
        { Root: var root } when NamelessVolume().IsMatch(root) => Fleeting.NamelessVolume,
        { Point: "/" } when manager?.StartsWith("lxc", StringComparison.Ordinal) != true && IsLayer(mount) => Fleeting.Container,
        _ => Fleeting.No,
    };

    public static Fleeting Judge(string path)
    {
        const string manager = "/run/systemd/container";
        try
        {
            return Of(path) is { } mount ? Judge(mount, File.Exists(manager) ? File.ReadAllText(manager).Trim() : null) : Fleeting.No;
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            return Fleeting.No;
        }
    }

    /// <summary>Reads the table. Lines that are not understood are left out.</summary>
    internal static IEnumerable<Mount> Parse(string table)
    {
        foreach (var line in table.Split('\n'))
        {
            // 36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw,errors=continue
            var fields = line.Split(' ');
            var dash = Array.IndexOf(fields, "-");
            if (dash >= 6 && fields.Length >= dash + 3 && int.TryParse(fields[0], CultureInfo.InvariantCulture, out var id))
            {
                var readOnly = fields[5].Split(',').Contains("ro")
                    || (fields.Length > dash + 3 && fields[dash + 3].Split(',').Contains("ro"));
                yield return new Mount(id, Plain(fields[3]), Plain(fields[4]), readOnly, fields[dash + 1], Plain(fields[dash + 2]));
            }
        }
    }

    /// <summary>Overlays, and the folders or snapshots that engines with other storage drivers make for each container.</summary>
    private static bool IsLayer(Mount root) =>
        root.Type is "overlay" or "aufs" or "fuse.fuse-overlayfs" or "fuse-overlayfs"
        || LayerName().IsMatch(root.Root) || LayerName().IsMatch(root.Source);

    /// <summary>The table writes blanks and backslashes as octal numbers.</summary>
    private static string Plain(string field) => field.Contains('\\')
        ? Octal().Replace(field, match => ((char)Convert.ToInt32(match.Groups[1].Value, 8)).ToString())
        : field;

    [GeneratedRegex(@"\\([0-7]{3})")]
    private static partial Regex Octal();

    [GeneratedRegex("/volumes/[0-9a-f]{64}/_data(/|$)|/containers/[0-9a-f]{64}/volumes/")]
    private static partial Regex NamelessVolume();

    [GeneratedRegex("[0-9a-f]{64}|/containerd/|/containers/storage/")]
    private static partial Regex LayerName();

    [LibraryImport("libc", EntryPoint = "open", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Open(string path, int flags);

    [LibraryImport("libc", EntryPoint = "close", SetLastError = true)]
    private static partial int Close(int handle);
}
