using System.Formats.Tar;
using System.IO.Compression;
using System.Text.RegularExpressions;
using AiChat.Data;
using AiChat.Endpoints.Imports;
using Zip = AiChat.Endpoints.Imports.ImportArchive;

namespace AiChat.Commands;

/// <summary>
/// Unpacks the copy of a data folder or a volume, as backups keep it, into a folder of its own. Logs but those of task traces and libraries
/// are left out, and links and paths that lead elsewhere are refused.
/// </summary>
internal static partial class ImportArchive
{
    private const int MaxEntries = 2_000_000;

    /// <summary>Room that stays free on the disk.</summary>
    private const long Reserve = 64 * 1024 * 1024;

    private static ReadOnlySpan<byte> DatabaseHead => "SQLite format 3\0"u8;

    private static readonly string[] LeftOut = [".log", ".js", ".mjs", ".cjs", ".map", ".ts", ".md", ".node", ".wasm"];

    public static bool IsArchive(string path) => KindOf(path) is not Kind.None;

    /// <returns>The folder; null for a zip that holds no database, and for a single file in gzip that is none.</returns>
    /// <exception cref="CommandException">It is damaged, or larger than the disk.</exception>
    public static string? Unpack(string path, string temporary, CancellationToken cancel)
    {
        var folder = Path.Combine(temporary, $"aichat-import-{Guid.NewGuid():N}");
        Directory.CreateDirectory(folder, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        var target = new Target(folder, cancel);
        try
        {
            switch (KindOf(path))
            {
                case Kind.Zip:
                    using (var zip = Zip.Open(path, Path.GetFileName(path)))
                    {
                        if (!zip.Files.Any(IsDatabase))
                        {
                            Directory.Delete(folder, recursive: true);
                            return null;
                        }

                        foreach (var file in zip.Files.Where(file => file.Unreadable is null))
                        {
                            target.Write(file.Name, file.Open());
                        }
                    }

                    break;
                case Kind.Tar:
                    using (var tar = File.OpenRead(path))
                    {
                        target.WriteAll(tar);
                    }

                    break;
                default:
                    if (!Unzip(path, target))
                    {
                        Directory.Delete(folder, recursive: true);
                        return null;
                    }

                    break;
            }

            return folder;
        }
        catch (Exception error)
        {
            Directory.Delete(folder, recursive: true);
            throw error is InvalidDataException or EndOfStreamException or FormatException or ImportRefusedException
                ? new CommandException("damaged_archive", $"{path} cannot be unpacked: {error.Message}")
                : error;
        }
    }

    /// <summary>Writes the files of a folder into a zip, without compressing them. Links are left out.</summary>
    public static void Pack(string folder, string path, CancellationToken cancel)
    {
        try
        {
            using var zip = new ZipArchive(File.Create(path), ZipArchiveMode.Create);
            var options = new EnumerationOptions { RecurseSubdirectories = true, AttributesToSkip = FileAttributes.ReparsePoint };
            foreach (var file in Directory.EnumerateFiles(folder, "*", options).Order(StringComparer.Ordinal).Take(MaxEntries))
            {
                cancel.ThrowIfCancellationRequested();
                zip.CreateEntryFromFile(file, Path.GetRelativePath(folder, file), CompressionLevel.NoCompression);
            }
        }
        catch
        {
            File.Delete(path);
            throw;
        }
    }

    /// <summary>A tar in gzip, or a database in gzip.</summary>
    /// <returns>False when it is neither.</returns>
    private static bool Unzip(string path, Target target)
    {
        using (var probe = new GZipStream(File.OpenRead(path), CompressionMode.Decompress))
        {
            var head = new byte[512];
            var length = probe.ReadAtLeast(head, head.Length, throwOnEndOfStream: false);
            if (length < head.Length || !IsTar(head))
            {
                if (!head.AsSpan().StartsWith(DatabaseHead))
                {
                    return false;
                }

                using var whole = new GZipStream(File.OpenRead(path), CompressionMode.Decompress);
                target.Write("app.db", whole);
                return true;
            }
        }

        using var tar = new GZipStream(File.OpenRead(path), CompressionMode.Decompress);
        target.WriteAll(tar);
        return true;
    }

    private static bool IsDatabase(ArchiveFile file)
    {
        if (file.Unreadable is not null || Path.GetExtension(file.BaseName) is not (".db" or ".sqlite" or ".sqlite3" or ""))
        {
            return false;
        }

        var head = new byte[16];
        using var stream = file.Open();
        return stream.ReadAtLeast(head, head.Length, throwOnEndOfStream: false) == head.Length
            && head.AsSpan().SequenceEqual(DatabaseHead);
    }

    private static Kind KindOf(string path)
    {
        var head = new byte[512];
        using var stream = File.OpenRead(path);
        var length = stream.ReadAtLeast(head, head.Length, throwOnEndOfStream: false);
        return length >= 4 && head.AsSpan().StartsWith("PK\x03\x04"u8) ? Kind.Zip
            : length >= 2 && head[0] == 0x1f && head[1] == 0x8b ? Kind.Gzip
            : length == head.Length && IsTar(head) ? Kind.Tar
            : Kind.None;
    }

    private static bool IsTar(byte[] head) => head.AsSpan(257, 5).SequenceEqual("ustar"u8);

    [GeneratedRegex(@"(\A|/)trace-\d+\.log\z")]
    private static partial Regex TraceLog();

    private enum Kind
    {
        None,
        Zip,
        Gzip,
        Tar,
    }

    private sealed class Target(string folder, CancellationToken cancel)
    {
        private long _room = new DriveInfo(folder).AvailableFreeSpace - Reserve;
        private int _entries;

        public void WriteAll(Stream tar)
        {
            using var reader = new TarReader(tar);
            while (reader.GetNextEntry() is { } entry)
            {
                if (entry.EntryType is TarEntryType.RegularFile or TarEntryType.V7RegularFile && entry.DataStream is { } data)
                {
                    Write(entry.Name, data);
                }
            }
        }

        public void Write(string name, Stream content)
        {
            using (content)
            {
                cancel.ThrowIfCancellationRequested();
                var plain = name.Replace('\\', '/').TrimStart('/');
                if (++_entries > MaxEntries)
                {
                    throw new InvalidDataException("It holds too many files.");
                }

                if (plain.Length == 0 || plain.Split('/').Any(part => part is ".." or "node_modules")
                    || (LeftOut.Contains(Path.GetExtension(plain).ToLowerInvariant()) && !TraceLog().IsMatch(plain)))
                {
                    return;
                }

                var path = Path.Combine(folder, plain);
                Directory.CreateDirectory(Path.GetDirectoryName(path)!);
                using var file = new FileStream(path, FileMode.Create, FileAccess.Write, FileShare.None, bufferSize: 0);
                var buffer = new byte[1 << 16];
                for (int count; (count = content.Read(buffer)) > 0;)
                {
                    if ((_room -= count) < 0)
                    {
                        throw new StoreException(
                            StoreFailure.Full,
                            $"{Path.GetDirectoryName(folder)} has no room for what the archive holds. Name another folder with TMPDIR.");
                    }

                    file.Write(buffer, 0, count);
                }
            }
        }
    }
}
