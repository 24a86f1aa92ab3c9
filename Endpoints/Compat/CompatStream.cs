using System.Buffers;
using Microsoft.AspNetCore.Http.Features;

namespace AiChat.Endpoints.Compat;

/// <summary>A response of server-sent events as clients of the compatible API expect them: without ids or a retry line.</summary>
internal sealed class CompatStream(HttpContext context, TimeProvider clock, CancellationToken ends)
{
    /// <summary>What is handed over at once; the rest waits until the client has taken it.</summary>
    private const int MaxPiece = 256 * 1024;

    private long _sentAt = clock.GetTimestamp();

    /// <summary>How long the client has received nothing, whatever the provider has said meanwhile.</summary>
    public TimeSpan Silence => clock.GetElapsedTime(_sentAt);

    public static CompatStream Begin(HttpContext context, TimeProvider clock, CancellationToken ends)
    {
        var response = context.Response;
        response.ContentType = "text/event-stream; charset=utf-8";
        response.Headers.CacheControl = "no-store, no-transform";
        response.Headers["X-Accel-Buffering"] = "no"; // nginx would buffer the stream otherwise
        context.Features.Get<IHttpResponseBodyFeature>()?.DisableBuffering();
        return new CompatStream(context, clock, ends);
    }

    /// <summary>Sends the ready frames and waits until the client can take more.</summary>
    /// <exception cref="OperationCanceledException">The client has disconnected.</exception>
    public async Task Send(ArrayBufferWriter<byte> ready)
    {
        if (ready.WrittenCount == 0)
        {
            return;
        }

        for (var rest = ready.WrittenMemory; !rest.IsEmpty; rest = rest[Math.Min(MaxPiece, rest.Length)..])
        {
            context.Response.BodyWriter.Write(rest.Span[..Math.Min(MaxPiece, rest.Length)]);
            var result = await context.Response.BodyWriter.FlushAsync(ends);
            _sentAt = clock.GetTimestamp();
            if (result.IsCanceled || result.IsCompleted)
            {
                throw new OperationCanceledException("The client has disconnected.");
            }
        }

        ready.ResetWrittenCount();
    }
}
