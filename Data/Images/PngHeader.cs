using System.Buffers.Binary;

namespace AiChat.Data.Images;

/// <summary>PNG and APNG: https://www.w3.org/TR/png-3/.</summary>
internal static class PngHeader
{
    public static ImageHeader? Read(ImageReader reader)
    {
        Span<byte> head = stackalloc byte[8];
        Span<byte> fields = stackalloc byte[12];
        var parts = new KeptParts();
        long width = 0, height = 0, declared = 1, frames = 0;
        var hasData = false;
        for (var first = reader.Skip(8); reader.Take(head); first = false)
        {
            var start = reader.Position - 8;
            var length = ImageReader.BigEndian32(head);
            var type = head[4..];
            if (first != type.SequenceEqual("IHDR"u8) || (first && length != 13) || type.ContainsAnyExceptInRange((byte)'A', (byte)'z'))
            {
                return null;
            }

            var taken = 0;
            if (first || type.SequenceEqual("acTL"u8) || type.SequenceEqual("fcTL"u8))
            {
                taken = type.SequenceEqual("acTL"u8) ? 8 : type.SequenceEqual("fcTL"u8) ? 12 : 8;
                if (length < taken || !reader.Take(fields[..taken]))
                {
                    return null;
                }

                if (taken == 12)
                {
                    // The specification forbids a frame larger than the image, but browsers use the larger size.
                    frames++;
                    width = Math.Max(width, ImageReader.BigEndian32(fields[4..]));
                    height = Math.Max(height, ImageReader.BigEndian32(fields[8..]));
                }
                else if (first)
                {
                    (width, height) = (ImageReader.BigEndian32(fields), ImageReader.BigEndian32(fields[4..]));
                }
                else
                {
                    declared = ImageReader.BigEndian32(fields);
                }
            }

            byte[]? upright = null;
            if (type.SequenceEqual("eXIf"u8))
            {
                var left = length;
                upright = ExifOrientation.Take(reader, ref left, out var note) && ExifOrientation.Turn(note) is { } turn
                    ? Chunk("eXIf"u8, ExifOrientation.Create(turn)) : null;
                taken = (int)(length - left);
            }

            // The checksum follows.
            if (!reader.Skip(length - taken + 4))
            {
                return null;
            }

            hasData |= type.SequenceEqual("IDAT"u8);
            if (type.SequenceEqual("IEND"u8))
            {
                var max = (int)Math.Clamp(Math.Max(declared, frames), 1, int.MaxValue);
                return hasData ? new ImageHeader("image/png", width, height, max, parts.End(reader.Position)) : null;
            }

            if (IsNote(type) && !parts.Drop(start, reader.Position, upright))
            {
                return null;
            }
        }

        return null;
    }

    /// <summary>Chunks that can hold metadata. Text chunks hold XMP, and ImageMagick stores whole Exif blocks in them.</summary>
    private static bool IsNote(ReadOnlySpan<byte> type) =>
        type.SequenceEqual("eXIf"u8) || type.SequenceEqual("tEXt"u8) || type.SequenceEqual("zTXt"u8) || type.SequenceEqual("iTXt"u8);

    private static byte[] Chunk(ReadOnlySpan<byte> type, byte[] data)
    {
        var chunk = new byte[data.Length + 12];
        BinaryPrimitives.WriteInt32BigEndian(chunk, data.Length);
        type.CopyTo(chunk.AsSpan(4));
        data.CopyTo(chunk, 8);
        BinaryPrimitives.WriteUInt32BigEndian(chunk.AsSpan(data.Length + 8), Checksum(chunk.AsSpan(4, data.Length + 4)));
        return chunk;
    }

    /// <summary>CRC-32 as defined in annex D of the specification.</summary>
    private static uint Checksum(ReadOnlySpan<byte> bytes)
    {
        var checksum = uint.MaxValue;
        foreach (var next in bytes)
        {
            checksum ^= next;
            for (var bit = 0; bit < 8; bit++)
            {
                checksum = (checksum >> 1) ^ ((checksum & 1) * 0xEDB88320);
            }
        }

        return ~checksum;
    }
}
