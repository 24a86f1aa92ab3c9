using System.Buffers.Binary;

namespace AiChat.Data.Images;

/// <summary>Reads forward through an untrusted file, which may end anywhere. No content makes it throw.</summary>
internal sealed class ImageReader(Stream file)
{
    private readonly byte[] _buffer = new byte[16 * 1024];
    private long _bufferStart;
    private int _filled;
    private int _at;

    public long Position => _bufferStart + _at;

    public long Length { get; } = file.Length;

    /// <summary>Copies the next bytes without moving on; fewer at the end of the file.</summary>
    public int Peek(Span<byte> into)
    {
        Fill();
        var count = Math.Min(into.Length, _filled - _at);
        _buffer.AsSpan(_at, count).CopyTo(into);
        return count;
    }

    /// <summary>The next byte; -1 at the end.</summary>
    public int Byte() => _at < _filled || Fill() ? _buffer[_at++] : -1;

    /// <summary>False when the file ends first.</summary>
    public bool Take(Span<byte> into)
    {
        for (var i = 0; i < into.Length; i++)
        {
            if (Byte() is var next && next < 0)
            {
                return false;
            }

            into[i] = (byte)next;
        }

        return true;
    }

    /// <summary>False when the file ends first.</summary>
    public bool Skip(long count)
    {
        var target = Position + count;
        if (target > Length)
        {
            return false;
        }

        if (target <= _bufferStart + _filled)
        {
            _at = (int)(target - _bufferStart);
        }
        else
        {
            file.Position = target;
            (_bufferStart, _filled, _at) = (target, 0, 0);
        }

        return true;
    }

    /// <summary>Skips to the byte after the next one of this value; false when there is none.</summary>
    public bool SkipPast(byte value)
    {
        while (_at < _filled || Fill())
        {
            var found = _buffer.AsSpan(_at, _filled - _at).IndexOf(value);
            if (found >= 0)
            {
                _at += found + 1;
                return true;
            }

            _at = _filled;
        }

        return false;
    }

    public static long BigEndian32(ReadOnlySpan<byte> bytes) => BinaryPrimitives.ReadUInt32BigEndian(bytes);

    public static int BigEndian16(ReadOnlySpan<byte> bytes) => BinaryPrimitives.ReadUInt16BigEndian(bytes);

    public static long LittleEndian32(ReadOnlySpan<byte> bytes) => BinaryPrimitives.ReadUInt32LittleEndian(bytes);

    public static int LittleEndian24(ReadOnlySpan<byte> bytes) => bytes[0] | (bytes[1] << 8) | (bytes[2] << 16);

    public static int LittleEndian16(ReadOnlySpan<byte> bytes) => BinaryPrimitives.ReadUInt16LittleEndian(bytes);

    private bool Fill()
    {
        if (_at < _filled)
        {
            return true;
        }

        _bufferStart += _filled;
        _at = 0;
        _filled = file.Read(_buffer);
        return _filled > 0;
    }
}
