using System.Security.Cryptography;
using System.Text;
using AiChat.Data;
using AiChat.Data.Backups;
using AiChat.Endpoints.Catalog;
using AiChat.Endpoints.Settings;
using AiChat.Providers.Storage;
using AiChat.Providers.Transport;

namespace AiChat.Endpoints.Backups;

/// <summary>A backup in the store elsewhere.</summary>
internal sealed record RemoteBackup(string Name, long Bytes);

/// <summary>
/// The backups in an S3-compatible store, as archives of the same form as a download. Failures are <see cref="ProviderException"/>.
/// </summary>
internal sealed class RemoteBackups(
    ProviderHttp http, SystemSettings settings, ServerOptions options, Outbound outbound, InstanceMarker instance)
{
    /// <summary>Says whose backups are in the folder.</summary>
    private const string OwnerName = "aichat-installation.txt";

    /// <summary>Of the pools of connections, apart from providers and web search.</summary>
    private const long Pool = -2_000;

    private volatile IReadOnlyList<RemoteBackup> _known = [];

    public bool IsConfigured => settings.BackupStore.IsConfigured;

    /// <summary>What the store had when it was last asked.</summary>
    public IReadOnlyList<RemoteBackup> Known => IsConfigured ? _known : [];

    /// <summary>Asks the store for all backups, the newest first.</summary>
    public async Task<IReadOnlyList<RemoteBackup>> List(CancellationToken cancel)
    {
        var found = await Client().ListAsync(cancel);
        return _known =
        [
            .. from one in found
            where one.Name.EndsWith(BackupArchive.Extension, StringComparison.Ordinal)
            let name = one.Name[..^BackupArchive.Extension.Length]
            where BackupPaths.IsName(name)
            orderby name descending
            select new RemoteBackup(name, one.Bytes),
        ];
    }

    /// <summary>Sends a backup and sees that the store has all of it.</summary>
    public async Task Send(ShelvedBackup backup, Action<double> progress, CancellationToken cancel)
    {
        var client = Client();
        if (!await IsOwn(client, cancel))
        {
            var id = Encoding.ASCII.GetBytes(instance.InstallId);
            await client.SendAsync(OwnerName, id.Length, at => new MemoryStream(id[(int)at..]), _ => { }, cancel);
        }

        try
        {
            await client.AbortUploadsAsync(cancel);
        }
        catch (ProviderException error) when (error.UpstreamStatus is not null)
        {
            // Some stores have no list of unfinished uploads, and some keys may not see it.
        }

        long length;
        await using (var archive = new BackupArchive(backup.Path))
        {
            length = archive.Length;
        }

        await client.SendAsync(
            backup.Name + BackupArchive.Extension, length, at => new BackupArchive(backup.Path) { Position = at }, progress, cancel);
        await List(cancel);
    }

    /// <summary>Removes what is no longer kept, by the rule that holds here too.</summary>
    public async Task Prune(CancellationToken cancel)
    {
        var names = (await List(cancel)).Select(backup => backup.Name);
        var now = http.Time.GetUtcNow();
        foreach (var name in BackupRetention.Surplus(names, settings.BackupKeepDaily, settings.BackupKeepWeekly, options.Zone, now))
        {
            await Delete(name, cancel);
        }
    }

    public async Task Delete(string name, CancellationToken cancel)
    {
        await Client().DeleteAsync(name + BackupArchive.Extension, cancel);
        _known = [.. _known.Where(backup => backup.Name != name)];
    }

    /// <summary>Hands on the archive of a backup; false when the store has none of this name.</summary>
    public Task<bool> Read(string name, Func<ReadOnlyMemory<byte>, ValueTask> write, CancellationToken cancel) =>
        Client().GetAsync(name + BackupArchive.Extension, write, cancel);

    /// <summary>Writes, lists, reads and deletes a small object, as a backup will be.</summary>
    public async Task Test(CancellationToken cancel)
    {
        var client = Client();
        var content = RandomNumberGenerator.GetBytes(1_000);
        var name = $"aichat-test-{Convert.ToHexStringLower(content.AsSpan(0, 6))}";
        await client.SendAsync(name, content.Length, at => new MemoryStream(content[(int)at..]), _ => { }, cancel);
        var read = new MemoryStream();
        await client.GetAsync(name, piece => read.WriteAsync(piece, cancel), cancel);
        await client.DeleteAsync(name, cancel);
        await IsOwn(client, cancel);
        if (!read.ToArray().AsSpan().SequenceEqual(content))
        {
            throw new ProviderException(ProviderFailure.Protocol, "The store gave back something else than was written.");
        }
    }

    /// <summary>Whether the folder is known as this installation's; false while it is nobody's.</summary>
    /// <exception cref="ProviderException">
    /// It is that of another: the two would remove each other's backups by the rule of what is kept, and write over those of the same
    /// second.
    /// </exception>
    private async Task<bool> IsOwn(S3Client client, CancellationToken cancel)
    {
        var owner = new MemoryStream();
        if (!await client.GetAsync(OwnerName, piece => owner.WriteAsync(piece, cancel), cancel))
        {
            return false;
        }

        var (id, store) = (Encoding.ASCII.GetString(owner.ToArray()).Trim(), settings.BackupStore);
        return id == instance.InstallId ? true : throw new ProviderException(
            ProviderFailure.BadRequest,
            $"The folder {store.Prefix} of the bucket {store.Bucket} holds the backups of another installation, and the two would remove "
            + $"and overwrite each other's. Choose another folder; or, if that installation is gone, delete {OwnerName} there.");
    }

    private S3Client Client()
    {
        var store = settings.BackupStore;
        if (store.SecretKey is not { } secret || store.AccessKey.Length == 0)
        {
            throw new ProviderException(ProviderFailure.Unauthorized, "The access key of the store, or its secret, is missing.");
        }

        var scope = ModelCatalog.Scope(store.Local);
        return new S3Client(http, new S3Place(store.Endpoint, store.Bucket, store.Region, store.Prefix, store.AccessKey, secret)
        {
            PathStyle = store.PathStyle,
            Scope = scope,
            Proxies = outbound.Route,
            PoolId = Pool - (long)scope,
        });
    }
}
