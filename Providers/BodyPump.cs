using System.Threading.Tasks.Sources;

namespace AiChat.Providers;

/// <summary>
/// Takes a reply's body piece by piece in the moment it arrives. Reading a stream makes an object for each read that has to wait,
/// and most streams wait most of the time; copying it makes none. One reader, which has a piece until it asks for the next; the copy
/// waits meanwhile. The reader goes on in the thread that brought the piece.
/// </summary>
internal sealed class BodyPump(Stream source, CallClock clock) : Stream, IValueTaskSource<bool>, IValueTaskSource
{
    /// <summary>Bytes that a compressed body is unpacked by; what comes as it is comes as it arrived.</summary>
    private const int Unpacked = 4 * 1024;

    private readonly Lock _gate = new();
    private ManualResetValueTaskSourceCore<bool> _next;
    private ManualResetValueTaskSourceCore<bool> _taken;
    private Task? _copying;
    private bool _isAwaited;
    private bool _isHeld;
    private bool _isClosed;

    /// <summary>The piece that the last <see cref="NextAsync"/> brought.</summary>
    public ReadOnlyMemory<byte> Piece { get; private set; }

    /// <summary>Nothing will come after <see cref="Piece"/>.</summary>
    public bool Ended { get; private set; }

    public override bool CanRead => false;

    public override bool CanSeek => false;

    public override bool CanWrite => true;

    public override long Length => throw new NotSupportedException();

    public override long Position
    {
        get => throw new NotSupportedException();
        set => throw new NotSupportedException();
    }

    /// <summary>Lets go of the piece and waits for the next. False at the end.</summary>
    /// <exception cref="ProviderException">The body broke off, or its time is over; thrown once.</exception>
    /// <exception cref="OperationCanceledException">The caller's own cancellation.</exception>
    public ValueTask<bool> NextAsync()
    {
        bool wasHeld;
        lock (_gate)
        {
            if (Ended)
            {
                return new ValueTask<bool>(false);
            }

            Piece = default;
            _next.Reset();
            _isAwaited = true;
            (wasHeld, _isHeld) = (_isHeld, false);
        }

        var next = new ValueTask<bool>(this, _next.Version);
        if (wasHeld)
        {
            _taken.SetResult(true);
        }
        else
        {
            _copying ??= CopyAsync();
        }

        return next;
    }

    /// <summary>The copy offers a piece, which is good until the returned task ends.</summary>
    public override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
    {
        if (buffer.IsEmpty)
        {
            return default;
        }

        // Nobody but the reader waits here, and it asks again in this call when it needs nothing else.
        lock (_gate)
        {
            Piece = buffer;
            _isAwaited = false;
        }

        _next.SetResult(true);
        lock (_gate)
        {
            if (_isClosed)
            {
                return ValueTask.FromException(Closed());
            }

            if (_isAwaited)
            {
                return default;
            }

            _taken.Reset();
            _isHeld = true;
            return new ValueTask(this, _taken.Version);
        }
    }

    public override Task WriteAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
        WriteAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override void Flush()
    {
        // A piece is with the reader as soon as it is written.
    }

    public override Task FlushAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    /// <summary>Closes the body, wherever it is.</summary>
    public override async ValueTask DisposeAsync()
    {
        bool wasHeld;
        lock (_gate)
        {
            _isClosed = true;
            (wasHeld, _isHeld) = (_isHeld, false);
        }

        if (wasHeld)
        {
            _taken.SetException(Closed());
        }

        if (_copying is { IsCompleted: false })
        {
            clock.GiveUp(); // it waits for the network
            await _copying;
        }

        await source.DisposeAsync();
        await base.DisposeAsync();
    }

    bool IValueTaskSource<bool>.GetResult(short token) => _next.GetResult(token);

    ValueTaskSourceStatus IValueTaskSource<bool>.GetStatus(short token) => _next.GetStatus(token);

    void IValueTaskSource<bool>.OnCompleted(Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags) =>
        _next.OnCompleted(continuation, state, token, flags);

    void IValueTaskSource.GetResult(short token) => _taken.GetResult(token);

    ValueTaskSourceStatus IValueTaskSource.GetStatus(short token) => _taken.GetStatus(token);

    void IValueTaskSource.OnCompleted(Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags) =>
        _taken.OnCompleted(continuation, state, token, flags);

    private static OperationCanceledException Closed() => new("The reply was closed before its end.");

    private async Task CopyAsync()
    {
        Exception? failure = null;
        try
        {
            await source.CopyToAsync(this, Unpacked, clock.Token);
        }
        catch (Exception) when (clock.EndedQuietly)
        {
            // The model was done; the silence is the end.
        }
        catch (OperationCanceledException exception)
        {
            failure = clock.Translate(exception);
        }
        catch (InvalidDataException exception)
        {
            failure = new ProviderException(ProviderFailure.Protocol, "The compressed reply is broken.", inner: exception);
        }
        catch (Exception exception) when (exception is IOException or HttpRequestException or ObjectDisposedException)
        {
            failure = new ProviderException(ProviderFailure.ConnectionLost, "The connection to the provider broke during the reply.", inner: exception);
        }
        catch (Exception exception)
        {
            failure = exception; // the reader's to fail with
        }

        lock (_gate)
        {
            Ended = true;
            if (!_isAwaited)
            {
                return; // closed while it held a piece
            }

            _isAwaited = false;
        }

        if (failure is null)
        {
            _next.SetResult(false);
        }
        else
        {
            _next.SetException(failure);
        }
    }
}
