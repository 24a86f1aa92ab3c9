using System.Diagnostics;

namespace AiChat.Data.Engine;

/// <summary>How long one thread has been at work without a pause. Marked by that thread, read by any.</summary>
internal sealed class BusyTime
{
    private long _since;

    public TimeSpan Elapsed => Volatile.Read(ref _since) is var since and not 0 ? Stopwatch.GetElapsedTime(since) : TimeSpan.Zero;

    public void Begin() => Volatile.Write(ref _since, Stopwatch.GetTimestamp());

    public void End() => Volatile.Write(ref _since, 0);
}
