using AiChat.Data;
using AiChat.Data.Backups;
using AiChat.Endpoints.Http;
using AiChat.Endpoints.Settings;
using Cronos;

namespace AiChat.Endpoints.Backups;

/// <summary>
/// Makes backups when the schedule says, and one soon after a start when the server was off at that time. A failed one is tried again an
/// hour later. Once a week the newest is restored beside the others and thrown away, because only a backup that was restored is one.
/// </summary>
internal sealed partial class BackupSchedule(
    BackupService backups, BackupShelf shelf, SystemSettings settings, ServerOptions options, InstanceMarker instance, Notices notices,
    BackgroundWork background, IHostApplicationLifetime lifetime, TimeProvider clock, ILogger<BackupSchedule> logger)
    : BackgroundService
{
    public const string TrialNotice = "backup_trial_failed";

    private static readonly TimeSpan Look = TimeSpan.FromMinutes(1);
    private static readonly TimeSpan RetryAfter = TimeSpan.FromHours(1);
    private static readonly TimeSpan TrialEvery = TimeSpan.FromDays(7);

    private DateTimeOffset? _retryAt;
    private DateTimeOffset? _start;

    /// <summary>When the next one is due; null when there is no schedule. A time that has passed is made up for at once.</summary>
    public static DateTimeOffset? Next(string schedule, DateTimeOffset last, TimeZoneInfo zone) =>
        schedule.Length > 0 && CronExpression.TryParse(schedule, CronFormat.Standard, out var cron)
            ? cron.GetNextOccurrence(last, zone) : null;

    /// <summary>When the next one is due.</summary>
    public DateTimeOffset? Due() =>
        options.DatabaseServer is not null || Next(settings.BackupSchedule, Last(), options.Zone) is not { } due ? null
        : _retryAt is { } retry && retry < due ? retry : due;

    /// <summary>Removes what was left before anybody can begin a backup, which would look the same.</summary>
    public override Task StartAsync(CancellationToken cancellationToken)
    {
        if (options.DatabaseServer is null)
        {
            backups.Sweep();
        }

        return base.StartAsync(cancellationToken);
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        if (options.DatabaseServer is not null)
        {
            return; // by the server's own means (BackupService.NotHere)
        }

        var listening = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var registration = lifetime.ApplicationStarted.Register(listening.SetResult);
        await listening.Task.WaitAsync(stoppingToken);
        await background.Every("the schedule of backups", Look, () => Turn(stoppingToken), stoppingToken);
    }

    private async Task Turn(CancellationToken stop)
    {
        var now = clock.GetUtcNow();
        if (Due() is not { } due || due > now)
        {
            return;
        }

        if (backups.Begin(scheduled: true) is not { } run)
        {
            return; // another is being made; the next look begins this one
        }

        shelf.Remember(state => state with { LastScheduled = now });
        await run.Completion.WaitAsync(stop);
        _retryAt = run.Failure is null ? null : now + RetryAfter;
        if (run.Made is { } made && !(shelf.State.LastTrial is { } trial && now - trial.At < TrialEvery && trial.At <= now))
        {
            await Task.Factory.StartNew(() => Try(made, stop), stop, TaskCreationOptions.LongRunning, TaskScheduler.Default);
        }
    }

    /// <summary>
    /// The time from which the schedule counts: that of the last backup, or of the start when the clock was set back since. A wrong year
    /// must not put off backups until it comes.
    /// </summary>
    private DateTimeOffset Last()
    {
        var now = clock.GetUtcNow();
        _start = _start is { } start && start < now ? start : now;
        var last = shelf.State.LastScheduled ?? DateTimeOffset.FromUnixTimeMilliseconds(instance.CreatedAt);
        return last < now ? last : _start.Value;
    }

    private void Try(ShelvedBackup made, CancellationToken stop)
    {
        using var use = shelf.Use(made.Name);
        if (use is null)
        {
            return;
        }

        string? problem;
        if (BackupMaker.FreeSpace(shelf.Folder) is { } free && free < made.Bytes * 2)
        {
            problem = $"{shelf.Folder} has too little space left to restore it once.";
        }
        else
        {
            try
            {
                problem = BackupVerifier.Try(made, Path.Combine(shelf.Folder, ".new-trial"), stop);
            }
            catch (Exception error) when (error is IOException or UnauthorizedAccessException or StoreException)
            {
                problem = error.Message;
            }
        }

        shelf.Remember(state => state with { LastTrial = new BackupTrial(made.Name, clock.GetUtcNow(), problem) });
        notices.Remove(TrialNotice);
        if (problem is null)
        {
            LogTried(logger, made.Name);
            return;
        }

        LogTrialFailed(logger, made.Name, problem);
        notices.Add(new Notice(TrialNotice, $"The backup {made.Name} cannot be restored: {problem}", made.Name));
    }

    [LoggerMessage(LogLevel.Information, "Backup {Name} was restored beside the others and is sound")]
    private static partial void LogTried(ILogger logger, string name);

    [LoggerMessage(LogLevel.Error, "Backup {Name} cannot be restored: {Problem}")]
    private static partial void LogTrialFailed(ILogger logger, string name, string problem);
}
