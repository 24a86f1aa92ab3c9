using System.Runtime.InteropServices;

namespace AiChat.Commands;

/// <summary>
/// Standard input, output and error of a process that was started without them. The next files to be opened would get their numbers, and
/// everything said would be written into the database or the key.
/// </summary>
internal static partial class StandardFiles
{
    private const int GetFlags = 1; // F_GETFD
    private const int ReadWrite = 2; // O_RDWR

    /// <summary>Puts /dev/null in the place of each that is closed. Call before any file is opened.</summary>
    public static void Open()
    {
        for (var file = 0; file <= 2; file++)
        {
            // The lowest free number is taken, which is this one.
            if (Control(file, GetFlags) < 0 && Open("/dev/null", ReadWrite) != file)
            {
                throw new IOException("The standard files are closed, and /dev/null cannot take their place.");
            }
        }
    }

    [LibraryImport("libc", EntryPoint = "fcntl")]
    private static partial int Control(int file, int command);

    [LibraryImport("libc", EntryPoint = "open", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Open(string path, int flags);
}
