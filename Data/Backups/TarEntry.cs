using System.Buffers.Binary;
using System.Globalization;
using System.Text;

namespace AiChat.Data.Backups;

internal enum TarKind
{
    File,
    Folder,

    /// <summary>A link, a device or what else no backup holds.</summary>
    Other,
}

/// <summary>
/// An entry of a tar archive, as this program and the usual ones write it: POSIX ustar, with the extended headers of pax (long names, large
/// files) and the long names of GNU tar.
/// </summary>
/// <param name="Data">The content; valid until the next entry is asked for.</param>
internal sealed record TarEntry(string Name, TarKind Kind, long Length, Stream Data)
{
    private const int Block = 512;

    /// <summary>Bytes of an extended header; names are short here.</summary>
    private const int MaxExtended = 64 * 1024;

    /// <summary>The entries in their order. What is not read of one is skipped.</summary>
    /// <exception cref="EndOfStreamException">The archive is cut off.</exception>
    /// <exception cref="InvalidDataException">It is none.</exception>
    public static IEnumerable<TarEntry> Read(Stream archive)
    {
        var head = new byte[Block];
        string? longName = null;
        long? longSize = null;
        while (true)
        {
            archive.ReadExactly(head);
            if (!head.AsSpan().ContainsAnyExcept((byte)0))
            {
                yield break;
            }

            RequireChecksum(head);
            var size = longSize ?? Number(head.AsSpan(124, 12));
            var type = (char)head[156];
            if (type is 'x' or 'g' or 'L' or 'K')
            {
                var extended = ReadExtended(archive, size);
                if (type == 'x')
                {
                    longName = Record(extended, "path") ?? longName;
                    longSize = long.TryParse(Record(extended, "size"), NumberStyles.None, CultureInfo.InvariantCulture, out var given)
                        ? given : longSize;
                }
                else if (type == 'L')
                {
                    longName = extended.TrimEnd('\0');
                }

                continue;
            }

            var content = new Part(archive, size);
            yield return new TarEntry(longName ?? NameOf(head), KindOf(type), size, content);
            content.Skip();
            (longName, longSize) = (null, null);
        }
    }

    private static TarKind KindOf(char type) => type switch
    {
        '0' or '\0' or '7' => TarKind.File,
        '5' => TarKind.Folder,
        _ => TarKind.Other,
    };

    private static string NameOf(byte[] head)
    {
        var (name, prefix) = (Text(head.AsSpan(0, 100)), Text(head.AsSpan(345, 155)));
        return head.AsSpan(257, 6).SequenceEqual("ustar\0"u8) && prefix.Length > 0 ? $"{prefix}/{name}" : name;
    }

    private static string Text(ReadOnlySpan<byte> field) =>
        Encoding.UTF8.GetString(field.IndexOf((byte)0) is >= 0 and var end ? field[..end] : field);

    private static long Number(ReadOnlySpan<byte> field)
    {
        if ((field[0] & 0x80) != 0)
        {
            // Binary, for what does not fit octal digits; the first four bytes are zero for every size that exists.
            return BinaryPrimitives.ReadInt64BigEndian(field[^8..]) is >= 0 and var binary ? binary : throw new InvalidDataException();
        }

        long value = 0;
        foreach (var digit in field.Trim(" \0"u8))
        {
            value = digit is >= (byte)'0' and <= (byte)'7' ? (value * 8) + digit - '0' : throw new InvalidDataException();
        }

        return value;
    }

    private static void RequireChecksum(byte[] head)
    {
        var sum = 8 * ' ';
        for (var at = 0; at < Block; at++)
        {
            sum += at is >= 148 and < 156 ? 0 : head[at];
        }

        if (Number(head.AsSpan(148, 8)) != sum)
        {
            throw new InvalidDataException();
        }
    }

    private static string ReadExtended(Stream archive, long size)
    {
        if (size > MaxExtended)
        {
            throw new InvalidDataException();
        }

        var bytes = new byte[(size + Block - 1) / Block * Block];
        archive.ReadExactly(bytes);
        return Encoding.UTF8.GetString(bytes, 0, (int)size);
    }

    /// <summary>The value of "length key=value" and a line feed; the last one holds.</summary>
    private static string? Record(string records, string key)
    {
        string? value = null;
        foreach (var line in records.Split('\n'))
        {
            var text = line[(line.IndexOf(' ') + 1)..];
            if (text.StartsWith(key + "=", StringComparison.Ordinal))
            {
                value = text[(key.Length + 1)..];
            }
        }

        return value;
    }

    /// <summary>The bytes of one entry.</summary>
    private sealed class Part(Stream archive, long length) : Stream
    {
        private long _left = length;

        public override bool CanRead => true;

        public override bool CanSeek => false;

        public override bool CanWrite => false;

        public override long Length { get; } = length;

        public override long Position
        {
            get => Length - _left;
            set => throw new NotSupportedException();
        }

        public override int Read(Span<byte> buffer)
        {
            if (_left == 0 || buffer.IsEmpty)
            {
                return 0;
            }

            var count = archive.Read(buffer[..(int)Math.Min(buffer.Length, _left)]);
            _left -= count;
            return count > 0 ? count : throw new EndOfStreamException();
        }

        public override int Read(byte[] buffer, int offset, int count) => Read(buffer.AsSpan(offset, count));

        /// <summary>Goes to the next entry.</summary>
        public void Skip()
        {
            var left = _left + (-Length & (Block - 1));
            _left = 0;
            if (archive.CanSeek)
            {
                // A length from outside must not lead behind the end unseen.
                archive.Position = archive.Position + left <= archive.Length ? archive.Position + left : throw new EndOfStreamException();
                return;
            }

            var buffer = new byte[16 * 1024];
            while (left > 0)
            {
                var count = archive.Read(buffer, 0, (int)Math.Min(buffer.Length, left));
                left -= count > 0 ? count : throw new EndOfStreamException();
            }
        }

        public override void Flush()
        {
        }

        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

        public override void SetLength(long value) => throw new NotSupportedException();

        public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();
    }
}
