using System.Globalization;
using System.IO.Pipelines;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Unicode;
using AiChat.Endpoints.Chat;

namespace AiChat.Endpoints.Http;

/// <summary>The one writer of server-sent events. A frame is one event; its data is one line of JSON, so no text can forge another frame.</summary>
internal sealed class Sse : IDisposable
{
    private static readonly JsonWriterOptions Options = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping, SkipValidation = true };

    private readonly PipeWriter _output;
    private readonly Utf8JsonWriter _json;

    private Sse(PipeWriter output)
    {
        _output = output;
        _json = new Utf8JsonWriter(output, Options);
    }

    /// <summary>Sends the headers and the first bytes, so that proxies and clients see that the stream stands.</summary>
    public static async Task<Sse> Begin(HttpContext context, CancellationToken cancellationToken)
    {
        var response = context.Response;
        response.ContentType = "text/event-stream; charset=utf-8";
        response.Headers.CacheControl = "no-store, no-transform";
        response.Headers["X-Accel-Buffering"] = "no"; // nginx would gather the stream otherwise
        context.Features.Get<Microsoft.AspNetCore.Http.Features.IHttpResponseBodyFeature>()?.DisableBuffering();
        var sse = new Sse(response.BodyWriter);
        sse.Raw("retry: 2000\n\n"u8);
        await sse.Flush(cancellationToken);
        return sse;
    }

    public void Write(RunFrame frame)
    {
        Span<byte> head = stackalloc byte[96];
        if (!Utf8.TryWrite(head, CultureInfo.InvariantCulture, $"id: {frame.Id}\nevent: {frame.Type}\ndata: ", out var length))
        {
            throw new ArgumentException("The event's name is too long.", nameof(frame));
        }

        Raw(head[..length]);
        if (frame.Text is { } text)
        {
            _json.Reset();
            _json.WriteStartObject();
            _json.WriteString("text"u8, text);
            _json.WriteEndObject();
            _json.Flush();
        }
        else
        {
            Raw(frame.Json);
        }

        Raw("\n\n"u8);
    }

    public void Heartbeat() => Raw(": \n\n"u8);

    /// <summary>An event that is no part of the run's log and so has no id.</summary>
    public void Notice(ReadOnlySpan<byte> frame) => Raw(frame);

    /// <summary>Waits until the client can take more.</summary>
    public async ValueTask Flush(CancellationToken cancellationToken)
    {
        var result = await _output.FlushAsync(cancellationToken);
        if (result.IsCanceled || result.IsCompleted)
        {
            throw new OperationCanceledException("The client has gone.");
        }
    }

    public void Dispose() => _json.Dispose();

    private void Raw(ReadOnlySpan<byte> bytes)
    {
        bytes.CopyTo(_output.GetSpan(bytes.Length));
        _output.Advance(bytes.Length);
    }
}
