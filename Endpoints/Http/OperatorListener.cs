using System.Buffers;
using System.IO.Pipelines;
using System.Net;
using System.Net.Sockets;
using System.Threading.Channels;
using AiChat.Data;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Connections.Features;
using Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets;

namespace AiChat.Endpoints.Http;

/// <summary>
/// Marks a connection of the operator: whoever may read and write the data folder. It stands among the features of the connection, where
/// only the two listeners of this file put it; nothing in a request can.
/// </summary>
/// <param name="MemoryPool">See <see cref="ConnectionListener"/>.</param>
internal sealed record OperatorConnection(MemoryPool<byte> MemoryPool) : IMemoryPoolFeature
{
    /// <summary>What the web server is told to listen at. <see cref="ConnectionListeners"/> makes one of the two listeners of it.</summary>
    public static readonly EndPoint EndPoint = new UnixDomainSocketEndPoint("operator");

    public static ConnectionContext Of(ConnectionContext connection, MemoryPool<byte> pool)
    {
        var mark = new OperatorConnection(pool);
        connection.Features.Set(mark);
        connection.Features.Set<IMemoryPoolFeature>(mark);
        return connection;
    }

    public static bool Made(HttpContext context) => context.Features.Get<OperatorConnection>() is not null;
}

/// <summary>Listens for the command line, in the way that this process needs.</summary>
/// <param name="pipe">Only in a process that serves one command.</param>
internal sealed partial class OperatorListeners(
    DataFolder folder, IMemoryPoolFactory<byte> pools, TimeProvider clock, ILogger<OperatorListener> logger, OperatorPipe? pipe = null)
{
    public IConnectionListener Bind()
    {
        if (pipe is not null)
        {
            return pipe;
        }

        try
        {
            return new OperatorListener(ControlSocket.Listen(folder.Path), pools.Create(), clock, logger);
        }
        catch (Exception error) when (error is SocketException or IOException or UnauthorizedAccessException)
        {
            // Some file systems have no sockets. The server works there too.
            LogNoSocket(logger, folder.Path, error.Message);
            return new OperatorPipe(pools);
        }
    }

    [LoggerMessage(
        LogLevel.Warning,
        "Commands such as aichat user cannot reach this server, because {Folder} takes no socket ({Reason}). Stop it before using them.")]
    private static partial void LogNoSocket(ILogger logger, string folder, string reason);
}

/// <summary>Takes the command line's connections to a running server from the socket in the data folder.</summary>
internal sealed partial class OperatorListener(Socket socket, MemoryPool<byte> pool, TimeProvider clock, ILogger logger)
    : IConnectionListener
{
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(100);

    private readonly SocketConnectionContextFactory _connections = new(new SocketConnectionFactoryOptions(), logger);

    public EndPoint EndPoint => OperatorConnection.EndPoint;

    public async ValueTask<ConnectionContext?> AcceptAsync(CancellationToken cancellationToken = default)
    {
        while (true)
        {
            try
            {
                var accepted = await socket.AcceptAsync(cancellationToken);
                if (ControlSocket.IsOwner(accepted))
                {
                    return OperatorConnection.Of(_connections.Create(accepted), pool);
                }

                accepted.Dispose();
                LogStranger(logger);
            }
            catch (Exception error) when (error is ObjectDisposedException or OperationCanceledException
                or SocketException { SocketErrorCode: SocketError.OperationAborted })
            {
                return null;
            }
            catch (SocketException)
            {
                // The command has gone, or there are no file descriptors: it waits in the queue of the kernel.
                await Task.Delay(Pause, clock, CancellationToken.None);
            }
        }
    }

    public ValueTask UnbindAsync(CancellationToken cancellationToken = default)
    {
        socket.Dispose();
        return default;
    }

    public ValueTask DisposeAsync()
    {
        socket.Dispose();
        _connections.Dispose();
        pool.Dispose();
        return default;
    }

    [LoggerMessage(LogLevel.Warning, "Another user of this machine tried to connect to the command line's socket and was refused")]
    private static partial void LogStranger(ILogger logger);
}

/// <summary>The connections of a command to the server inside its own process, which serves a folder that no server runs on.</summary>
internal sealed class OperatorPipe(IMemoryPoolFactory<byte> pools) : IConnectionListener
{
    private readonly MemoryPool<byte> _pool = pools.Create();
    private readonly Channel<ConnectionContext> _waiting = Channel.CreateUnbounded<ConnectionContext>();

    public EndPoint EndPoint => OperatorConnection.EndPoint;

    /// <summary>A new connection, as its client sees it.</summary>
    public Stream Connect()
    {
        var (request, response) = (new Pipe(), new Pipe());
        var connection = new PipeConnection(new Ends(request.Reader, response.Writer));
        if (!_waiting.Writer.TryWrite(OperatorConnection.Of(connection, _pool)))
        {
            throw new IOException("The server inside this process has stopped.");
        }

        return new PipeStream(new Ends(response.Reader, request.Writer));
    }

    public async ValueTask<ConnectionContext?> AcceptAsync(CancellationToken cancellationToken = default) =>
        await _waiting.Reader.WaitToReadAsync(cancellationToken) && _waiting.Reader.TryRead(out var connection) ? connection : null;

    public ValueTask UnbindAsync(CancellationToken cancellationToken = default)
    {
        _waiting.Writer.TryComplete();
        return default;
    }

    public ValueTask DisposeAsync() => UnbindAsync();

    private sealed record Ends(PipeReader Input, PipeWriter Output) : IDuplexPipe;

    private sealed class PipeConnection(IDuplexPipe transport)
        : DefaultConnectionContext(Guid.NewGuid().ToString("N"), transport, transport)
    {
        /// <summary>The server is done with the connection: the client reads to its end.</summary>
        public override async ValueTask DisposeAsync()
        {
            await Transport.Input.CompleteAsync();
            await Transport.Output.CompleteAsync();
            await base.DisposeAsync();
        }
    }

    /// <summary>Both directions as one stream; closing it closes both.</summary>
    private sealed class PipeStream(IDuplexPipe pipe) : Stream
    {
        private readonly Stream _input = pipe.Input.AsStream();
        private readonly Stream _output = pipe.Output.AsStream();

        public override bool CanRead => true;

        public override bool CanSeek => false;

        public override bool CanWrite => true;

        public override long Length => throw new NotSupportedException();

        public override long Position
        {
            get => throw new NotSupportedException();
            set => throw new NotSupportedException();
        }

        public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default) =>
            _input.ReadAsync(buffer, cancellationToken);

        public override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default) =>
            _output.WriteAsync(buffer, cancellationToken);

        public override Task FlushAsync(CancellationToken cancellationToken) => _output.FlushAsync(cancellationToken);

        public override void Flush() => throw new NotSupportedException();

        public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

        public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

        public override void SetLength(long value) => throw new NotSupportedException();

        protected override void Dispose(bool disposing)
        {
            _output.Dispose();
            _input.Dispose();
            base.Dispose(disposing);
        }
    }
}
