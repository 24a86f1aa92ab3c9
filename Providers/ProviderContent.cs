using System.Net;
using System.Net.Http.Headers;

namespace AiChat.Providers;

/// <summary>A JSON body that is written piece by piece, so that an upstream that stops reading is noticed.</summary>
internal sealed class ProviderContent : HttpContent
{
    private const int Piece = 64 * 1024;
    private readonly ReadOnlyMemory<byte> _body;
    private readonly CallClock _clock;

    public ProviderContent(ReadOnlyMemory<byte> body, string mediaType, CallClock clock)
    {
        _body = body;
        _clock = clock;
        Headers.ContentType = new MediaTypeHeaderValue(mediaType);
    }

    protected override async Task SerializeToStreamAsync(Stream stream, TransportContext? context, CancellationToken cancellationToken)
    {
        for (var offset = 0; offset < _body.Length; offset += Piece)
        {
            _clock.Sending();
            await stream.WriteAsync(_body.Slice(offset, Math.Min(Piece, _body.Length - offset)), cancellationToken);
        }

        await stream.FlushAsync(cancellationToken);
        _clock.Sent();
    }

    protected override Task SerializeToStreamAsync(Stream stream, TransportContext? context) =>
        SerializeToStreamAsync(stream, context, CancellationToken.None);

    protected override bool TryComputeLength(out long length)
    {
        length = _body.Length;
        return true;
    }
}
