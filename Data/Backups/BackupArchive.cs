using System.Buffers.Binary;
using System.Globalization;
using System.Text;

namespace AiChat.Data.Backups;

/// <summary>
/// A backup as one tar archive (POSIX ustar), made while it is read, so that it needs neither space nor memory. Its length is known, and
/// any part of it can be read: an upload sends its parts twice, once to hash and once to send. Used by one thread at a time.
/// </summary>
internal sealed class BackupArchive : Stream
{
    public const string Extension = ".tar";

    private const int Block = 512;
    private const long MaxOctal = (1L << 33) - 1;

    private readonly string _folder;
    private readonly string _name;
    private readonly long _time;
    private readonly string[] _paths;
    private readonly long[] _sizes;
    private readonly long[] _starts;
    private FileStream? _open;
    private int _opened = -1;
    private byte[] _head = [];
    private int _headOf = -1;

    /// <exception cref="BackupException">The backup has no manifest.</exception>
    public BackupArchive(string folder)
    {
        var manifest = BackupManifest.Read(folder);
        _folder = folder;
        _name = manifest.Name;
        _time = manifest.CreatedAt.ToUnixTimeSeconds();

        // The manifest first, so that a restore knows what comes.
        _paths = [BackupManifest.FileName, .. manifest.Files.Select(file => file.Path)];
        _sizes = [new FileInfo(Path.Combine(folder, BackupManifest.FileName)).Length, .. manifest.Files.Select(file => file.Bytes)];
        _starts = new long[_paths.Length + 1];
        for (var at = 0; at < _paths.Length; at++)
        {
            _starts[at + 1] = _starts[at] + Block + Padded(_sizes[at]);
        }

        Length = _starts[^1] + (2 * Block);
    }

    public override bool CanRead => true;

    public override bool CanSeek => true;

    public override bool CanWrite => false;

    public override long Length { get; }

    public override long Position { get; set; }

    public override int Read(Span<byte> buffer)
    {
        if (Position >= Length || buffer.IsEmpty)
        {
            return 0;
        }

        var entry = Array.BinarySearch(_starts, Position) is >= 0 and var exact ? exact : ~Array.BinarySearch(_starts, Position) - 1;
        var count = entry >= _paths.Length ? Zeros(buffer, Length - Position) : ReadEntry(entry, Position - _starts[entry], buffer);
        Position += count;
        return count;
    }

    public override int Read(byte[] buffer, int offset, int count) => Read(buffer.AsSpan(offset, count));

    public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        cancellationToken.ThrowIfCancellationRequested();
        return new ValueTask<int>(Read(buffer.Span));
    }

    public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
        ReadAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    public override long Seek(long offset, SeekOrigin origin) => Position = origin switch
    {
        SeekOrigin.Begin => offset,
        SeekOrigin.Current => Position + offset,
        _ => Length + offset,
    };

    public override void Flush()
    {
    }

    public override void SetLength(long value) => throw new NotSupportedException();

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    protected override void Dispose(bool disposing)
    {
        _open?.Dispose();
        base.Dispose(disposing);
    }

    private static long Padded(long size) => (size + Block - 1) / Block * Block;

    private static int Zeros(Span<byte> buffer, long left)
    {
        var count = (int)Math.Min(left, buffer.Length);
        buffer[..count].Clear();
        return count;
    }

    private int ReadEntry(int entry, long at, Span<byte> buffer)
    {
        if (at < Block)
        {
            if (_headOf != entry)
            {
                (_head, _headOf) = (Head($"{_name}/{_paths[entry]}", _sizes[entry]), entry);
            }

            var part = _head.AsSpan((int)at);
            part = part[..Math.Min(part.Length, buffer.Length)];
            part.CopyTo(buffer);
            return part.Length;
        }

        at -= Block;
        if (at >= _sizes[entry])
        {
            return Zeros(buffer, Padded(_sizes[entry]) - at);
        }

        if (_opened != entry)
        {
            _open?.Dispose();
            _open = new FileStream(
                Path.Combine(_folder, _paths[entry]), FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete, 1);
            _opened = entry;
        }

        _open!.Position = at;
        var count = _open.Read(buffer[..(int)Math.Min(buffer.Length, _sizes[entry] - at)]);
        return count > 0 ? count : throw new IOException($"{_paths[entry]} of the backup became shorter while it was read.");
    }

    private byte[] Head(string path, long size)
    {
        var head = new byte[Block];
        if (path.Length > 100)
        {
            // The first part stands at another place: prefix and name are joined by a slash.
            var slash = path.IndexOf('/');
            Encoding.ASCII.GetBytes(path.AsSpan(0, slash), head.AsSpan(345));
            path = path[(slash + 1)..];
        }

        Encoding.ASCII.GetBytes(path, head.AsSpan(0));
        Octal(head.AsSpan(100, 8), 0b110_000_000);
        Octal(head.AsSpan(108, 8), 0);
        Octal(head.AsSpan(116, 8), 0);
        if (size <= MaxOctal)
        {
            Octal(head.AsSpan(124, 12), size);
        }
        else
        {
            // More than 8 GB: binary, as GNU tar writes it and every tar reads it.
            head[124] = 0x80;
            BinaryPrimitives.WriteInt64BigEndian(head.AsSpan(128), size);
        }

        Octal(head.AsSpan(136, 12), _time);
        head.AsSpan(148, 8).Fill((byte)' ');
        head[156] = (byte)'0';
        "ustar\0"u8.CopyTo(head.AsSpan(257));
        "00"u8.CopyTo(head.AsSpan(263));
        var sum = 0;
        foreach (var next in head)
        {
            sum += next;
        }

        Octal(head.AsSpan(148, 7), sum);
        return head;
    }

    private static void Octal(Span<byte> field, long value) => Encoding.ASCII.GetBytes(
        Convert.ToString(value, 8).PadLeft(field.Length - 1, '0').ToString(CultureInfo.InvariantCulture), field);
}
