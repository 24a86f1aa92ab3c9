namespace AiChat.Data.Images;

/// <summary>JPEG: ITU-T T.81 (annex B); camera metadata: Exif 2.3.</summary>
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
                return hasScan && size is var (width, height)
                    ? new ImageHeader("image/jpeg", width, height, 1, parts.End(reader.Position)) : null;
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
                // A file has one frame header; viewers disagree about what a second one means.
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

    /// <summary>The marker that ends a scan: the first one that is neither a stuffed byte nor a restart marker.</summary>
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

    /// <summary>Number of the segment's bytes after its length field.</summary>
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

    /// <summary>A segment that holds only the orientation; null for an upright picture.</summary>
    private static byte[]? Orientation(ImageReader reader, ref long length) =>
        ExifOrientation.Take(reader, ref length, out var note) && note.AsSpan().StartsWith("Exif\0\0"u8)
        && ExifOrientation.Turn(note.AsSpan(6)) is { } turn
            ? [0xFF, App1, 0, 34, .. "Exif\0\0"u8, .. ExifOrientation.Create(turn)]
            : null;
}
