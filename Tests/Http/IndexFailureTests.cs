using AiChat.Data.Engine;
using AiChat.Data.Store;
using AiChat.Endpoints.Housekeeping;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Time.Testing;

namespace AiChat.Tests.Http;

/// <summary>Text that cannot be added to the index of the search is told in the log, not with every attempt.</summary>
public sealed class IndexFailureTests
{
    [Fact]
    public async Task A_failure_is_told_once_in_ten_minutes()
    {
        var clock = new FakeTimeProvider();
        var writer = new FailingWriter();
        var log = new ErrorLog();
        using var logs = LoggerFactory.Create(logging => logging.AddProvider(log));
        using var db = new Db(writer, () => throw new NotSupportedException());
        var failures = new IndexFailures(db, clock, logs.CreateLogger<IndexFailures>());
        await failures.StartAsync(default);

        writer.Fail();
        writer.Fail();
        Assert.Equal(2, db.IndexFailures);
        var first = Assert.Single(log.Said);
        Assert.Contains("index of the search (1 times", first);

        clock.Advance(TimeSpan.FromMinutes(10));
        writer.Fail();
        Assert.Equal(2, log.Said.Count);
        await failures.StopAsync(default);
        clock.Advance(TimeSpan.FromMinutes(10));
        writer.Fail();
        Assert.Equal(2, log.Said.Count);
    }

    private sealed class FailingWriter : IWriter
    {
        public event Action<Exception>? Broken
        {
            add { }
            remove { }
        }

        public event Action? ChangedByOthers
        {
            add { }
            remove { }
        }

        public event Action<Exception>? IndexFailed;

        public long Commits => 0;

        public TimeSpan BusyFor => TimeSpan.Zero;

        public void Enqueue(WriteItem item) => throw new NotSupportedException();

        public void Fail() => IndexFailed?.Invoke(new IOException("no room"));

        public void Dispose()
        {
            // Nothing is held.
        }
    }
}
