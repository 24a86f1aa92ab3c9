using System.Buffers;
using System.Text.Json;
using AiChat.Providers.Transport;

namespace AiChat.Providers.Protocol;

/// <summary>
/// Finds the JSON frames in a reply: server-sent events in all spellings that occur, one JSON object per line, or one JSON
/// document. A frame that cannot be read is counted and skipped; a reply without any readable frame is an error.
/// <para>An event's data is parsed as soon as its first line has arrived, because many servers omit the blank line that
/// should end it. If that fails, the lines are joined up to the blank line, as the standard says.</para>
/// </summary>
internal sealed class FrameDecoder(ReplyParser parser, ProviderReply reply)
{
    private const int MaxDocument = ProviderCall.MaxLine;
    private static readonly JsonReaderOptions Options = new() { AllowMultipleValues = true, MaxDepth = 64 };

    private readonly ArrayBufferWriter<byte> _pending = new();
    private bool _raw;
    private bool _marker;

    public int Good { get; private set; }

    public int Bad { get; private set; }

    /// <summary>Bytes of a frame that continues in the next line.</summary>
    public int Gathered => _pending.WrittenCount;

    /// <summary>The closing deltas are written; nothing more will come.</summary>
    public bool Ended { get; private set; }

    /// <summary>Reads one line that has already arrived; false when there is none.</summary>
    public bool ReadNext()
    {
        if (!reply.TryReadLine(out var line))
        {
            return false;
        }

        Line(line);
        if ((_marker || parser.Ended) && !Ended)
        {
            Complete();
        }

        return true;
    }

    /// <summary>Ends the reply: complete when the model had reported why it finished, else the connection was lost.</summary>
    public void EndOfBody()
    {
        if (Ended)
        {
            return;
        }

        ReadNext();
        FlushPending(last: true);
        if (!Ended && parser.Output.Finished)
        {
            Complete();
        }

        if (!Ended)
        {
            throw Good == 0 && Bad > 0
                ? ForeignReply()
                : new ProviderException(ProviderFailure.ConnectionLost, "The reply ended before the model had finished.");
        }
    }

    private void Complete()
    {
        if (Good == 0 && Bad > 0)
        {
            throw ForeignReply();
        }

        parser.End();
        parser.Output.Complete(Bad);
        Ended = true;
    }

    private static ProviderException ForeignReply() => new(ProviderFailure.Protocol, "The reply is not in the format of this provider.");

    private void Line(ReadOnlySpan<byte> line)
    {
        // A gateway that puts pieces together can leave the mark anywhere.
        line = ByteOrderMark.Skip(line);
        if (line.IsEmpty)
        {
            FlushPending(last: false);
        }
        else if (_raw)
        {
            Append(line);
        }
        else if (line.StartsWith("data:"u8))
        {
            Data(line[5..]);
        }
        else if (line[0] != ':' && !IsOtherField(line))
        {
            Foreign(line);
        }
    }

    // event, id and retry hold nothing that the data does not.
    private static bool IsOtherField(ReadOnlySpan<byte> line) =>
        line.StartsWith("event"u8) || line.StartsWith("id:"u8) || line.StartsWith("retry:"u8)
        || line.SequenceEqual("data"u8) || line.SequenceEqual("id"u8);

    private void Data(ReadOnlySpan<byte> data)
    {
        data = ByteOrderMark.Skip(data.Trim((byte)' '));
        while (data.StartsWith("data:"u8))
        {
            // A gateway framed the frame a second time.
            data = data[5..].TrimStart((byte)' ');
        }

        if (data.IsEmpty)
        {
            return;
        }

        if (_pending.WrittenCount > 0)
        {
            Append(data);
        }
        else if (data[0] == ':')
        {
            // A gateway turned a comment into data.
        }
        else if (data.SequenceEqual("[DONE]"u8) || data.SequenceEqual("DONE"u8) || data.SequenceEqual("[done]"u8)
            || data.SequenceEqual("\"[DONE]\""u8))
        {
            _marker = true;
        }
        else if (!TryFrames(data))
        {
            Append(data);
        }
    }

    // Not an event stream: one object per line, a whole document, or a reply that is not from the provider's API.
    private void Foreign(ReadOnlySpan<byte> line)
    {
        line = line.Trim(" \t"u8);
        if (line.IsEmpty)
        {
            return;
        }

        if (line[0] == '<' && Good == 0)
        {
            throw new ProviderException(
                ProviderFailure.Protocol, "The provider answered with a web page instead of an API reply. Is the base URL right?")
            {
                Reason = new CallReason("web_page"),
            };
        }

        if (line.SequenceEqual("[DONE]"u8))
        {
            _marker = true;
        }
        else if (line[0] is not ((byte)'{' or (byte)'[') || !TryFrames(line))
        {
            _raw = line[0] is (byte)'{' or (byte)'[' && (Good == 0 || reply.MediaType == "application/json");
            if (_raw)
            {
                Append(line);
            }
            else
            {
                Bad++;
            }
        }
    }

    private void Append(ReadOnlySpan<byte> data)
    {
        if (_pending.WrittenCount + data.Length > MaxDocument)
        {
            throw new ProviderException(ProviderFailure.Protocol, "An event of the reply is too long.");
        }

        _pending.Write(data);
        _pending.Write("\n"u8);
    }

    private void FlushPending(bool last)
    {
        if (_pending.WrittenCount == 0 || (_raw && !last))
        {
            return;
        }

        if (!TryFrames(_pending.WrittenSpan))
        {
            Bad++;
        }

        _pending.ResetWrittenCount();
    }

    // False when the bytes are not complete JSON. Objects before the broken place have then been read.
    private bool TryFrames(ReadOnlySpan<byte> json)
    {
        var reader = new Utf8JsonReader(json, Options);
        var read = false;
        try
        {
            while (reader.Read())
            {
                if (reader.TokenType == JsonTokenType.StartObject)
                {
                    parser.Read(ref reader);
                    read = true;
                    Good++;
                }
                else if (reader.TokenType is not (JsonTokenType.StartArray or JsonTokenType.EndArray))
                {
                    Bad++;
                }
            }

            return true;
        }
        catch (JsonException)
        {
            reply.Clock.Work.Add(ReplyWork.BrokenFrame);
            Bad += read ? 1 : 0;
            return read;
        }
    }
}
