using System.Runtime.CompilerServices;
using System.Runtime.ExceptionServices;
using System.Text.Json;
using AiChat.Providers.Transport;

namespace AiChat.Providers.Protocol;

/// <summary>The vendor's part of reading a reply: the meaning of one JSON frame.</summary>
internal abstract class ReplyParser(ChatRequest request)
{
    private Func<CancellationToken, Task<ProviderReply>>? _send;

    public DeltaWriter Output { get; } = new(request.Reasoning.Tags, request.TakesPictures);

    /// <summary>The protocol's end marker was read; the rest of the body is ignored.</summary>
    public bool Ended { get; protected set; }

    protected ChatRequest Request => request;

    /// <summary>
    /// Reads one JSON object; the reader stands on its start and is left on its end. Throws <see cref="JsonException"/>
    /// before anything is written to <see cref="Output"/> when the object is broken, and
    /// <see cref="ProviderException"/> when it is an error report.
    /// </summary>
    public abstract void Read(ref Utf8JsonReader reader);

    /// <summary>Called at the end of the reply, to write what was gathered.</summary>
    public virtual void End()
    {
    }

    /// <summary>
    /// Sends the call and yields the deltas of its reply, in order; throws <see cref="ProviderException"/> where the reply breaks.
    /// Enumerate it once.
    /// </summary>
    /// <param name="send">Makes the call when the first delta is asked for, and is released then.</param>
    /// <param name="cancel">Cancels the call.</param>
    public IAsyncEnumerable<ChatDelta> ReadAsync(Func<CancellationToken, Task<ProviderReply>> send, CancellationToken cancel = default)
    {
        _send = send;
        return ReadAsync(cancel);
    }

    private async IAsyncEnumerable<ChatDelta> ReadAsync([EnumeratorCancellation] CancellationToken cancel)
    {
        var send = _send!;
        _send = null;
        await using var reply = await send(cancel);
        reply.Holds = request.Holds;
        var output = Output;
        var frames = new FrameDecoder(this, reply);
        Exception? broken = null;
        var cut = false;
        var begun = false;
        while (!frames.Ended)
        {
            var waiting = true;
            try
            {
                if (!cut)
                {
                    await reply.PauseAsync(frames.Gathered + output.Held);
                }

                waiting = false;
                if (cut || (!frames.ReadNext() && (waiting = true) && !await reply.FillAsync()))
                {
                    waiting = false;
                    frames.EndOfBody();
                }
            }
            catch (ProviderException) when (waiting && output.Finished)
            {
                // The model had finished; how the connection ends no longer matters.
                cut = true;
            }
            catch (Exception exception) when (exception is ProviderException or OperationCanceledException)
            {
                // What was held back is still the model's text, and comes before the error.
                output.Flush();
                broken = exception;
            }

            Note(reply.Clock, frames, output);
            begun |= output.Ready.Count > 0;
            foreach (var delta in output.Ready)
            {
                yield return delta;
            }

            output.Ready.Clear();
            if (broken is not null)
            {
                if (broken is ProviderException failure)
                {
                    failure.HasAnswered = begun || !failure.IsRefusal;
                }

                ExceptionDispatchInfo.Throw(broken);
            }
        }

        await reply.DrainAsync();
        cancel.ThrowIfCancellationRequested();
    }

    private static void Note(CallClock clock, FrameDecoder frames, DeltaWriter output)
    {
        if (output.Finished)
        {
            clock.Finishing();
        }
        else if (output.Ready.Count > 0 || output.Heard)
        {
            clock.Content(output.Visible);
            clock.Work.Content(Math.Max(1, output.Ready.Count));
            clock.Work.Pay(output.Paid);
            (output.Heard, output.Paid) = (false, 0);
        }
        else if (frames.Good > 0)
        {
            clock.Frame();
        }
    }
}
