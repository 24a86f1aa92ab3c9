using System.Globalization;
using System.Text;

namespace AiChat.Data.Runs;

/// <summary>
/// The order of a run's events as a short text such as <c>e1r120e1c300</c>: kind and length of each section.
/// r and c count characters of reasoning and content; e counts events of any other kind. An event id is a position in this order, so
/// an id keeps its meaning after the run has ended and after a restart.
/// </summary>
internal sealed class EventLayout
{
    private readonly List<Stretch> _stretches = [];

    public IReadOnlyList<Stretch> Stretches => _stretches;

    public long Length { get; private set; }

    public static EventLayout Parse(string? text)
    {
        var layout = new EventLayout();
        for (var at = 0; at < (text?.Length ?? 0);)
        {
            var end = at + 1;
            while (end < text!.Length && char.IsAsciiDigit(text[end]))
            {
                end++;
            }

            layout.Add(text[at], long.Parse(text.AsSpan(at + 1, end - at - 1), NumberStyles.None, CultureInfo.InvariantCulture));
            at = end;
        }

        return layout;
    }

    public void Add(char kind, long length)
    {
        if (length <= 0)
        {
            return;
        }

        if (_stretches.Count > 0 && _stretches[^1].Kind == kind)
        {
            _stretches[^1] = _stretches[^1] with { Length = _stretches[^1].Length + length };
        }
        else
        {
            _stretches.Add(new Stretch(kind, length));
        }

        Length += length;
    }

    /// <summary>Adds a stored chunk that begins at a position; the gap before it is filled with other events.</summary>
    public void Extend(string chunkKind, long position, int length)
    {
        Add('e', position - Length);
        if (chunkKind == RunChunk.Tool)
        {
            Add('e', 1);
        }
        else
        {
            Add(chunkKind == RunChunk.Reasoning ? 'r' : 'c', length);
        }
    }

    public override string ToString()
    {
        var text = new StringBuilder();
        foreach (var (kind, length) in _stretches)
        {
            text.Append(kind).Append(length);
        }

        return text.ToString();
    }

    internal readonly record struct Stretch(char Kind, long Length);
}
