using System.Threading.Channels;
using AiChat.Data.Accounts;
using AiChat.Data.Chats;
using AiChat.Data.Images;
using AiChat.Data.Traces;
using AiChat.Endpoints.Http;
using AiChat.Endpoints.Settings;

namespace AiChat.Endpoints.Housekeeping;

/// <summary>
/// Removes what is over: logins, shares, guests, temporary chats, images, and the files that nothing needs any more. Runs when the
/// server listens and every hour; deleted chats and files also right after something was deleted. One thing failing does not keep the
/// next from its turn, and whatever was cut short is done in the next round.
/// </summary>
internal sealed partial class Retention(
    Expiry expiry, Removal removal, FileRows rows, ImageFiles files, Logins logins, AuthCache authCache, SystemSettings settings, TimeProvider clock,
    TraceStore traces, BackgroundWork background, IHostApplicationLifetime lifetime, ILogger<Retention> logger) : BackgroundService
{
    private const int Batch = 200;

    /// <summary>A chat's images and a guest's small rows go along in one piece of the writer's time.</summary>
    private const int HeavyBatch = 10;

    private static readonly TimeSpan Interval = TimeSpan.FromHours(1);

    /// <summary>How long an image may wait to be sent, and a temporary file for the rest of its upload.</summary>
    private static readonly TimeSpan WaitingImages = TimeSpan.FromDays(1);
    private static readonly TimeSpan MaxUpload = TimeSpan.FromHours(1);

    private readonly Channel<bool> _due = Channel.CreateBounded<bool>(new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropWrite });
    private int _whole = 1;

    /// <summary>Raised after each round, with the time by which it judged; null when it was about files only.</summary>
    public event Action<DateTimeOffset?>? Ran;

    /// <summary>Something was deleted: its files go now.</summary>
    public void Wake() => _due.Writer.TryWrite(true);

    public override async Task StartAsync(CancellationToken cancellationToken)
    {
        // Before the first upload can come: a folder that no row speaks of yet is ours from now on.
        if (!files.IsClaimed && !await rows.Any())
        {
            files.Claim();
        }

        await base.StartAsync(cancellationToken);
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        var listening = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var registration = lifetime.ApplicationStarted.Register(listening.SetResult);
        await listening.Task.WaitAsync(stoppingToken);
        var hours = background.Every("the hour of the removal", Interval, Hourly, stoppingToken);
        Wake();
        await background.Repeat("removal of what is over", () => Round(stoppingToken), stoppingToken);
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
        if (now is { } by)
        {
            await RemoveExpired(by, stop);
            await Try("stray files", () => Reconcile(by, stop), stop);
        }

        await Try("deleted chats", () => RemoveChats(stop), stop);
        await Try("files", () => RemoveFiles(stop), stop);
        Ran?.Invoke(now);
        return true;
    }

    private async Task RemoveExpired(DateTimeOffset now, CancellationToken stop)
    {
        await Try("logins", () => logins.Sweep(now), stop);
        await Try("shares", () => InBatches(() => expiry.Shares(now, Batch), stop), stop);
        await Try("guests", () => InBatches(() => Guests(now), stop, HeavyBatch), stop);
        await Try(
            "temporary chats",
            () => InBatches(() => expiry.TemporarySessions(now - settings.TemporaryChatLife, HeavyBatch), stop, HeavyBatch),
            stop);
        await Try("waiting images", () => InBatches(() => expiry.UnattachedImages(now - WaitingImages, Batch), stop), stop);
        if (settings.ChatImageRetentionDays is > 0 and var days)
        {
            await Try("images", () => InBatches(() => expiry.Images(now.AddDays(-days), Batch), stop), stop);
        }

        await Try("task traces", async () =>
        {
            await InBatches(() => traces.DeleteBefore(now.AddDays(-settings.TaskTraceRetentionDays), Batch), stop);
            await TracesOfNobody(stop);
        }, stop);
    }

    private async Task<int> Guests(DateTimeOffset now)
    {
        var gone = await expiry.Guests(now, HeavyBatch);
        gone.ForEach(authCache.UserRevoked);
        return gone.Count;
    }

    /// <summary>Traces are in a file of their own, where no key ties them to their user.</summary>
    private async Task TracesOfNobody(CancellationToken stop)
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

    /// <summary>Step by step, so that everybody's writes come in between. What a stop or a crash leaves is done at the next start.</summary>
    private async Task RemoveChats(CancellationToken stop)
    {
        while (await removal.Step())
        {
            stop.ThrowIfCancellationRequested();
        }
    }

    /// <summary>After the commit that took their rows; should the process end in between, they are still on the list at the next start.</summary>
    private async Task RemoveFiles(CancellationToken stop)
    {
        while (await rows.Doomed(Batch) is { Count: > 0 } doomed)
        {
            stop.ThrowIfCancellationRequested();
            doomed.ForEach(files.Delete);
            await rows.Forget(doomed);
        }
    }

    /// <summary>Files without a row (a crash between the two) and rows without a file (a folder restored from an older copy).</summary>
    private async Task Reconcile(DateTimeOffset now, CancellationToken stop)
    {
        if (!files.IsClaimed)
        {
            // An unmounted disk looks like this: nothing may be concluded from it.
            LogMissing(logger, files.Folder);
            return;
        }

        files.DeleteUnfinished(now - MaxUpload);
        foreach (var names in files.OlderThan(now - MaxUpload))
        {
            stop.ThrowIfCancellationRequested();
            (await rows.Unknown(names)).ForEach(files.Delete);
        }

        var last = "";
        while (await rows.Page(last, Batch) is { Count: > 0 } page)
        {
            stop.ThrowIfCancellationRequested();
            last = page[^1].Id;
            var missing = page.Where(row => !files.Exists(row.File)).Select(row => row.Id).ToList();
            if (missing.Count > 0)
            {
                await rows.DeleteImages(missing);
            }
        }
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

    [LoggerMessage(LogLevel.Warning, "What is over of {What} could not be removed; the next round tries again")]
    private static partial void LogFailed(ILogger logger, string what, Exception error);

    [LoggerMessage(LogLevel.Warning, "The image folder {Folder} is not the one that the database speaks of; no image is removed")]
    private static partial void LogMissing(ILogger logger, string folder);
}

internal static class RetentionExtensions
{
    /// <summary>Comes before the endpoints: whoever deletes something may have deleted the last row of a file.</summary>
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
