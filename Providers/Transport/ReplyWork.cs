
namespace AiChat.Providers.Transport;

/// <summary>
/// Counts what it takes to read one reply, so that no provider takes more of this process than its share: what is done between two
/// turns of others, and what comes without anything of an answer in it. Its unit is a byte; used by one thread at a time.
/// </summary>
internal sealed class ReplyWork(TimeProvider time)
{
    /// <summary>A line takes work of its own, however short it is.</summary>
    public const int Line = 64;

    /// <summary>So does a frame that cannot be read: it takes as long as thousands of bytes that can.</summary>
    public const int BrokenFrame = 2 * 1024;

    /// <summary>About a millisecond of reading an answer, a few of the worst: others have their turn after it.</summary>
    private const int MaxTurn = 256 * 1024;

    /// <summary>
    /// What may come at once without content: a picture that is passed over, the answer repeated in the last event. What is legitimate
    /// beyond it comes slowly: comments that keep a connection open, empty deltas while a model thinks unseen.
    /// </summary>
    private const long MaxSilent = 32 * 1024 * 1024;

    private const long SilentPerSecond = 512 * 1024;

    /// <summary>One piece of content pays for this much around it.</summary>
    private const int PerContent = 4 * 1024;

    private int _turn;
    private long _silent;
    private long _since = time.GetTimestamp();

    /// <summary>Enough was done without a wait, or came without content.</summary>
    public bool IsDue => _turn >= MaxTurn || _silent > MaxSilent;

    public void Add(int units)
    {
        _turn += units;
        _silent += units;
    }

    /// <summary>The thread was given up to wait for more, or for others.</summary>
    public void Waited() => _turn = 0;

    public void Content(int pieces) => Pay(pieces * PerContent);

    /// <summary>So much of what came is content.</summary>
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
            throw new ProviderException(ProviderFailure.Protocol, "The provider sends much data without an answer in it.");
        }
    }
}
