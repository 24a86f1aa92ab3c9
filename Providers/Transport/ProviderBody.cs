using System.Buffers.Text;

namespace AiChat.Providers.Transport;

/// <summary>An image of a body: its base64 is inserted at this offset of the JSON.</summary>
internal readonly record struct BodyImage(int Offset, long Length, Func<Stream> Open)
{
    /// <summary>Its bytes are inserted as they are.</summary>
    public bool IsRaw { get; init; }
}

/// <summary>
/// A request body: JSON into which images are inserted while it is sent, so that one piece of one image is in memory at a time.
/// </summary>
internal sealed class ProviderBody(ReadOnlyMemory<byte> json, List<BodyImage> images)
{
    /// <summary>A multiple of three, so that pieces of base64 join.</summary>
    private const int Piece = 48 * 1024;

    private readonly PooledBytes? _pooled;
    private bool _isReleased;

    /// <summary>A body of these bytes, which it owns.</summary>
    public ProviderBody(PooledBytes json, List<BodyImage> images)
        : this(json.Written, images) => _pooled = json;

    public long Length { get; } = json.Length + LengthOf(images);

    public static implicit operator ProviderBody(byte[] bytes) => new(bytes, []);

    /// <summary>A body of bytes that are read while they are sent.</summary>
    public static ProviderBody OfStream(long length, Func<Stream> open) =>
        new(ReadOnlyMemory<byte>.Empty, [new BodyImage(0, length, open) { IsRaw = true }]);

    /// <summary>Writes the whole body in pieces of at most 64 KiB; a piece is valid until the next one.</summary>
    public async Task WriteAsync(Func<ReadOnlyMemory<byte>, ValueTask> write, CancellationToken cancel)
    {
        ObjectDisposedException.ThrowIf(_isReleased, this); // the array may hold another request by now
        var at = 0;
        foreach (var image in images)
        {
            await WriteJsonAsync(json[at..image.Offset], write);
            await WriteImageAsync(image, write, cancel);
            at = image.Offset;
        }

        await WriteJsonAsync(json[at..], write);
    }

    /// <summary>Gives the bytes back; call it when the body was sent, after which it is not used again.</summary>
    public void Release()
    {
        if (_pooled is not null)
        {
            _isReleased = true;
            _pooled.Release();
        }
    }

    private static long LengthOf(List<BodyImage> images)
    {
        var length = 0L;
        foreach (var image in images)
        {
            length += image.IsRaw ? image.Length : Base64Length(image.Length);
        }

        return length;
    }

    private static async Task WriteJsonAsync(ReadOnlyMemory<byte> text, Func<ReadOnlyMemory<byte>, ValueTask> write)
    {
        const int max = 64 * 1024;
        for (var at = 0; at < text.Length; at += max)
        {
            await write(text.Slice(at, Math.Min(max, text.Length - at)));
        }
    }

    private static async Task WriteImageAsync(BodyImage image, Func<ReadOnlyMemory<byte>, ValueTask> write, CancellationToken cancel)
    {
        await using var source = image.Open();
        var bytes = new byte[Piece];
        var encoded = new byte[Base64.GetMaxEncodedToUtf8Length(Piece)];
        for (var left = image.Length; left > 0;)
        {
            var count = (int)Math.Min(left, Piece);
            if (image.IsRaw)
            {
                await source.ReadExactlyAsync(bytes.AsMemory(0, count), cancel);
                await write(bytes.AsMemory(0, count));
                left -= count;
                continue;
            }

            await ReadAsync(source, bytes.AsMemory(0, count), cancel);
            Base64.EncodeToUtf8(bytes.AsSpan(0, count), encoded, out _, out var written);
            await write(encoded.AsMemory(0, written));
            left -= count;
        }
    }

    private static async Task ReadAsync(Stream source, Memory<byte> bytes, CancellationToken cancel)
    {
        try
        {
            await source.ReadExactlyAsync(bytes, cancel);
        }
        catch (IOException exception)
        {
            throw new ProviderException(ProviderFailure.BadRequest, "An image of this chat cannot be read.", inner: exception);
        }
    }

    private static long Base64Length(long length) => (length + 2) / 3 * 4;
}
