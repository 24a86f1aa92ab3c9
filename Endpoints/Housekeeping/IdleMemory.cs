using AiChat.Endpoints.Http;

namespace AiChat.Endpoints.Housekeeping;

/// <summary>
/// Returns memory to the system when the process is idle. The collector works only while something is allocated, so an idle server would
/// retain for ever what its last crowd, or the hash of its last login, left behind.
/// </summary>
internal sealed class IdleMemory : IDisposable
{
    /// <summary>The interval in which the process is observed.</summary>
    public static readonly TimeSpan Interval = TimeSpan.FromSeconds(2);

    /// <summary>Bytes that an idle process allocates in an interval at most: enough for a health check, not for an answer.</summary>
    public const long MaxIdle = 64 * 1024;

    /// <summary>Bytes allocated since the last collection for which another is worth its pause.</summary>
    public const long MinAllocated = 4 * 1024 * 1024;

    private readonly Func<long> _allocated;
    private readonly Action _collect;
    private readonly ITimer _timer;
    private long _before;
    private long _collected;

    /// <summary>Observes the process until it is disposed.</summary>
    /// <param name="allocated">Returns the bytes allocated since the start.</param>
    /// <param name="collect">Collects and returns free memory to the system.</param>
    public IdleMemory(BackgroundWork background, TimeProvider clock, Func<long> allocated, Action collect)
    {
        _allocated = allocated;
        _collect = collect;
        _timer = clock.CreateTimer(_ => background.Try("returning memory to the system", Look), null, Interval, Interval);
    }

    public static IdleMemory OfProcess(BackgroundWork background, TimeProvider clock) => new(
        background,
        clock,
        static () => GC.GetTotalAllocatedBytes(),
        MemoryAtRest.CollectWhenIdle);

    public void Dispose() => _timer.Dispose();

    private void Look()
    {
        var now = _allocated();
        if (now - _before <= MaxIdle && now - _collected >= MinAllocated)
        {
            _collect();
            _collected = now;
        }

        _before = now;
    }
}
