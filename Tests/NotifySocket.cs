using System.Net.Sockets;
using System.Text;
using AiChat.Endpoints.Http;

namespace AiChat.Tests;

/// <summary>A service manager's end of sd_notify(3): a real datagram socket.</summary>
internal sealed class NotifySocket : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("aichat-notify-");
    private readonly Socket _socket = new(AddressFamily.Unix, SocketType.Dgram, ProtocolType.Unspecified);
    private readonly byte[] _buffer = new byte[4096];

    public NotifySocket(bool isAbstract = false)
    {
        Name = isAbstract ? $"@aichat-{Guid.NewGuid():N}" : Path.Combine(_folder.FullName, "notify");
        _socket.Bind(new UnixDomainSocketEndPoint(isAbstract ? '\0' + Name[1..] : Name));
    }

    /// <summary>As NOTIFY_SOCKET gives it.</summary>
    public string Name { get; }

    /// <summary>A process's side, as if started with these variables besides NOTIFY_SOCKET.</summary>
    public ServiceManager Manager(params (string Name, string Value)[] variables) => ServiceManager.Find(
        name => name == "NOTIFY_SOCKET" ? Name : variables.FirstOrDefault(variable => variable.Name == name).Value,
        static line => Assert.Fail(line))!;

    /// <summary>The next datagram.</summary>
    public async Task<string> Next()
    {
        using var patience = new CancellationTokenSource(Patience);
        return Encoding.UTF8.GetString(_buffer, 0, await _socket.ReceiveAsync(_buffer, patience.Token));
    }

    /// <summary>The next datagram that contains this text; those before it are skipped.</summary>
    public async Task<string> Next(string part)
    {
        while (true)
        {
            if (await Next() is var message && message.Contains(part, StringComparison.Ordinal))
            {
                return message;
            }
        }
    }

    public void Dispose()
    {
        _socket.Dispose();
        _folder.Delete(recursive: true);
    }
}
