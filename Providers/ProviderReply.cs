using System.Buffers;
using System.Runtime.CompilerServices;

namespace AiChat.Providers;

/// <summary>
/// The body of a provider's reply, line by line or whole. Lines end with LF, CR or CRLF, and the end of the body ends the
/// last one. A line longer than the limit and every transport fault is a <see cref="ProviderException"/>.
/// Memory is one pooled buffer, which grows to the longest line and is given back while nothing is here: most streams wait most of the time.
/// </summary>
internal sealed class ProviderReply(Stream stream, string mediaType, CallClock clock, int maxLine) : IAsyncDisposable
{
    private const int FirstBuffer = 4 * 1024;
    private const int FastBuffer = 32 * 1024;

    private byte[] _buffer = [];
    private int _start;
    private int _scanned;
    private int _end;
    private bool _ended;
    private bool _skipLineFeed;

    /// <summary>Lower case, without parameters; empty when the provider named none.</summary>
    public string MediaType => mediaType;

    public CallClock Clock => clock;

    /// <summary>The next line that is already here, without its end. It is valid until the next call.</summary>
    public bool TryReadLine(out ReadOnlySpan<byte> line)
    {
        if (_skipLineFeed && _start < _end)
        {
            _skipLineFeed = false;
            if (_buffer[_start] == '\n')
            {
                _start++;
                _scanned = Math.Max(_scanned, _start);
            }
        }

        var length = _buffer.AsSpan(_scanned, _end - _scanned).IndexOfAny((byte)'\n', (byte)'\r');
        if (length < 0)
        {
            _scanned = _end;
            return TakeLastLine(out line);
        }

        var at = _scanned + length;
        line = _buffer.AsSpan(_start, at - _start);
        Guard(line.Length);
        _skipLineFeed = _buffer[at] == '\r';
        _start = _scanned = at + 1;
        return true;
    }

    /// <summary>Waits for more bytes. False at the end of the body; a last unended line can then still be read.</summary>
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    public async ValueTask<bool> FillAsync()
    {
        if (_ended)
        {
            return false;
        }

        try
        {
            if (_start == _end)
            {
                GiveBack();
                _ = await stream.ReadAsync(Memory<byte>.Empty, clock.Token); // waits without a buffer
            }

            MakeRoom();
            var read = await stream.ReadAsync(_buffer.AsMemory(_end), clock.Token);
            _ended = read == 0;
            _end += read;
        }
        catch (Exception) when (clock.EndedQuietly)
        {
            _ended = true;
        }
        catch (OperationCanceledException exception)
        {
            throw clock.Translate(exception);
        }
        catch (InvalidDataException exception)
        {
            throw new ProviderException(ProviderFailure.Protocol, "The compressed reply is broken.", inner: exception);
        }
        catch (Exception exception) when (exception is IOException or HttpRequestException or ObjectDisposedException)
        {
            throw new ProviderException(ProviderFailure.ConnectionLost, "The connection to the provider broke during the reply.", inner: exception);
        }

        return !_ended;
    }

    /// <summary>The whole body, at most <paramref name="max"/> bytes; what is beyond is an error, or cut off when told so.</summary>
    public async Task<ReadOnlyMemory<byte>> ReadAllAsync(int max, bool cut = false)
    {
        var body = new ArrayBufferWriter<byte>(FirstBuffer);
        while (await FillAsync())
        {
            var take = Math.Min(_end - _start, max - body.WrittenCount);
            body.Write(_buffer.AsSpan(_start, take));
            _start += take;
            if (_start < _end)
            {
                return cut ? body.WrittenMemory : throw new ProviderException(ProviderFailure.TooLarge, $"The reply is longer than {max} bytes.");
            }

            _start = _scanned = _end = 0;
        }

        await SocketThreads.Leave();
        return body.WrittenMemory;
    }

    /// <summary>
    /// Reads what is left after the end marker, so that the connection can be used again. Bounded: a server that keeps
    /// the reply open loses its connection instead.
    /// </summary>
    public async ValueTask DrainAsync()
    {
        try
        {
            clock.Draining();
            for (var reads = 0; reads < 16 && await FillAsync(); reads++)
            {
                _start = _scanned = _end = 0;
            }
        }
        catch (Exception exception) when (exception is ProviderException or OperationCanceledException)
        {
            // The answer is complete; how the connection ends no longer matters.
        }
    }

    public async ValueTask DisposeAsync()
    {
        clock.Dispose();
        await stream.DisposeAsync();
        if (_ended)
        {
            // Only a finished read gives the buffer back: a cancelled one may still own it.
            GiveBack();
        }

        _buffer = [];
    }

    private bool TakeLastLine(out ReadOnlySpan<byte> line)
    {
        line = _buffer.AsSpan(_start, _end - _start);
        Guard(line.Length);
        if (!_ended || line.IsEmpty)
        {
            return false;
        }

        _start = _scanned = _end;
        return true;
    }

    private void Guard(int length)
    {
        if (length > maxLine)
        {
            throw new ProviderException(ProviderFailure.Protocol, $"A line of the reply is longer than {maxLine} bytes.");
        }
    }

    private void GiveBack()
    {
        _start = _scanned = _end = 0;
        if (_buffer.Length > 0)
        {
            ArrayPool<byte>.Shared.Return(_buffer);
            _buffer = [];
        }
    }

    private void MakeRoom()
    {
        if (_end < _buffer.Length)
        {
            return;
        }

        // A full buffer means that the provider is faster than our reads: larger reads save system calls.
        var used = _end - _start;
        var target = _buffer.Length == 0 ? FirstBuffer : used > _buffer.Length / 2 ? Math.Max(FastBuffer, _buffer.Length * 2) : Math.Max(FastBuffer, _buffer.Length);
        var bigger = target > _buffer.Length ? ArrayPool<byte>.Shared.Rent(target) : _buffer;
        _buffer.AsSpan(_start, used).CopyTo(bigger);
        if (bigger != _buffer && _buffer.Length > 0)
        {
            ArrayPool<byte>.Shared.Return(_buffer);
        }

        _buffer = bigger;
        _scanned -= _start;
        _start = 0;
        _end = used;
    }
}
