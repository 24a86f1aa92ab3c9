using System.Buffers.Binary;

namespace AiChat.Data.Images;

/// <summary>
/// What a camera wrote into an image (Exif 2.3): where, when and with what, none of which is kept, and which way is up, without
/// which a picture lies on its side.
/// </summary>
internal static class ExifOrientation
{
    /// <summary>In every file that cameras make the first directory stands within this.</summary>
    private const int Looked = 4_096;

    private const int Orientation = 0x0112;

    /// <summary>Reads at most 4 KiB of an Exif block of <paramref name="length"/> bytes, and reduces the length by what was read.</summary>
    /// <param name="note">What was read.</param>
    public static bool Take(ImageReader reader, ref long length, out byte[] note)
    {
        note = new byte[Math.Min(length, Looked)];
        length -= note.Length;
        return reader.Take(note);
    }

    /// <summary>How the picture has to be turned: 2 to 8; null when it is upright or the note is not one.</summary>
    public static byte? Turn(ReadOnlySpan<byte> tiff)
    {
        if (tiff.Length < 14)
        {
            return null;
        }

        var little = tiff.StartsWith("II"u8);
        var directory = little ? BinaryPrimitives.ReadUInt32LittleEndian(tiff[4..]) : BinaryPrimitives.ReadUInt32BigEndian(tiff[4..]);
        if (directory > tiff.Length - 2)
        {
            return null;
        }

        var entries = tiff[((int)directory + 2)..];
        var count = Math.Min(Short(tiff[(int)directory..], little), entries.Length / 12);
        for (var i = 0; i < count; i++)
        {
            var entry = entries.Slice(i * 12, 12);
            if (Short(entry, little) == Orientation)
            {
                return Short(entry[8..], little) is >= 2 and <= 8 and var turn ? (byte)turn : null;
            }
        }

        return null;
    }

    /// <summary>A note that says the orientation and nothing else.</summary>
    public static byte[] Create(byte turn) => [.. "MM"u8, 0, 42, 0, 0, 0, 8, 0, 1, 0x01, 0x12, 0, 3, 0, 0, 0, 1, 0, turn, 0, 0, 0, 0, 0, 0];

    private static int Short(ReadOnlySpan<byte> at, bool little) =>
        little ? BinaryPrimitives.ReadUInt16LittleEndian(at) : BinaryPrimitives.ReadUInt16BigEndian(at);
}
