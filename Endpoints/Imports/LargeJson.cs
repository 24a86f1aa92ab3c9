using System.Buffers;
using System.Text;
using System.Text.Json;
using Microsoft.Win32.SafeHandles;

namespace AiChat.Endpoints.Imports;

/// <summary>
/// A JSON value in a file. In memory are only the places of its objects and lists that are large, and of what these hold; the rest is
/// parsed when it is asked for.
/// </summary>
internal sealed class LargeJson
{
    /// <summary>Bytes of an object or list that is parsed as a whole.</summary>
    private const int MaxParsed = 64 * 1024;

    private const int ChunkBytes = 64 * 1024;

    private readonly SafeFileHandle _file;
    private readonly (LargePart? Part, JsonElement Element)[] _parsed = new (LargePart?, JsonElement)[4];
    private int _next;

    private LargeJson(SafeFileHandle file) => _file = file;

    /// <summary>The value that the file holds.</summary>
    /// <exception cref="JsonException">Its brackets do not match.</exception>
    public static LargePart Read(SafeFileHandle file, long length) => new Walker(new LargeJson(file), length).Run();

    /// <exception cref="JsonException">It is not JSON; the position is that within the whole value.</exception>
    public JsonElement Parse(LargePart part)
    {
        foreach (var (known, element) in _parsed)
        {
            if (known == part)
            {
                return element;
            }
        }

        var bytes = Scratch.Read(_file, part.Start, checked((int)part.Length));
        try
        {
            var parsed = JsonElement.Parse(bytes, Parsed.Lenient);
            if (part.Length <= MaxParsed)
            {
                _parsed[_next++ % _parsed.Length] = (part, parsed);
            }

            return parsed;
        }
        catch (JsonException error)
        {
            var at = part.Start + (error.BytePositionInLine ?? 0);
            for (var (line, from) = (error.LineNumber ?? 0, 0); line > 0; line--)
            {
                var next = bytes.AsSpan(from).IndexOf((byte)'\n') + 1;
                (from, at) = (from + next, at + next);
            }

            throw new JsonException(error.Message, error.Path, null, at, error);
        }
    }

    /// <summary>Finds the parts in one pass.</summary>
    private sealed class Walker(LargeJson json, long length)
    {
        /// <summary>What ends a number or a word.</summary>
        private static readonly SearchValues<byte> _ends = SearchValues.Create(",]}: \t\r\n"u8);

        private readonly byte[] _chunk = new byte[ChunkBytes];
        private readonly Stack<Container> _open = new();
        private long _chunkStart;
        private int _filled;
        private int _at;

        private long Position => _chunkStart + _at;

        public LargePart Run()
        {
            while (Fill())
            {
                var next = _chunk[_at];
                var top = _open.TryPeek(out var container) ? container : null;
                switch (next)
                {
                    case (byte)' ' or (byte)'\t' or (byte)'\r' or (byte)'\n' or (byte)':':
                        _at++;
                        break;
                    case (byte)',':
                        _at++;
                        top?.NextMember();
                        break;
                    case (byte)'{' or (byte)'[':
                        _open.Push(new Container(next, Position));
                        _at++;
                        break;
                    case (byte)'}' or (byte)']':
                        _at++;
                        if (Close() is { } whole)
                        {
                            return whole;
                        }

                        break;
                    default:
                        var start = Position;
                        var isText = next == '"';
                        Skip(isText);
                        if (isText && top is { ExpectsName: true })
                        {
                            top.Name = Name(start);
                        }
                        else
                        {
                            top?.Parts.Add(new LargePart(json, top.Name, start, Position - start, next, null));
                        }

                        break;
                }
            }

            throw new JsonException("It ends before its end.", null, null, length);
        }

        /// <summary>Null while it is not the whole value that was closed.</summary>
        private LargePart? Close()
        {
            if (!_open.TryPop(out var closed))
            {
                throw new JsonException("A bracket closes nothing.", null, null, Position);
            }

            var bytes = Position - closed.Start;
            var top = _open.TryPeek(out var container) ? container : null;
            var part = new LargePart(
                json, top?.Name, closed.Start, bytes, closed.Bracket, bytes > MaxParsed || top is null ? [.. closed.Parts] : null);
            top?.Parts.Add(part);
            return top is null ? part : null;
        }

        /// <summary>Over a string, or over a number or a word.</summary>
        private void Skip(bool isText)
        {
            if (!isText)
            {
                do
                {
                    var rest = _chunk.AsSpan(_at, _filled - _at);
                    var end = rest.IndexOfAny(_ends);
                    _at += end < 0 ? rest.Length : end;
                    if (end >= 0)
                    {
                        return;
                    }
                }
                while (Fill());
                return;
            }

            for (_at++; Fill();)
            {
                var rest = _chunk.AsSpan(_at, _filled - _at);
                var end = rest.IndexOfAny((byte)'"', (byte)'\\');
                _at += end < 0 ? rest.Length : end + 1;
                if (end >= 0 && rest[end] == '"')
                {
                    return;
                }

                if (end >= 0 && Fill())
                {
                    _at++; // what is escaped
                }
            }
        }

        private string Name(long start)
        {
            var count = (int)(Position - start);
            var written = start >= _chunkStart
                ? _chunk.AsSpan((int)(start - _chunkStart), count) : Scratch.Read(json._file, start, count).AsSpan();
            return written.Contains((byte)'\\')
                ? new JsonValue(JsonElement.Parse(written)).Text ?? ""
                : Encoding.UTF8.GetString(written[1..^1]);
        }

        /// <summary>False at the end.</summary>
        private bool Fill()
        {
            if (_at < _filled)
            {
                return true;
            }

            _chunkStart += _filled;
            _at = 0;
            _filled = (int)Math.Min(_chunk.Length, length - _chunkStart);
            Scratch.Read(json._file, _chunkStart, _chunk.AsSpan(0, _filled));
            return _filled > 0;
        }

        private sealed class Container(byte bracket, long start)
        {
            public byte Bracket { get; } = bracket;

            public long Start { get; } = start;

            public List<LargePart> Parts { get; } = [];

            /// <summary>Of the member whose value is being read.</summary>
            public string? Name { get; set; }

            public bool ExpectsName => Bracket == '{' && Name is null;

            public void NextMember() => Name = null;
        }
    }
}

/// <summary>A value within a large one.</summary>
/// <param name="name">Of the member that it is the value of.</param>
/// <param name="first">Its first byte, which tells its kind.</param>
/// <param name="parts">What a large object or list holds; null for what is parsed as a whole.</param>
internal sealed class LargePart(LargeJson json, string? name, long start, long length, byte first, LargePart[]? parts)
{
    public string? Name { get; } = name;

    public long Start { get; } = start;

    public long Length { get; } = length;

    public LargePart[]? Parts { get; } = parts;

    public JsonValueKind Kind => first switch
    {
        (byte)'{' => JsonValueKind.Object,
        (byte)'[' => JsonValueKind.Array,
        (byte)'"' => JsonValueKind.String,
        (byte)'t' => JsonValueKind.True,
        (byte)'f' => JsonValueKind.False,
        (byte)'n' => JsonValueKind.Null,
        _ => JsonValueKind.Number,
    };

    public JsonElement Parse() => json.Parse(this);
}
