using AiChat.Data.Images;

namespace AiChat.Endpoints.Housekeeping;

/// <summary>
/// What is to be done where images are in a store elsewhere: the folder of this machine is kept small, images of the time before are sent,
/// and objects without a row and rows without an object are found.
/// </summary>
internal sealed partial class BucketUpkeep(ImageFiles files, FileRows rows, ILogger<BucketUpkeep> logger)
{
    private const int Batch = 200;

    /// <summary>Of the images that this machine keeps at hand.</summary>
    private const long MaxCached = 2L << 30;

    private static readonly TimeSpan MaxIdle = TimeSpan.FromDays(7);

    /// <summary>A file or object that is younger may still get its row.</summary>
    private static readonly TimeSpan MaxUpload = TimeSpan.FromHours(1);

    /// <summary>Objects without a row are kept for so long: time to see that the database is of an earlier time than the store.</summary>
    private static readonly TimeSpan MaxUnused = TimeSpan.FromDays(30);

    /// <summary>So many are accidents; more, and a tenth of all, are a database or a store of another time.</summary>
    private const int Few = 10;

    private const int MaxMissing = 1_000;

    /// <summary>Each process for its own folder.</summary>
    public async Task Folder(DateTimeOffset now, CancellationToken stop)
    {
        files.Folder.DeleteUnfinished(now - MaxUpload);
        if (files.IsMoving)
        {
            await Send(stop);
            return;
        }

        foreach (var names in files.Folder.OlderThan(now - MaxUpload))
        {
            stop.ThrowIfCancellationRequested();
            if (files.IsHeld)
            {
                return; // a backup links them
            }

            (await rows.Unknown(names)).ForEach(files.Folder.Delete);
        }

        files.Folder.Trim(now - MaxIdle, MaxCached);
    }

    /// <summary>One process at a time for the store.</summary>
    public async Task Reconcile(DateTimeOffset now, CancellationToken stop)
    {
        if (files.IsMoving || !await files.IsClaimed())
        {
            LogForeign(logger, files.Place);
            return;
        }

        List<string> unused = [], missing = [];
        var (all, last) = (0, "");
        await files.Bucket!.List(async page =>
        {
            page.RemoveAll(one => !ImageFolder.IsName(one.Name));
            all += page.Count;
            var unknown = (await rows.Unknown(page.Select(one => one.Name))).ToHashSet(StringComparer.Ordinal);
            unused.AddRange(
                page.Where(one => one.ModifiedAt < now - MaxUnused && unknown.Contains(one.Name)).Select(one => one.Name));
            if (page.Count > 0 && missing.Count < MaxMissing)
            {
                missing.AddRange(await Missing(page, last, page[^1].Name, now));
                last = page[^1].Name;
            }
        }, stop);

        missing.AddRange(missing.Count < MaxMissing ? await Missing([], last, "g", now) : []);
        if (missing.Count >= MaxMissing || IsOfAnotherTime(unused.Count, all) || IsOfAnotherTime(missing.Count, all))
        {
            LogOtherTime(logger, Math.Max(unused.Count, missing.Count), files.Place);
            return;
        }

        foreach (var name in unused.TakeWhile(_ => !files.IsHeld))
        {
            await files.Delete(name);
        }

        await rows.DeleteImages(missing);
    }

    private static bool IsOfAnotherTime(int count, int all) => count > Few && count > all / 10;

    /// <summary>Ids of images that a page of the list should hold and does not; each is asked for: the list may be behind.</summary>
    private async Task<List<string>> Missing(List<BucketObject> page, string after, string end, DateTimeOffset now)
    {
        var known = page.Select(one => one.Name).ToHashSet(StringComparer.Ordinal);
        List<string> missing = [];
        var last = after;
        while (missing.Count < MaxMissing && await rows.Between(last, end, now - MaxUpload, Batch) is { Count: > 0 } found)
        {
            last = found[^1].File;
            foreach (var row in found.Where(row => !known.Contains(row.File)))
            {
                if (!await files.Bucket!.Get(row.File, new MemoryStream(), CancellationToken.None))
                {
                    missing.Add(row.Id);
                }
            }
        }

        return missing;
    }

    private async Task Send(CancellationToken stop)
    {
        var there = new HashSet<string>(StringComparer.Ordinal);
        await files.Bucket!.List(page =>
        {
            there.UnionWith(page.Select(one => one.Name));
            return Task.CompletedTask;
        }, stop);

        var sent = 0;
        foreach (var names in files.Folder.OlderThan(DateTimeOffset.MaxValue).SelectMany(shard => shard.Chunk(Batch)))
        {
            foreach (var name in names.Except(await rows.Unknown(names)).Where(name => !there.Contains(name)))
            {
                stop.ThrowIfCancellationRequested();
                await files.Send(name, Path.Combine(files.Folder.Folder, name), stop);
                sent++;
            }
        }

        files.Folder.RemoveMark(ImageFolder.MarkerName); // from now on a cache
        LogSent(logger, sent, files.Place);
    }

    [LoggerMessage(LogLevel.Information, "{Count} images of the folder were sent to {Place}, of which it is a cache from now on")]
    private static partial void LogSent(ILogger logger, int count, string place);

    [LoggerMessage(
        LogLevel.Warning, "The images in {Place} do not belong to this database, or not all of its images are there yet; none is removed")]
    private static partial void LogForeign(ILogger logger, string place);

    [LoggerMessage(
        LogLevel.Warning,
        "{Count} images or more are in the database or in {Place} alone, which seem to be of different times; nothing is removed")]
    private static partial void LogOtherTime(ILogger logger, int count, string place);
}
