using System.Buffers.Binary;

namespace AiChat.Data.Images;

/// <summary>WebP: https://developers.google.com/speed/webp/docs/riff_container and RFC 9649.</summary>
internal static class WebpHeader
{
    /// <summary>An image has one or two metadata chunks; a file with more than this tries to exhaust memory.</summary>
    private const int MaxNotes = 60;

    private const byte SaysExif = 0x08;
    private const byte SaysXmp = 0x04;

    public static ImageHeader? Read(ImageReader reader)
    {
        Span<byte> head = stackalloc byte[12];
        if (!reader.Take(head))
        {
            return null;
        }

        var end = ImageReader.LittleEndian32(head[4..]) + 8;
        Span<byte> fields = stackalloc byte[12];
        long width = 0, height = 0;
        int frames = 0, pictures = 0;
        (long At, byte Value) flags = default;
        List<FilePart> notes = [];
        while (reader.Position < end && end <= reader.Length)
        {
            var start = reader.Position;
            if (!reader.Take(head[..8]))
            {
                return null;
            }

            var type = head[..4];
            var length = ImageReader.LittleEndian32(head[4..]);
            if (type.SequenceEqual("EXIF"u8) || type.SequenceEqual("XMP "u8))
            {
                var left = length;
                var upright = type.SequenceEqual("EXIF"u8) ? Orientation(reader, ref left) : null;
                if (notes.Count == MaxNotes || !reader.Skip(left + (length & 1)))
                {
                    return null;
                }

                notes.Add(new FilePart(start, reader.Position - start, upright));
                continue;
            }

            var taken = (int)Math.Min(length, fields.Length);
            if (!reader.Take(fields[..taken]) || Size(type, fields[..taken]) is not { } size || !reader.Skip(length - taken + (length & 1)))
            {
                return null;
            }

            (width, height) = (Math.Max(width, size.Width), Math.Max(height, size.Height));
            frames += type.SequenceEqual("ANMF"u8) ? 1 : 0;
            pictures += type.SequenceEqual("VP8X"u8) || size.Width == 0 ? 0 : 1;
            if (type.SequenceEqual("VP8X"u8))
            {
                // VP8X comes first; a second one after metadata would announce again what was removed.
                if (notes.Count > 0)
                {
                    return null;
                }

                flags = (start + 8, fields[0]);
            }
        }

        return pictures > 0 && reader.Position == end
            ? new ImageHeader("image/webp", width, height, Math.Max(1, frames), Without(notes, flags, end))
            : null;
    }

    /// <summary>The file without metadata. The lengths and flags at its beginning are rewritten for what is left.</summary>
    private static IReadOnlyList<FilePart> Without(List<FilePart> notes, (long At, byte Value) flags, long end)
    {
        var parts = new KeptParts();
        if (notes.Count > 0)
        {
            var length = new byte[4];
            var removed = notes.Sum(note => note.Length - (note.Instead?.Length ?? 0));
            BinaryPrimitives.WriteUInt32LittleEndian(length, (uint)(end - 8 - removed));
            parts.Drop(4, 8, length);
            if (flags.At > 0)
            {
                var upright = notes.Any(note => note.Instead is not null) ? SaysExif : (byte)0;
                parts.Drop(flags.At, flags.At + 1, [(byte)(flags.Value & ~(SaysExif | SaysXmp) | upright)]);
            }
        }

        foreach (var note in notes)
        {
            parts.Drop(note.Offset, note.Offset + note.Length, note.Instead);
        }

        return parts.End(end);
    }

    /// <summary>A chunk with only the orientation; null when upright. Some programs put JPEG's marker before the Exif block.</summary>
    private static byte[]? Orientation(ImageReader reader, ref long length)
    {
        if (!ExifOrientation.Take(reader, ref length, out var note))
        {
            return null;
        }

        var tiff = note.AsSpan().StartsWith("Exif\0\0"u8) ? note.AsSpan(6) : note;
        return ExifOrientation.Turn(tiff) is { } turn ? [.. "EXIF"u8, 26, 0, 0, 0, .. ExifOrientation.Create(turn)] : null;
    }

    /// <summary>The size in a chunk: zero for a chunk without one, null for a malformed chunk.</summary>
    private static (long Width, long Height)? Size(ReadOnlySpan<byte> type, ReadOnlySpan<byte> fields)
    {
        if (type.SequenceEqual("VP8X"u8))
        {
            return fields.Length < 10 ? null : (ImageReader.LittleEndian24(fields[4..]) + 1, ImageReader.LittleEndian24(fields[7..]) + 1);
        }

        if (type.SequenceEqual("ANMF"u8))
        {
            return fields.Length < 12 ? null : (ImageReader.LittleEndian24(fields[6..]) + 1, ImageReader.LittleEndian24(fields[9..]) + 1);
        }

        if (type.SequenceEqual("VP8 "u8))
        {
            var isKeyFrame = fields.Length >= 10 && (fields[0] & 1) == 0
                && fields[3..6].SequenceEqual((ReadOnlySpan<byte>)[0x9D, 0x01, 0x2A]);
            return isKeyFrame ? (ImageReader.LittleEndian16(fields[6..]) & 0x3FFF, ImageReader.LittleEndian16(fields[8..]) & 0x3FFF) : null;
        }

        if (type.SequenceEqual("VP8L"u8))
        {
            if (fields.Length < 5 || fields[0] != 0x2F)
            {
                return null;
            }

            var bits = ImageReader.LittleEndian32(fields[1..]);
            return ((bits & 0x3FFF) + 1, ((bits >> 14) & 0x3FFF) + 1);
        }

        return (0, 0);
    }
}
