namespace AiChat.Endpoints.Imports;

/// <summary>How much an import may unpack in all, whatever its archive says about itself.</summary>
/// <param name="packed">The size of the archive.</param>
internal sealed class UnpackBudget(long packed)
{
    /// <summary>Text of chats shrinks to a tenth; 0.1 % is what a file made to harm reaches.</summary>
    public const int MaxRatio = 200;

    /// <summary>Below this, no ratio does harm.</summary>
    public const long Harmless = 64L * 1024 * 1024;

    private readonly long _most = Harmless + MaxRatio * packed;
    private long _unpacked;

    /// <exception cref="ImportRefusedException">Too much was unpacked.</exception>
    public void Add(int count)
    {
        _unpacked += count;
        if (_unpacked > _most)
        {
            throw Refused();
        }
    }

    public static ImportRefusedException Refused() => new(
        "archive_bomb", $"The archive unpacks to more than {MaxRatio} times its size, as one that is made to harm does.");
}

/// <summary>
/// The content of a file in an archive. A packed file that ends too early ends this stream, which then says so, as does one that is
/// damaged.
/// </summary>
/// <param name="length">The length that the archive names; null when it names none.</param>
internal sealed class UnpackedStream(Stream inner, long packed, long? length, UnpackBudget budget) : Stream
{
    private long _total;

    /// <summary>It ended before its end.</summary>
    public bool IsCut { get; private set; }

    public override bool CanRead => true;

    public override bool CanSeek => false;

    public override bool CanWrite => false;

    public override long Length => length ?? throw new NotSupportedException();

    public override long Position
    {
        get => _total;
        set => throw new NotSupportedException();
    }

    public override int Read(Span<byte> buffer)
    {
        var count = 0;
        try
        {
            count = inner.Read(buffer);
        }
        catch (InvalidDataException)
        {
            IsCut = true;
        }

        _total += count;
        IsCut |= count == 0 && buffer.Length > 0 && _total < length;
        budget.Add(count);
        if (_total > UnpackBudget.Harmless && _total / UnpackBudget.MaxRatio > packed)
        {
            throw UnpackBudget.Refused();
        }

        return count;
    }

    public override int Read(byte[] buffer, int offset, int count) => Read(buffer.AsSpan(offset, count));

    public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default) => new(Read(buffer.Span));

    public override void Flush() => throw new NotSupportedException();

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    protected override void Dispose(bool disposing)
    {
        inner.Dispose();
        base.Dispose(disposing);
    }
}
