using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using System.Runtime.CompilerServices;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets;

namespace AiChat.Endpoints.Http;

/// <summary>
/// Listens as Kestrel does, except that a process that may open no more files waits a little and says so. Kestrel's own listener
/// tries again at once, which takes a whole core for as long as it lasts, and tells nobody.
/// </summary>
internal sealed class ConnectionListeners(IMemoryPoolFactory<byte> pools, TimeProvider clock, ILogger<ConnectionListener> logger) : IConnectionListenerFactory
{
    private readonly ConcurrentBag<Socket> _sockets = [];

    /// <summary>From now on nobody can connect; connections that stand go on.</summary>
    public void Close()
    {
        foreach (var socket in _sockets)
        {
            socket.Dispose();
        }
    }

    public ValueTask<IConnectionListener> BindAsync(EndPoint endpoint, CancellationToken cancellationToken = default)
    {
        try
        {
            var socket = SocketTransportOptions.CreateDefaultBoundListenSocket(endpoint);
            socket.Listen(512);
            _sockets.Add(socket);

            // What is written leaves on the thread that writes it, and what arrives is taken in by the thread that saw it arrive.
            // From there on PoolPipe leads to the thread pool, where requests are answered.
            var options = new SocketConnectionFactoryOptions { UnsafePreferInlineScheduling = true };
            SetPools(options, pools);
            return new ValueTask<IConnectionListener>(new ConnectionListener(socket, new SocketConnectionContextFactory(options, logger), clock, logger));
        }
        catch (SocketException error) when (error.SocketErrorCode == SocketError.AddressAlreadyInUse)
        {
            throw new AddressInUseException(error.Message, error);
        }
    }

    /// <summary>The pools that Kestrel's own listener has, which give memory back; a factory made outside Kestrel would have none of its own.</summary>
    [UnsafeAccessor(UnsafeAccessorKind.Method, Name = "set_MemoryPoolFactory")]
    private static extern void SetPools(SocketConnectionFactoryOptions options, IMemoryPoolFactory<byte> pools);
}

internal sealed partial class ConnectionListener(Socket socket, SocketConnectionContextFactory connections, TimeProvider clock, ILogger<ConnectionListener> logger)
    : IConnectionListener
{
    /// <summary>How soon it is tried again; those who wait are in the kernel's queue.</summary>
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(100);

    private static readonly TimeSpan BetweenWarnings = TimeSpan.FromSeconds(10);

    private readonly CancellationTokenSource _unbound = new();
    private long? _warned;

    public EndPoint EndPoint { get; } = socket.LocalEndPoint!;

    public async ValueTask<ConnectionContext?> AcceptAsync(CancellationToken cancellationToken = default)
    {
        while (true)
        {
            try
            {
                var accepted = await socket.AcceptAsync(cancellationToken);
                accepted.NoDelay = true;
                var connection = connections.Create(accepted);
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
            catch (SocketException error) when (error.SocketErrorCode is SocketError.TooManyOpenSockets or SocketError.NoBufferSpaceAvailable)
            {
                Warn(error);
                await Task.Delay(Pause, clock, _unbound.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
            catch (SocketException)
            {
                // The client was gone before it was taken.
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
        connections.Dispose();
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

    [LoggerMessage(LogLevel.Warning, "New connections have to wait: {Reason}. The process needs a higher limit of open files, or fewer clients.")]
    private static partial void LogFull(ILogger logger, string reason);
}
