namespace AiChat.Providers.Transport;

/// <summary>
/// Counts the work of reading one reply, so that no provider takes more than its share of this process: the work done without yielding the
/// thread, and the data that holds no content. The unit is a byte. Used by one thread at a time.
/// </summary>
internal sealed class ReplyWork(TimeProvider time)
{
    /// <summary>The work of a line, however short it is.</summary>
    public const int Line = 64;

    /// <summary>The work of a frame that cannot be read: it takes as long as thousands of readable bytes.</summary>
    public const int BrokenFrame = 2 * 1024;

    /// <summary>Work before the thread is yielded: about a millisecond for an answer, a few for the worst data.</summary>
    private const int MaxTurn = 256 * 1024;

    /// <summary>
    /// Data without content that may come at once, such as an ignored image or the answer repeated in the last event. Legitimate data
    /// beyond that comes slowly: comments that keep a connection open, empty deltas while a model reasons.
    /// </summary>
    private const long MaxSilent = 32 * 1024 * 1024;

    private const long SilentPerSecond = 512 * 1024;

    /// <summary>Data without content that one piece of content allows.</summary>
    private const int PerContent = 4 * 1024;

    private int _turn;
    private long _silent;
    private long _since = time.GetTimestamp();

    /// <summary>Enough work was done without a wait, or enough data came without content.</summary>
    public bool IsDue => _turn >= MaxTurn || _silent > MaxSilent;

    public void Add(int units)
    {
        _turn += units;
        _silent += units;
    }

    /// <summary>The thread was yielded, to wait for more data or for other work.</summary>
    public void Waited() => _turn = 0;

    public void Content(int pieces) => Pay(pieces * PerContent);

    /// <summary>Counts this much of the data as content.</summary>
    public void Pay(int units) => _silent = Math.Max(0, _silent - units);

    /// <exception cref="ProviderException">Too much came without content.</exception>
    public void Check()
    {
        if (_silent <= MaxSilent)
        {
            return;
        }

        var now = time.GetTimestamp();
        _silent = Math.Max(0, _silent - (long)(time.GetElapsedTime(_since, now).TotalSeconds * SilentPerSecond));
        _since = now;
        if (_silent > MaxSilent)
        {
            throw new ProviderException(ProviderFailure.Protocol, "The provider sends too much data without an answer in it.");
        }
    }
}
