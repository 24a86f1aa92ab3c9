using System.Buffers;
using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Connections.Features;
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
internal sealed class ConnectionListeners(
    ListenSockets sockets, IMemoryPoolFactory<byte> pools, TimeProvider clock, ILogger<ConnectionListener> logger,
    OperatorListeners? operators = null) : IConnectionListenerFactory
{
    private readonly ConcurrentBag<ConnectionListener> _listeners = [];

    /// <summary>From now on nobody can connect. Open connections continue.</summary>
    public void Close() => sockets.Dispose();

    /// <summary>
    /// An endpoint whose connections nobody has taken since the last call, although one was made then; null when there is none. Makes the
    /// connections for the next call.
    /// </summary>
    public EndPoint? FindStuck()
    {
        EndPoint? stuck = null;
        foreach (var listener in _listeners)
        {
            stuck = listener.Knock() ? stuck : listener.EndPoint;
        }

        return stuck;
    }

    public ValueTask<IConnectionListener> BindAsync(EndPoint endpoint, CancellationToken cancellationToken = default)
    {
        if (endpoint == OperatorConnection.EndPoint && operators is not null)
        {
            return new ValueTask<IConnectionListener>(operators.Bind());
        }

        try
        {
            var socket = sockets.Take(endpoint);
            var listener = new ConnectionListener(socket, () => sockets.Release(endpoint, socket), pools.Create(), clock, logger);
            _listeners.Add(listener);
            return new ValueTask<IConnectionListener>(listener);
        }
        catch (SocketException error) when (error.SocketErrorCode == SocketError.AddressAlreadyInUse)
        {
            throw new AddressInUseException(error.Message, error);
        }
    }
}

/// <param name="release">Gives the socket back.</param>
internal sealed partial class ConnectionListener(
    Socket socket, Action release, MemoryPool<byte> pool, TimeProvider clock, ILogger<ConnectionListener> logger)
    : IConnectionListener, IMemoryPoolFeature
{
    /// <summary>The pause before the next attempt. Clients wait in the kernel's queue meanwhile.</summary>
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(100);

    private static readonly TimeSpan BetweenWarnings = TimeSpan.FromSeconds(10);

    private readonly CancellationTokenSource _unbound = new();
    private readonly Doorbell _doorbell = new(socket.LocalEndPoint!);

    /// <summary>
    /// Output is sent by the thread that writes it, and input is read by the thread that the socket woke. PoolPipe continues on the thread
    /// pool, where requests are answered.
    /// </summary>
    private readonly SocketConnectionContextFactory _connections =
        new(new SocketConnectionFactoryOptions { UnsafePreferInlineScheduling = true }, logger);

    private long? _warned;

    public EndPoint EndPoint { get; } = socket.LocalEndPoint!;

    /// <summary>As <see cref="Doorbell.Ring"/>.</summary>
    public bool Knock() => _doorbell.Ring();

    /// <summary>
    /// The pool of Kestrel's HTTP layer, which takes it from its connection. The pool that a connection made outside Kestrel brings gives
    /// an empty block to who asks for any size, and responses that begin with <c>BodyWriter</c> would fail.
    /// </summary>
    MemoryPool<byte> IMemoryPoolFeature.MemoryPool => pool;

    public async ValueTask<ConnectionContext?> AcceptAsync(CancellationToken cancellationToken = default)
    {
        while (true)
        {
            try
            {
                var accepted = await socket.AcceptAsync(_unbound.Token);
                _doorbell.Answer();
                accepted.NoDelay = true;
                var connection = _connections.Create(accepted);
                connection.Features.Set<IMemoryPoolFeature>(this);
                connection.Transport = new PoolPipe(connection.Transport);
                return connection;
            }
            catch (Exception error) when (error is ObjectDisposedException or OperationCanceledException)
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
        release();
    }

    public ValueTask DisposeAsync()
    {
        release();
        _connections.Dispose();
        pool.Dispose();
        _unbound.Dispose();
        return default;
    }

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
