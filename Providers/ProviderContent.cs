using System.Net;
using System.Net.Http.Headers;

namespace AiChat.Providers;

/// <summary>
/// A JSON body that is written piece by piece, so that an upstream that stops reading is noticed. Disposed, it lets go of the bytes: the
/// reply holds on to its request, and a long prompt must not stay in memory while the answer comes.
/// </summary>
internal sealed class ProviderContent : HttpContent
{
    private readonly CallClock _clock;
    private readonly long _length;
    private ProviderBody? _body;

    public ProviderContent(ProviderBody body, string mediaType, CallClock clock)
    {
        _body = body;
        _length = body.Length;
        _clock = clock;
        Headers.ContentType = new MediaTypeHeaderValue(mediaType);
    }

    protected override async Task SerializeToStreamAsync(Stream stream, TransportContext? context, CancellationToken cancellationToken)
    {
        var body = _body ?? throw new ObjectDisposedException(nameof(ProviderContent));
        await body.WriteAsync(
            piece =>
            {
                _clock.Sending();
                return stream.WriteAsync(piece, cancellationToken);
            },
            cancellationToken);
        await stream.FlushAsync(cancellationToken);
        _clock.Sent();
    }

    protected override Task SerializeToStreamAsync(Stream stream, TransportContext? context) =>
        SerializeToStreamAsync(stream, context, CancellationToken.None);

    protected override bool TryComputeLength(out long length)
    {
        length = _length;
        return true;
    }

    protected override void Dispose(bool disposing)
    {
        _body = null;
        base.Dispose(disposing);
    }
}
