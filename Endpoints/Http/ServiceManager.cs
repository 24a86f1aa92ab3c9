using System.Globalization;
using System.Net.Sockets;
using System.Text;

namespace AiChat.Endpoints.Http;

/// <summary>
/// Tells the service manager that started this process (systemd, podman) how it is, by the datagrams of sd_notify(3). Never throws: a
/// manager that cannot be reached is named once on the log, and the server goes on without it. Safe for any thread.
/// </summary>
internal sealed class ServiceManager : IDisposable
{
    /// <summary>The interval in which a long start asks for more time, and the time it asks for.</summary>
    public static readonly TimeSpan StartStep = TimeSpan.FromSeconds(10);

    private static readonly TimeSpan MoreTime = TimeSpan.FromSeconds(60);

    /// <summary>A manager that does not read its socket must not hold up the server.</summary>
    private static readonly TimeSpan MaxSend = TimeSpan.FromSeconds(2);

    private readonly Socket _socket = new(AddressFamily.Unix, SocketType.Dgram, ProtocolType.Unspecified);
    private readonly UnixDomainSocketEndPoint _manager;
    private readonly string _name;
    private readonly Action<string> _complain;
    private readonly Lock _gate = new();
    private string? _status;
    private bool _complained;

    private ServiceManager(string name, TimeSpan? watchdog, Action<string> complain)
    {
        _name = name;
        _manager = new UnixDomainSocketEndPoint(name[0] == '@' ? '\0' + name[1..] : name);
        _complain = complain;
        _socket.SendTimeout = (int)MaxSend.TotalMilliseconds;
        Watchdog = watchdog;
    }

    /// <summary>The manager ends this process when it has not been told that it works for so long; null when it does not watch.</summary>
    public TimeSpan? Watchdog { get; }

    /// <summary>Null when no manager wants to be told, as in a terminal or under docker.</summary>
    /// <param name="get">Returns the value of a variable, or null.</param>
    /// <param name="complain">Takes one line when the manager cannot be told.</param>
    public static ServiceManager? Find(Func<string, string?> get, Action<string> complain)
    {
        if (get("NOTIFY_SOCKET") is not { Length: > 0 } name)
        {
            return null;
        }

        try
        {
            // The kinds that end in no datagram on this machine, such as vsock:, are for whole virtual machines.
            return name.Length > 1 && name[0] is '/' or '@' ? new ServiceManager(name, Interval(get), complain)
                : throw new ArgumentException("it is neither a path nor an abstract name");
        }
        catch (ArgumentException error)
        {
            complain($"NOTIFY_SOCKET is not used, {name}: {error.Message}");
            return null;
        }
    }

    /// <summary>Tells that the start goes on, asks for more time and feeds the watchdog until the result is disposed.</summary>
    /// <param name="doing">What the start does now, for people.</param>
    public IDisposable Starting(TimeProvider clock, Func<string> doing)
    {
        var began = clock.GetTimestamp();
        void Tell(object? state)
        {
            var seconds = (long)clock.GetElapsedTime(began).TotalSeconds;
            var feed = seconds > 0 && Watchdog is not null ? "WATCHDOG=1\n" : "";
            Send($"EXTEND_TIMEOUT_USEC={Microseconds(MoreTime)}\n{feed}"
                + Status(seconds == 0 ? "Starting" : $"Starting for {seconds} s: {doing()}"));
        }

        Tell(null);
        var step = Watchdog / 3 is { } third && third < StartStep ? third : StartStep;
        return clock.CreateTimer(Tell, null, step, step);
    }

    public void Ready(string status) => Send("READY=1\n" + Status(status));

    public void Stopping(string status) => Send("STOPPING=1\n" + Status(status));

    /// <summary>Feeds the watchdog.</summary>
    public void Alive() => Send("WATCHDOG=1");

    /// <summary>One line for whoever asks the manager; sent only when it changes.</summary>
    public void Tell(string status)
    {
        lock (_gate)
        {
            if (_status == status)
            {
                return;
            }
        }

        Send(Status(status));
    }

    public void Dispose() => _socket.Dispose();

    private string Status(string text)
    {
        lock (_gate)
        {
            _status = text;
        }

        return "STATUS=" + text.ReplaceLineEndings(" ");
    }

    private void Send(string message)
    {
        try
        {
            _socket.SendTo(Encoding.UTF8.GetBytes(message), _manager);
        }
        catch (Exception error) when (error is SocketException or ObjectDisposedException)
        {
            if (error is SocketException && !Interlocked.Exchange(ref _complained, true))
            {
                _complain($"The service manager cannot be told at {_name} (NOTIFY_SOCKET): {error.Message}");
            }
        }
    }

    /// <summary>Null without a watchdog, or when it watches another process than this.</summary>
    private static TimeSpan? Interval(Func<string, string?> get) =>
        get("WATCHDOG_PID") is { Length: > 0 } pid && pid != Environment.ProcessId.ToString(CultureInfo.InvariantCulture) ? null
        : long.TryParse(get("WATCHDOG_USEC"), NumberStyles.None, CultureInfo.InvariantCulture, out var microseconds) && microseconds > 0
            ? TimeSpan.FromMicroseconds(microseconds)
            : null;

    private static string Microseconds(TimeSpan time) => ((long)time.TotalMicroseconds).ToString(CultureInfo.InvariantCulture);
}
