using System.Text;
using AiChat.Data.Runs;
using AiChat.Endpoints.Http;

namespace AiChat.Endpoints.Runs;

/// <summary>
/// All events of a run in order, addressed by position: each character of text is one position, every other event is one. A reader
/// keeps only the position it has reached, so a slow reader costs nothing and the text that waits for it becomes one frame. The text
/// is in memory once. All members are safe to call from any thread.
/// </summary>
internal sealed class RunLog
{
    /// <summary>Longest text of one frame, in characters; a long text goes out in several.</summary>
    public const int MaxFrameText = 32 * 1024;

    /// <summary>More than any process tells before it stores it.</summary>
    private const long MaxUnkept = 1 << 20;

    /// <summary>First capacity of a text, in characters; growing from nothing would leave many small chunks behind.</summary>
    private const int FirstCapacity = 64;

    /// <summary>The events of a short answer: start, quota, title, its text, usage, done.</summary>
    private const int FirstSegments = 6;

    private readonly Lock _gate = new();
    private readonly StringBuilder _content = new(FirstCapacity);
    private StringBuilder? _reasoning;
    private readonly List<Segment> _segments = new(FirstSegments);
    private readonly LogReaders _readers = new();
    private string _last = "";
    private long _stored;

    /// <summary>How many of the last segments wait for the one that they go out with.</summary>
    private int _held;

    /// <summary>The position after the last event, which is also the id of that event.</summary>
    public long Position { get; private set; }

    /// <summary>The position up to which an interrupted answer was stored; null for any other.</summary>
    public long? Kept { get; private set; }

    /// <summary>No event will follow.</summary>
    public bool Completed { get; private set; }

    public int ContentLength { get; private set; }

    public int ReasoningLength { get; private set; }

    public void AppendContent(string text) => AppendText('c', text);

    public void AppendReasoning(string text) => AppendText('r', text);

    /// <summary>Adds an event of another kind; <paramref name="json"/> is its one-line data.</summary>
    /// <param name="more">
    /// Another event follows at once; readers get this one with it, so that both go out together. After the last event readers are woken
    /// by <see cref="Complete"/>, which follows.
    /// </param>
    public void Append(string type, byte[] json, bool more = false)
    {
        bool ends;
        lock (_gate)
        {
            _segments.Add(new Segment('e', Position, 1, 0, type, json));
            Position++;
            _held = more ? _held + 1 : 0;
            Completed |= type == ChatEvent.Done; // in one step, so that a reader that has the last event does not get it again
            ends = Completed;
        }

        if (!more && !ends)
        {
            _readers.WakeInline();
        }
    }

    /// <summary>
    /// Makes the content from a character on reasoning, in its places: who reads it later reads reasoning. Without <paramref name="keep"/>
    /// the text goes and its places stay.
    /// </summary>
    public void TakeBack(int start, bool keep)
    {
        lock (_gate)
        {
            if (start >= _content.Length)
            {
                return;
            }

            var reasoning = TextOf('r');
            var moved = _segments.FindIndex(segment => segment.Kind == 'c' && segment.Offset + segment.Length > start);
            if (_segments[moved].Offset < start)
            {
                var (whole, stays) = (_segments[moved], start - _segments[moved].Offset);
                _segments[moved] = whole with { Length = stays };
                _segments.Insert(++moved, whole with { Start = whole.Start + stays, Length = whole.Length - stays, Offset = start });
            }

            for (var at = moved; at < _segments.Count; at++)
            {
                if (_segments[at].Kind == 'c')
                {
                    var offset = reasoning.Length + _segments[at].Offset - start;
                    _segments[at] = keep
                        ? _segments[at] with { Kind = 'r', Offset = offset } : _segments[at] with { Kind = 'e', Offset = 0 };
                }
            }

            if (keep)
            {
                reasoning.Append(_content, start, _content.Length - start);
            }

            _content.Length = start;
            _last = "";
            (ContentLength, ReasoningLength) = (_content.Length, reasoning.Length);
        }
    }

    /// <summary>Skips positions whose events were not stored.</summary>
    public void Skip(long positions)
    {
        lock (_gate)
        {
            if (positions > 0)
            {
                _segments.Add(new Segment('e', Position, positions, 0, null, null));
                Position += positions;
            }
        }
    }

    /// <summary>
    /// What follows stands far behind: a process that was killed may have told more than it stored, and a reader of that has positions
    /// after <see cref="Kept"/> that are none of this log.
    /// </summary>
    public void SkipUnkept()
    {
        Kept = Position;
        Skip(MaxUnkept);
    }

    /// <summary>Becomes another log, which nobody reads yet; readers who have more than <see cref="Kept"/> get all of it.</summary>
    public void Become(RunLog other)
    {
        lock (_gate)
        {
            _segments.Clear();
            _segments.AddRange(other._segments);
            _content.Clear().Append(other._content);
            _reasoning = other._reasoning;
            _last = "";
            (Position, Kept, Completed, _held) = (other.Position, other.Kept, other.Completed, 0);
            (ContentLength, ReasoningLength) = (other.ContentLength, other.ReasoningLength);
        }

        Wake();
    }

    /// <summary>Ends the log and wakes the readers. Call it on the thread pool: a response may end inside this call.</summary>
    public void Complete()
    {
        lock (_gate)
        {
            (Completed, _held) = (true, 0);
        }

        _readers.WakeInline();
    }

    /// <summary>The text so far and the position it belongs to.</summary>
    public (string Content, string? Reasoning, long Position) Snapshot()
    {
        lock (_gate)
        {
            return (_content.ToString(), _reasoning?.ToString(), Position);
        }
    }

    /// <summary>The visible text from a character on.</summary>
    public string ContentFrom(int start)
    {
        lock (_gate)
        {
            return _content.ToString(start, _content.Length - start);
        }
    }

    /// <summary>The events of tool calls so far, as <see cref="ToolEvents"/> reads them; null when there are none.</summary>
    public string? Tools()
    {
        lock (_gate)
        {
            return !_segments.Exists(IsTool) ? null
                : RunChunk.ToolEvents(_segments.Where(IsTool).Select(segment => (segment.Start, Encoding.UTF8.GetString(segment.Json!))));
        }
    }

    /// <summary>The kinds and lengths of the events in order, as a message row keeps them.</summary>
    public string Layout()
    {
        lock (_gate)
        {
            var layout = new EventLayout();
            foreach (var segment in _segments)
            {
                layout.Add(segment.Kind, segment.Length);
            }

            return layout.ToString();
        }
    }

    /// <summary>
    /// Copies the frames after a position, at most about <see cref="MaxFrameText"/> characters. A reader with a position that this log
    /// never reached has read another log and gets everything from the start.
    /// </summary>
    /// <returns>Whether the log has ended and all of it was copied.</returns>
    public bool Read(long after, List<SseFrame> into)
    {
        lock (_gate)
        {
            // A reader that asks again after the end gets the last event again.
            var isUnknown = after < 0 || after > Position || (after > Kept && after <= Kept + MaxUnkept);
            var position = isUnknown ? 0 : Completed && after == Position && EndsWithEvent ? after - 1 : after;
            var left = MaxFrameText;
            for (var i = FirstAfter(position); i < _segments.Count - _held && left > 0; i++)
            {
                var segment = _segments[i];
                if (segment.Kind == 'e')
                {
                    position = segment.Start + segment.Length;
                    if (segment.Json is { } json)
                    {
                        into.Add(new SseFrame(position, segment.Type!, null, json));
                    }

                    continue;
                }

                var type = segment.Kind == 'c' ? "delta" : "reasoning";
                while (position < segment.Start + segment.Length && left > 0)
                {
                    var text = Slice(segment, position, left);
                    position += text.Length;
                    left -= text.Length;
                    into.Add(new SseFrame(position, type, text, null));
                }
            }

            return Completed && position == Position;
        }
    }

    /// <summary>Adds the text and tool events since the last call, in chunks with their positions, to be stored.</summary>
    /// <param name="again">All since the beginning.</param>
    public void TakeUnstored(long runId, List<RunChunk> into, bool again = false)
    {
        lock (_gate)
        {
            _stored = again ? 0 : _stored;
            for (var i = FirstAfter(_stored); i < _segments.Count; i++)
            {
                var segment = _segments[i];
                if (segment.Kind == 'e')
                {
                    if (IsTool(segment))
                    {
                        into.Add(new RunChunk
                        {
                            RunId = runId,
                            Position = segment.Start,
                            Kind = RunChunk.Tool,
                            Value = Encoding.UTF8.GetString(segment.Json!),
                        });
                    }

                    continue;
                }

                var start = Math.Max(_stored, segment.Start);
                var offset = (int)(segment.Offset + (start - segment.Start));
                var length = (int)(segment.Start + segment.Length - start);
                into.Add(new RunChunk
                {
                    RunId = runId,
                    Position = start,
                    Kind = segment.Kind == 'c' ? RunChunk.Content : RunChunk.Reasoning,
                    Value = TextOf(segment.Kind).ToString(offset, length),
                });
            }

            _stored = Position;
        }
    }

    /// <summary>Sets the signal at each new event and at each <see cref="Wake"/>.</summary>
    public void Subscribe(AsyncSignal reader) => _readers.Add(reader);

    public void Unsubscribe(AsyncSignal reader) => _readers.Remove(reader);

    /// <summary>Wakes every reader, also without a new event: to send a heartbeat or to notice that the process is about to end.</summary>
    public void Wake() => _readers.Wake();

    private bool EndsWithEvent => _segments.Count > 0 && _segments[^1].Json is not null;

    private static bool IsTool(Segment segment) => segment.Type == ChatEvent.Tool;

    private StringBuilder TextOf(char kind) => kind == 'c' ? _content : _reasoning ??= new StringBuilder(FirstCapacity);

    private string Slice(Segment segment, long position, int max)
    {
        // A reader that keeps up takes what was appended last, without a copy.
        if (position == Position - _last.Length && _last.Length <= max && position + _last.Length == segment.Start + segment.Length)
        {
            return _last;
        }

        var source = TextOf(segment.Kind);
        var offset = (int)(segment.Offset + (position - segment.Start));
        var length = (int)Math.Min(segment.Start + segment.Length - position, max);

        // A frame does not end inside a surrogate pair whose second half is already in the log.
        if (position + length < segment.Start + segment.Length && char.IsHighSurrogate(source[offset + length - 1]))
        {
            length += length > 1 ? -1 : 1;
        }

        return source.ToString(offset, length);
    }

    private void AppendText(char kind, string text)
    {
        if (text.Length == 0)
        {
            return;
        }

        lock (_gate)
        {
            var target = TextOf(kind);
            var last = _segments.Count - 1;
            if (last >= 0 && _segments[last].Kind == kind)
            {
                _segments[last] = _segments[last] with { Length = _segments[last].Length + text.Length };
            }
            else
            {
                _segments.Add(new Segment(kind, Position, text.Length, target.Length, null, null));
            }

            _held = 0;
            target.Append(text);
            (ContentLength, ReasoningLength) = (_content.Length, _reasoning?.Length ?? 0);
            Position += text.Length;
            _last = text;
        }

        _readers.WakeInline();
    }

    /// <summary>The segment that holds the event after a position. The search begins at the end, because readers are near it.</summary>
    private int FirstAfter(long position)
    {
        var i = _segments.Count;
        while (i > 0 && _segments[i - 1].Start + _segments[i - 1].Length > position)
        {
            i--;
        }

        return i;
    }

    /// <summary>A stretch of one kind: 'c' for content, 'r' for reasoning, 'e' for one event or for skipped positions.</summary>
    private readonly record struct Segment(char Kind, long Start, long Length, long Offset, string? Type, byte[]? Json);
}
