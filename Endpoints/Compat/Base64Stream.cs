using System.Buffers.Text;
using System.Runtime.InteropServices;
using System.Text.Json;

namespace AiChat.Endpoints.Compat;

/// <summary>
/// Decodes base64 in a request on the fly, so that an image of 10 MiB is held once, as text. Valid as long as the request's document.
/// </summary>
internal sealed class Base64Stream : Stream
{
    private const int TextBlock = 16 * 1024;
    private const int ByteBlock = TextBlock / 4 * 3;

    private readonly byte[] _block = new byte[ByteBlock];
    private readonly JsonElement _text;
    private readonly int _start;
    private long _blockAt = -1;

    /// <param name="text">A string without escapes.</param>
    /// <param name="start">The position in it where the base64 begins.</param>
    /// <param name="length">The number of decoded bytes, from <see cref="TryMeasure"/>.</param>
    public Base64Stream(JsonElement text, int start, long length)
    {
        (_text, _start, Length) = (text, start, length);
    }

    public override bool CanRead => true;

    public override bool CanSeek => true;

    public override bool CanWrite => false;

    public override long Length { get; }

    public override long Position { get; set; }

    /// <summary>False for invalid base64, and for base64 with white space, in which positions cannot be computed.</summary>
    public static bool TryMeasure(ReadOnlySpan<byte> text, out long length)
    {
        var isValid = Base64.IsValid(text, out var decoded);
        length = decoded;
        return isValid && text.Length % 4 == 0 && decoded > (text.Length / 4 * 3) - 3;
    }

    public override int Read(Span<byte> buffer)
    {
        if (Position >= Length || buffer.IsEmpty)
        {
            return 0;
        }

        var block = Position / ByteBlock;
        if (block != _blockAt)
        {
            var rest = JsonMarshal.GetRawUtf8Value(_text)[1..^1][_start..][(int)(block * TextBlock)..];
            Base64.DecodeFromUtf8(rest[..Math.Min(rest.Length, TextBlock)], _block, out _, out _);
            _blockAt = block;
        }

        var at = (int)(Position - (block * ByteBlock));
        var count = (int)Math.Min(Math.Min(buffer.Length, ByteBlock - at), Length - Position);
        _block.AsSpan(at, count).CopyTo(buffer);
        Position += count;
        return count;
    }

    public override int Read(byte[] buffer, int offset, int count) => Read(buffer.AsSpan(offset, count));

    public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default) => new(Read(buffer.Span));

    public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
        Task.FromResult(Read(buffer.AsSpan(offset, count)));

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void Flush() => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();
}
