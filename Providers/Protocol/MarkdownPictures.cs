using System.Buffers.Text;
using System.Text;
using AiChat.Providers.Transport;

namespace AiChat.Providers.Protocol;

/// <summary>
/// Finds pictures that a model's gateway writes into the text, as Markdown with the bytes in the address, wherever the stream is cut. They
/// become pictures of the answer. What only looks like one, stands in code or is never ended stays text.
/// </summary>
internal sealed class MarkdownPictures(DeltaWriter output)
{
    private const string Marks = "!" + CodePlaces.Marks;
    private const int MaxName = 300;

    /// <summary>As long as a line may be that has the whole address.</summary>
    private const int MaxUrl = ProviderCall.MaxLine;

    private readonly StringBuilder _held = new();
    private CodePlaces _code = new();
    private bool _isInUrl;

    /// <summary>Characters of what may become a picture.</summary>
    public int Held => _held.Length;

    /// <summary>Writes visible text, but not yet what may become a picture.</summary>
    public void Push(string piece)
    {
        if (_held.Length > 0)
        {
            _held.Append(piece);
            if (_isInUrl && !piece.Contains(')', StringComparison.Ordinal) && _held.Length < MaxUrl)
            {
                return;
            }

            piece = _held.ToString();
            _held.Clear();
        }

        _isInUrl = false;
        int written = 0, at = 0;
        for (int next; (next = piece.AsSpan(at).IndexOfAny(Marks)) >= 0;)
        {
            _code.Plain(piece.AsSpan(at, next));
            next += at;
            at = next + 1;
            if (piece[next] != '!')
            {
                _code.Mark(piece[next]);
                continue;
            }

            _code.EndRun('!');
            var url = default(Range);
            var length = _code.IsCode ? 0 : Picture(piece.AsSpan(next), out url);
            if (length < 0)
            {
                Write(piece[written..next]);
                _held.Append(piece, next, piece.Length - next);
                return;
            }

            _code.Plain("!");
            if (length > 0)
            {
                Write(piece[written..next]);
                output.DataUrl(piece.AsSpan()[(next + url.Start.Value)..(next + url.End.Value)]);
                written = at = next + length;
            }
        }

        _code.Plain(piece.AsSpan(at));
        Write(piece[written..]);
    }

    /// <summary>Nothing follows: what is held is text.</summary>
    public void Flush()
    {
        if (_held.Length > 0)
        {
            var text = _held.ToString();
            _held.Clear();
            Write(text);
        }
    }

    /// <summary>
    /// The length of the picture with which a text begins, and the place of its address; 0 when it begins with none, -1 when what is there
    /// may be the beginning of one.
    /// </summary>
    private int Picture(ReadOnlySpan<char> text, out Range url)
    {
        const string Begin = "data:image/";
        url = default;
        var name = text.Length < 2 ? -1 : text[2..].IndexOfAny(']', '\n');
        if (text.Length < 2 || (text[1] == '[' && name < 0))
        {
            return text.Length > MaxName ? 0 : -1;
        }

        var from = name + 4; // ![name](
        if (text[1] != '[' || name > MaxName || text[name + 2] == '\n' || (text.Length >= from && text[from - 1] != '('))
        {
            return 0;
        }

        var address = text.Length < from ? default : text[from..];
        var brackets = address.StartsWith('<') ? 1 : 0;
        address = address[brackets..];
        if (!address[..Math.Min(address.Length, Begin.Length)].Equals(
            Begin.AsSpan(0, Math.Min(address.Length, Begin.Length)), StringComparison.OrdinalIgnoreCase))
        {
            return 0;
        }

        var end = address.IndexOf(')');
        if (end < 0)
        {
            _isInUrl = address.Length > Begin.Length;
            return text.Length < MaxUrl ? -1 : 0;
        }

        var length = address[..end].IndexOfAny(" >\"") is >= 0 and var shorter ? shorter : end;
        var bytes = address[..length].IndexOf(";base64,", StringComparison.OrdinalIgnoreCase);
        url = (from + brackets)..(from + brackets + length);
        return bytes >= 0 && Base64.IsValid(address[(bytes + 8)..length]) ? from + brackets + end + 1 : 0;
    }

    private void Write(string text)
    {
        if (text.Length > 0)
        {
            output.Write(text, reasoning: false);
        }
    }
}
