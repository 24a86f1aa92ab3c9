using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using AiChat.Data;

namespace AiChat.Commands;

/// <summary>What the doctor sees of the machine without the server.</summary>
internal static class MachineChecks
{
    private const UnixFileMode OthersRights = UnixFileMode.GroupRead | UnixFileMode.GroupWrite | UnixFileMode.GroupExecute
        | UnixFileMode.OtherRead | UnixFileMode.OtherWrite | UnixFileMode.OtherExecute;

    private const long LowSpace = 1024L * 1024 * 1024;
    private const long NoSpace = 64L * 1024 * 1024;

    public static IEnumerable<Finding> All(ServerOptions options)
    {
        var folder = Path.GetFullPath(options.DataDir);
        if (Directory.Exists(folder))
        {
            yield return Rights(folder);
            yield return Space(folder);
            yield return Clock(folder);
        }

        yield return Certificates();
    }

    /// <summary>Whether the server, which is stopped, could listen.</summary>
    public static Finding Port(ServerOptions options)
    {
        var address = IPAddress.TryParse(options.Host, out var given) ? given
            : options.Host == "localhost" ? IPAddress.Loopback : IPAddress.Any;
        try
        {
            using var listener = new TcpListener(address, options.Port);
            listener.Start();
            return Finding.Ok("port", $"Port {options.Port} is free.");
        }
        catch (SocketException error)
        {
            return Finding.Failed(
                "port", $"The server could not listen on port {options.Port}: {error.Message}.",
                "Set another PORT or HOST, or stop the program that listens there.");
        }
    }

    private static Finding Rights(string folder)
    {
        try
        {
            var mode = File.GetUnixFileMode(folder);
            var owner = Ownership.Of(folder)?.User;
            var keys = Directory.EnumerateFiles(folder, "master.key*")
                .Where(file => (File.GetUnixFileMode(file) & OthersRights) != 0).ToList();
            return keys.Count > 0 ? Finding.Failed("folder", $"Others can read {keys[0]}.", $"chmod 600 {keys[0]}")
                : (mode & OthersRights) != 0 ? Finding.Warning("folder", $"Others can look into {folder}.", $"chmod 700 {folder}")
                : Finding.Ok("folder", $"{folder} belongs to user {owner} alone.");
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            return Finding.Failed("folder", $"{folder} cannot be read: {error.Message}", "Run this as the user of the server or as root.");
        }
    }

    private static Finding Space(string folder)
    {
        try
        {
            var free = new DriveInfo(folder).AvailableFreeSpace;
            var text = $"{free / 1024 / 1024} MiB are free for {folder}.";
            return free < NoSpace ? Finding.Failed("disk", text, "Make room: chats cannot be stored soon.")
                : free < LowSpace ? Finding.Warning("disk", text, "Make room.")
                : Finding.Ok("disk", text);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            return Finding.Warning("disk", $"The free space of {folder} cannot be read: {error.Message}", null);
        }
    }

    /// <summary>A clock that was set back would make logins and schedules wrong.</summary>
    private static Finding Clock(string folder)
    {
        var now = TimeProvider.System.GetUtcNow();
        try
        {
            var newest = Directory.EnumerateFiles(folder).Select(File.GetLastWriteTimeUtc).Append(DateTime.UnixEpoch).Max();
            return newest > now.UtcDateTime + TimeSpan.FromMinutes(2)
                ? Finding.Failed(
                    "clock", $"It is {now:u}, but a file in the folder was written at {newest:u}.", "Set the clock; let it follow NTP.")
                : Finding.Ok("clock", $"It is {now:u}.");
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            return Finding.Warning("clock", $"It is {now:u}; the folder's times cannot be read: {error.Message}", null);
        }
    }

    private static Finding Certificates()
    {
        const string advice = "Install ca-certificates, or name a file of them: SSL_CERT_FILE=/path/to/ca.pem";
        try
        {
            using var store = new X509Store(StoreName.Root, StoreLocation.LocalMachine, OpenFlags.ReadOnly);
            return store.Certificates.Count > 0
                ? Finding.Ok("certificates", $"{store.Certificates.Count} certificate authorities are trusted.")
                : Finding.Warning("certificates", "No certificate authority is trusted: no provider can be reached by https.", advice);
        }
        catch (CryptographicException error)
        {
            return Finding.Warning("certificates", $"The trusted authorities cannot be read: {error.Message}", advice);
        }
    }
}
