using System.Threading.Channels;
using AiChat.Data;
using AiChat.Data.Sqlite;
using AiChat.Endpoints.Http;

namespace AiChat.Endpoints.Housekeeping;

/// <summary>
/// Has the whole database checked after each start, and again when another program has changed it, while the server runs: a start takes
/// the same time whatever the data. Damage is logged, and told by the health of settings and to administrators.
/// </summary>
internal sealed partial class StoreCheck(
    Db db, DataFolder folder, BackgroundWork background, TimeProvider clock, IHostApplicationLifetime lifetime, ILogger<StoreCheck> logger)
    : BackgroundService
{
    /// <summary>The first people come first.</summary>
    private static readonly TimeSpan AfterStart = TimeSpan.FromSeconds(5);

    private readonly Channel<bool> _due = Channel.CreateBounded<bool>(new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropWrite });
    private volatile string? _damage;

    /// <summary>What the last check found; null when that was nothing.</summary>
    public string? Damage => _damage;

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        var listening = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var registration = lifetime.ApplicationStarted.Register(listening.SetResult);
        await listening.Task.WaitAsync(stoppingToken);
        db.ChangedByOthers += () => _due.Writer.TryWrite(true);
        _due.Writer.TryWrite(true);
        await background.Repeat("check of the database", () => Round(stoppingToken), stoppingToken);
    }

    private async Task<bool> Round(CancellationToken stop)
    {
        await _due.Reader.WaitToReadAsync(stop);
        await Task.Delay(AfterStart, clock, stop);
        _due.Reader.TryRead(out _);
        await Task.Factory.StartNew(() => Check(stop), stop, TaskCreationOptions.LongRunning, TaskScheduler.Default);
        return true;
    }

    private void Check(CancellationToken stop)
    {
        var begun = clock.GetTimestamp();
        try
        {
            _damage = WholeCheck.Run(folder.DatabasePath, stop);
            if (_damage is { } damage)
            {
                LogDamaged(logger, folder.DatabasePath, damage);
            }
            else
            {
                LogSound(logger, (long)clock.GetElapsedTime(begun).TotalMilliseconds);
            }
        }
        catch (StoreException error)
        {
            LogFailed(logger, error);
        }
    }

    [LoggerMessage(LogLevel.Critical, "The database {Path} is damaged ({Damage}). Stop the server and restore a backup")]
    private static partial void LogDamaged(ILogger logger, string path, string damage);

    [LoggerMessage(LogLevel.Debug, "The whole database was checked in {Milliseconds} ms; it is sound")]
    private static partial void LogSound(ILogger logger, long milliseconds);

    [LoggerMessage(LogLevel.Warning, "The database could not be checked; the next start tries again")]
    private static partial void LogFailed(ILogger logger, Exception error);
}
