using AiChat.Data;
using AiChat.Data.Catalog;
using AiChat.Data.Images;
using AiChat.Data.Nodes;
using AiChat.Data.Postgres;
using AiChat.Data.Store;
using AiChat.Providers.Storage;
using AiChat.Providers.Transport;

namespace AiChat.Endpoints.Images;

/// <summary>
/// Finds out whether the place of the images is that of this database, and, where several servers are on one database, whether it is the
/// same for all: the first writes a random mark there, which the database knows.
/// </summary>
internal sealed partial class ImageHome(
    ImageFiles files, FileRows rows, NodeStore nodes, Db db, TimeProvider clock, ILogger<ImageHome> logger)
{
    /// <summary>The file or object whose content the database knows.</summary>
    public const string SharedName = "aichat-shared";

    /// <summary>The row of the settings with the same content.</summary>
    private const string SharedKey = "internal.image_place";

    /// <summary>How long another server may take from its row to its mark.</summary>
    private const int MaxLooks = 50;

    private static readonly TimeSpan BetweenLooks = TimeSpan.FromMilliseconds(200);

    /// <summary>Before the first upload: a place to which no row refers yet belongs to this database from now on.</summary>
    /// <exception cref="StartupException">It belongs to another installation, or refuses.</exception>
    public async Task Claim()
    {
        try
        {
            var owner = await files.ReadMark(ImageFolder.MarkerName);
            if (owner is not null && owner != files.Folder.InstallId)
            {
                throw new StartupException(
                    StartupException.Configuration,
                    $"{files.Place} holds the images of another AiChat. Give this one a folder of its own.");
            }

            if (owner is null && (files.IsMoving || !await rows.Any()))
            {
                await files.WriteMark(ImageFolder.MarkerName, files.Folder.InstallId);
            }
        }
        catch (StoreException error) when (error.InnerException is ProviderException provider)
        {
            if (!IsPassing(provider))
            {
                throw new StartupException(
                    StartupException.Configuration,
                    $"The images cannot be kept in {files.Place} (IMAGE_STORE): {S3Text.Said(provider)}",
                    error);
            }

            LogUnreachable(logger, files.Place, S3Text.Said(provider));
        }
    }

    /// <summary>
    /// Tells the other servers on the database where this one keeps images, and sees that it is the same place. A server alone needs none.
    /// </summary>
    /// <exception cref="StartupException">It is another place.</exception>
    public async Task Share()
    {
        string? mark;
        try
        {
            await Claim();
            mark = await Prove();
        }
        catch (StoreException error) when (error.InnerException is ProviderException provider)
        {
            if ((await nodes.Others()).Count > 0)
            {
                throw new StartupException(
                    StartupException.TemporaryFailure,
                    $"Whether the other servers keep their images in {files.Place}, too, cannot be seen now: {S3Text.Said(provider)}",
                    error);
            }

            mark = null;
        }

        await nodes.ShowImages(mark);
        for (var look = 0; await Differs(mark); look++)
        {
            if (look * BetweenLooks > NodeTable.Lease)
            {
                throw new StartupException(
                    StartupException.Configuration,
                    $"The other servers on this database do not keep their images in {files.Place}. Mount one folder as CHAT_IMAGE_DIR on "
                    + "all of them, or give all of them the same IMAGE_STORE. A server alone needs neither.");
            }

            await Task.Delay(BetweenLooks, clock);
        }
    }

    /// <summary>Those that have not been heard of for a lease do not count; neither do those of a version that does not say.</summary>
    private async Task<bool> Differs(string? mark) => mark is not null && (await nodes.Others()).Exists(
        node => node.Age < NodeTable.Lease.TotalMilliseconds && (mark.Length == 0 || (node.Images is { } theirs && theirs != mark)));

    /// <returns>The kind of place and its mark; empty when the place is not known to be that of the database.</returns>
    private async Task<string> Prove()
    {
        if (!await files.IsClaimed())
        {
            return "";
        }

        var fresh = ImageStore.NewId();
        var mark = await SettingStore.Keep(db, SharedKey, fresh, clock.GetUtcNow());
        var kind = files.Bucket is null ? "folder" : "s3";
        for (var look = 0; look < MaxLooks; look++)
        {
            var here = await files.ReadMark(SharedName);
            if (here == mark)
            {
                return $"{kind} {mark}";
            }

            var isAlone = (await nodes.Others()).Count == 0;
            if (mark == fresh || (isAlone && (files.IsMoving || !await rows.Any())))
            {
                await files.WriteMark(SharedName, mark);
            }
            else if (isAlone)
            {
                return "";
            }
            else
            {
                await Task.Delay(BetweenLooks, clock); // the one whose mark it is may be writing it
            }
        }

        return "";
    }

    /// <summary>A clock that differs may be one that is not set yet at the boot of this machine.</summary>
    private static bool IsPassing(ProviderException error) =>
        error.IsTransient || error.Detail.Contains("RequestTimeTooSkewed", StringComparison.Ordinal)
        || error.Failure is ProviderFailure.FirstByteTimeout or ProviderFailure.IdleTimeout or ProviderFailure.TotalTimeout
            or ProviderFailure.WriteTimeout or ProviderFailure.Proxy;

    [LoggerMessage(LogLevel.Warning, "The images in {Place} cannot be reached: {Reason}")]
    private static partial void LogUnreachable(ILogger logger, string place, string reason);
}
