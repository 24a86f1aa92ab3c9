using System.Globalization;
using System.Runtime.InteropServices;

namespace AiChat.Endpoints.Http;

/// <summary>
/// Gives back the pages of the executable and its libraries that were touched. The kernel maps 16 pages around each one that is used, so
/// a start alone maps nearly the whole file, most of which is never used again. What is used comes back from the page cache by itself, at
/// about a microsecond for 64 KiB.
/// </summary>
internal static partial class CodePages
{
    private const int DontNeed = 4; // MADV_DONTNEED
    private const string Map = "/proc/self/smaps";

    /// <summary>
    /// Gives back each mapping that is a plain view of its file: private, read only and without a page of its own. A page that was
    /// written, as the loader's relocations are, exists nowhere else and would be lost.
    /// </summary>
    /// <returns>Bytes that were resident in these mappings; 0 where the system does not tell of them.</returns>
    public static long Release()
    {
        if (!File.Exists(Map))
        {
            return 0;
        }

        var (released, resident, own) = (0L, 0L, 0L);
        var mapping = (Start: 0UL, End: 0UL);
        foreach (var line in File.ReadLines(Map))
        {
            if (View(line) is { } view)
            {
                (mapping, resident) = (view, 0);
            }
            else if (Kilobytes(line, "Rss:") is { } rss)
            {
                resident = rss * 1024;
            }
            else if (Kilobytes(line, "Anonymous:") is { } written)
            {
                own = written;
            }
            else if (Kilobytes(line, "Swap:") is { } swapped && own + swapped == 0 && resident > 0 && mapping.End > 0)
            {
                released += Advise((nint)mapping.Start, (nuint)(mapping.End - mapping.Start), DontNeed) == 0 ? resident : 0;
            }
        }

        return released;
    }

    /// <summary>The range of a line that begins a mapping, 0-0 when that is no read-only view; null for the lines about it.</summary>
    private static (ulong Start, ulong End)? View(string line)
    {
        // 5588c0b24000-5588c21e0000 r-xp 000be000 fe:00 1315 /srv/aichat
        var columns = line.Split(' ', 6, StringSplitOptions.RemoveEmptyEntries);
        if (columns.Length < 5 || columns[0].Split('-') is not [var start, var end])
        {
            return null;
        }

        return columns.Length == 6 && columns[1] is "r-xp" or "r--p" && columns[5].StartsWith('/') ? (Hex(start), Hex(end)) : (0, 0);
    }

    private static long? Kilobytes(string line, string name) =>
        line.StartsWith(name, StringComparison.Ordinal)
            && long.TryParse(line[name.Length..].Replace("kB", "", StringComparison.Ordinal), CultureInfo.InvariantCulture, out var value)
            ? value
            : null;

    private static ulong Hex(string text) => ulong.Parse(text, NumberStyles.HexNumber, CultureInfo.InvariantCulture);

    [LibraryImport("libc", EntryPoint = "madvise")]
    private static partial int Advise(nint start, nuint length, int advice);
}
