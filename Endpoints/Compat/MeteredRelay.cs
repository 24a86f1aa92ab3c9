using System.Buffers;
using System.Buffers.Text;
using System.Text.Json;
using AiChat.Endpoints.Http;
using AiChat.Providers.OpenAi;
using AiChat.Providers.Transport;

namespace AiChat.Endpoints.Compat;

/// <summary>
/// Sends a provider's reply on to the client as it comes, and reads the usage in it. A small reply of JSON is looked at whole before,
/// because some servers report errors under status 200; of everything else a piece at a time is in memory. For one reply.
/// </summary>
/// <param name="context">The client's request.</param>
/// <param name="heartbeat">The longest silence of a stream of events.</param>
/// <param name="hidesUsage">The client did not ask for the event with the usage.</param>
/// <param name="clock">Measures the silence.</param>
/// <param name="ends">The client is gone.</param>
internal sealed class MeteredRelay(HttpContext context, TimeSpan heartbeat, bool hidesUsage, TimeProvider clock, CancellationToken ends)
{
    /// <summary>Replies of JSON up to this are looked at before anything is sent.</summary>
    private const int MaxHeld = 64 * 1024;

    /// <summary>The kinds of replies that these endpoints have: JSON, plain text and subtitles, sound.</summary>
    private static readonly string[] DataTypes =
        ["application/json", "text/plain", "text/vtt", "text/srt", "application/x-subrip", "audio/", "application/ogg"];

    private readonly MemberScan _scan = new("usage", "meta", "error", "choices", "duration");
    private bool _skipBlank;

    /// <summary>The answer's first bytes were sent, so that a failure can no longer have a status.</summary>
    public bool HasBegun { get; private set; }

    /// <summary>The provider reported an error in the middle of the stream.</summary>
    public bool HasError { get; private set; }

    /// <summary>Tokens by the reply's own count, if it has any.</summary>
    public OpenAiUsage Usage { get; private set; }

    /// <summary>Seconds of sound, if the reply counts these.</summary>
    public double? Seconds { get; private set; }

    public long Bytes { get; private set; }

    /// <summary>Events with data.</summary>
    public int Events { get; private set; }

    /// <exception cref="ProviderException">The reply is no answer, or broke off; see <see cref="HasBegun"/>.</exception>
    public Task Pass(ProviderReply reply, ProviderEndpoint endpoint) => reply.MediaType switch
    {
        "text/html" or "application/xhtml+xml" => throw new ProviderException(
            ProviderFailure.Protocol, "The provider answered with a web page.")
        { Reason = new CallReason("web_page") },
        "text/event-stream" => PassEvents(reply),
        _ => PassWhole(reply, endpoint),
    };

    /// <summary>Ends an answer that broke off, so that it never looks whole: an error event in a stream, else a connection cut.</summary>
    public async Task Break(Problem problem)
    {
        if (!IsStream)
        {
            context.Abort();
            return;
        }

        var text = new ArrayBufferWriter<byte>();
        text.Write("data: "u8);
        await using (var json = new Utf8JsonWriter(text))
        {
            json.WriteStartObject();
            VendorErrors.Write(json, context.Request.Path, problem, context.TraceIdentifier);
            json.WriteEndObject();
        }

        text.Write("\n\n"u8);
        context.Response.BodyWriter.Write(text.WrittenSpan);
        await Flush();
    }

    private bool IsStream => context.Response.ContentType?.StartsWith("text/event-stream", StringComparison.Ordinal) == true;

    private async Task PassWhole(ProviderReply reply, ProviderEndpoint endpoint)
    {
        var isJson = reply.MediaType is "application/json" or "" || reply.MediaType.EndsWith("+json", StringComparison.Ordinal);
        var held = new ArrayBufferWriter<byte>(256);
        var output = context.Response.BodyWriter;
        await reply.CopyToAsync(async piece =>
        {
            Bytes += piece.Length;
            _scan.Add(piece.Span);
            if (isJson && !HasBegun && held.WrittenCount + piece.Length <= MaxHeld)
            {
                held.Write(piece.Span);
                return;
            }

            Begin(reply.ContentType);
            output.Write(held.WrittenSpan);
            held.ResetWrittenCount();
            output.Write(piece.Span);
            await Flush();
        });
        if (!HasBegun)
        {
            ThrowIfError(held.WrittenMemory, endpoint);
            Begin(reply.ContentType);
            output.Write(held.WrittenSpan);
            await Flush();
        }

        ReadUsage();
    }

    private async Task PassEvents(ProviderReply reply)
    {
        Begin("text/event-stream; charset=utf-8");
        await Flush();
        do
        {
            while (reply.TryReadLine(out var line))
            {
                Bytes += line.Length;
                reply.Clock.Work.Pay(line.Length + ReplyWork.Line);
                PassLine(line, reply.Clock);
                await reply.PauseAsync(0);
            }

            await Flush();
        }
        while (await Fill(reply));

        if (reply.TryReadLine(out var last))
        {
            PassLine(last, reply.Clock);
            context.Response.BodyWriter.Write("\n"u8);
        }

        await Flush();
    }

    private void PassLine(ReadOnlySpan<byte> line, CallClock call)
    {
        var output = context.Response.BodyWriter;
        line = ByteOrderMark.Skip(line);
        if (line.StartsWith("data:"u8))
        {
            call.Content(visible: true);
            _scan.Reset();
            _scan.Add(line[5..]);
            ReadUsage();
            Events++;
            if (hidesUsage && _scan.Find("usage") is not null
                && _scan.Find("choices") is { } choices && choices.AsSpan().SequenceEqual("[]"u8))
            {
                _skipBlank = true;
                return;
            }
        }

        if (line.IsEmpty && _skipBlank)
        {
            _skipBlank = false;
            return;
        }

        output.Write(line);
        output.Write("\n"u8);
    }

    /// <summary>Waits for more of the reply; comments go to the client meanwhile.</summary>
    private async Task<bool> Fill(ProviderReply reply)
    {
        var filling = reply.FillAsync();
        if (filling.IsCompleted)
        {
            return await filling;
        }

        var more = filling.AsTask();
        try
        {
            while (true)
            {
                using var stop = new CancellationTokenSource();
                await Task.WhenAny(more, Task.Delay(heartbeat, clock, stop.Token));
                await stop.CancelAsync();
                if (more.IsCompleted)
                {
                    return await more;
                }

                context.Response.BodyWriter.Write(":\n"u8);
                await Flush();
            }
        }
        finally
        {
            // The reply is not disposed while it is read; the client's end ends the reading as well.
            await ((Task)more).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    private void Begin(string contentType)
    {
        if (HasBegun)
        {
            return;
        }

        HasBegun = true;
        if (contentType.StartsWith("text/event-stream", StringComparison.Ordinal))
        {
            CompatStream.Begin(context, clock, ends);
            return;
        }

        context.Response.ContentType = IsData(contentType) ? contentType : "application/octet-stream";
        context.Response.Headers.CacheControl = "no-store";
    }

    // What a browser would run is never named as such, and a header holds no other characters.
    private static bool IsData(string contentType) =>
        !contentType.AsSpan().ContainsAnyExceptInRange(' ', '~')
        && DataTypes.Any(type => contentType.StartsWith(type, StringComparison.OrdinalIgnoreCase));

    /// <exception cref="OperationCanceledException">The client has disconnected.</exception>
    private async Task Flush()
    {
        var result = await context.Response.BodyWriter.FlushAsync(ends);
        if (result.IsCanceled || result.IsCompleted)
        {
            throw new OperationCanceledException("The client has disconnected.");
        }
    }

    private static double? Bounded(double seconds) => seconds is >= 0 and < 1e6 ? seconds : null;

    private static void ThrowIfError(ReadOnlyMemory<byte> body, ProviderEndpoint endpoint)
    {
        try
        {
            using var document = JsonDocument.Parse(ByteOrderMark.Skip(body));
            if (ErrorText.IsIn(document.RootElement))
            {
                throw ProviderErrors.FromError(ErrorText.Read(document.RootElement), endpoint);
            }
        }
        catch (JsonException)
        {
            // Not JSON after all, which is the client's to judge.
        }
    }

    private void ReadUsage()
    {
        HasError |= _scan.Find("error") is not null;
        if (_scan.Find("duration") is { } duration && Utf8Parser.TryParse(duration, out double seconds, out var read)
            && read == duration.Length)
        {
            Seconds = Bounded(seconds);
        }

        if ((_scan.Find("usage") ?? _scan.Find("meta")) is not { } json)
        {
            return;
        }

        try
        {
            var reader = new Utf8JsonReader(json);
            reader.Read();
            var usage = Usage;
            usage.Read(ref reader);
            usage.Settle();
            Usage = usage;
            using var document = JsonDocument.Parse(json);
            if (document.RootElement is { ValueKind: JsonValueKind.Object } root && root.TryGetProperty("seconds", out var counted)
                && counted.ValueKind == JsonValueKind.Number && counted.TryGetDouble(out var value))
            {
                Seconds = Bounded(value);
            }
        }
        catch (JsonException)
        {
            // What cannot be read is estimated.
        }
    }
}
