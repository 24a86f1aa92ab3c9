using System.Text;
using System.Text.Json;
using AiChat.Data;

namespace AiChat.Endpoints.Imports;

/// <summary>
/// The bytes of one JSON value while it is read. Those of a large one go to a file. Knows where its newest string stands.
/// </summary>
/// <param name="path">Of a file that does not exist.</param>
/// <param name="max">More bytes are dropped, and then there is no value.</param>
internal sealed class JsonBuffer(string path, long max) : IDisposable
{
    /// <summary>Bytes of a value that is parsed in memory.</summary>
    public const int MaxInMemory = 1 << 20;

    /// <summary>Bytes of a string that stay in memory while it is read: more than those after which a picture is put aside.</summary>
    private const int MaxString = 2 * BlobSpool.Smallest;

    private byte[] _bytes = new byte[16 * 1024];
    private int _filled;
    private long _written; // bytes in the file; those in memory follow
    private long _stringStart;
    private long _stringEnd;
    private FileStream? _file;

    public bool Overflowed { get; private set; }

    /// <summary>What is here of the string that is being read.</summary>
    public long StringLength => Overflowed ? 0 : Length - _stringStart;

    /// <summary>The string is a picture: a data URL, or its bytes in base64 alone.</summary>
    public bool IsInPicture => !Overflowed && _stringStart >= _written && FromString() is var begin
        && (begin.StartsWith("data:image/"u8) || begin.StartsWith("iVBORw0KGgo"u8) || begin.StartsWith("/9j/"u8)
            || begin.StartsWith("R0lGOD"u8) || begin.StartsWith("UklGR"u8));

    private long Length => _written + _filled;

    /// <summary>Opens the value; good until the next one is read.</summary>
    /// <exception cref="JsonException">It is not JSON.</exception>
    public OpenedJson Open()
    {
        if (_written == 0)
        {
            var document = JsonDocument.Parse(_bytes.AsMemory(0, _filled), Parsed.Lenient);
            return new OpenedJson(new JsonValue(document.RootElement), document);
        }

        Write(0);
        return new OpenedJson(new JsonValue(LargeJson.Read(_file!.SafeFileHandle, _written)), null);
    }

    public void Clear()
    {
        if (_written > 0)
        {
            _file!.SetLength(0);
        }

        (_filled, _written, _stringStart, _stringEnd, Overflowed) = (0, 0, 0, 0, false);
    }

    /// <exception cref="StoreException">The disk is full.</exception>
    public void Append(ReadOnlySpan<byte> bytes)
    {
        if (Overflowed || Length + bytes.Length > max)
        {
            Overflowed = true;
            return;
        }

        if (_filled + bytes.Length > MaxInMemory)
        {
            Write(_stringStart >= _written && Length - _stringStart <= MaxString ? (int)(Length - _stringStart) : 0);
        }

        if (_filled + bytes.Length > _bytes.Length)
        {
            Array.Resize(ref _bytes, Math.Min(MaxInMemory, Math.Max(2 * _bytes.Length, _filled + bytes.Length)));
        }

        bytes.CopyTo(_bytes.AsSpan(_filled));
        _filled += bytes.Length;
    }

    /// <summary>A string begins after the quotation mark that was appended last.</summary>
    public void BeginString() => _stringStart = Length;

    /// <summary>It ended with the quotation mark that was appended last.</summary>
    public void EndString() => _stringEnd = Math.Max(_stringStart, Length - 1);

    /// <summary>The newest whole string, as it is written; empty when it is long.</summary>
    public string LastString() => Overflowed || _stringStart < _written || _stringEnd - _stringStart is < 0 or > 100
        ? "" : Encoding.UTF8.GetString(FromString()[..(int)(_stringEnd - _stringStart)]);

    /// <summary>Takes what is here of the string that is being read away from the value.</summary>
    public byte[] TakeString()
    {
        var taken = FromString().ToArray();
        _filled -= taken.Length;
        return taken;
    }

    /// <summary>Makes the cut value a whole one: up to its last comma outside of strings, and closed there.</summary>
    public void Close()
    {
        var end = Walk(Length, null);
        var open = new Stack<byte>();
        Walk(end, open);
        if (end < _written)
        {
            _file!.SetLength(end);
            (_written, _filled) = (end, 0);
        }
        else
        {
            _filled = (int)(end - _written);
        }

        foreach (var brackets in open.Select(bracket => bracket == '{' ? (byte)'}' : (byte)']').Chunk(4_096))
        {
            Append(brackets);
        }
    }

    public void Dispose() => _file?.Dispose();

    private Span<byte> FromString() => _bytes.AsSpan((int)(_stringStart - _written), (int)(Length - _stringStart));

    /// <summary>Moves the bytes to the file, but the last ones.</summary>
    private void Write(int kept)
    {
        try
        {
            _file ??= Scratch.Create(path);
            RandomAccess.Write(_file.SafeFileHandle, _bytes.AsSpan(0, _filled - kept), _written);
        }
        catch (IOException error)
        {
            throw new StoreException(StoreFailure.Full, "A large chat cannot be put aside while it is imported.", error);
        }

        _bytes.AsSpan(_filled - kept, kept).CopyTo(_bytes);
        _written += _filled - kept;
        _filled = kept;
    }

    /// <summary>Where the last comma stands; 0 when there is none.</summary>
    /// <param name="open">Gets the brackets that are open at the end.</param>
    private long Walk(long length, Stack<byte>? open)
    {
        var (comma, inString, isEscaped) = (0L, false, false);
        var chunk = new byte[64 * 1024];
        for (long at = 0; at < length;)
        {
            var part = Read(at, chunk.AsSpan(0, (int)Math.Min(chunk.Length, length - at)));
            for (var i = 0; i < part.Length; i++)
            {
                switch (part[i])
                {
                    case var _ when isEscaped:
                        isEscaped = false;
                        break;
                    case (byte)'\\' when inString:
                        isEscaped = true;
                        break;
                    case (byte)'"':
                        inString = !inString;
                        break;
                    case (byte)',' when !inString:
                        comma = at + i;
                        break;
                    case (byte)'{' or (byte)'[' when !inString:
                        open?.Push(part[i]);
                        break;
                    case (byte)'}' or (byte)']' when !inString:
                        open?.TryPop(out _);
                        break;
                }
            }

            at += part.Length;
        }

        return comma;
    }

    private ReadOnlySpan<byte> Read(long at, Span<byte> into)
    {
        if (at >= _written)
        {
            return _bytes.AsSpan((int)(at - _written), into.Length);
        }

        into = into[..(int)Math.Min(into.Length, _written - at)];
        Scratch.Read(_file!.SafeFileHandle, at, into);
        return into;
    }
}

/// <summary>A value that can be read until this is disposed.</summary>
internal sealed class OpenedJson(JsonValue value, JsonDocument? document) : IDisposable
{
    public JsonValue Value { get; } = value;

    /// <summary>It is in a file, and so are the texts to be that are read from it.</summary>
    public bool IsLarge => document is null;

    public void Dispose() => document?.Dispose();
}
