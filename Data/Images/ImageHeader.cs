namespace AiChat.Data.Images;

/// <summary>
/// What the headers of an image file say, read without decoding a pixel. <paramref name="Keep"/> lists the parts of the file to store, in
/// order. Data behind the image and camera metadata (JPEG APP1, PNG eXIf), which can hold the place of a picture, are left out.
/// </summary>
internal sealed record ImageHeader(string Mime, long Width, long Height, int Frames, IReadOnlyList<FilePart> Keep)
{
    public const int MaxSide = 12_000;
    public const long MaxPixels = 64_000_000;
    public const int MaxFrames = 100;

    /// <summary>
    /// Walks a file's structure to its end. Returns null and a readable reason when it is no complete PNG, JPEG, GIF or WebP image or
    /// exceeds a limit. Time is linear in the file's length and memory is constant, whatever the file claims.
    /// </summary>
    public static ImageHeader? Read(Stream file, out string? refused)
    {
        var reader = new ImageReader(file);
        var format = Format(reader);
        var header = format switch
        {
            "image/png" => PngHeader.Read(reader),
            "image/jpeg" => JpegHeader.Read(reader),
            "image/gif" => GifHeader.Read(reader),
            "image/webp" => WebpHeader.Read(reader),
            _ => null,
        };
        refused = format is null ? "This is not a PNG, JPEG, GIF or WebP image."
            : header is null ? "The image is damaged or cut off."
            : header.OverLimit();
        return refused is null ? header : null;
    }

    /// <summary>The format by the first bytes; the file name and the declared type are not trusted.</summary>
    private static string? Format(ImageReader reader)
    {
        Span<byte> magic = stackalloc byte[12];
        magic = magic[..reader.Peek(magic)];
        return magic.StartsWith((ReadOnlySpan<byte>)[0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A]) ? "image/png"
            : magic.StartsWith((ReadOnlySpan<byte>)[0xFF, 0xD8, 0xFF]) ? "image/jpeg"
            : magic.StartsWith("GIF87a"u8) || magic.StartsWith("GIF89a"u8) ? "image/gif"
            : magic.Length == 12 && magic.StartsWith("RIFF"u8) && magic.EndsWith("WEBP"u8) ? "image/webp"
            : null;
    }

    private string? OverLimit() =>
        Width is < 1 or > MaxSide || Height is < 1 or > MaxSide
            ? $"An image has 1 to {MaxSide} pixels a side; this one says {Width} × {Height}."
        : Width * Height > MaxPixels
            ? $"An image has at most {MaxPixels / 1_000_000} megapixels; this one has {Width * Height / 1_000_000}."
        : Frames > MaxFrames ? $"An animation has at most {MaxFrames} frames; this one has {Frames}."
        : null;
}

/// <summary>A range of a file, or the bytes <paramref name="Instead"/> that replace it.</summary>
internal readonly record struct FilePart(long Offset, long Length, byte[]? Instead = null);

/// <summary>Collects the ranges to keep while a parser reports the ranges to drop.</summary>
internal sealed class KeptParts
{
    /// <summary>An image has one or two metadata blocks; a file of more pieces than this tries to exhaust memory.</summary>
    private const int MaxPieces = 200;

    private readonly List<FilePart> _parts = [];
    private long _from;

    /// <summary>False when the file has more pieces than the maximum.</summary>
    public bool Drop(long start, long end, byte[]? instead = null)
    {
        if (start > _from)
        {
            _parts.Add(new FilePart(_from, start - _from));
        }

        if (instead is not null)
        {
            _parts.Add(new FilePart(0, instead.Length, instead));
        }

        _from = end;
        return _parts.Count <= MaxPieces;
    }

    /// <summary>Marks the end of the image; the rest of the file is not kept.</summary>
    public IReadOnlyList<FilePart> End(long end)
    {
        Drop(end, end);
        return _parts;
    }
}
