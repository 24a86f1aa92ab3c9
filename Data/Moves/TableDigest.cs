using System.Buffers;
using System.Buffers.Binary;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace AiChat.Data.Moves;

/// <summary>
/// What a table holds, as a number of rows and a hash over their values. It is the same for both engines and for any order of the rows:
/// the hashes of the rows are added up.
/// </summary>
internal sealed class TableDigest
{
    private readonly ArrayBufferWriter<byte> _row = new(1024);
    private readonly ulong[] _sum = new ulong[4];

    public long Rows { get; private set; }

    /// <summary>In hexadecimal digits.</summary>
    public string Hash => string.Concat(_sum.Select(part => part.ToString("x16", CultureInfo.InvariantCulture)));

    public void Add(object?[] values)
    {
        _row.ResetWrittenCount();
        foreach (var value in values)
        {
            Append(value);
        }

        Span<byte> hash = stackalloc byte[SHA256.HashSizeInBytes];
        SHA256.HashData(_row.WrittenSpan, hash);
        for (var part = 0; part < _sum.Length; part++)
        {
            _sum[part] = unchecked(_sum[part] + BinaryPrimitives.ReadUInt64LittleEndian(hash[(part * 8)..]));
        }

        Rows++;
    }

    /// <summary>The kind and the length come first, so that no two rows have the same bytes.</summary>
    private void Append(object? value)
    {
        switch (value)
        {
            case long number:
                Append(1, number);
                break;
            case double number:
                Append(2, BitConverter.DoubleToInt64Bits(number));
                break;
            case string text:
                Append(3, Encoding.UTF8.GetByteCount(text));
                Encoding.UTF8.GetBytes(text, _row);
                break;
            default:
                Append(0, 0);
                break;
        }
    }

    private void Append(byte kind, long number)
    {
        var bytes = _row.GetSpan(9);
        bytes[0] = kind;
        BinaryPrimitives.WriteInt64LittleEndian(bytes[1..], number);
        _row.Advance(9);
    }
}
