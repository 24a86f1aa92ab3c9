using System.Buffers;
using System.Buffers.Text;
using System.Reflection;
using System.Runtime.InteropServices;
using System.Text;

namespace AiChat.Data;

/// <summary>
/// What <see cref="Letters"/> knows of Unicode, from the embedded <c>letters.txt</c>; the runtime brings no tables of its own. Read at the
/// first letter that is not ASCII. Thread-safe.
/// </summary>
internal sealed class LetterTable
{
    private const ushort Joins = 0x8000;
    private const int PageBits = 8;
    private const int FirstSyllable = 0xAC00;
    private const int Vowels = 21;
    private const int Tails = 28;
    private const int Syllables = 19 * Vowels * Tails;

    private static readonly Lazy<LetterTable> _instance = new(() => new LetterTable());

    /// <summary>For each page of 256 letters its first cell; all pages without a cell of their own share the first.</summary>
    private readonly ushort[] _pages = new ushort[0x110000 >> PageBits];

    /// <summary>0: a letter is its own form. Else the number of its form, the mark that it joins the letter before it, or both.</summary>
    private readonly ushort[] _cells;

    /// <summary>Where each form begins in <see cref="_forms"/>; it ends where the next one begins.</summary>
    private readonly int[] _begins;

    private readonly string _forms;
    private readonly Dictionary<int, (int First, int Second)> _parts = [];
    private readonly Dictionary<(int First, int Second), int> _pairs = [];
    private readonly Dictionary<int, byte> _ranks = [];

    private LetterTable()
    {
        using var stream = (UnmanagedMemoryStream)Assembly.GetExecutingAssembly().GetManifestResourceStream("letters.txt")!;
        ReadOnlySpan<byte> text;
        unsafe
        {
            text = new ReadOnlySpan<byte>(stream.PositionPointer, (int)stream.Length);
        }

        var forms = new Forms(_pages);
        foreach (var range in text.Split((byte)'\n'))
        {
            Read(text[range], forms);
        }

        (_forms, _begins) = (forms.Written.ToString(), [.. forms.Begins]);
        _cells = MarkJoining(forms);
    }

    public static LetterTable Instance => _instance.Value;

    /// <summary>The form of a letter, when it is another than itself; empty for an invisible one.</summary>
    /// <param name="joins">Whether it may become one with the letter before it, or change places with marks.</param>
    public bool TryFind(int code, out ReadOnlySpan<char> form, out bool joins)
    {
        var cell = _cells[_pages[code >> PageBits] + (code & 0xFF)];
        joins = (cell & Joins) != 0;
        var number = cell & ~Joins;
        form = number == 0 ? default : _forms.AsSpan(_begins[number], _begins[number + 1] - _begins[number]);
        return number != 0;
    }

    /// <summary>Orders the marks of folded letters and puts together what belongs together (Unicode: canonical composition).</summary>
    /// <param name="cluster">The letters; has room for each of them three times.</param>
    /// <returns>How many units they have afterwards.</returns>
    public int Compose(Span<char> cluster, int count)
    {
        Span<int> codes = stackalloc int[cluster.Length];
        var length = 0;
        foreach (var letter in cluster[..count].EnumerateRunes())
        {
            TakeApart(letter.Value, codes, ref length);
        }

        Span<byte> ranks = stackalloc byte[length];
        Order(codes[..length], ranks);
        var written = 0;
        foreach (var code in codes[..PutTogether(WithoutDots(codes[..length]))])
        {
            written += new Rune(code).EncodeToUtf16(cluster[written..]);
        }

        return written;
    }

    private void TakeApart(int code, Span<int> codes, ref int length)
    {
        if (code - FirstSyllable is >= 0 and < Syllables and var syllable)
        {
            codes[length++] = 0x1100 + (syllable / (Vowels * Tails));
            codes[length++] = 0x1161 + (syllable / Tails % Vowels);
            if (syllable % Tails > 0)
            {
                codes[length++] = 0x11A7 + (syllable % Tails);
            }
        }
        else if (_parts.TryGetValue(code, out var parts))
        {
            TakeApart(parts.First, codes, ref length);
            codes[length++] = parts.Second;
        }
        else
        {
            codes[length++] = code;
        }
    }

    private void Order(Span<int> codes, Span<byte> ranks)
    {
        for (var at = 0; at < codes.Length; at++)
        {
            ranks[at] = Rank(codes[at]);
            for (var to = at; to > 0 && ranks[to] > 0 && ranks[to - 1] > ranks[to]; to--)
            {
                (codes[to - 1], codes[to], ranks[to - 1], ranks[to]) = (codes[to], codes[to - 1], ranks[to], ranks[to - 1]);
            }
        }
    }

    /// <summary>The dot that is left of the Turkish capital letter.</summary>
    private static Span<int> WithoutDots(Span<int> codes)
    {
        var kept = 0;
        for (var at = 0; at < codes.Length; at++)
        {
            codes[kept++] = codes[at];
            if (codes[at] == 'i' && at + 1 < codes.Length && codes[at + 1] == 0x307)
            {
                at++;
            }
        }

        return codes[..kept];
    }

    /// <summary>Each code joins the last one that no mark is, unless one of the same rank or a higher one stands in between.</summary>
    private int PutTogether(Span<int> codes)
    {
        var (kept, starter) = (0, -1);
        foreach (var code in codes)
        {
            var rank = Rank(code);
            var isFree = starter == kept - 1 || (rank > 0 && Rank(codes[kept - 1]) < rank && Rank(codes[kept - 1]) > 0);
            if (starter >= 0 && isFree && Pair(codes[starter], code) is { } both)
            {
                codes[starter] = both;
                continue;
            }

            starter = rank == 0 ? kept : starter;
            codes[kept++] = code;
        }

        return kept;
    }

    private int? Pair(int first, int second) =>
        first is >= 0x1100 and < 0x1113 && second is >= 0x1161 and < 0x1176
            ? FirstSyllable + ((((first - 0x1100) * Vowels) + second - 0x1161) * Tails)
        : first - FirstSyllable is >= 0 and < Syllables and var syllable && syllable % Tails == 0 && second is > 0x11A7 and < 0x11C3
            ? first + second - 0x11A7
        : _pairs.TryGetValue((first, second), out var both) ? both
        : null;

    private byte Rank(int code) => _ranks.GetValueOrDefault(code);

    /// <summary>One line; the file says at its beginning what stands in it.</summary>
    private void Read(ReadOnlySpan<byte> line, Forms forms)
    {
        if (line.IsEmpty || line[0] == '#')
        {
            return;
        }

        var kind = line[0];
        line = kind is (byte)'=' or (byte)'^' ? line[1..] : line;
        var (from, to) = Range(ref line, out var step);
        if (kind == '=')
        {
            var parts = (Number(ref line), Number(ref line));
            _parts[from] = parts;
            _pairs[parts] = from;
        }
        else if (kind == '^')
        {
            var rank = (byte)from;
            (from, to) = Range(ref line, out _);
            for (var code = from; code <= to; code++)
            {
                _ranks[code] = rank;
            }
        }
        else
        {
            ReadForms(from, to, step, line, forms);
        }
    }

    private static void ReadForms(int from, int to, int step, ReadOnlySpan<byte> line, Forms forms)
    {
        var sign = line.IsEmpty ? 0 : line[0] switch { (byte)'+' => 1, (byte)'-' => -1, _ => 0 };
        line = sign == 0 ? line : line[1..];
        var distance = sign == 0 ? 0 : sign * Number(ref line);
        var form = new StringBuilder();
        while (sign == 0 && !line.IsEmpty)
        {
            form.Append(char.ConvertFromUtf32(Number(ref line)));
        }

        for (var code = from; code <= to; code += step)
        {
            forms.Cell(code) = forms.Number(sign == 0 ? form.ToString() : char.ConvertFromUtf32(code + distance));
        }
    }

    /// <summary>A letter joins when its form begins with a mark or with the second one of a pair.</summary>
    private ushort[] MarkJoining(Forms forms)
    {
        var joining = _ranks.Keys.Concat(_pairs.Keys.Select(pair => pair.Second)).ToHashSet();
        joining.UnionWith(Enumerable.Range(0x1161, Vowels).Concat(Enumerable.Range(0x11A8, Tails - 1)));
        foreach (var code in joining)
        {
            forms.Cell(code) |= Joins;
        }

        ushort[] cells = [.. forms.Cells];
        foreach (ref var cell in cells.AsSpan())
        {
            var number = cell & ~Joins;
            if (number != 0 && Rune.DecodeFromUtf16(_forms.AsSpan()[_begins[number].._begins[number + 1]], out var rune, out _)
                == OperationStatus.Done && joining.Contains(rune.Value))
            {
                cell |= Joins;
            }
        }

        return cells;
    }

    private static (int From, int To) Range(ref ReadOnlySpan<byte> line, out int step)
    {
        var end = line.IndexOf((byte)' ');
        var range = end < 0 ? line : line[..end];
        line = end < 0 ? default : line[(end + 1)..];
        step = range.EndsWith("/2"u8) ? 2 : 1;
        range = step == 2 ? range[..^2] : range;
        var dash = range.IndexOf((byte)'-');
        var from = Hex(dash < 0 ? range : range[..dash]);
        return (from, dash < 0 ? from : Hex(range[(dash + 1)..]));
    }

    private static int Number(ref ReadOnlySpan<byte> line) => Range(ref line, out _).From;

    private static int Hex(ReadOnlySpan<byte> digits) =>
        Utf8Parser.TryParse(digits, out int value, out var used, 'x') && used == digits.Length
            ? value : throw new InvalidDataException("letters.txt has a line that is no number.");

    /// <summary>The forms while they are read: equal ones are kept once.</summary>
    private sealed class Forms(ushort[] pages)
    {
        private readonly Dictionary<string, ushort> _numbers = [];

        public StringBuilder Written { get; } = new();

        public List<int> Begins { get; } = [0, 0];

        public List<ushort> Cells { get; } = [.. new ushort[1 << PageBits]];

        public ref ushort Cell(int code)
        {
            ref var page = ref pages[code >> PageBits];
            if (page == 0)
            {
                page = checked((ushort)Cells.Count);
                Cells.AddRange(new ushort[1 << PageBits]);
            }

            return ref CollectionsMarshal.AsSpan(Cells)[page + (code & 0xFF)];
        }

        public ushort Number(string form)
        {
            if (!_numbers.TryGetValue(form, out var number))
            {
                number = _numbers[form] = (ushort)(Begins.Count - 1);
                Written.Append(form);
                Begins.Add(Written.Length);
            }

            return number;
        }
    }
}
