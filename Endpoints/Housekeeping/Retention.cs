using System.Threading.Channels;
using AiChat.Data.Accounts;
using AiChat.Data.Chats;
using AiChat.Data.Images;
using AiChat.Data.Nodes;
using AiChat.Data.Traces;
using AiChat.Endpoints.Http;
using AiChat.Endpoints.Images;
using AiChat.Endpoints.Settings;

namespace AiChat.Endpoints.Housekeeping;

/// <summary>
/// Removes what has expired (logins, shares, guests, temporary chats, images, traces) and files without a use. Runs when the server listens
/// and every hour; deleted chats and files also right after something was deleted. A failing step does not prevent the next, and what is
/// interrupted is completed in the next round.
/// </summary>
internal sealed partial class Retention(
    Expiry expiry, Removal removal, FileRows rows, ImageFiles files, ImageHome home, BucketUpkeep bucket, Logins logins,
    AuthCache authCache, SystemSettings settings, TimeProvider clock, TraceStore traces, NodeStore nodes, BackgroundWork background,
    IHostApplicationLifetime lifetime, ILogger<Retention> logger)
    : BackgroundService
{
    private const int Batch = 200;

    /// <summary>Smaller, because the images of a chat and the rows of a guest are deleted in the same write.</summary>
    private const int HeavyBatch = 10;

    /// <summary>Files that are deleted in a store elsewhere at the same time.</summary>
    private const int AtOnce = 16;

    private static readonly TimeSpan Interval = TimeSpan.FromHours(1);

    /// <summary>Of several processes on one database one removes what has expired, for less than an interval.</summary>
    private static readonly TimeSpan Lease = TimeSpan.FromMinutes(50);

    /// <summary>How long an uploaded image may wait for its message.</summary>
    private static readonly TimeSpan MaxUnattached = TimeSpan.FromDays(1);

    /// <summary>A temporary file that is older belongs to no upload any more.</summary>
    private static readonly TimeSpan MaxUpload = TimeSpan.FromHours(1);

    /// <summary>How long a file without a row is kept: time to see that the database is not the one that belongs to the folder.</summary>
    private static readonly TimeSpan MaxUnused = TimeSpan.FromDays(30);

    /// <summary>So many lost files are an accident of the disk; more, and a tenth of all, are a folder of an earlier time.</summary>
    private const int FewMissing = 10;

    private const int MaxMissing = 10_000;

    private readonly Channel<bool> _due =
        Channel.CreateBounded<bool>(new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropWrite });
    private int _whole = 1;

    /// <summary>Raised after each round, with the time that decided what had expired; null when only deleted items were removed.</summary>
    public event Action<DateTimeOffset?>? Ran;

    /// <summary>Something was deleted: remove its files now.</summary>
    public void Wake() => _due.Writer.TryWrite(true);

    public override async Task StartAsync(CancellationToken cancellationToken)
    {
        await home.Claim();
        await base.StartAsync(cancellationToken);
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        var listening = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var registration = lifetime.ApplicationStarted.Register(listening.SetResult);
        await listening.Task.WaitAsync(stoppingToken);
        var hours = background.Every("the hourly removal", Interval, Hourly, stoppingToken);
        Wake();
        await background.Repeat("removal of expired data", () => Round(stoppingToken), stoppingToken);
        await hours;
    }

    private Task Hourly()
    {
        Interlocked.Exchange(ref _whole, 1);
        Wake();
        return Task.CompletedTask;
    }

    private async Task<bool> Round(CancellationToken stop)
    {
        await _due.Reader.ReadAsync(stop);
        DateTimeOffset? now = Interlocked.Exchange(ref _whole, 0) == 1 ? clock.GetUtcNow() : null;
        if (now is not null && files.Bucket is not null)
        {
            await Try("images kept at hand", () => bucket.Folder(now.Value, stop), stop);
        }

        if (now is { } by && await nodes.TryTake("retention", Lease))
        {
            await RemoveExpired(by, stop);
            await Try("stray files", () => files.Bucket is null ? Reconcile(by, stop) : ReconcileBucket(by, stop), stop);
        }

        await Try("deleted chats", () => RemoveChats(stop), stop);
        await Try("files of deleted rows", () => RemoveFiles(stop), stop);
        Ran?.Invoke(now);
        return true;
    }

    private async Task RemoveExpired(DateTimeOffset now, CancellationToken stop)
    {
        await Try("expired logins", () => logins.Sweep(now), stop);
        await Try("expired shares", () => InBatches(() => expiry.Shares(now, Batch), stop), stop);
        await Try("expired guests", () => InBatches(() => Guests(now), stop, HeavyBatch), stop);
        await Try(
            "expired temporary chats",
            () => InBatches(() => expiry.TemporarySessions(now - settings.TemporaryChatLife, HeavyBatch), stop, HeavyBatch),
            stop);
        await Try("unattached images", () => InBatches(() => expiry.UnattachedImages(now - MaxUnattached, Batch), stop), stop);
        if (settings.ChatImageRetentionDays is > 0 and var days)
        {
            await Try("expired images", () => InBatches(() => expiry.Images(now.AddDays(-days), Batch), stop), stop);
        }

        await Try("expired task traces", async () =>
        {
            await InBatches(() => traces.DeleteBefore(now.AddDays(-settings.TaskTraceRetentionDays), Batch), stop);
            await TracesOfDeletedUsers(stop);
        }, stop);
    }

    private async Task<int> Guests(DateTimeOffset now)
    {
        var gone = await expiry.Guests(now, HeavyBatch);
        gone.ForEach(authCache.UserRevoked);
        return gone.Count;
    }

    /// <summary>Traces are apart from the chats, without a foreign key to users.</summary>
    private async Task TracesOfDeletedUsers(CancellationToken stop)
    {
        var last = 0L;
        while (await traces.Users(last, Batch) is { Count: > 0 } users)
        {
            stop.ThrowIfCancellationRequested();
            last = users[^1];
            if (await expiry.GoneUsers(users) is { Count: > 0 } gone)
            {
                await InBatches(() => traces.DeleteUsers(gone, Batch), stop);
            }
        }
    }

    private static async Task InBatches(Func<Task<int>> batch, CancellationToken stop, int size = Batch)
    {
        while (await batch() == size)
        {
            stop.ThrowIfCancellationRequested();
        }
    }

    /// <summary>In steps, so that other writes run in between. What a stop or a crash leaves is removed at the next start.</summary>
    private async Task RemoveChats(CancellationToken stop)
    {
        while (await removal.Step())
        {
            stop.ThrowIfCancellationRequested();
        }
    }

    /// <summary>After the commit that deleted their rows. If the process ends before, they are still listed at the next start.</summary>
    private async Task RemoveFiles(CancellationToken stop)
    {
        while (await rows.Doomed(Batch) is { Count: > 0 } doomed)
        {
            stop.ThrowIfCancellationRequested();
            if (files.IsHeld)
            {
                return; // a backup links them; the next round removes what is in this list
            }

            foreach (var some in doomed.Chunk(AtOnce))
            {
                await Task.WhenAll(some.Select(files.Delete));
            }

            await rows.Forget(doomed);
        }
    }

    /// <summary>
    /// Files without a row (a crash between the two, or a database of an earlier time) and rows without a file (a folder of an earlier
    /// time).
    /// </summary>
    private async Task Reconcile(DateTimeOffset now, CancellationToken stop)
    {
        var folder = files.Folder;
        if (!folder.IsClaimed)
        {
            // An unmounted disk looks like this, so no file or row may be deleted.
            LogMissing(logger, folder.Folder);
            return;
        }

        folder.DeleteUnfinished(now - MaxUpload);
        foreach (var names in folder.SetAside().Chunk(Batch))
        {
            stop.ThrowIfCancellationRequested();
            names.Except(await rows.Unknown(names)).ToList().ForEach(folder.BringBack);
        }

        folder.DeleteUnused(now - MaxUnused);
        foreach (var names in folder.OlderThan(now - MaxUpload))
        {
            stop.ThrowIfCancellationRequested();
            var unknown = await rows.Unknown(names);
            if (files.IsHeld)
            {
                return;
            }

            unknown.ForEach(name => folder.SetAside(name, now));
        }

        List<string> missing = [];
        var (all, last) = (0, "");
        while (missing.Count <= MaxMissing && await rows.Page(last, Batch) is { Count: > 0 } page)
        {
            stop.ThrowIfCancellationRequested();
            (all, last) = (all + page.Count, page[^1].Id);
            missing.AddRange(page.Where(row => !folder.Exists(row.File)).Select(row => row.Id));
        }

        if (missing.Count > FewMissing && missing.Count > all / 10)
        {
            LogOlder(logger, missing.Count, folder.Folder);
        }
        else if (missing.Count > 0)
        {
            await rows.DeleteImages(missing);
        }
    }

    private async Task ReconcileBucket(DateTimeOffset now, CancellationToken stop)
    {
        await home.Claim(); // the store may have been out of reach when the server started
        await bucket.Reconcile(now, stop);
    }

    private async Task Try(string what, Func<Task> work, CancellationToken stop)
    {
        try
        {
            await work();
        }
        catch (Exception error) when (!stop.IsCancellationRequested)
        {
            LogFailed(logger, what, error);
        }
    }

    [LoggerMessage(LogLevel.Warning, "Could not remove {What}; retrying next round")]
    private static partial void LogFailed(ILogger logger, string what, Exception error);

    [LoggerMessage(
        LogLevel.Warning,
        "{Count} images or more have no file in {Folder}, which seems to be of an earlier time than the database; nothing is removed. Put "
        + "the folder back that belongs to it")]
    private static partial void LogOlder(ILogger logger, int count, string folder);

    [LoggerMessage(LogLevel.Warning, "The image folder {Folder} does not belong to this database; no image is removed")]
    private static partial void LogMissing(ILogger logger, string folder);
}

internal static class RetentionExtensions
{
    /// <summary>Comes before the endpoints. A DELETE may have removed the last row of a file.</summary>
    public static void UseRetention(this WebApplication app)
    {
        var retention = app.Services.GetRequiredService<Retention>();
        app.Use((context, next) => HttpMethods.IsDelete(context.Request.Method) ? WakeAfter(context, next) : next(context));

        async Task WakeAfter(HttpContext context, RequestDelegate next)
        {
            await next(context);
            retention.Wake();
        }
    }
}
