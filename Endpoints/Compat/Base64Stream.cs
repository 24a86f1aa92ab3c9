using System.Buffers.Text;
using System.Runtime.InteropServices;
using System.Text.Json;

namespace AiChat.Endpoints.Compat;

/// <summary>
/// The bytes that base64 in a request stands for, decoded from where they are: an image of 10 MiB is held once, as it came. Good for
/// as long as the request's document is.
/// </summary>
internal sealed class Base64Stream : Stream
{
    private const int BlockOfText = 16 * 1024;
    private const int BlockOfBytes = BlockOfText / 4 * 3;

    private readonly byte[] _block = new byte[BlockOfBytes];
    private readonly JsonElement _text;
    private readonly int _start;
    private long _blockAt = -1;

    /// <param name="text">The string; it holds no escapes.</param>
    /// <param name="start">Where in it the base64 begins.</param>
    /// <param name="length">Of the bytes, as <see cref="TryMeasure"/> found.</param>
    public Base64Stream(JsonElement text, int start, long length)
    {
        (_text, _start, Length) = (text, start, length);
    }

    public override bool CanRead => true;

    public override bool CanSeek => true;

    public override bool CanWrite => false;

    public override long Length { get; }

    public override long Position { get; set; }

    /// <summary>False for what is no base64, and for what has spaces in it, where no place can be found.</summary>
    public static bool TryMeasure(ReadOnlySpan<byte> text, out long length)
    {
        var isGood = Base64.IsValid(text, out var decoded);
        length = decoded;
        return isGood && text.Length % 4 == 0 && decoded > (text.Length / 4 * 3) - 3;
    }

    public override int Read(Span<byte> buffer)
    {
        if (Position >= Length || buffer.IsEmpty)
        {
            return 0;
        }

        var block = Position / BlockOfBytes;
        if (block != _blockAt)
        {
            var rest = JsonMarshal.GetRawUtf8Value(_text)[1..^1][_start..][(int)(block * BlockOfText)..];
            Base64.DecodeFromUtf8(rest[..Math.Min(rest.Length, BlockOfText)], _block, out _, out _);
            _blockAt = block;
        }

        var at = (int)(Position - (block * BlockOfBytes));
        var count = (int)Math.Min(Math.Min(buffer.Length, BlockOfBytes - at), Length - Position);
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
