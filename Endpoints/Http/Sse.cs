using System.Globalization;
using System.IO.Pipelines;
using System.Text.Encodings.Web;
using System.Text.Unicode;
using AiChat.Endpoints.Settings;

namespace AiChat.Endpoints.Http;

/// <summary>
/// Writes all server-sent events. A frame is one event whose data is one line of JSON, so no text can forge another frame.
/// </summary>
internal sealed class Sse
{
    /// <summary>UTF-16 units that are written at a time, and the maximum bytes of one unit, as in <c>\uFFFD</c>.</summary>
    private const int Piece = 256;
    private const int MaxPerUnit = 6;

    /// <summary>Bytes for the first lines of a frame and for the JSON around its text.</summary>
    private const int Around = 128;

    /// <summary>The longest silence on a stream; a proxy would take a longer one for a dead connection.</summary>
    private const int MaxHeartbeatMs = 15_000;

    private static readonly JavaScriptEncoder Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping;

    private readonly PipeWriter _output;

    private Sse(PipeWriter output) => _output = output;

    /// <summary>Writes the first bytes; they go out with the first <see cref="Flush"/> or with the end of the response.</summary>
    public static Sse Begin(HttpContext context)
    {
        var response = context.Response;
        response.ContentType = "text/event-stream; charset=utf-8";
        response.Headers.CacheControl = "no-store, no-transform";
        response.Headers["X-Accel-Buffering"] = "no"; // otherwise nginx buffers the stream
        context.Features.Get<Microsoft.AspNetCore.Http.Features.IHttpResponseBodyFeature>()?.DisableBuffering();
        var sse = new Sse(response.BodyWriter);
        sse.Raw("retry: 2000\n\n"u8);
        return sse;
    }

    public void Write(SseFrame frame)
    {
        var span = _output.GetSpan(SizeFor(frame.Text));
        if (!Utf8.TryWrite(span, CultureInfo.InvariantCulture, $"id: {frame.Id}\nevent: {frame.Type}\ndata: ", out var length))
        {
            throw new ArgumentException("The event's name is too long.", nameof(frame));
        }

        if (frame.Text is { } text)
        {
            Append("{\"text\":\""u8, span, ref length);
            var rest = text.AsSpan();
            while (true)
            {
                rest = rest[Escape(rest, span, ref length)..];
                if (rest.IsEmpty)
                {
                    break;
                }

                _output.Advance(length);
                span = _output.GetSpan(SizeFor(rest));
                length = 0;
            }

            Append("\"}\n\n"u8, span, ref length);
            _output.Advance(length);
        }
        else
        {
            _output.Advance(length);
            Raw(frame.Json);
            Raw("\n\n"u8);
        }
    }

    /// <summary>The time without an event after which a stream sends a heartbeat.</summary>
    public static TimeSpan HeartbeatInterval(SystemSettings settings) =>
        TimeSpan.FromMilliseconds(Math.Min(settings.SseHeartbeatIntervalMs, MaxHeartbeatMs));

    public void Heartbeat() => Raw(": \n\n"u8);

    /// <summary>An event that is not in the log of the run and therefore has no id.</summary>
    public void Notice(ReadOnlySpan<byte> frame) => Raw(frame);

    /// <summary>Waits until the client can take more.</summary>
    public async ValueTask Flush(CancellationToken cancellationToken)
    {
        var result = await _output.FlushAsync(cancellationToken);
        if (result.IsCanceled || result.IsCompleted)
        {
            throw new OperationCanceledException("The client disconnected.");
        }
    }

    private static void Append(ReadOnlySpan<byte> bytes, Span<byte> span, ref int length)
    {
        bytes.CopyTo(span[length..]);
        length += bytes.Length;
    }

    /// <summary>Writes the first piece of the text as the inside of a JSON string.</summary>
    /// <returns>The number of UTF-16 units that were written.</returns>
    private static int Escape(ReadOnlySpan<char> text, Span<byte> span, ref int length)
    {
        Span<byte> utf8 = stackalloc byte[3 * Piece];
        Utf8.FromUtf16(text[..Math.Min(text.Length, Piece)], utf8, out var read, out var bytes, isFinalBlock: text.Length <= Piece);
        Encoder.EncodeUtf8(utf8[..bytes], span[length..], out _, out var written);
        length += written;
        return read;
    }

    /// <summary>Bytes for the next piece of a text and the JSON around it.</summary>
    private static int SizeFor(ReadOnlySpan<char> text) => Around + (MaxPerUnit * Math.Min(Piece, text.Length));

    private void Raw(ReadOnlySpan<byte> bytes)
    {
        bytes.CopyTo(_output.GetSpan(bytes.Length));
        _output.Advance(bytes.Length);
    }
}

/// <summary>One event as it goes over the wire.</summary>
/// <param name="Id">What a client that returns sends as Last-Event-ID.</param>
/// <param name="Text">The whole data of an event that is text only; null when the data is <paramref name="Json"/>.</param>
internal readonly record struct SseFrame(long Id, string Type, string? Text, byte[]? Json);
