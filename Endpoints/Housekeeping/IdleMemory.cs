using AiChat.Endpoints.Http;

namespace AiChat.Endpoints.Housekeeping;

/// <summary>
/// Gives memory back to the system when the process has come to rest. The collector works only while something is allocated, so an idle
/// server would keep for ever what its last crowd, or the hash of its last login, has left behind.
/// </summary>
internal sealed class IdleMemory : IDisposable
{
    /// <summary>How long the process must be at rest.</summary>
    public static readonly TimeSpan Rest = TimeSpan.FromSeconds(5);

    /// <summary>Bytes that a process at rest allocates in that time at most: a health check, not an answer.</summary>
    public const long AtRest = 64 * 1024;

    /// <summary>Bytes that must have been allocated since the last time: for less, a collection is not worth its pause.</summary>
    public const long Worthwhile = 4 * 1024 * 1024;

    private readonly Func<long> _allocated;
    private readonly Action _giveBack;
    private readonly ITimer _timer;
    private long _before;
    private long _givenBack;

    /// <summary>Begins at once, and until it is disposed.</summary>
    /// <param name="background">Where its timer's failures go.</param>
    /// <param name="clock">Tells the time.</param>
    /// <param name="allocated">Bytes allocated so far in all.</param>
    /// <param name="giveBack">Collects, and gives back what is free.</param>
    public IdleMemory(BackgroundWork background, TimeProvider clock, Func<long> allocated, Action giveBack)
    {
        _allocated = allocated;
        _giveBack = giveBack;
        _timer = clock.CreateTimer(_ => background.Try("giving memory back", Look), null, Rest, Rest);
    }

    public static IdleMemory OfProcess(BackgroundWork background, TimeProvider clock) => new(
        background,
        clock,
        static () => GC.GetTotalAllocatedBytes(),
        static () => GC.Collect(GC.MaxGeneration, GCCollectionMode.Aggressive, blocking: true, compacting: true));

    public void Dispose() => _timer.Dispose();

    private void Look()
    {
        var now = _allocated();
        if (now - _before <= AtRest && now - _givenBack >= Worthwhile)
        {
            _giveBack();
            _givenBack = now;
        }

        _before = now;
    }
}
