using System.Buffers.Binary;
using System.Text;
using Microsoft.Win32.SafeHandles;

namespace AiChat.Endpoints.Imports;

/// <param name="Offset">Where its local header stands.</param>
/// <param name="Packed">Null when only the data tells; then it reaches to <paramref name="End"/> at most.</param>
internal sealed record ZipEntry(string Name, int Method, bool IsEncrypted, long Offset, long? Packed, long? Length, long End)
{
    public const int Stored = 0;
    public const int Deflated = 8;

    public bool IsFolder => Name.EndsWith('/');
}

/// <summary>
/// Lists what a zip file holds, from its directory or, when it was cut off before that, from the headers that stand before each file.
/// Written here because the framework's reader holds an object for every entry before it can be asked how many there are, and reads no
/// file without a directory.
/// </summary>
internal static class ZipDirectory
{
    /// <summary>An export with as many images as years have days is far below it.</summary>
    private const int MaxEntries = 100_000;

    private const int LocalHeader = 30;
    private const int CentralHeader = 46;
    private const int EndRecord = 22;
    private const int MaxComment = 65_535;
    private const int MaxName = 1_024;
    private const uint LocalMark = 0x04034b50;
    private const uint CentralMark = 0x02014b50;
    private const uint EndMark = 0x06054b50;
    private const uint End64Mark = 0x06064b50;
    private const uint Locator64Mark = 0x07064b50;
    private static readonly UTF8Encoding Strict = new(false, throwOnInvalidBytes: true);

    /// <param name="isCut">The directory is missing, so what follows the last header is not known.</param>
    /// <exception cref="ImportRefusedException">It has more entries than any export.</exception>
    public static List<ZipEntry> Read(SafeFileHandle file, long length, out bool isCut)
    {
        var entries = FromDirectory(file, length);
        isCut = entries is null;
        return entries ?? FromHeaders(file, length);
    }

    /// <summary>Where the data of an entry begins; null when there is no header.</summary>
    public static long? DataOffset(SafeFileHandle file, ZipEntry entry)
    {
        Span<byte> header = stackalloc byte[LocalHeader];
        return Fill(file, header, entry.Offset) && U32(header, 0) == LocalMark
            ? entry.Offset + LocalHeader + U16(header, 26) + U16(header, 28) : null;
    }

    private static List<ZipEntry>? FromDirectory(SafeFileHandle file, long length)
    {
        var tail = new byte[(int)Math.Min(length, EndRecord + MaxComment)];
        if (!Fill(file, tail, length - tail.Length))
        {
            return null;
        }

        var at = tail.Length - EndRecord;
        while (at >= 0 && U32(tail, at) != EndMark)
        {
            at--;
        }

        if (at < 0)
        {
            return null;
        }

        var end = length - tail.Length + at;
        long count = U16(tail, at + 10);
        long size = U32(tail, at + 12);
        long offset = U32(tail, at + 16);
        Span<byte> locator = stackalloc byte[20];
        Span<byte> record = stackalloc byte[56];
        if (end >= locator.Length && Fill(file, locator, end - locator.Length) && U32(locator, 0) == Locator64Mark)
        {
            var place = U64(locator, 8);
            if (place < 0 || place > length - record.Length || !Fill(file, record, place) || U32(record, 0) != End64Mark)
            {
                return null;
            }

            (count, size, offset, end) = (U64(record, 32), U64(record, 40), U64(record, 48), place);
        }

        if (count > MaxEntries)
        {
            throw TooMany();
        }

        // What stands before the first file (a self-extracting program) moves all offsets.
        var moved = end - size - offset;
        return count < 0 || size < 0 || offset < 0 || moved < 0 || size > (long)MaxEntries * 2 * MaxName
            ? null : Entries(file, offset + moved, size, (int)count, moved);
    }

    private static List<ZipEntry>? Entries(SafeFileHandle file, long start, long size, int count, long moved)
    {
        using var directory = new BufferedStream(new FileSection(file, start, size), 64 * 1024);
        var entries = new List<ZipEntry>(count);
        var header = new byte[CentralHeader];
        for (var i = 0; i < count; i++)
        {
            if (directory.ReadAtLeast(header, header.Length, throwOnEndOfStream: false) < header.Length || U32(header, 0) != CentralMark)
            {
                return null;
            }

            var rest = new byte[U16(header, 28) + U16(header, 30) + U16(header, 32)];
            if (directory.ReadAtLeast(rest, rest.Length, throwOnEndOfStream: false) < rest.Length)
            {
                return null;
            }

            var flags = U16(header, 8);
            var (packed, unpacked, offset) = Sizes64(
                rest.AsSpan(U16(header, 28), U16(header, 30)), U32(header, 20), U32(header, 24), U32(header, 42));
            if (packed < 0 || unpacked < 0 || offset < 0)
            {
                return null;
            }

            entries.Add(new ZipEntry(
                Name(rest.AsSpan(0, U16(header, 28))), U16(header, 10), (flags & 1) != 0, offset + moved, packed, unpacked, start));
        }

        return entries;
    }

    /// <summary>The sizes and the offset, which a file above 4 GiB has in its extra fields.</summary>
    private static (long Packed, long Unpacked, long Offset) Sizes64(ReadOnlySpan<byte> extra, long packed, long unpacked, long offset)
    {
        while (extra.Length >= 4)
        {
            var size = Math.Min(U16(extra, 2), extra.Length - 4);
            if (U16(extra, 0) == 1)
            {
                var field = extra.Slice(4, size);
                Take(ref field, ref unpacked);
                Take(ref field, ref packed);
                Take(ref field, ref offset);
            }

            extra = extra[(4 + size)..];
        }

        return (packed, unpacked, offset);

        static void Take(ref ReadOnlySpan<byte> field, ref long value)
        {
            if (value == uint.MaxValue && field.Length >= 8)
            {
                value = U64(field, 0);
                field = field[8..];
            }
        }
    }

    private static List<ZipEntry> FromHeaders(SafeFileHandle file, long length)
    {
        var found = new List<ZipEntry>();
        for (var at = NextHeader(file, 0, length); at < length;)
        {
            if (found.Count == MaxEntries)
            {
                throw TooMany();
            }

            var entry = FromHeader(file, at, length);
            var next = NextHeader(file, at + LocalHeader + (entry?.Packed ?? 0), length);
            if (entry is not null)
            {
                found.Add(entry with { End = next });
            }

            at = next;
        }

        return found;
    }

    private static ZipEntry? FromHeader(SafeFileHandle file, long at, long length)
    {
        Span<byte> header = stackalloc byte[LocalHeader];
        if (!Fill(file, header, at) || U16(header, 4) > 63 || U16(header, 26) is 0 or > MaxName)
        {
            return null; // by chance in some file
        }

        var name = new byte[U16(header, 26)];
        var extra = new byte[U16(header, 28)];
        if (!Fill(file, name, at + LocalHeader) || !Fill(file, extra, at + LocalHeader + name.Length))
        {
            return null;
        }

        var flags = U16(header, 6);
        var (packed, unpacked, _) = Sizes64(extra, U32(header, 18), U32(header, 22), 0);
        var isKnown = (flags & 8) == 0 && packed >= 0 && packed <= length && unpacked >= 0;
        return new ZipEntry(
            Name(name), U16(header, 8), (flags & 1) != 0, at, isKnown ? packed : null, isKnown ? unpacked : null, length);
    }

    /// <summary>The place of the next header from here on; the end of the file when there is none.</summary>
    private static long NextHeader(SafeFileHandle file, long from, long length)
    {
        var buffer = new byte[256 * 1024];
        while (from < length)
        {
            var count = RandomAccess.Read(file, buffer, from);
            var at = buffer.AsSpan(0, count).IndexOf("PK\x03\x04"u8);
            if (at >= 0)
            {
                return from + at;
            }

            if (count < 4)
            {
                break;
            }

            from += count - 3;
            if (from + 3 >= length)
            {
                break;
            }
        }

        return length;
    }

    /// <summary>A name is only compared and shown; it never becomes a path.</summary>
    private static string Name(ReadOnlySpan<byte> bytes)
    {
        try
        {
            return Strict.GetString(bytes).Replace('\\', '/');
        }
        catch (DecoderFallbackException)
        {
            return Encoding.Latin1.GetString(bytes).Replace('\\', '/');
        }
    }

    private static ImportRefusedException TooMany() =>
        new("archive_bomb", $"The archive holds more than {MaxEntries} files, which no export does.");

    private static bool Fill(SafeFileHandle file, Span<byte> into, long at)
    {
        while (into.Length > 0)
        {
            var count = at < 0 ? 0 : RandomAccess.Read(file, into, at);
            if (count == 0)
            {
                return false;
            }

            into = into[count..];
            at += count;
        }

        return true;
    }

    private static int U16(ReadOnlySpan<byte> bytes, int at) => BinaryPrimitives.ReadUInt16LittleEndian(bytes[at..]);

    private static uint U32(ReadOnlySpan<byte> bytes, int at) => BinaryPrimitives.ReadUInt32LittleEndian(bytes[at..]);

    private static long U64(ReadOnlySpan<byte> bytes, int at) => BinaryPrimitives.ReadInt64LittleEndian(bytes[at..]);
}
