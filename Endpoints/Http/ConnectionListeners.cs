using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets;

namespace AiChat.Endpoints.Http;

/// <summary>
/// Listens as Kestrel does, with two differences: the listening sockets can be closed before the server stops, and a process without free
/// file descriptors waits and logs a warning.
/// </summary>
/// <remarks>
/// <c>SocketTransportOptions.CreateBoundListenSocket</c> would give the first without this class, but not the second: the accept loop of
/// Kestrel's listener catches every <see cref="SocketException"/> and tries again at once. While descriptors are short it takes a whole
/// core and logs nothing, and neither the loop nor <see cref="Socket.AcceptAsync()"/> can be overridden. DescriptorTests shows the
/// difference. To go back: set <c>CreateBoundListenSocket</c> and <c>UnsafePreferInlineScheduling</c>, and put <see cref="PoolPipe"/>
/// around the transport of each connection with <c>ListenOptions.Use</c>. Only public members of Kestrel are used.
/// </remarks>
internal sealed class ConnectionListeners(TimeProvider clock, ILogger<ConnectionListener> logger) : IConnectionListenerFactory
{
    private readonly ConcurrentBag<ConnectionListener> _listeners = [];

    /// <summary>From now on nobody can connect. Open connections continue.</summary>
    public void Close()
    {
        foreach (var listener in _listeners)
        {
            listener.Close();
        }
    }

    /// <summary>Lets the collector take the buffers that connections have used and returned.</summary>
    public void ReleaseBuffers()
    {
        foreach (var listener in _listeners)
        {
            listener.ReleaseBuffers();
        }
    }

    public ValueTask<IConnectionListener> BindAsync(EndPoint endpoint, CancellationToken cancellationToken = default)
    {
        try
        {
            var socket = SocketTransportOptions.CreateDefaultBoundListenSocket(endpoint);
            socket.Listen(512);
            var listener = new ConnectionListener(socket, clock, logger);
            _listeners.Add(listener);
            return new ValueTask<IConnectionListener>(listener);
        }
        catch (SocketException error) when (error.SocketErrorCode == SocketError.AddressAlreadyInUse)
        {
            throw new AddressInUseException(error.Message, error);
        }
    }
}

internal sealed partial class ConnectionListener(
    Socket socket, TimeProvider clock, ILogger<ConnectionListener> logger) : IConnectionListener
{
    /// <summary>The pause before the next attempt. Clients wait in the kernel's queue meanwhile.</summary>
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(100);

    private static readonly TimeSpan BetweenWarnings = TimeSpan.FromSeconds(10);

    private readonly CancellationTokenSource _unbound = new();
    private volatile SocketConnectionContextFactory _connections = Connections(logger);
    private long? _warned;

    public EndPoint EndPoint { get; } = socket.LocalEndPoint!;

    public void Close() => socket.Dispose();

    /// <summary>
    /// A factory of connections retains every buffer that its connections have used. Connections accepted from now on use a new one; open
    /// ones keep the old one alive until they close, so it is not disposed here.
    /// </summary>
    public void ReleaseBuffers() => _connections = Connections(logger);

    public async ValueTask<ConnectionContext?> AcceptAsync(CancellationToken cancellationToken = default)
    {
        while (true)
        {
            try
            {
                var accepted = await socket.AcceptAsync(cancellationToken);
                accepted.NoDelay = true;
                var connection = _connections.Create(accepted);
                connection.Transport = new PoolPipe(connection.Transport);
                return connection;
            }
            catch (ObjectDisposedException)
            {
                return null;
            }
            catch (SocketException error) when (error.SocketErrorCode == SocketError.OperationAborted)
            {
                return null;
            }
            catch (SocketException error)
                when (error.SocketErrorCode is SocketError.TooManyOpenSockets or SocketError.NoBufferSpaceAvailable)
            {
                Warn(error);
                await Task.Delay(Pause, clock, _unbound.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
            catch (SocketException)
            {
                // The client disconnected before it was accepted.
            }
        }
    }

    public async ValueTask UnbindAsync(CancellationToken cancellationToken = default)
    {
        await _unbound.CancelAsync();
        socket.Dispose();
    }

    public ValueTask DisposeAsync()
    {
        socket.Dispose();
        _connections.Dispose();
        _unbound.Dispose();
        return default;
    }

    /// <remarks>
    /// Output is sent by the thread that writes it, and input is read by the thread that the socket woke. PoolPipe continues on the thread
    /// pool, where requests are answered.
    /// </remarks>
    private static SocketConnectionContextFactory Connections(ILogger logger) =>
        new(new SocketConnectionFactoryOptions { UnsafePreferInlineScheduling = true }, logger);

    private void Warn(SocketException error)
    {
        if (_warned is { } last && clock.GetElapsedTime(last) < BetweenWarnings)
        {
            return;
        }

        _warned = clock.GetTimestamp();
        LogFull(logger, error.Message);
    }

    [LoggerMessage(
        LogLevel.Warning,
        "New connections have to wait: {Reason}. The process needs a higher limit of open files, or fewer clients.")]
    private static partial void LogFull(ILogger logger, string reason);
}
