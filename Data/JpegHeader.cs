using System.Buffers.Binary;

namespace AiChat.Data;

/// <summary>JPEG: ITU-T T.81 (annex B); the notes of cameras: Exif 2.3.</summary>
internal static class JpegHeader
{
    private const int StartOfScan = 0xDA;
    private const int EndOfImage = 0xD9;
    private const int App1 = 0xE1;

    public static ImageHeader? Read(ImageReader reader)
    {
        var parts = new KeptParts();
        (long Width, long Height)? size = null;
        var hasScan = false;
        reader.Skip(2);
        for (var marker = Marker(reader); marker > 0;)
        {
            if (marker == EndOfImage)
            {
                return hasScan && size is var (width, height) ? new ImageHeader("image/jpeg", width, height, 1, parts.End(reader.Position)) : null;
            }

            if (IsAlone(marker))
            {
                marker = Marker(reader);
                continue;
            }

            var start = reader.Position - 2;
            if (Segment(reader) is not { } length)
            {
                return null;
            }

            if (IsFrame(marker))
            {
                // One frame header to a file; what follows another would be shown by some and not by others.
                size = size is null ? FrameSize(reader, ref length) : null;
                if (size is null)
                {
                    return null;
                }
            }

            var turn = marker == App1 ? Orientation(reader, ref length) : null;
            if (!reader.Skip(length) || (marker == App1 && !parts.Drop(start, reader.Position, turn)))
            {
                return null;
            }

            hasScan |= marker == StartOfScan;
            marker = marker == StartOfScan ? AfterScan(reader) : Marker(reader);
        }

        return null;
    }

    private static int Marker(ImageReader reader)
    {
        if (reader.Byte() != 0xFF)
        {
            return -1;
        }

        int code;
        while ((code = reader.Byte()) == 0xFF)
        {
        }

        return code;
    }

    /// <summary>The marker that ends a scan: the first that is neither a stuffed byte nor a restart.</summary>
    private static int AfterScan(ImageReader reader)
    {
        while (reader.SkipPast(0xFF))
        {
            int code;
            while ((code = reader.Byte()) == 0xFF)
            {
            }

            if (code is not (0 or (>= 0xD0 and <= 0xD7)))
            {
                return code;
            }
        }

        return -1;
    }

    private static bool IsAlone(int marker) => marker is 0x01 or (>= 0xD0 and <= 0xD7);

    private static bool IsFrame(int marker) => marker is >= 0xC0 and <= 0xCF and not (0xC4 or 0xC8 or 0xCC);

    /// <summary>Bytes of the segment that follow its length.</summary>
    private static long? Segment(ImageReader reader)
    {
        Span<byte> field = stackalloc byte[2];
        return reader.Take(field) && ImageReader.BigEndian16(field) is >= 2 and var length ? length - 2 : null;
    }

    private static (long Width, long Height)? FrameSize(ImageReader reader, ref long length)
    {
        Span<byte> fields = stackalloc byte[5];
        if (length < fields.Length || !reader.Take(fields))
        {
            return null;
        }

        length -= fields.Length;
        return (ImageReader.BigEndian16(fields[3..]), ImageReader.BigEndian16(fields[1..]));
    }

    /// <summary>
    /// Which way is up is the one note that the picture needs: it is kept, in a segment of its own. Null for an upright picture.
    /// Reads at most the first 4 KiB of the segment, where the first directory stands in every file that cameras make.
    /// </summary>
    private static byte[]? Orientation(ImageReader reader, ref long length)
    {
        const int inside = 6;
        Span<byte> note = new byte[Math.Min(length, 4_096)];
        if (!reader.Take(note))
        {
            return null;
        }

        length -= note.Length;
        if (note.Length < inside + 14 || !note.StartsWith("Exif\0\0"u8))
        {
            return null;
        }

        var tiff = note[inside..];
        var little = tiff.StartsWith("II"u8);
        uint Long(ReadOnlySpan<byte> at) => little ? BinaryPrimitives.ReadUInt32LittleEndian(at) : BinaryPrimitives.ReadUInt32BigEndian(at);
        int Short(ReadOnlySpan<byte> at) => little ? BinaryPrimitives.ReadUInt16LittleEndian(at) : BinaryPrimitives.ReadUInt16BigEndian(at);

        var directory = Long(tiff[4..]);
        if (directory > tiff.Length - 2)
        {
            return null;
        }

        var entries = tiff[((int)directory + 2)..];
        var count = Math.Min(Short(tiff[(int)directory..]), entries.Length / 12);
        for (var i = 0; i < count; i++)
        {
            var entry = entries.Slice(i * 12, 12);
            if (Short(entry) == 0x0112)
            {
                return Short(entry[8..]) is >= 2 and <= 8 and var turn ? Note((byte)turn) : null;
            }
        }

        return null;
    }

    /// <summary>An APP1 segment that says the orientation and nothing else.</summary>
    private static byte[] Note(byte turn) =>
    [
        0xFF, App1, 0, 34, .. "Exif\0\0"u8, .. "MM"u8, 0, 42, 0, 0, 0, 8, 0, 1, 0x01, 0x12, 0, 3, 0, 0, 0, 1, 0, turn, 0, 0, 0, 0, 0, 0,
    ];
}
