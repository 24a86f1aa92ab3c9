namespace AiChat.Data.Images;

/// <summary>
/// What an image file says of itself, read without decoding a pixel. <paramref name="Keep"/> is what of the file is worth storing, in
/// order: not what stands behind the image, nor a camera's notes (JPEG APP1, PNG eXIf), which tell where a picture was taken.
/// </summary>
internal sealed record ImageHeader(string Mime, long Width, long Height, int Frames, IReadOnlyList<FilePart> Keep)
{
    public const int MaxSide = 12_000;
    public const long MaxPixels = 64_000_000;
    public const int MaxFrames = 100;

    /// <summary>
    /// Walks a file's structure to its end. Null and the reason, for people, when it is no whole PNG, JPEG, GIF or WebP image or is over
    /// a limit. Takes time by the file's length and next to no memory, whatever the file claims.
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

    /// <summary>By the first bytes alone; names and declared types are worth nothing.</summary>
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

/// <summary>A stretch of a file, or with <paramref name="Instead"/> bytes that are not in it.</summary>
internal readonly record struct FilePart(long Offset, long Length, byte[]? Instead = null);

/// <summary>Collects what is kept while a parser walks on and says what it drops.</summary>
internal sealed class KeptParts
{
    /// <summary>An image has one or two notes; more pieces than these are an attack on our memory.</summary>
    private const int MaxPieces = 200;

    private readonly List<FilePart> _parts = [];
    private long _from;

    /// <summary>False when the file is cut into more pieces than any honest one.</summary>
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

    /// <summary>The image ends here; what follows is not part of it.</summary>
    public IReadOnlyList<FilePart> End(long end)
    {
        Drop(end, end);
        return _parts;
    }
}
