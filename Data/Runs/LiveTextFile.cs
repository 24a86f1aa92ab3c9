using System.Buffers;
using System.Buffers.Binary;
using System.Numerics;
using System.Text;
using Microsoft.Win32.SafeHandles;

namespace AiChat.Data.Runs;

/// <summary>
/// A file of chunks that only grows. After a head with the name of the process each chunk has its length and checksum, so that a reader
/// stops at one that was not written whole. Not thread-safe; a reader may read what is written meanwhile.
/// </summary>
internal sealed class LiveTextFile : IDisposable
{
    private const int BootIdLength = 32;
    private const int ChunkHead = 8;
    private const int PayloadHead = 17;
    private const int MaxBuffered = 256 * 1024;
    private const int MaxPiece = 64 * 1024;
    private static readonly byte[] _magic = "AiChatL1"u8.ToArray();

    private readonly SafeFileHandle _file;
    private readonly ArrayBufferWriter<byte> _buffer = new(4096);

    /// <summary>Creates the file, in place of the one there.</summary>
    /// <param name="bootId">Names the process whose runs these are, as the rows of the runs do.</param>
    /// <param name="mode">Who may read it.</param>
    /// <exception cref="IOException">It cannot be written.</exception>
    public LiveTextFile(string path, string bootId, UnixFileMode mode)
    {
        File.Delete(path); // it may be another user's, who shares the folder by a group
        _file = File.OpenHandle(path, FileMode.CreateNew, FileAccess.Write, FileShare.Read | FileShare.Delete);
        try
        {
            File.SetUnixFileMode(_file, mode);
            byte[] head = [.. _magic, .. Encoding.ASCII.GetBytes(bootId)];
            RandomAccess.Write(_file, head, 0);
            Length = HeadLength;
        }
        catch
        {
            _file.Dispose();
            throw;
        }
    }

    public static int HeadLength => _magic.Length + BootIdLength;

    public long Length { get; private set; }

    /// <summary>Appends the chunks; after a failure the next call begins at the same place.</summary>
    /// <exception cref="IOException">They could not be written whole.</exception>
    public void Append(IReadOnlyList<RunChunk> chunks)
    {
        var at = Length;
        try
        {
            foreach (var chunk in chunks)
            {
                at = Write(chunk, at);
            }

            Length = WriteOut(at);
        }
        finally
        {
            _buffer.ResetWrittenCount();
        }
    }

    /// <summary>Takes everything out.</summary>
    /// <exception cref="IOException">It cannot be written.</exception>
    public void Empty()
    {
        RandomAccess.SetLength(_file, HeadLength);
        Length = HeadLength;
    }

    /// <summary>Waits until all is on the disk.</summary>
    /// <exception cref="IOException">The disk failed.</exception>
    public void Flush() => RandomAccess.FlushToDisk(_file);

    /// <summary>The process that wrote a file and what it wrote whole, in order.</summary>
    /// <returns>Null when there is no such file.</returns>
    /// <exception cref="IOException">It cannot be read.</exception>
    public static (string BootId, IEnumerable<RunChunk> Chunks)? Read(string path)
    {
        if (!File.Exists(path))
        {
            return null;
        }

        using var file = File.OpenRead(path);
        var head = new byte[HeadLength];
        return file.ReadAtLeast(head, head.Length, throwOnEndOfStream: false) == head.Length && head.AsSpan().StartsWith(_magic)
            ? (Encoding.ASCII.GetString(head.AsSpan(_magic.Length)), Chunks(path)) : null;
    }

    public void Dispose() => _file.Dispose();

    private static IEnumerable<RunChunk> Chunks(string path)
    {
        using var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
        file.Position = HeadLength;
        var head = new byte[ChunkHead];
        while (file.ReadAtLeast(head, ChunkHead, throwOnEndOfStream: false) == ChunkHead)
        {
            var length = BinaryPrimitives.ReadUInt32LittleEndian(head);
            if (length < PayloadHead || length > file.Length - file.Position)
            {
                yield break;
            }

            var payload = new byte[length];
            file.ReadExactly(payload);
            if (Checksum(payload) != BinaryPrimitives.ReadUInt32LittleEndian(head.AsSpan(4)))
            {
                yield break;
            }

            yield return Chunk(payload);
        }
    }

    private static RunChunk Chunk(ReadOnlySpan<byte> payload) => new()
    {
        RunId = BinaryPrimitives.ReadInt64LittleEndian(payload),
        Position = BinaryPrimitives.ReadInt64LittleEndian(payload[8..]),
        Kind = payload[16] switch { (byte)'c' => RunChunk.Content, (byte)'r' => RunChunk.Reasoning, _ => RunChunk.Tool },
        Value = Encoding.UTF8.GetString(payload[PayloadHead..]),
    };

    private static uint Checksum(ReadOnlySpan<byte> bytes)
    {
        var sum = uint.MaxValue;
        for (; bytes.Length >= 8; bytes = bytes[8..])
        {
            sum = BitOperations.Crc32C(sum, BinaryPrimitives.ReadUInt64LittleEndian(bytes));
        }

        foreach (var one in bytes)
        {
            sum = BitOperations.Crc32C(sum, one);
        }

        return sum;
    }

    /// <summary>Writes a chunk, a long text in pieces, so that the buffer stays small; no piece ends inside a surrogate pair.</summary>
    /// <returns>Where the next bytes go.</returns>
    private long Write(RunChunk chunk, long at)
    {
        var text = chunk.Value.AsSpan();
        for (int start = 0, length; start == 0 || start < text.Length; start += length)
        {
            length = chunk.Kind == RunChunk.Tool ? text.Length : Math.Min(MaxPiece, text.Length - start);
            length += start + length < text.Length && char.IsHighSurrogate(text[start + length - 1]) ? 1 : 0;
            Write(chunk, chunk.Position + start, text.Slice(start, length));
            if (length == 0)
            {
                break;
            }

            if (_buffer.WrittenCount >= MaxBuffered)
            {
                at = WriteOut(at);
            }
        }

        return at;
    }

    private void Write(RunChunk chunk, long position, ReadOnlySpan<char> text)
    {
        var length = PayloadHead + Encoding.UTF8.GetByteCount(text);
        var bytes = _buffer.GetSpan(ChunkHead + length)[..(ChunkHead + length)];
        var payload = bytes[ChunkHead..];
        BinaryPrimitives.WriteInt64LittleEndian(payload, chunk.RunId);
        BinaryPrimitives.WriteInt64LittleEndian(payload[8..], position);
        payload[16] = (byte)chunk.Kind[0];
        Encoding.UTF8.GetBytes(text, payload[PayloadHead..]);
        BinaryPrimitives.WriteUInt32LittleEndian(bytes, (uint)length);
        BinaryPrimitives.WriteUInt32LittleEndian(bytes[4..], Checksum(payload));
        _buffer.Advance(bytes.Length);
    }

    private long WriteOut(long at)
    {
        RandomAccess.Write(_file, _buffer.WrittenSpan, at);
        at += _buffer.WrittenCount;
        _buffer.ResetWrittenCount();
        return at;
    }
}
