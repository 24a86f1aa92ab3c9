namespace AiChat.Data;

/// <summary>WebP: https://developers.google.com/speed/webp/docs/riff_container and RFC 9649.</summary>
internal static class WebpHeader
{
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
        while (reader.Position < end && end <= reader.Length)
        {
            if (!reader.Take(head[..8]))
            {
                return null;
            }

            var type = head[..4];
            var length = ImageReader.LittleEndian32(head[4..]);
            var taken = (int)Math.Min(length, fields.Length);
            if (!reader.Take(fields[..taken]) || Size(type, fields[..taken]) is not { } size || !reader.Skip(length - taken + (length & 1)))
            {
                return null;
            }

            (width, height) = (Math.Max(width, size.Width), Math.Max(height, size.Height));
            frames += type.SequenceEqual("ANMF"u8) ? 1 : 0;
            pictures += type.SequenceEqual("VP8X"u8) || size.Width == 0 ? 0 : 1;
        }

        return pictures > 0 && reader.Position == end
            ? new ImageHeader("image/webp", width, height, Math.Max(1, frames), new KeptParts().End(end))
            : null;
    }

    /// <summary>Zero for a chunk that says nothing of sizes; null when it should and is not what it says.</summary>
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
            var isKeyFrame = fields.Length >= 10 && (fields[0] & 1) == 0 && fields[3..6].SequenceEqual((ReadOnlySpan<byte>)[0x9D, 0x01, 0x2A]);
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
