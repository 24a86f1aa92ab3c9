using AiChat.Endpoints.Housekeeping;
using AiChat.Endpoints.Http;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;

namespace AiChat.Tests.Http;

/// <summary>An idle server returns its memory to the system: once, and not while it works.</summary>
public sealed class IdleMemoryTests
{
    [Fact]
    public void Collects_once_after_work_and_never_during_it()
    {
        var time = new FakeTimeProvider();
        var (allocated, collected) = (0L, 0);
        var background = new BackgroundWork(time, NullLogger<BackgroundWork>.Instance);
        using var memory = new IdleMemory(background, time, () => allocated, () => collected++);

        void After(long bytes, int expected)
        {
            allocated += bytes;
            time.Advance(IdleMemory.Interval);
            Assert.Equal(expected, collected);
        }

        After(2 * IdleMemory.MinAllocated, 0); // busy
        After(IdleMemory.MaxIdle + 1, 0); // still busy
        After(IdleMemory.MaxIdle, 1);
        After(0, 1); // nothing allocated since
        After(IdleMemory.MinAllocated - 1, 1);
        After(0, 1); // too little
        After(1, 2);
        memory.Dispose();
        After(2 * IdleMemory.MinAllocated, 2);
        After(0, 2);
    }
}
