using System.Buffers.Binary;

namespace AiChat.Data.Images;

/// <summary>
/// The orientation in a camera's metadata (Exif 2.3). It is the only part of that metadata that is kept: without it a picture is
/// shown on its side. Place, time and device are dropped.
/// </summary>
internal static class ExifOrientation
{
    /// <summary>The first directory of a file from a camera lies within this many bytes.</summary>
    private const int Looked = 4_096;

    private const int Orientation = 0x0112;

    /// <summary>Reads up to 4 KiB of an Exif block of <paramref name="length"/> bytes and subtracts the bytes read from it.</summary>
    /// <param name="note">The bytes that were read.</param>
    public static bool Take(ImageReader reader, ref long length, out byte[] note)
    {
        note = new byte[Math.Min(length, Looked)];
        length -= note.Length;
        return reader.Take(note);
    }

    /// <summary>The Exif orientation, 2 to 8; null when the picture is upright or the bytes are no Exif block.</summary>
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

    /// <summary>An Exif block that holds only the orientation.</summary>
    public static byte[] Create(byte turn) => [.. "MM"u8, 0, 42, 0, 0, 0, 8, 0, 1, 0x01, 0x12, 0, 3, 0, 0, 0, 1, 0, turn, 0, 0, 0, 0, 0, 0];

    private static int Short(ReadOnlySpan<byte> at, bool little) =>
        little ? BinaryPrimitives.ReadUInt16LittleEndian(at) : BinaryPrimitives.ReadUInt16BigEndian(at);
}
