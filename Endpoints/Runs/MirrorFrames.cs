using System.Buffers.Text;
using System.Text;
using System.Text.Json;
using AiChat.Data.Runs;
using AiChat.Endpoints.Http;

namespace AiChat.Endpoints.Runs;

/// <summary>
/// Takes the events of an answer that another process writes into a log of this one, at the same positions, whether they come as frames of
/// its stream or as pieces that it has stored. What is there already is left out. Used by one thread at a time.
/// </summary>
internal sealed class MirrorFrames(RunLog log)
{
    /// <summary>Begins the line that says how far the other log is.</summary>
    public const string At = ": at ";

    private long? _target;
    private long _id;
    private string _type = "";

    /// <summary>Everything is here that was there when the stream began.</summary>
    public bool IsCaughtUp => log.Completed || (_target is { } target && log.Position >= target);

    /// <summary>Takes a line of the stream.</summary>
    public void Line(ReadOnlySpan<byte> line)
    {
        if (line.StartsWith("id: "u8))
        {
            _id = Utf8Parser.TryParse(line[4..], out long id, out _) ? id : 0;
        }
        else if (line.StartsWith("event: "u8))
        {
            _type = Encoding.UTF8.GetString(line[7..]);
        }
        else if (line.StartsWith("data: "u8) && _id > 0)
        {
            Take(line[6..]);
            _id = 0; // what has none is no event of the answer
        }
        else if (line.StartsWith(": at "u8) && Utf8Parser.TryParse(line[5..], out long target, out _))
        {
            _target = target;
        }
    }

    /// <summary>Takes pieces that are stored, in order.</summary>
    public void Pieces(IEnumerable<RunChunk> chunks)
    {
        foreach (var chunk in chunks)
        {
            if (chunk.Kind != RunChunk.Tool)
            {
                Text(chunk.Kind == RunChunk.Content, chunk.Value, chunk.Position);
            }
            else if (chunk.Position >= log.Position)
            {
                log.Skip(chunk.Position - log.Position);
                log.Append(ChatEvent.Tool, Encoding.UTF8.GetBytes(chunk.Value));
            }
        }

        _target ??= log.Position;
    }

    /// <summary>Takes the rest of an answer that is over; all of an interrupted one, which may be shorter than what is here.</summary>
    public void Rest(RunLog stored)
    {
        if (stored.Kept is not null)
        {
            log.Become(stored);
            return;
        }

        var position = log.Position;
        while (!log.Completed)
        {
            var batch = new List<SseFrame>();
            var ended = stored.Read(position, batch);
            foreach (var frame in batch)
            {
                position = frame.Id;
                if (frame.Text is { } text)
                {
                    Text(frame.Type == ChatEvent.Delta, text, frame.Id - text.Length);
                }
                else
                {
                    log.Skip(frame.Id - 1 - log.Position);
                    log.Append(frame.Type, frame.Json!);
                }
            }

            if (ended || batch.Count == 0)
            {
                log.Complete();
            }
        }
    }

    private void Take(ReadOnlySpan<byte> data)
    {
        if (_type is ChatEvent.Delta or ChatEvent.Reasoning && TextOf(data) is { } text)
        {
            Text(_type == ChatEvent.Delta, text, _id - text.Length);
        }
        else if (_id > log.Position)
        {
            log.Skip(_id - 1 - log.Position);
            log.Append(_type, data.ToArray());
        }
    }

    private void Text(bool isContent, string text, long start)
    {
        if (start + text.Length <= log.Position)
        {
            return;
        }

        log.Skip(start - log.Position);
        var fresh = text[(int)(log.Position - start)..];
        if (isContent)
        {
            log.AppendContent(fresh);
        }
        else
        {
            log.AppendReasoning(fresh);
        }
    }

    /// <summary>Null when the data is not text alone.</summary>
    private static string? TextOf(ReadOnlySpan<byte> data)
    {
        var json = new Utf8JsonReader(data);
        return json.Read() && json.Read() && json.TokenType == JsonTokenType.PropertyName && json.ValueTextEquals("text"u8) && json.Read()
            ? json.GetString() : null;
    }
}
