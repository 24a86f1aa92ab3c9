using System.Reflection;
using AiChat.Data;
using AiChat.Data.Backups;
using AiChat.Endpoints.Housekeeping;
using AiChat.Endpoints.Http;
using AiChat.Endpoints.Secrets;
using AiChat.Endpoints.Settings;
using AiChat.Providers.Transport;

namespace AiChat.Endpoints.Backups;

/// <summary>The key that goes into a backup: in clear, or under a passphrase.</summary>
internal sealed record BackupKey(string? Passphrase);

/// <summary>
/// Makes backups, one at a time, and afterwards sends them away and removes those that are no longer kept. A failure is logged, stands
/// among the notices of administrators, in the metrics and on the page. Safe for any number of threads.
/// </summary>
internal sealed partial class BackupService(
    BackupMaker maker, BackupShelf shelf, RemoteBackups remote, InstanceMarker instance, DataFolder folder, ServerOptions options,
    SystemSettings settings, Notices notices, Retention retention, BackgroundWork background, IHostApplicationLifetime lifetime,
    TimeProvider clock, ILogger<BackupService> logger)
{
    public const string FailedNotice = "backup_failed";

    /// <summary>Why none is made of a database on a server.</summary>
    public const string NotHere = "The database is on a PostgreSQL server, which has backups of its own: use pg_dump, pg_basebackup or "
        + "what the provider of the server offers, and copy the folder (or the bucket) of images and the master key beside it.";

    private static readonly string Version = typeof(BackupService).Assembly
        .GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion.Split('+')[0] ?? "";

    private readonly Lock _gate = new();
    private BackupRun? _run;
    private long _failures;

    /// <summary>The one that is being made; null when none is.</summary>
    public BackupRun? Running => _run is { Completion.IsCompleted: false } run ? run : null;

    /// <summary>Failures since the start of the process.</summary>
    public long Failures => Interlocked.Read(ref _failures);

    /// <summary>Begins a backup.</summary>
    /// <returns>Null when one is being made already.</returns>
    public BackupRun? Begin(bool scheduled, BackupKey? key = null)
    {
        lock (_gate)
        {
            if (Running is not null)
            {
                return null;
            }

            var now = clock.GetUtcNow();
            var run = _run = new BackupRun(shelf.FreeName(BackupPaths.NameAt(now, scheduled)), now);
            var wish = new BackupWish(run.Name, now, Version, instance)
            {
                MasterKey = key is null ? null : MasterKey.Find(folder, options),
                Passphrase = key?.Passphrase,
            };
            background.Forget("a backup", Task.Factory.StartNew(
                () => Make(run, wish, lifetime.ApplicationStopping), CancellationToken.None, TaskCreationOptions.LongRunning,
                TaskScheduler.Default).Unwrap());
            return run;
        }
    }

    /// <summary>An administrator has seen the last failure.</summary>
    public void Forgive() => notices.Remove(FailedNotice);

    /// <summary>Removes what an interrupted process left, before the first backup is made.</summary>
    public void Sweep() => shelf.Sweep();

    /// <summary>The newest that is complete; null when there is none.</summary>
    public ShelvedBackup? Newest() => shelf.List().FirstOrDefault(backup => backup.Manifest is not null);

    /// <summary>Tells that a backup, or a part of its way, failed.</summary>
    public void Fail(string name, string reason)
    {
        Interlocked.Increment(ref _failures);
        LogFailed(logger, name, reason);
        shelf.Remember(state => state with { LastFailure = new BackupFailure(name, clock.GetUtcNow(), reason) });
        notices.Remove(FailedNotice);
        notices.Add(new Notice(FailedNotice, $"The backup {name} failed: {reason}", name));
    }

    private async Task Make(BackupRun run, BackupWish wish, CancellationToken stop)
    {
        try
        {
            var made = maker.Make(wish, progress => run.Progress = progress, stop);
            LogMade(logger, made.Name, made.Bytes >> 10, (long)(clock.GetUtcNow() - run.CreatedAt).TotalMilliseconds);
            if (made.Manifest!.Missing.Count > 0)
            {
                LogMissing(logger, made.Name, made.Manifest.Missing.Count);
            }

            // Sent before it counts as done, so that "done" and no failure means that it is where it should be.
            run.Progress = new BackupProgress("send", 0);
            if (await Send(made, run, stop))
            {
                shelf.Remember(state => state with { LastFailure = null });
                notices.Remove(FailedNotice);
            }

            Prune();
            run.End(made, null);
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
            run.End(null, "The server was stopped meanwhile.");
        }
        catch (Exception error) when (IsExpected(error))
        {
            Fail(run.Name, Reason(error));
            run.IsDiskFull = error is StoreException { Failure: StoreFailure.Full } or IOException { HResult: 28 or 122 };
            run.End(null, Reason(error));
        }
        finally
        {
            run.End(null, "Something failed here; the log says what.");
            retention.Wake(); // it waited while files were held
        }
    }

    private async Task<bool> Send(ShelvedBackup made, BackupRun run, CancellationToken stop)
    {
        if (!remote.IsConfigured)
        {
            return true;
        }

        try
        {
            await remote.Send(made, share => run.Progress = new BackupProgress("send", share), stop);
            await remote.Prune(stop);
            return true;
        }
        catch (Exception error) when (error is ProviderException or IOException or BackupException)
        {
            Fail(made.Name, $"It was made, and not sent to {settings.BackupStore}: {error.Message}");
            return false;
        }
    }

    private void Prune()
    {
        var names = shelf.List().Where(backup => backup.Manifest is not null).Select(backup => backup.Name);
        var now = clock.GetUtcNow();
        foreach (var name in BackupRetention.Surplus(names, settings.BackupKeepDaily, settings.BackupKeepWeekly, options.Zone, now))
        {
            try
            {
                if (shelf.Remove(name))
                {
                    LogPruned(logger, name);
                }
            }
            catch (Exception error) when (error is IOException or UnauthorizedAccessException)
            {
                LogNotPruned(logger, name, error);
            }
        }
    }

    private static bool IsExpected(Exception error) =>
        error is BackupException or StoreException or IOException or UnauthorizedAccessException;

    private static string Reason(Exception error) =>
        error is IOException { HResult: 28 or 122 } ? $"The disk is full ({error.Message})" : error.Message;

    [LoggerMessage(LogLevel.Information, "Backup {Name} was made and checked: {Kilobytes} KB in {Milliseconds} ms")]
    private static partial void LogMade(ILogger logger, string name, long kilobytes, long milliseconds);

    [LoggerMessage(LogLevel.Warning, "Backup {Name} lacks {Count} images that the database names and the image folder has lost")]
    private static partial void LogMissing(ILogger logger, string name, int count);

    [LoggerMessage(LogLevel.Error, "Backup {Name} failed: {Reason}")]
    private static partial void LogFailed(ILogger logger, string name, string reason);

    [LoggerMessage(LogLevel.Information, "Backup {Name} was removed, because newer ones are kept in its place")]
    private static partial void LogPruned(ILogger logger, string name);

    [LoggerMessage(LogLevel.Warning, "Backup {Name} could not be removed; retrying after the next one")]
    private static partial void LogNotPruned(ILogger logger, string name, Exception error);
}

/// <summary>A backup that is being made, or has just been.</summary>
internal sealed class BackupRun(string name, DateTimeOffset createdAt)
{
    private readonly TaskCompletionSource _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public string Name => name;

    public DateTimeOffset CreatedAt => createdAt;

    public BackupProgress Progress { get; set; } = new("database", 0);

    /// <summary>Ends when it is made, or failed; it never fails itself.</summary>
    public Task Completion => _ended.Task;

    public ShelvedBackup? Made { get; private set; }

    public string? Failure { get; private set; }

    /// <summary>It failed for want of space.</summary>
    public bool IsDiskFull { get; set; }

    /// <summary>The first call counts.</summary>
    public void End(ShelvedBackup? made, string? failure)
    {
        if (!_ended.Task.IsCompleted)
        {
            (Made, Failure) = (made, failure);
            _ended.TrySetResult();
        }
    }
}
