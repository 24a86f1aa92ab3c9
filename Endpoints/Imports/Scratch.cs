using Microsoft.Win32.SafeHandles;

namespace AiChat.Endpoints.Imports;

/// <summary>Files in which an import puts aside what is too large for memory. They are gone when they are closed.</summary>
internal static class Scratch
{
    public static FileStream Create(string path) => new(path, new FileStreamOptions
    {
        Mode = FileMode.Create,
        Access = FileAccess.ReadWrite,
        Options = FileOptions.DeleteOnClose,
        UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite,
        BufferSize = 0,
    });

    /// <summary>Exactly these bytes.</summary>
    public static byte[] Read(SafeFileHandle file, long at, int length)
    {
        var bytes = new byte[length];
        Read(file, at, bytes.AsSpan());
        return bytes;
    }

    /// <summary>As many bytes as fit.</summary>
    public static void Read(SafeFileHandle file, long at, Span<byte> bytes)
    {
        for (var done = 0; done < bytes.Length;)
        {
            var count = RandomAccess.Read(file, bytes[done..], at + done);
            done += count > 0 ? count : throw new EndOfStreamException("What an import put aside is gone.");
        }
    }
}
