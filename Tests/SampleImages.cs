using System.Buffers.Binary;
using System.Text;

namespace AiChat.Tests;

/// <summary>Images built byte by byte, so that they can hold what no camera writes.</summary>
internal static class SampleImages
{
    public static byte[] Png(uint width = 2, uint height = 3, params (string Type, byte[] Data)[] extra)
    {
        var file = new List<byte> { 0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A };
        Chunk(file, "IHDR", [.. Big(width), .. Big(height), 8, 0, 0, 0, 0]);
        foreach (var (type, data) in extra)
        {
            Chunk(file, type, data);
        }

        Chunk(file, "IDAT", [0x78, 0x9C, 0x63, 0x60, 0, 0, 0, 2, 0, 1]);
        Chunk(file, "IEND", []);
        return [.. file];
    }

    public static byte[] Gif(ushort width = 4, ushort height = 5, int frames = 1)
    {
        var file = new List<byte>(Encoding.ASCII.GetBytes("GIF89a"));
        file.AddRange([.. Little(width), .. Little(height), 0x80, 0, 0, 0, 0, 0, 255, 255, 255]);
        file.AddRange([0x21, 0xFF, 11, .. Encoding.ASCII.GetBytes("NETSCAPE2.0"), 3, 1, 0, 0, 0]);
        for (var i = 0; i < frames; i++)
        {
            file.AddRange([0x2C, 0, 0, 0, 0, .. Little(width), .. Little(height), 0, 2, 2, 0x4C, 1, 0]);
        }

        file.Add(0x3B);
        return [.. file];
    }

    /// <summary>The segments are inserted between the start and the frame header; the scan has stuffed bytes and restart markers.</summary>
    public static byte[] Jpeg(ushort width = 6, ushort height = 7, params (byte Marker, byte[] Data)[] segments)
    {
        var file = new List<byte> { 0xFF, 0xD8 };
        foreach (var (marker, data) in segments)
        {
            Segment(file, marker, data);
        }

        Segment(file, 0xC0, [8, (byte)(height >> 8), (byte)height, (byte)(width >> 8), (byte)width, 1, 1, 0x11, 0]);
        Segment(file, 0xDA, [1, 1, 0, 0, 63, 0]);
        file.AddRange([0x12, 0xFF, 0x00, 0x34, 0xFF, 0xD0, 0x56, 0xFF, 0xD9]);
        return [.. file];
    }

    /// <summary>EXIF data: place, camera and orientation.</summary>
    public static byte[] Exif(byte orientation, string secret) =>
    [
        .. "Exif\0\0"u8, .. "II"u8, 42, 0, 8, 0, 0, 0, 1, 0, 0x12, 0x01, 3, 0, 1, 0, 0, 0, orientation, 0, 0, 0, 0, 0, 0, 0,
        .. Encoding.ASCII.GetBytes(secret),
    ];

    public static byte[] Webp(int width = 8, int height = 9)
    {
        var bits = (uint)(width - 1) | ((uint)(height - 1) << 14);
        return Riff("VP8L", [0x2F, .. BitConverter.GetBytes(bits), 0]);
    }

    /// <summary>A WebP with a canvas, and frames when it is animated.</summary>
    public static byte[] WebpCanvas(int width, int height, int frames = 0)
    {
        var body = new List<byte>();
        RiffChunk(body, "VP8X", [2, 0, 0, 0, .. Little24(width - 1), .. Little24(height - 1)]);
        for (var i = 0; i < frames; i++)
        {
            RiffChunk(body, "ANMF", [0, 0, 0, 0, 0, 0, .. Little24(width - 1), .. Little24(height - 1), 0, 0, 0, 0]);
        }

        RiffChunk(body, "VP8 ", [0, 0, 0, 0x9D, 1, 0x2A, 1, 0, 1, 0]);
        return Riff(body);
    }

    /// <summary>A WebP with metadata after its picture, and the flags for it.</summary>
    public static byte[] WebpNoted(byte flags, params (string Type, byte[] Data)[] notes)
    {
        var body = new List<byte>();
        RiffChunk(body, "VP8X", [flags, 0, 0, 0, .. Little24(7), .. Little24(8)]);
        RiffChunk(body, "VP8L", [0x2F, .. BitConverter.GetBytes((uint)(7 | (8 << 14))), 0]);
        foreach (var (type, data) in notes)
        {
            RiffChunk(body, type, data);
        }

        return Riff(body);
    }

    private static byte[] Riff(string type, byte[] data)
    {
        var body = new List<byte>();
        RiffChunk(body, type, data);
        return Riff(body);
    }

    private static byte[] Riff(List<byte> body) =>
        [.. "RIFF"u8, .. BitConverter.GetBytes((uint)(body.Count + 4)), .. "WEBP"u8, .. body];

    private static void RiffChunk(List<byte> file, string type, byte[] data)
    {
        file.AddRange([.. Encoding.ASCII.GetBytes(type), .. BitConverter.GetBytes((uint)data.Length), .. data]);
        if (data.Length % 2 == 1)
        {
            file.Add(0);
        }
    }

    private static void Chunk(List<byte> file, string type, byte[] data) =>
        file.AddRange([.. Big((uint)data.Length), .. Encoding.ASCII.GetBytes(type), .. data, 0, 0, 0, 0]);

    private static void Segment(List<byte> file, byte marker, byte[] data) =>
        file.AddRange([0xFF, marker, (byte)((data.Length + 2) >> 8), (byte)(data.Length + 2), .. data]);

    private static byte[] Big(uint value)
    {
        var bytes = new byte[4];
        BinaryPrimitives.WriteUInt32BigEndian(bytes, value);
        return bytes;
    }

    private static byte[] Little(ushort value) => [(byte)value, (byte)(value >> 8)];

    private static byte[] Little24(int value) => [(byte)value, (byte)(value >> 8), (byte)(value >> 16)];
}
