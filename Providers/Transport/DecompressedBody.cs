using System.IO.Compression;

namespace AiChat.Providers.Transport;

/// <summary>
/// A body that came compressed (RFC 9110 §8.4), unpacked as it arrives: we never ask for compression, but some gateways compress anyway.
/// </summary>
internal sealed class DecompressedBody : IReplyBody
{
    private const int MaxPiece = 4 * 1024;

    private readonly IReplyBody _packed;
    private readonly CallClock _clock;
    private readonly Stream _unpacking;
    private readonly byte[] _buffer = new byte[MaxPiece];

    private DecompressedBody(IReplyBody packed, Stream unpacking, CallClock clock)
    {
        _packed = packed;
        _unpacking = unpacking;
        _clock = clock;
    }

    public ReadOnlyMemory<byte> Piece { get; private set; }

    public bool Ended { get; private set; }

    /// <summary>The body as it was before the encodings that the header names, in their order.</summary>
    /// <exception cref="ProviderException">One of them is not known here.</exception>
    public static IReplyBody Wrap(IReplyBody body, string contentEncoding, CallClock clock)
    {
        if (contentEncoding.Length == 0)
        {
            return body;
        }

        // One inside the other is how a few bytes become gigabytes; no server does so in good faith.
        return contentEncoding.ToLowerInvariant().Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries)
            .Where(encoding => encoding != "identity").ToList() switch
        {
            [] => body,
            [var encoding] => new DecompressedBody(body, Unpack(new PackedStream(body, clock), encoding), clock),
            _ => throw new ProviderException(ProviderFailure.Protocol, "The reply is compressed more than once."),
        };
    }

    public async ValueTask<bool> NextAsync()
    {
        if (Ended)
        {
            return false;
        }

        Ended = true;
        try
        {
            // A small packed piece can hold many: between them nothing is received, so nothing else sees that the time is over.
            if (_clock.Token.IsCancellationRequested)
            {
                Piece = _clock.EndedQuietly ? default : throw _clock.Translate(new OperationCanceledException());
                return false;
            }

            Piece = _buffer.AsMemory(0, await _unpacking.ReadAsync(_buffer));
            _clock.Work.Add(Piece.Length);
        }
        catch (Exception exception) when (exception is InvalidDataException or InvalidOperationException or IOException)
        {
            // Each format has its own way to say so. What the network did comes as a ProviderException.
            Piece = _clock.EndedQuietly ? default // the model was done; the silence is the end
                : throw new ProviderException(ProviderFailure.Protocol, "The compressed reply is broken.", inner: exception);
        }

        Ended = Piece.IsEmpty;
        return !Ended;
    }

    public async ValueTask DisposeAsync()
    {
        await _unpacking.DisposeAsync();
        await _packed.DisposeAsync();
    }

    private static Stream Unpack(Stream packed, string encoding) => encoding switch
    {
        "gzip" or "x-gzip" => new GZipStream(packed, CompressionMode.Decompress),
        "br" => new BrotliStream(packed, CompressionMode.Decompress),
        "deflate" => new ZLibStream(packed, CompressionMode.Decompress),
        _ => throw Unknown(),
    };

    private static ProviderException Unknown() => new(ProviderFailure.Protocol, "The reply is compressed in a way that is not known here.");

    /// <summary>The body as the unpacking streams read it.</summary>
    private sealed class PackedStream(IReplyBody body, CallClock clock) : Stream
    {
        private ReadOnlyMemory<byte> _here;

        public override bool CanRead => true;

        public override bool CanSeek => false;

        public override bool CanWrite => false;

        public override long Length => throw new NotSupportedException();

        public override long Position
        {
            get => throw new NotSupportedException();
            set => throw new NotSupportedException();
        }

        public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
        {
            if (clock.Work.IsDue)
            {
                await clock.PauseAsync(); // what is packed may be nothing at all, for ever
            }

            if (_here.IsEmpty && await body.NextAsync())
            {
                _here = body.Piece;
            }

            var count = Math.Min(buffer.Length, _here.Length);
            _here[..count].CopyTo(buffer);
            _here = _here[count..];
            return count;
        }

        public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
            ReadAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

        public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

        public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

        public override void Flush() => throw new NotSupportedException();

        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

        public override void SetLength(long value) => throw new NotSupportedException();
    }
}
