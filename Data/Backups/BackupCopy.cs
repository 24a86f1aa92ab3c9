using System.Security.Cryptography;
using Microsoft.Win32.SafeHandles;

namespace AiChat.Data.Backups;

/// <summary>Reads and copies files of a backup at a pace that leaves processor and disk to the server, through one small buffer.</summary>
internal static class BackupCopy
{
    private const int Piece = 256 * 1024;
    private const long BytesPerFlush = 4L << 20;
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(1);

    /// <summary>The SHA-256 in hex.</summary>
    public static string Hash(string path, CancellationToken cancel)
    {
        using var file = File.OpenHandle(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
        return Pump(file, null, cancel);
    }

    /// <summary>Copies a file onto the disk.</summary>
    /// <returns>Its SHA-256 in hex.</returns>
    public static string Copy(string from, string to, CancellationToken cancel)
    {
        using var source = File.OpenHandle(from, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
        return Copy(source, to, cancel);
    }

    /// <summary>Copies an open file onto the disk.</summary>
    /// <returns>Its SHA-256 in hex.</returns>
    public static string Copy(SafeFileHandle source, string to, CancellationToken cancel)
    {
        using var target = File.OpenHandle(to, FileMode.CreateNew, FileAccess.Write, FileShare.Read);
        File.SetUnixFileMode(target, UnixFileMode.UserRead | UnixFileMode.UserWrite);
        return Pump(source, target, cancel);
    }

    /// <summary>Copies a stream into a file on the disk.</summary>
    /// <param name="max">More bytes than this are an error.</param>
    /// <returns>The bytes and their SHA-256 in hex.</returns>
    /// <exception cref="BackupException">The stream is longer.</exception>
    public static (long Bytes, string Sha256) Copy(Stream from, string to, long max, CancellationToken cancel)
    {
        using var target = File.OpenHandle(to, FileMode.CreateNew, FileAccess.Write, FileShare.Read);
        File.SetUnixFileMode(target, UnixFileMode.UserRead | UnixFileMode.UserWrite);
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        var buffer = new byte[Piece];
        long at = 0, flushed = 0;
        for (int count; (count = from.Read(buffer)) > 0; at += count)
        {
            cancel.ThrowIfCancellationRequested();
            if (at + count > max)
            {
                throw new BackupException($"{Path.GetFileName(to)} in the backup is longer than its manifest says.");
            }

            Write(target, buffer.AsSpan(0, count), at, hash, ref flushed);
        }

        RandomAccess.FlushToDisk(target);
        return (at, Convert.ToHexStringLower(hash.GetHashAndReset()));
    }

    private static string Pump(SafeFileHandle source, SafeFileHandle? target, CancellationToken cancel)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        var buffer = new byte[Piece];
        long at = 0, flushed = 0;
        for (int count; (count = RandomAccess.Read(source, buffer, at)) > 0; at += count)
        {
            cancel.ThrowIfCancellationRequested();
            Write(target, buffer.AsSpan(0, count), at, hash, ref flushed);
            if (count == Piece)
            {
                cancel.WaitHandle.WaitOne(Pause); // small files are read without a pause
            }
        }

        if (target is not null)
        {
            RandomAccess.FlushToDisk(target);
            DurableFiles.LetGo(target);
        }

        DurableFiles.LetGo(source);
        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }

    private static void Write(SafeFileHandle? target, ReadOnlySpan<byte> bytes, long at, IncrementalHash hash, ref long flushed)
    {
        hash.AppendData(bytes);
        if (target is null)
        {
            return;
        }

        RandomAccess.Write(target, bytes, at);
        if (at + bytes.Length - flushed >= BytesPerFlush)
        {
            RandomAccess.FlushToDisk(target);
            flushed = at + bytes.Length;
        }
    }
}
