namespace AiChat.Data.Images;

/// <summary>GIF 87a and 89a: https://www.w3.org/Graphics/GIF/spec-gif89a.txt.</summary>
internal static class GifHeader
{
    private const int Extension = 0x21;
    private const int Image = 0x2C;
    private const int Trailer = 0x3B;

    public static ImageHeader? Read(ImageReader reader)
    {
        Span<byte> fields = stackalloc byte[9];
        if (!reader.Skip(6) || !reader.Take(fields[..7]) || !SkipColors(reader, fields[4]))
        {
            return null;
        }

        long width = ImageReader.LittleEndian16(fields), height = ImageReader.LittleEndian16(fields[2..]);
        for (var frames = 0; ;)
        {
            switch (reader.Byte())
            {
                case Extension:
                    if (reader.Byte() < 0 || !SkipBlocks(reader))
                    {
                        return null;
                    }

                    break;
                case Image:
                    if (!reader.Take(fields) || !SkipColors(reader, fields[8]) || reader.Byte() < 0 || !SkipBlocks(reader))
                    {
                        return null;
                    }

                    // Some viewers enlarge the screen to fit a larger frame.
                    width = Math.Max(width, ImageReader.LittleEndian16(fields) + ImageReader.LittleEndian16(fields[4..]));
                    height = Math.Max(height, ImageReader.LittleEndian16(fields[2..]) + ImageReader.LittleEndian16(fields[6..]));
                    frames++;
                    break;
                case Trailer:
                    return frames == 0 ? null : new ImageHeader("image/gif", width, height, frames, new KeptParts().End(reader.Position));
                default:
                    return null;
            }
        }
    }

    private static bool SkipColors(ImageReader reader, byte flags) => (flags & 0x80) == 0 || reader.Skip(3L << ((flags & 7) + 1));

    private static bool SkipBlocks(ImageReader reader)
    {
        int length;
        while ((length = reader.Byte()) > 0)
        {
            if (!reader.Skip(length))
            {
                return false;
            }
        }

        return length == 0;
    }
}
