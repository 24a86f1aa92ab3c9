using System.Threading.Channels;
using AiChat.Data;
using AiChat.Data.Sqlite;
using AiChat.Data.Store;
using AiChat.Endpoints.Http;

namespace AiChat.Endpoints.Housekeeping;

/// <summary>
/// Checks the whole database after each start, and again when another program has changed it. It runs beside the server, so that a start
/// takes the same time whatever the size of the data. Damage is logged, shown by the health routes and among the notices.
/// </summary>
internal sealed partial class StoreCheck(
    Db db, DataFolder folder, ServerOptions options, Notices notices, BackgroundWork background, TimeProvider clock,
    IHostApplicationLifetime lifetime, ILogger<StoreCheck> logger)
    : BackgroundService
{
    /// <summary>The first requests after a start have priority.</summary>
    private static readonly TimeSpan AfterStart = TimeSpan.FromSeconds(5);

    private const string DamageNotice = "database_damaged";

    private readonly Channel<bool> _due =
        Channel.CreateBounded<bool>(new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropWrite });
    private volatile string? _damage;

    /// <summary>The damage that the last check found; null when it found none.</summary>
    public string? Damage => _damage;

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        if (options.DatabaseServer is not null)
        {
            return; // the server checks its pages when it reads them
        }

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
            if (WholeCheck.Run(folder.DatabasePath, stop) is { } damage)
            {
                LogDamaged(logger, folder.DatabasePath, damage);
                notices.Add(new Notice(
                    DamageNotice,
                    $"The database is damaged ({damage}). Stop the server and restore a backup.",
                    Path.GetFullPath(folder.DatabasePath)));
                _damage = damage;
            }
            else
            {
                notices.Remove(DamageNotice);
                _damage = null;
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

    [LoggerMessage(LogLevel.Debug, "The whole database was checked in {Milliseconds} ms; no damage found")]
    private static partial void LogSound(ILogger logger, long milliseconds);

    [LoggerMessage(LogLevel.Warning, "Could not check the database; retrying at the next start")]
    private static partial void LogFailed(ILogger logger, Exception error);
}
