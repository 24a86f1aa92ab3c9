using System.Buffers;

namespace AiChat.Providers.Transport;

/// <summary>
/// The body of a provider's reply, line by line or whole. Lines end with LF, CR or CRLF, and the end of the body ends the
/// last one. A line longer than the limit and every transport fault is a <see cref="ProviderException"/>.
/// Lines are read where they arrived; only the beginning of one that goes on in a later piece is kept, in a pooled buffer.
/// </summary>
internal sealed class ProviderReply(IReplyBody body, string mediaType, CallClock clock, int maxLine) : IAsyncDisposable
{
    private const int FirstBuffer = 4 * 1024;

    /// <summary>Reading more than this at once is no work for the threads of the sockets.</summary>
    private const int LongWork = 64 * 1024;

    private ReadOnlyMemory<byte> _here;
    private byte[] _kept = [];
    private int _keptLength;
    private int _start;
    private int _scanned;
    private bool _isTakenIn = true;
    private bool _skipLineFeed;

    /// <summary>Lower case, without parameters; empty when the provider named none.</summary>
    public string MediaType => mediaType;

    public CallClock Clock => clock;

    /// <summary>Call before each line: takes longer when others are to have their turn, or when much will be read at once.</summary>
    /// <param name="gathered">Bytes of earlier lines that may be read with the next.</param>
    public ValueTask PauseAsync(int gathered) =>
        clock.Work.IsDue || (_keptLength + gathered > LongWork && !Thread.CurrentThread.IsThreadPoolThread) ? clock.PauseAsync() : default;

    /// <summary>The next line that is already here, without its end. It is valid until the next call.</summary>
    public bool TryReadLine(out ReadOnlySpan<byte> line)
    {
        clock.Work.Add(ReplyWork.Line);
        var here = Here();
        if (_skipLineFeed && _start < here.Length)
        {
            _skipLineFeed = false;
            if (here[_start] == '\n')
            {
                _start++;
                _scanned = Math.Max(_scanned, _start);
            }
        }

        var length = here[_scanned..].IndexOfAny((byte)'\n', (byte)'\r');
        if (length < 0)
        {
            _scanned = here.Length;
            return TakeLastLine(out line);
        }

        var at = _scanned + length;
        line = here[_start..at];
        Guard(line.Length);
        _skipLineFeed = here[at] == '\r';
        _start = _scanned = at + 1;
        return true;
    }

    /// <summary>Waits for more bytes. False at the end of the body; a last unended line can then still be read.</summary>
    public ValueTask<bool> FillAsync()
    {
        KeepRest();
        return body.NextAsync();
    }

    /// <summary>The whole body, at most <paramref name="max"/> bytes; what is beyond is an error, or cut off when told so.</summary>
    public async Task<ReadOnlyMemory<byte>> ReadAllAsync(int max, bool cut = false)
    {
        var whole = new ArrayBufferWriter<byte>(FirstBuffer);
        while (await FillAsync())
        {
            var here = Here();
            var take = Math.Min(here.Length, max - whole.WrittenCount);
            whole.Write(here[..take]);
            if (take < here.Length)
            {
                return cut ? whole.WrittenMemory : throw new ProviderException(ProviderFailure.TooLarge, $"The reply is longer than {max} bytes.");
            }

            _start = _scanned = here.Length;
            clock.Work.Pay(take);
            if (clock.Work.IsDue)
            {
                await clock.PauseAsync();
            }
        }

        await SocketThreads.Leave();
        return whole.WrittenMemory;
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
                _start = _scanned = Here().Length;
            }
        }
        catch (Exception exception) when (exception is ProviderException or OperationCanceledException)
        {
            // The answer is complete; how the connection ends no longer matters.
        }
    }

    public async ValueTask DisposeAsync()
    {
        await body.DisposeAsync();
        clock.Dispose();
        GiveBack();
    }

    /// <summary>What has not been read yet, from <see cref="_start"/> on: the piece that came last, behind what was kept of those before.</summary>
    private ReadOnlySpan<byte> Here()
    {
        if (!_isTakenIn)
        {
            _isTakenIn = true;
            _here = _keptLength == 0 ? body.Piece : Keep(body.Piece.Span);
        }

        return _here.Span;
    }

    /// <summary>Before the piece goes: a line may have begun in it.</summary>
    private void KeepRest()
    {
        var rest = Here()[_start..];
        if (rest.IsEmpty)
        {
            GiveBack();
        }
        else if (_keptLength == 0 || _start > 0)
        {
            _keptLength = 0;
            Keep(rest);
        }

        _scanned -= _start;
        _start = 0;
        _isTakenIn = false;
    }

    /// <summary>Adds to what is kept. The bytes may be a later part of it.</summary>
    private ReadOnlyMemory<byte> Keep(ReadOnlySpan<byte> bytes)
    {
        var needed = _keptLength + bytes.Length;
        if (needed > _kept.Length)
        {
            var bigger = ArrayPool<byte>.Shared.Rent(Math.Max(FirstBuffer, 2 * needed));
            _kept.AsSpan(0, _keptLength).CopyTo(bigger);
            bytes.CopyTo(bigger.AsSpan(_keptLength));
            ReturnKept();
            _kept = bigger;
        }
        else
        {
            bytes.CopyTo(_kept.AsSpan(_keptLength));
        }

        _keptLength = needed;
        return _kept.AsMemory(0, needed);
    }

    private bool TakeLastLine(out ReadOnlySpan<byte> line)
    {
        line = Here()[_start..];
        Guard(line.Length);
        if (!body.Ended || line.IsEmpty)
        {
            return false;
        }

        _start = _scanned = _here.Length;
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
        ReturnKept();
        _kept = [];
        _keptLength = 0;
        _here = default;
    }

    private void ReturnKept()
    {
        if (_kept.Length > 0)
        {
            ArrayPool<byte>.Shared.Return(_kept);
        }
    }
}
