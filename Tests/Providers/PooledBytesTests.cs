using System.Buffers;
using AiChat.Providers.Transport;

namespace AiChat.Tests.Providers;

/// <summary>The bytes of a request, in arrays of the pool while they are few.</summary>
public sealed class PooledBytesTests
{
    [Theory]
    [InlineData(1, 1)]
    [InlineData(16, 5_000)] // grows within the pool
    [InlineData(1024, 300_000)] // and out of it
    public void Nothing_is_lost_while_it_grows(int capacity, int length)
    {
        var random = new Random(length);
        var expected = new byte[length];
        random.NextBytes(expected);
        var bytes = new PooledBytes(capacity);
        for (var at = 0; at < length;)
        {
            var piece = expected.AsSpan(at, Math.Min(random.Next(1, 900), length - at));
            bytes.Write(piece);
            at += piece.Length;
        }

        Assert.Equal(length, bytes.Count);
        Assert.True(bytes.Written.Span.SequenceEqual(expected));
        bytes.Release();
        Assert.Equal(0, bytes.Count);
    }

    [Fact]
    public void What_was_released_can_be_written_again()
    {
        var bytes = new PooledBytes(8);
        bytes.Write("first"u8);
        bytes.Release();
        bytes.Write("second"u8);
        Assert.True(bytes.Written.Span.SequenceEqual("second"u8));
    }
}
