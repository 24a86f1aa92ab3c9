using AiChat.Data.Store;

namespace AiChat.Endpoints.Housekeeping;

/// <summary>
/// Tells the log when text cannot be added to the index of the search. What waits is found all the same, slower the more it becomes.
/// </summary>
internal sealed partial class IndexFailures(Db db, TimeProvider clock, ILogger<IndexFailures> logger) : IHostedService
{
    /// <summary>It is tried again every few seconds.</summary>
    private static readonly TimeSpan BetweenLines = TimeSpan.FromMinutes(10);

    private readonly Lock _gate = new();
    private long? _told;

    public Task StartAsync(CancellationToken cancellationToken)
    {
        db.IndexFailed += Tell;
        return Task.CompletedTask;
    }

    public Task StopAsync(CancellationToken cancellationToken)
    {
        db.IndexFailed -= Tell;
        return Task.CompletedTask;
    }

    private void Tell(Exception error)
    {
        lock (_gate)
        {
            if (_told is { } told && clock.GetElapsedTime(told) < BetweenLines)
            {
                return;
            }

            _told = clock.GetTimestamp();
        }

        LogFailed(logger, db.IndexFailures, error);
    }

    [LoggerMessage(
        LogLevel.Warning,
        "Could not add new text to the index of the search ({Count} times since the start). It is found all the same, and tried again")]
    private static partial void LogFailed(ILogger logger, long count, Exception error);
}
