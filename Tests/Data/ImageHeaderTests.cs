using System.Diagnostics;
using System.Text;
using AiChat.Data.Images;

namespace AiChat.Tests.Data;

/// <summary>Images are judged by their headers, never decoded.</summary>
public sealed class ImageHeaderTests
{
    public static TheoryData<string, byte[], int, int> Formats => new()
    {
        { "image/png", SampleImages.Png(), 2, 3 },
        { "image/gif", SampleImages.Gif(), 4, 5 },
        { "image/jpeg", SampleImages.Jpeg(), 6, 7 },
        { "image/webp", SampleImages.Webp(), 8, 9 },
        { "image/webp", SampleImages.WebpCanvas(300, 200, frames: 3), 300, 200 },
    };

    [Theory]
    [MemberData(nameof(Formats))]
    public void Each_format_says_its_size_and_is_refused_cut_off_anywhere(string mime, byte[] file, int width, int height)
    {
        var header = Read(file);
        Assert.NotNull(header);
        Assert.Equal((mime, width, height), (header.Mime, (int)header.Width, (int)header.Height));
        Assert.Equal([new FilePart(0, file.Length)], header.Keep);

        for (var length = 0; length < file.Length; length++)
        {
            Assert.Null(Read(file[..length]));
        }
    }

    [Theory]
    [MemberData(nameof(Formats))]
    public void Data_behind_an_image_is_not_stored(string mime, byte[] file, int width, int height)
    {
        var header = Read([.. file, .. "<script>alert(1)</script>"u8]);
        Assert.Equal((mime, (long)width, (long)height), (header!.Mime, header.Width, header.Height));
        Assert.Equal([new FilePart(0, file.Length)], header.Keep);
    }

    public static TheoryData<string, byte[]> Bombs => new()
    {
        { "0 wide", SampleImages.Png(0, 1) },
        { "0 high", SampleImages.Jpeg(1, 0) },
        { "0 by 0", SampleImages.Gif(0, 0) },
        { "30,000 a side", SampleImages.Png(30_000, 30_000) },
        { "4 billion a side", SampleImages.Png(uint.MaxValue, uint.MaxValue) },
        { "over a side", SampleImages.Jpeg(12_001, 1) },
        { "over the area", SampleImages.Png(12_000, 5_334) },
        { "many frames", SampleImages.Gif(1, 1, frames: 10_000) },
        { "many frames", SampleImages.WebpCanvas(1, 1, frames: 101) },
        { "frames announced", SampleImages.Png(1, 1, ("acTL", [0, 0, 1, 0, 0, 0, 0, 0])) },
        { "a frame larger than its image", SampleImages.Png(1, 1, ("fcTL", [0, 0, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, .. new byte[14]])) },
        { "canvas of 16 million a side", SampleImages.WebpCanvas(16_777_216, 16_777_216) },
    };

    [Theory]
    [MemberData(nameof(Bombs))]
    public void A_decompression_bomb_is_refused_by_its_header(string kind, byte[] file)
    {
        Assert.Null(ImageHeader.Read(new MemoryStream(file), out var refused));
        Assert.False(string.IsNullOrEmpty(refused), kind);
    }

    [Fact]
    public void The_limits_themselves_pass()
    {
        Assert.NotNull(Read(SampleImages.Png(1, 1)));
        Assert.NotNull(Read(SampleImages.Png(12_000, 5_333)));
        Assert.NotNull(Read(SampleImages.Gif(1, 1, frames: 100)));
        Assert.NotNull(Read(SampleImages.Jpeg(12_000, 1, (0xE2, new byte[60_000]), (0xFE, new byte[60_000]))));
    }

    public static TheoryData<string, byte[]> Impostors => new()
    {
        { "nothing", [] },
        { "SVG", "<svg xmlns=\"http://www.w3.org/2000/svg\" onload=\"alert(1)\"/>"u8.ToArray() },
        { "HTML", "<!doctype html><script>alert(1)</script>"u8.ToArray() },
        { "XHTML", "<?xml version=\"1.0\"?><html xmlns=\"http://www.w3.org/1999/xhtml\"/>"u8.ToArray() },
        { "PDF", "%PDF-1.7\n1 0 obj"u8.ToArray() },
        { "GIF that is JavaScript", "GIF89a/*\0\0\0\0*/=1;alert(1)//"u8.ToArray() },
        { "GIF with a JavaScript size", "GIF89a=1;alert(document.domain);"u8.ToArray() },
        { "HTML after PNG's magic", [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A, .. "<script>alert(1)</script>"u8] },
        { "HTML after JPEG's magic", [0xFF, 0xD8, 0xFF, 0xE0, .. "<script>alert(1)</script>"u8] },
        { "another RIFF", [.. "RIFF"u8, 4, 0, 0, 0, .. "WAVE"u8] },
        { "a WebP without a picture", [.. "RIFF"u8, 4, 0, 0, 0, .. "WEBP"u8] },
        { "a PNG without data", SampleImages.Png()[..33] },
        { "a BMP", [0x42, 0x4D, .. new byte[60]] },
    };

    [Theory]
    [MemberData(nameof(Impostors))]
    public void What_is_no_image_is_refused(string kind, byte[] file)
    {
        Assert.Null(ImageHeader.Read(new MemoryStream(file), out var refused));
        Assert.False(string.IsNullOrEmpty(refused), kind);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(6)]
    [InlineData(8)]
    public void Camera_metadata_is_dropped_except_the_orientation(byte orientation)
    {
        byte[] exif = SampleImages.Exif(orientation, "GPS 47.11"), xmp = [.. "http://ns.adobe.com/xap/1.0/ secret"u8];
        var file = SampleImages.Jpeg(6, 7, (0xE0, [.. "JFIF\0"u8]), (0xE1, exif), (0xE1, xmp), (0xFE, [.. "comment"u8]));

        var stored = Stored(file);

        Assert.DoesNotContain("GPS", Encoding.Latin1.GetString(stored), StringComparison.Ordinal);
        Assert.DoesNotContain("adobe", Encoding.Latin1.GetString(stored), StringComparison.Ordinal);
        Assert.Equal(file.Length - exif.Length - xmp.Length - 8 + (orientation == 1 ? 0 : 36), stored.Length);
        Assert.Equal((6L, 7L), (Read(stored)!.Width, Read(stored)!.Height));
        Assert.Equal(stored, Stored(stored));
        if (orientation != 1)
        {
            var expected = Encoding.Latin1.GetString([0x01, 0x12, 0, 3, 0, 0, 0, 1, 0, orientation]);
            Assert.Contains(expected, Encoding.Latin1.GetString(stored), StringComparison.Ordinal);
        }
    }

    [Fact]
    public void Metadata_in_a_png_is_dropped()
    {
        var stored = Stored(SampleImages.Png(2, 3, ("gAMA", [0, 0, 0, 1]), ("eXIf", [.. "GPS 47.11"u8])));
        Assert.Equal(SampleImages.Png(2, 3, ("gAMA", [0, 0, 0, 1])), stored);
    }

    [Fact]
    public void Text_in_a_png_is_dropped_and_the_orientation_stays_with_a_valid_checksum()
    {
        byte[] note = SampleImages.Exif(6, "GPS 47.11")[6..];
        var stored = Stored(SampleImages.Png(
            2, 3, ("eXIf", note), ("tEXt", [.. "Raw profile type exif\0secret"u8]), ("zTXt", [.. "x"u8]),
            ("iTXt", [.. "XML:com.adobe.xmp"u8])));

        // The length, the type, 26 bytes of metadata and the CRC-32 that zlib computes for both.
        byte[] kept =
        [
            0, 0, 0, 26, .. "eXIf"u8, .. "MM"u8, 0, 42, 0, 0, 0, 8, 0, 1, 1, 0x12, 0, 3, 0, 0, 0, 1, 0, 6, 0, 0, 0, 0, 0, 0,
            0xD6, 0x67, 0x4B, 0x69,
        ];
        var plain = SampleImages.Png(2, 3);
        Assert.Equal([.. plain[..33], .. kept, .. plain[33..]], stored);
        Assert.Equal(stored, Stored(stored));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(6)]
    public void Metadata_in_a_webp_is_dropped_except_the_orientation(byte orientation)
    {
        byte[] exif = SampleImages.Exif(orientation, "GPS 47.1"), xmp = [.. "http://ns.adobe.com/xap/1.0/ secret"u8];
        var bare = SampleImages.WebpNoted(0x10);

        var stored = Stored(SampleImages.WebpNoted(0x1C, ("EXIF", exif), ("XMP ", xmp)));

        byte[] upright = [.. "MM"u8, 0, 42, 0, 0, 0, 8, 0, 1, 1, 0x12, 0, 3, 0, 0, 0, 1, 0, orientation, 0, 0, 0, 0, 0, 0];
        Assert.Equal(orientation == 1 ? bare : SampleImages.WebpNoted(0x18, ("EXIF", upright)), stored);
        Assert.Equal((8L, 9L), (Read(stored)!.Width, Read(stored)!.Height));
        Assert.Equal(stored, Stored(stored));

        // Without JPEG's marker, as many programs write it.
        Assert.Equal(stored, Stored(SampleImages.WebpNoted(0x1C, ("EXIF", exif[6..]), ("XMP ", xmp))));
    }

    [Fact]
    public void A_webp_with_many_metadata_chunks_or_one_before_its_canvas_is_refused()
    {
        Assert.Null(Read(SampleImages.WebpNoted(0x0C, [.. Enumerable.Repeat(("XMP ", Array.Empty<byte>()), 1_000)])));
        Assert.Null(Read(SampleImages.WebpNoted(0x0C, ("EXIF", []), ("VP8X", [0, 0, 0, 0, 7, 0, 0, 8, 0, 0]))));
    }

    [Fact]
    public void A_file_of_a_million_metadata_blocks_takes_no_memory()
    {
        var segments = Enumerable.Range(0, 100_000).Select(i => ((byte)(i % 2 == 0 ? 0xE1 : 0xE2), Array.Empty<byte>())).ToArray();
        Assert.Null(Read(SampleImages.Jpeg(1, 1, segments)));
    }

    [Fact]
    public void Arbitrary_bytes_are_judged_quickly_and_without_an_exception()
    {
        var random = new Random(4711);
        byte[][] seeds = [.. Formats.Select(row => (byte[])row[1]), SampleImages.Jpeg(6, 7, (0xE1, SampleImages.Exif(6, "x"))),
            SampleImages.WebpNoted(0x1C, ("EXIF", SampleImages.Exif(6, "x")), ("XMP ", [1])),
            SampleImages.Png(2, 3, ("eXIf", SampleImages.Exif(6, "x")[6..])), SampleImages.Gif(3, 3, frames: 5)];
        var watch = Stopwatch.StartNew();
        for (var round = 0; round < 60_000; round++)
        {
            var file = seeds[round % seeds.Length].ToArray();
            for (var change = random.Next(1, 6); change > 0; change--)
            {
                file[random.Next(file.Length)] = random.Next(4) switch { 0 => 0xFF, 1 => 0, _ => (byte)random.Next(256) };
            }

            var cut = file.AsSpan(0, random.Next(8) == 0 ? random.Next(file.Length) : file.Length).ToArray();
            if (ImageHeader.Read(new MemoryStream(cut), out var refused) is { } header)
            {
                Assert.Null(refused);
                Assert.InRange(header.Width, 1, ImageHeader.MaxSide);
                Assert.InRange(header.Height, 1, ImageHeader.MaxSide);
                Assert.All(header.Keep, part => Assert.InRange(part.Offset + (part.Instead is null ? part.Length : 0), 0, cut.Length));
            }
            else
            {
                Assert.NotNull(refused);
            }
        }

        Assert.True(watch.Elapsed < TimeSpan.FromSeconds(20), $"It took {watch.Elapsed}.");
    }

    private static ImageHeader? Read(byte[] file) => ImageHeader.Read(new MemoryStream(file), out _);

    private static byte[] Stored(byte[] file) =>
        [.. Read(file)!.Keep.SelectMany(part => part.Instead ?? file.AsSpan((int)part.Offset, (int)part.Length).ToArray())];
}
