using System.IO.Compression;

namespace AiChat.Providers.Transport;

/// <summary>
/// A compressed body (RFC 9110 §8.4), decompressed as it arrives. Compression is never asked for, but some gateways compress anyway.
/// </summary>
internal sealed class DecompressedBody : IReplyBody
{
    private const int MaxPiece = 4 * 1024;

    private readonly IReplyBody _compressed;
    private readonly CallClock _clock;
    private readonly Stream _decompressing;
    private readonly byte[] _buffer = new byte[MaxPiece];

    private DecompressedBody(IReplyBody compressed, Stream decompressing, CallClock clock)
    {
        _compressed = compressed;
        _decompressing = decompressing;
        _clock = clock;
    }

    public ReadOnlyMemory<byte> Piece { get; private set; }

    public bool Ended { get; private set; }

    /// <summary>The body without the encoding that the header names.</summary>
    /// <exception cref="ProviderException">The encoding is unknown, or there are several.</exception>
    public static IReplyBody Wrap(IReplyBody body, string contentEncoding, CallClock clock)
    {
        if (contentEncoding.Length == 0)
        {
            return body;
        }

        // Nested encodings can turn a few bytes into gigabytes; no server uses them in good faith.
        return contentEncoding.ToLowerInvariant().Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries)
            .Where(encoding => encoding != "identity").ToList() switch
        {
            [] => body,
            [var encoding] => new DecompressedBody(body, Decompress(new CompressedStream(body, clock), encoding), clock),
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
            // A small compressed piece can expand to many pieces. Nothing is received between them, so the deadline is checked here.
            if (_clock.Token.IsCancellationRequested)
            {
                Piece = _clock.EndedQuietly ? default : throw _clock.Translate(new OperationCanceledException());
                return false;
            }

            Piece = _buffer.AsMemory(0, await _decompressing.ReadAsync(_buffer));
            _clock.Work.Add(Piece.Length);
        }
        catch (Exception exception) when (exception is InvalidDataException or InvalidOperationException or IOException)
        {
            // Each format throws its own exception for broken data. A network failure comes as a ProviderException.
            Piece = _clock.EndedQuietly ? default // the model had finished; silence is the end
                : throw new ProviderException(ProviderFailure.Protocol, "The compressed reply is broken.", inner: exception);
        }

        Ended = Piece.IsEmpty;
        return !Ended;
    }

    public async ValueTask DisposeAsync()
    {
        await _decompressing.DisposeAsync();
        await _compressed.DisposeAsync();
    }

    private static Stream Decompress(Stream compressed, string encoding) => encoding switch
    {
        "gzip" or "x-gzip" => new GZipStream(compressed, CompressionMode.Decompress),
        "br" => new BrotliStream(compressed, CompressionMode.Decompress),
        "deflate" => new ZLibStream(compressed, CompressionMode.Decompress),
        _ => throw Unknown(),
    };

    private static ProviderException Unknown() => new(ProviderFailure.Protocol, "The reply has an unknown content encoding.");

    /// <summary>The body as a stream for the decompressing streams.</summary>
    private sealed class CompressedStream(IReplyBody body, CallClock clock) : Stream
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
                await clock.PauseAsync(); // compressed data can be endless and hold nothing
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
