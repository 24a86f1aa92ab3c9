namespace AiChat.Endpoints.Imports;

/// <summary>The bytes of one JSON value while it is read. Knows where its newest string stands.</summary>
/// <param name="max">More bytes are dropped, and then there is no value.</param>
internal sealed class JsonBuffer(int max)
{
    private byte[] _bytes = new byte[16 * 1024];
    private int _length;
    private int _stringStart;
    private int _stringEnd;

    public bool Overflowed { get; private set; }

    public ReadOnlyMemory<byte> Json => _bytes.AsMemory(0, _length);

    /// <summary>What is here of the string that is being read.</summary>
    public int StringLength => Overflowed ? 0 : _length - _stringStart;

    public bool IsInDataUrl => !Overflowed && _bytes.AsSpan(_stringStart, _length - _stringStart).StartsWith("data:image/"u8);

    public void Clear() => (_length, _stringStart, _stringEnd, Overflowed) = (0, 0, 0, false);

    public void Append(ReadOnlySpan<byte> bytes)
    {
        if (Overflowed || _length + bytes.Length > max)
        {
            Overflowed = true;
            return;
        }

        if (_length + bytes.Length > _bytes.Length)
        {
            Array.Resize(ref _bytes, Math.Min(max, Math.Max(2 * _bytes.Length, _length + bytes.Length)));
        }

        bytes.CopyTo(_bytes.AsSpan(_length));
        _length += bytes.Length;
    }

    /// <summary>A string begins after the quotation mark that was appended last.</summary>
    public void BeginString() => _stringStart = _length;

    /// <summary>It ended with the quotation mark that was appended last.</summary>
    public void EndString() => _stringEnd = Math.Max(_stringStart, _length - 1);

    /// <summary>The newest whole string, as it is written.</summary>
    public string LastString() => Overflowed || _stringEnd - _stringStart is < 0 or > 100
        ? "" : System.Text.Encoding.UTF8.GetString(_bytes, _stringStart, _stringEnd - _stringStart);

    /// <summary>Takes what is here of the string that is being read away from the value.</summary>
    public byte[] TakeString()
    {
        var taken = _bytes.AsSpan(_stringStart, _length - _stringStart).ToArray();
        _length = _stringStart;
        return taken;
    }
}

internal static class JsonRepair
{
    /// <summary>The value that a cut one begins with: up to its last comma outside of strings, and closed there.</summary>
    public static ReadOnlyMemory<byte> Close(ReadOnlyMemory<byte> cut)
    {
        var end = Walk(cut.Span, []);
        var open = new Stack<byte>();
        Walk(cut.Span[..end], open);
        var closed = new byte[end + open.Count];
        cut.Span[..end].CopyTo(closed);
        foreach (var bracket in open)
        {
            closed[end++] = (byte)(bracket == '{' ? '}' : ']');
        }

        return closed;
    }

    /// <summary>Where the last comma stands; 0 when there is none.</summary>
    /// <param name="open">Gets the brackets that are open at the end.</param>
    private static int Walk(ReadOnlySpan<byte> json, Stack<byte> open)
    {
        var comma = 0;
        var inString = false;
        for (var at = 0; at < json.Length; at++)
        {
            switch (json[at])
            {
                case (byte)'\\' when inString:
                    at++;
                    break;
                case (byte)'"':
                    inString = !inString;
                    break;
                case (byte)',' when !inString:
                    comma = at;
                    break;
                case (byte)'{' or (byte)'[' when !inString:
                    open.Push(json[at]);
                    break;
                case (byte)'}' or (byte)']' when !inString:
                    open.TryPop(out _);
                    break;
            }
        }

        return comma;
    }
}
