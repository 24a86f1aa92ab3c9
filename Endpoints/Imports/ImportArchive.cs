using System.IO.Compression;
using System.Text;
using Microsoft.Win32.SafeHandles;

namespace AiChat.Endpoints.Imports;

/// <param name="Name">As the archive calls it, with its folders.</param>
/// <param name="Length">Null when it is not known before it was read.</param>
/// <param name="Unreadable">Why it cannot be read; null when it can.</param>
internal sealed record ArchiveFile(string Name, long? Length, Func<UnpackedStream> Open, string? Unreadable = null)
{
    /// <summary>The name without folders.</summary>
    public string BaseName { get; } = Name[(Name.LastIndexOf('/') + 1)..];
}

/// <summary>
/// What a person uploaded, as a list of files: those of a zip, or the one that was uploaded, which may be packed by gzip.
/// </summary>
internal sealed class ImportArchive : IDisposable
{
    private readonly SafeFileHandle _file;
    private readonly long _length;
    private readonly UnpackBudget _budget;
    private readonly List<ArchiveFile> _files = [];

    private ImportArchive(string path)
    {
        _file = File.OpenHandle(path, options: FileOptions.SequentialScan);
        _length = RandomAccess.GetLength(_file);
        _budget = new UnpackBudget(_length);
    }

    public IReadOnlyList<ArchiveFile> Files => _files;

    /// <summary>It was cut off: there may have been more.</summary>
    public bool IsCut { get; private set; }

    public bool IsZip { get; private set; }

    /// <param name="name">What the person calls the file.</param>
    /// <exception cref="ImportRefusedException">Nothing of it can be read; the message says what it looks like.</exception>
    public static ImportArchive Open(string path, string name)
    {
        var archive = new ImportArchive(path);
        try
        {
            archive.Read(name);
            return archive;
        }
        catch
        {
            archive.Dispose();
            throw;
        }
    }

    public void Dispose() => _file.Dispose();

    private void Read(string name)
    {
        var head = new byte[(int)Math.Min(_length, 4_096)];
        var count = RandomAccess.Read(_file, head, 0);
        if (count == 0)
        {
            throw new ImportRefusedException("empty_file", "The file is empty. Download the export again.");
        }

        if (head.AsSpan().StartsWith("PK"u8)
            || (name.EndsWith(".zip", StringComparison.OrdinalIgnoreCase) && !FileKinds.LooksLikeJson(head)))
        {
            ReadZip();
            return;
        }

        var isPacked = head.AsSpan().StartsWith((ReadOnlySpan<byte>)[0x1f, 0x8b]);
        if (!isPacked && FileKinds.Refusal(head) is { } refusal)
        {
            throw refusal;
        }

        if (isPacked && FileKinds.Packed(HeadOf(Whole(isPacked))) is { } packed)
        {
            throw packed;
        }

        _files.Add(new ArchiveFile(name, isPacked ? null : _length, () => Whole(isPacked)));
    }

    private static byte[] HeadOf(Stream content)
    {
        using (content)
        {
            var head = new byte[512];
            try
            {
                return head[..content.ReadAtLeast(head, head.Length, throwOnEndOfStream: false)];
            }
            catch (InvalidDataException)
            {
                return []; // who reads it whole says that it is damaged
            }
        }
    }

    private void ReadZip()
    {
        IsZip = true;
        var entries = ZipDirectory.Read(_file, _length, out var isCut);
        IsCut = isCut;
        foreach (var entry in entries.Where(entry => !entry.IsFolder && !IsNoise(entry.Name)))
        {
            _files.Add(new ArchiveFile(entry.Name, entry.Length, () => Unpack(entry), Unreadable(entry)));
        }

        if (_files.Count == 0)
        {
            throw isCut
                ? new ImportRefusedException("cut_archive",
                    "This looks like a zip archive that was not downloaded to its end, or none at all.")
                : new ImportRefusedException("empty_file", "The archive is empty. Download the export again.");
        }

        if (_files.All(file => file.Unreadable is not null))
        {
            throw new ImportRefusedException("unreadable_archive", _files[0].Unreadable!);
        }
    }

    /// <summary>What the systems on which people pack and unpack leave beside the files.</summary>
    private static bool IsNoise(string name) =>
        name.StartsWith("__MACOSX/", StringComparison.Ordinal) || name.Contains("/__MACOSX/", StringComparison.Ordinal)
        || name[(name.LastIndexOf('/') + 1)..] is ".DS_Store" or "Thumbs.db" or "desktop.ini"
        || name[(name.LastIndexOf('/') + 1)..].StartsWith("._", StringComparison.Ordinal);

    private static string? Unreadable(ZipEntry entry) => entry switch
    {
        { IsEncrypted: true } => "It is protected by a password. Unpack it, and pack it again without one.",
        { Method: not (ZipEntry.Stored or ZipEntry.Deflated) } =>
            $"It is packed by a method that cannot be read here (number {entry.Method}). Unpack it, and pack it again as an ordinary zip.",
        _ => null,
    };

    private UnpackedStream Unpack(ZipEntry entry)
    {
        var start = ZipDirectory.DataOffset(_file, entry) ?? long.MaxValue;
        var packed = Math.Max(0, Math.Min(entry.Packed ?? long.MaxValue, entry.End - start));
        Stream data = new FileSection(_file, Math.Min(start, _length), Math.Min(packed, Math.Max(0, _length - start)));
        if (entry.Method == ZipEntry.Deflated)
        {
            data = new DeflateStream(data, CompressionMode.Decompress);
        }

        return new UnpackedStream(data, packed, entry.Length, _budget);
    }

    private UnpackedStream Whole(bool isPacked)
    {
        Stream data = new FileSection(_file, 0, _length);
        if (isPacked)
        {
            return new UnpackedStream(new GZipStream(data, CompressionMode.Decompress), _length, null, _budget);
        }

        Span<byte> mark = stackalloc byte[2];
        RandomAccess.Read(_file, mark, 0);
        var encoding = mark switch
        {
            [0xff, 0xfe] => Encoding.Unicode,
            [0xfe, 0xff] => Encoding.BigEndianUnicode,
            _ => null,
        };
        return encoding is null
            ? new UnpackedStream(data, _length, _length, _budget)
            : new UnpackedStream(Encoding.CreateTranscodingStream(data, encoding, Encoding.UTF8), _length, null, _budget);
    }
}
