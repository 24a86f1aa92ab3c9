using AiChat.Endpoints.Housekeeping;
using AiChat.Endpoints.Http;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;

namespace AiChat.Tests.Http;

/// <summary>A server that has come to rest gives its memory back: once, and not while it works.</summary>
public sealed class IdleMemoryTests
{
    [Fact]
    public void Gives_back_once_after_work_and_never_during_it()
    {
        var time = new FakeTimeProvider();
        var (allocated, given) = (0L, 0);
        using var memory = new IdleMemory(new BackgroundWork(time, NullLogger<BackgroundWork>.Instance), time, () => allocated, () => given++);

        void After(long bytes, int expected)
        {
            allocated += bytes;
            time.Advance(IdleMemory.Rest);
            Assert.Equal(expected, given);
        }

        After(2 * IdleMemory.Worthwhile, 0); // works
        After(IdleMemory.AtRest + 1, 0); // still
        After(IdleMemory.AtRest, 1);
        After(0, 1); // nothing new
        After(IdleMemory.Worthwhile - 1, 1);
        After(0, 1); // too little
        After(1, 2);
        memory.Dispose();
        After(2 * IdleMemory.Worthwhile, 2);
        After(0, 2);
    }
}
