using System.Buffers;

namespace AiChat.Providers.Transport;

/// <summary>
/// Bytes that are written one behind the other, in an array of the pool while they are few. For one writer at a time.
/// </summary>
internal sealed class PooledBytes(int capacity) : IBufferWriter<byte>
{
    /// <summary>Longer arrays are left to the collector: the pool would keep them.</summary>
    private const int MaxPooled = 64 * 1024;

    private byte[] _bytes = Take(capacity);

    public int Count { get; private set; }

    /// <summary>What was written; valid until the next write and until <see cref="Release"/>.</summary>
    public ReadOnlyMemory<byte> Written => _bytes.AsMemory(0, Count);

    public void Advance(int count) => Count += count;

    public Memory<byte> GetMemory(int sizeHint = 0)
    {
        var needed = Count + Math.Max(sizeHint, 1);
        if (needed > _bytes.Length)
        {
            var longer = Take(Math.Max(needed, 2 * _bytes.Length));
            Written.CopyTo(longer);
            Give(_bytes);
            _bytes = longer;
        }

        return _bytes.AsMemory(Count);
    }

    public Span<byte> GetSpan(int sizeHint = 0) => GetMemory(sizeHint).Span;

    /// <summary>Gives the array back. Nothing of what was written may be used afterwards.</summary>
    public void Release()
    {
        Give(_bytes);
        (_bytes, Count) = ([], 0);
    }

    private static byte[] Take(int length) => length <= MaxPooled ? ArrayPool<byte>.Shared.Rent(length) : new byte[length];

    private static void Give(byte[] bytes)
    {
        if (bytes.Length is > 0 and <= MaxPooled)
        {
            ArrayPool<byte>.Shared.Return(bytes);
        }
    }
}
