using System.Buffers;
using System.Text;

namespace AiChat.Endpoints.Imports;

/// <summary>One value of a JSON file.</summary>
/// <param name="Json">Good until the next one is read.</param>
/// <param name="IsCut">The file ended within it. What is whole of it was closed.</param>
/// <param name="LongTexts">How many of its strings were longer than is taken of one; they end early.</param>
internal sealed record JsonPiece(JsonBuffer Json, int LongTexts = 0, bool IsCut = false)
{
    /// <summary>It has more bytes than are taken of a single value; they were passed over.</summary>
    public bool TooLarge => Json.Overflowed;
}

/// <summary>
/// Takes a JSON file of any length apart while reading it: into the elements of the list that it is, or of a list that its object holds
/// under one of the names below, or into the objects that follow one another (JSON Lines). Only one of them is kept at a time, a large one
/// on disk, and so are large pictures within.
/// </summary>
internal sealed class JsonElements(Stream stream, BlobSpool blobs) : IDisposable
{
    /// <summary>Far more than a person and a model can write in one chat.</summary>
    public const int MaxBytes = 256 * 1024 * 1024;

    /// <summary>
    /// Bytes of one string, as it is written: more than a book, and about as much as a page can show. What is longer would be in memory
    /// as a whole, here and each time that somebody opens the chat.
    /// </summary>
    public const int MaxText = 2 * 1024 * 1024;

    /// <summary>Lists of chats within an object. In no program's single chat these are lists.</summary>
    private static readonly string[] Lists = ["sessions", "conversations", "chats", "history", "data"];

    private static readonly SearchValues<byte> Between = SearchValues.Create(" \t\r\n,:"u8);
    private static readonly SearchValues<byte> Structure = SearchValues.Create("{}[]\","u8);

    private readonly byte[] _chunk = new byte[64 * 1024];
    private readonly JsonBuffer _root = new(blobs.Beside("root"), MaxBytes);
    private readonly JsonBuffer _element = new(blobs.Beside("element"), MaxBytes);
    private int _at;
    private int _filled;
    private int _depth;
    private int _listDepth; // of the list whose elements are taken; 0 is none
    private int _elementDepth = -1; // of the element that is being read
    private bool _inRoot;
    private bool _hadList;
    private bool _inString;
    private bool _isEscaped;
    private int _digits; // that are still to come of an escaped letter
    private bool _isCutting;
    private int _longTexts;
    private BlobWriter? _blob;

    /// <summary>The file ended before its end.</summary>
    public bool IsCut { get; private set; }

    /// <summary>Bytes that were read.</summary>
    public long Position { get; private set; }

    private JsonBuffer? Target => _elementDepth >= 0 ? _element : _inRoot ? _root : null;

    /// <summary>Null at the end.</summary>
    public JsonPiece? Next()
    {
        _element.Clear();
        _longTexts = 0;
        while (true)
        {
            if (_at == _filled)
            {
                _filled = stream.Read(_chunk);
                _at = 0;
                if (_filled == 0)
                {
                    return AtEnd();
                }

                if (Position == 0 && _chunk.AsSpan(0, _filled).StartsWith((ReadOnlySpan<byte>)[0xef, 0xbb, 0xbf]))
                {
                    _at = 3;
                }

                Position += _filled;
            }

            if (_inString)
            {
                ReadString();
            }
            else if (ReadStructure() is { } piece)
            {
                return piece;
            }
        }
    }

    public void Dispose()
    {
        _blob?.Dispose();
        _root.Dispose();
        _element.Dispose();
    }

    private void ReadString()
    {
        var rest = _chunk.AsSpan(_at, _filled - _at);
        if (_isEscaped)
        {
            (_isEscaped, _digits) = (false, rest[0] == 'u' ? 4 : 0);
            TakeText(rest[..1], begun: 1);
            return;
        }

        var end = rest.IndexOfAny((byte)'"', (byte)'\\');
        var isClosed = end >= 0 && rest[end] == '"';
        var text = end < 0 ? rest : rest[..(end + (isClosed ? 0 : 1))];
        TakeText(text, begun: _digits > 0 ? _digits : Math.Max(0, text.IndexOfAnyExceptInRange((byte)0x80, (byte)0xBF)));
        _digits = Math.Max(0, _digits - text.Length);
        if (isClosed)
        {
            (_inString, _isCutting) = (false, false);
            Take(rest[end..(end + 1)]);
            Target?.EndString();
            _blob?.Dispose();
            _blob = null;
        }
        else if (end >= 0)
        {
            _isEscaped = true;
        }
    }

    /// <summary>Takes as much of a string as is within its bound.</summary>
    /// <param name="begun">How many of its bytes end a letter of which the first bytes are taken.</param>
    private void TakeText(ReadOnlySpan<byte> text, int begun)
    {
        if (_blob is not null || Target is not { } target || (!_isCutting && target.StringLength + text.Length <= MaxText))
        {
            Take(text);
            return;
        }

        var kept = _isCutting ? 0 : Math.Min(begun, text.Length);
        Take(text[..kept]);
        _at += text.Length - kept;
        if (!_isCutting && kept < text.Length)
        {
            _isCutting = true;
            _longTexts++;
        }
    }

    private JsonPiece? ReadStructure()
    {
        var rest = _chunk.AsSpan(_at, _filled - _at);
        var reading = Target is not null;
        if (!reading)
        {
            var begin = rest.IndexOfAnyExcept(Between);
            if (begin < 0)
            {
                _at = _filled;
                return null;
            }

            _at += begin;
            rest = rest[begin..];
            if (rest[0] == ']' && _depth > 0)
            {
                return Close();
            }

            Begin(rest[0]);
        }

        // An element that is no object ends at a comma or at the bracket of its list.
        var found = rest.IndexOfAny(Structure);
        if (found < 0)
        {
            Take(rest);
            return null;
        }

        MakeNumbers(rest[..found]);
        var isPlain = _elementDepth >= 0 && _depth == _elementDepth;
        if (isPlain && (rest[found] == ',' || rest[found] == ']'))
        {
            Take(rest[..found]);
            _elementDepth = -1;
            return new JsonPiece(_element, _longTexts);
        }

        var next = rest[found];
        switch (next)
        {
            case (byte)'"':
                Take(rest[..(found + 1)]);
                Target?.BeginString();
                _inString = true;
                return null;
            case (byte)'{' or (byte)'[':
                Take(rest[..(found + 1)]);
                Open(next);
                return null;
            case (byte)',':
                Take(rest[..(found + 1)]);
                return null;
            default:
                Take(rest[..found]);
                return Close();
        }
    }

    /// <summary>
    /// Python writes numbers that JSON does not have. Each becomes null, or 0 where no blank before it leaves room, at the same length.
    /// </summary>
    private static void MakeNumbers(Span<byte> plain)
    {
        for (int at; (at = plain.IndexOfAny((byte)'N', (byte)'I')) >= 0;)
        {
            var name = plain[at..].StartsWith("NaN"u8) ? "NaN"u8 : plain[at..].StartsWith("Infinity"u8) ? "Infinity"u8 : default;
            if (name.IsEmpty)
            {
                return; // no JSON at all; reading it says so
            }

            var begin = at > 0 && (plain[at - 1] is (byte)'-' or (byte)' ') ? at - 1 : at;
            var place = plain[begin..(at + name.Length)];
            place.Fill((byte)' ');
            (place.Length >= 4 ? "null"u8 : "0"u8).CopyTo(place);
            plain = plain[(at + name.Length)..];
        }
    }

    /// <summary>The first byte of the file's value, or of an element of its list.</summary>
    private void Begin(byte first)
    {
        if (_depth > 0)
        {
            _elementDepth = _depth;
        }
        else if (first == '{')
        {
            (_inRoot, _hadList) = (true, false);
            _root.Clear();
        }
        else if (first != '[')
        {
            throw new ImportRefusedException("invalid_json",
                $"This is not JSON: something else stands at byte {Position - _filled + _at + 1}.");
        }
    }

    private void Open(byte bracket)
    {
        _depth++;
        if (bracket == '[' && _elementDepth < 0 && (_depth == 1 || (_inRoot && _depth == 2 && Lists.Contains(_root.LastString()))))
        {
            _listDepth = _depth;
            _hadList = true;
            _inRoot = false;
        }
    }

    private JsonPiece? Close()
    {
        var target = Target;
        target?.Append(_chunk.AsSpan(_at, 1));
        _at++;
        _depth = Math.Max(0, _depth - 1);
        if (_elementDepth >= 0)
        {
            if (_depth > _elementDepth)
            {
                return null;
            }

            _elementDepth = -1;
            return new JsonPiece(_element, _longTexts);
        }

        if (_inRoot)
        {
            if (_depth > 0)
            {
                return null;
            }

            _inRoot = false;
            return _hadList ? null : new JsonPiece(_root, _longTexts);
        }

        if (_listDepth == _depth + 1)
        {
            _listDepth = 0;
            if (_depth == 1)
            {
                _inRoot = true; // the rest of the object around the list
                _root.Append("]"u8);
            }
        }

        return null;
    }

    private JsonPiece? AtEnd()
    {
        if (Target is not { } target || (_inRoot && _hadList && _elementDepth < 0))
        {
            IsCut |= _depth > 0;
            (_depth, _inRoot, _elementDepth) = (0, false, -1);
            return null;
        }

        IsCut = true;
        (_depth, _inRoot, _elementDepth, _inString) = (0, false, -1, false);
        if (!target.Overflowed)
        {
            target.Close();
        }

        return new JsonPiece(target, _longTexts, IsCut: true);
    }

    /// <summary>Moves on over bytes, which belong to what is being read; the bytes of a large picture go to disk.</summary>
    private void Take(ReadOnlySpan<byte> bytes)
    {
        _at += bytes.Length;
        if (Target is not { } target)
        {
            return;
        }

        if (_blob is null && _inString && target.StringLength + bytes.Length > BlobSpool.Smallest && target.IsInPicture)
        {
            _blob = blobs.Begin(target.TakeString());
            target.Append(Encoding.ASCII.GetBytes(_blob.Name));
        }

        if (_blob is null)
        {
            target.Append(bytes);
            return;
        }

        var end = bytes is [.., (byte)'"'] ? bytes.Length - 1 : bytes.Length;
        _blob.Write(bytes[..end]);
        target.Append(bytes[end..]);
    }
}
