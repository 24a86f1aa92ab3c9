using System.Buffers;

namespace AiChat.Providers.Transport;

/// <summary>
/// The body of a provider's reply, line by line or whole. Lines end with LF, CR or CRLF, and the end of the body ends the last one. A line
/// longer than the limit and every transport fault is a <see cref="ProviderException"/>. Lines are read in place; only the beginning of a
/// line that continues in the next piece is saved, in a pooled buffer.
/// </summary>
internal sealed class ProviderReply(IReplyBody body, string mediaType, CallClock clock, int maxLine) : IAsyncDisposable
{
    private const int FirstBuffer = 4 * 1024;

    /// <summary>A line longer than this gets the largest buffer at once, so that growing does not take several times its length.</summary>
    private const int LongLine = 1024 * 1024;

    /// <summary>The pool's buffer for <see cref="ProviderCall.UsualLine"/>.</summary>
    private const int PooledLine = 8 * 1024 * 1024;

    /// <summary>More bytes than this are not read at once on a socket thread.</summary>
    private const int LongWork = 64 * 1024;

    private ReadOnlyMemory<byte> _here;
    private byte[] _saved = [];
    private int _savedLength;
    private int _start;
    private int _scanned;
    private bool _isTakenIn = true;
    private bool _skipLineFeed;

    /// <summary>More bytes than this of one line or event take memory of their own from <see cref="LongLines"/>.</summary>
    private const int MaxUncounted = 256 * 1024;

    /// <summary>A line this long takes the memory of the longest before it grows further.</summary>
    private const int MaxUsual = ProviderCall.UsualLine - MaxUncounted;

    private IDisposable? _memory;
    private IDisposable? _more;

    /// <summary>Lower case, without parameters; empty when the provider named none.</summary>
    public string MediaType => mediaType;

    /// <summary>Of interest only after a call that takes any.</summary>
    public int Status { get; init; } = 200;

    /// <summary>With its parameters, as it was sent; empty when the provider named none.</summary>
    public string ContentType { get; init; } = "";

    /// <summary>The entity tag as it was sent; empty when there was none.</summary>
    public string Tag { get; init; } = "";

    public CallClock Clock => clock;

    /// <summary>Where the memory of a long line comes from; null when nobody counts it.</summary>
    public LineMemory? LongLines { get; init; }

    /// <summary>Takes over the memory of a long line that was read; null lets go of it.</summary>
    public Action<IDisposable>? Holds { get; set; }

    /// <summary>
    /// Call before each line: yields the thread when other work must proceed, or when much will be read at once, and takes the memory of a
    /// long line before it has come.
    /// </summary>
    /// <param name="gathered">Bytes of earlier lines that may be read with the next.</param>
    /// <exception cref="ProviderException">There is no memory for a line so long.</exception>
    public ValueTask PauseAsync(int gathered)
    {
        var length = _savedLength + gathered;
        var isCounted = length > MaxUsual ? _more is not null : length > MaxUncounted ? _memory is not null : _memory is null;
        if (!isCounted && LongLines is not null)
        {
            return CountAsync(length);
        }

        return clock.Work.IsDue || (length > LongWork && !Thread.CurrentThread.IsThreadPoolThread) ? clock.PauseAsync() : default;
    }

    /// <summary>The next line that has already arrived, without its end. It is valid until the next call.</summary>
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
        SaveRest();
        return body.NextAsync();
    }

    /// <summary>
    /// The whole body, at most <paramref name="max"/> bytes; a longer body is an error, or is cut off when <paramref name="cut"/> is set.
    /// </summary>
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
                return cut ? ByteOrderMark.Skip(whole.WrittenMemory)
                    : throw new ProviderException(ProviderFailure.TooLarge, $"The reply is longer than {max} bytes.");
            }

            _start = _scanned = here.Length;
            clock.Work.Pay(take);
            if (clock.Work.IsDue)
            {
                await clock.PauseAsync();
            }
        }

        await SocketThreads.Leave();
        return ByteOrderMark.Skip(whole.WrittenMemory);
    }

    /// <summary>Hands on the body piece by piece, which counts as content; a piece is valid until the next.</summary>
    public async Task CopyToAsync(Func<ReadOnlyMemory<byte>, ValueTask> write)
    {
        while (await FillAsync())
        {
            var here = Take();
            clock.Content(visible: true);
            clock.Work.Pay(here.Length);
            await SocketThreads.Leave();
            await write(here);
            if (clock.Work.IsDue)
            {
                await clock.PauseAsync();
            }
        }
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
        GiveBackMemory();
    }

    private async ValueTask CountAsync(int length)
    {
        if (length <= MaxUncounted)
        {
            GiveBackMemory();
            return;
        }

        await SocketThreads.Leave();
        try
        {
            _memory ??= await LongLines!.Take(false, clock.Token);
            if (length > MaxUsual && _memory is not null)
            {
                _more = await LongLines!.Take(true, clock.Token);
            }
        }
        catch (OperationCanceledException exception)
        {
            throw clock.Translate(exception);
        }

        if (_memory is null || (length > MaxUsual && _more is null))
        {
            throw new ProviderException(
                ProviderFailure.TooLarge, "The server does not have the memory for a line this long now; the answer was ended here.");
        }
    }

    private void GiveBackMemory()
    {
        foreach (var memory in (IDisposable?[])[_more, _memory])
        {
            if (memory is not null)
            {
                (Holds ?? Release)(memory);
            }
        }

        (_memory, _more) = (null, null);
    }

    /// <summary>What is unread, from <see cref="_start"/> on: the bytes saved from earlier pieces, and the last piece.</summary>
    private ReadOnlySpan<byte> Here()
    {
        if (!_isTakenIn)
        {
            _isTakenIn = true;
            _here = _savedLength == 0 ? body.Piece : Save(body.Piece.Span);
        }

        return _here.Span;
    }

    private ReadOnlyMemory<byte> Take()
    {
        var length = Here().Length;
        var here = _here[_start..length];
        _start = _scanned = length;
        return here;
    }

    /// <summary>Saves the beginning of a line before its piece is released.</summary>
    private void SaveRest()
    {
        var rest = Here()[_start..];
        if (rest.IsEmpty)
        {
            GiveBack();
        }
        else if (_savedLength == 0 || _start > 0)
        {
            _savedLength = 0;
            Save(rest);
        }

        _scanned -= _start;
        _start = 0;
        _isTakenIn = false;
    }

    /// <summary>Appends to the saved bytes. The new bytes may be a later part of the same buffer.</summary>
    private ReadOnlyMemory<byte> Save(ReadOnlySpan<byte> bytes)
    {
        var needed = _savedLength + bytes.Length;
        if (needed > _saved.Length)
        {
            var wanted = needed <= LongLine ? Math.Max(FirstBuffer, 2 * needed)
                : needed <= ProviderCall.UsualLine ? ProviderCall.UsualLine : Math.Max(needed, maxLine);
            var bigger = wanted <= ProviderCall.UsualLine
                ? ArrayPool<byte>.Shared.Rent(wanted) : GC.AllocateUninitializedArray<byte>(wanted); // rare, and too long to be kept
            _saved.AsSpan(0, _savedLength).CopyTo(bigger);
            bytes.CopyTo(bigger.AsSpan(_savedLength));
            ReturnSaved();
            _saved = bigger;
        }
        else
        {
            bytes.CopyTo(_saved.AsSpan(_savedLength));
        }

        _savedLength = needed;
        return _saved.AsMemory(0, needed);
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
        ReturnSaved();
        _saved = [];
        _savedLength = 0;
        _here = default;
    }

    private static void Release(IDisposable memory) => memory.Dispose();

    private void ReturnSaved()
    {
        if (_saved.Length is > 0 and <= PooledLine)
        {
            ArrayPool<byte>.Shared.Return(_saved);
        }
    }
}
