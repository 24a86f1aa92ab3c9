using System.Net;
using System.Net.Http.Headers;

namespace AiChat.Providers;

/// <summary>A JSON body that is written piece by piece, so that an upstream that stops reading is noticed.</summary>
internal sealed class ProviderContent : HttpContent
{
    private readonly ProviderBody _body;
    private readonly CallClock _clock;

    public ProviderContent(ProviderBody body, string mediaType, CallClock clock)
    {
        _body = body;
        _clock = clock;
        Headers.ContentType = new MediaTypeHeaderValue(mediaType);
    }

    protected override async Task SerializeToStreamAsync(Stream stream, TransportContext? context, CancellationToken cancellationToken)
    {
        await _body.WriteAsync(
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
        length = _body.Length;
        return true;
    }
}
