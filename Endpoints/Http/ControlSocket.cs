using System.Net.Sockets;
using System.Runtime.InteropServices;
using System.Text;
using AiChat.Data;

namespace AiChat.Endpoints.Http;

/// <summary>
/// The socket in the data folder by which the command line reaches a running server (unix(7)). Only the user of the server may connect,
/// and root: the file has mode 0600, and the kernel names the user at the other end.
/// </summary>
internal static class ControlSocket
{
    private const string FileName = "control.sock";
    private const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite;

    /// <summary>sun_path has 108 bytes with the zero at its end.</summary>
    private const int MaxPath = 107;

    private const int Backlog = 16;
    private const int SocketLevel = 1; // SOL_SOCKET
    private const int PeerCredentials = 17; // SO_PEERCRED
    private const int CredentialsLength = 12; // struct ucred: process, user, group

    /// <summary>Listens in a folder whose lock this process holds; what an earlier process left at the path is removed.</summary>
    /// <exception cref="SocketException">The file system has no sockets, or refuses one.</exception>
    /// <exception cref="IOException">As above.</exception>
    public static Socket Listen(string folder)
    {
        var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        try
        {
            var path = Path.Combine(folder, FileName);
            File.Delete(path);
            At(path, socket.Bind);

            // Nobody can connect before Listen, so there is no moment at which others could.
            File.SetUnixFileMode(path, OwnerOnly);
            socket.Listen(Backlog);
            return socket;
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    /// <summary>A connection to the server that runs on the folder; null when none listens.</summary>
    /// <exception cref="SocketException">A server listens and this user may not connect.</exception>
    public static Socket? Connect(string folder)
    {
        var path = Path.Combine(folder, FileName);
        if (!File.Exists(path))
        {
            return null;
        }

        var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        try
        {
            At(path, socket.Connect);
            return socket;
        }
        catch (SocketException error)
            when (error.SocketErrorCode is SocketError.ConnectionRefused or SocketError.AddressNotAvailable || !File.Exists(path))
        {
            socket.Dispose(); // the file of a server that has ended
            return null;
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    /// <summary>The user at the other end is the one of this process, or root.</summary>
    public static bool IsOwner(Socket connection)
    {
        try
        {
            Span<byte> credentials = stackalloc byte[CredentialsLength];
            return connection.GetRawSocketOption(SocketLevel, PeerCredentials, credentials) == CredentialsLength
                && MemoryMarshal.Read<uint>(credentials[4..]) is var user && (user == 0 || user == Ownership.Process.User);
        }
        catch (SocketException)
        {
            return false; // it has gone already
        }
    }

    /// <summary>A path that is too long for an address is named through the open folder (proc(5)).</summary>
    private static void At(string path, Action<UnixDomainSocketEndPoint> use)
    {
        if (Encoding.UTF8.GetByteCount(path) <= MaxPath)
        {
            use(new UnixDomainSocketEndPoint(path));
            return;
        }

        using var folder = DurableFiles.OpenFolder(Path.GetDirectoryName(path)!);
        use(new UnixDomainSocketEndPoint($"/proc/self/fd/{folder.DangerousGetHandle()}/{FileName}"));
    }
}
