using System.Buffers;
using System.Text;

namespace AiChat.Endpoints.Compat;

/// <summary>
/// Keeps some members of a JSON object that passes by in pieces of any size. Only these are in memory, so a reply with pictures of many
/// megabytes is read for its usage as it goes through. Values that are longer than <see cref="MaxValue"/> are not kept.
/// </summary>
internal sealed class MemberScan(params string[] names)
{
    public const int MaxValue = 16 * 1024;

    private readonly Dictionary<string, byte[]> _found = new(StringComparer.Ordinal);
    private readonly ArrayBufferWriter<byte> _word = new();
    private string? _name;
    private int _depth;
    private bool _inText;
    private bool _escaped;
    private bool _isName;

    /// <summary>The JSON of a member; null when it has not passed, or is null.</summary>
    public byte[]? Find(string name) => _found.GetValueOrDefault(name);

    /// <summary>Begins another object.</summary>
    public void Reset()
    {
        _found.Clear();
        _word.ResetWrittenCount();
        (_name, _depth, _inText, _escaped, _isName) = (null, 0, false, false, false);
    }

    public void Add(ReadOnlySpan<byte> piece)
    {
        while (!piece.IsEmpty)
        {
            var count = _inText ? AddText(piece) : AddMark(piece[0]);
            piece = piece[count..];
        }
    }

    /// <summary>Takes the bytes of a string up to its end.</summary>
    private int AddText(ReadOnlySpan<byte> piece)
    {
        var end = _escaped ? 0 : piece.IndexOfAny((byte)'"', (byte)'\\');
        var count = end < 0 ? piece.Length : end + 1;
        Keep(piece[..count]);
        if (_escaped)
        {
            _escaped = false;
        }
        else if (end >= 0)
        {
            _escaped = piece[end] == '\\';
            _inText = _escaped;
        }

        return count;
    }

    private int AddMark(byte mark)
    {
        switch (mark)
        {
            case (byte)'"':
                _inText = true;
                break;
            case (byte)'{' or (byte)'[':
                _depth++;
                _isName = _depth == 1;
                if (_isName)
                {
                    return 1;
                }

                break;
            case (byte)'}' or (byte)']':
                if (--_depth == 0)
                {
                    EndValue();
                    return 1;
                }

                break;
            case (byte)':' when _depth == 1 && _isName:
                EndName();
                return 1;
            case (byte)',' when _depth == 1:
                EndValue();
                return 1;
        }

        Keep([mark]);
        return 1;
    }

    // The name of a member of the outermost object, or the value of one that is wanted.
    private void Keep(ReadOnlySpan<byte> bytes)
    {
        if (_depth > 0 && (_isName || _name is not null) && _word.WrittenCount <= MaxValue)
        {
            _word.Write(bytes);
        }
    }

    private void EndName()
    {
        var name = Encoding.UTF8.GetString(_word.WrittenSpan).Trim().Trim('"');
        _name = names.Contains(name) ? name : null;
        _isName = false;
        _word.ResetWrittenCount();
    }

    private void EndValue()
    {
        var value = _word.WrittenSpan.Trim(" \t\r\n"u8);
        if (_name is not null && value.Length is > 0 and <= MaxValue && !value.SequenceEqual("null"u8))
        {
            _found[_name] = value.ToArray();
        }

        _name = null;
        _isName = true;
        _word.ResetWrittenCount();
    }
}
