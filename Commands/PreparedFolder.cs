using AiChat.Data;
using AiChat.Data.Backups;
using AiChat.Data.Images;
using AiChat.Data.Postgres;
using AiChat.Data.Sqlite;
using AiChat.Data.Store;

namespace AiChat.Commands;

/// <summary>A data folder that this process holds, with its database brought up to date and not opened yet.</summary>
internal sealed record PreparedFolder(DataFolder Folder, InstanceMarker Instance, ImageFolder Images)
{
    /// <summary>The server that has the database; null when it is a file.</summary>
    public PostgresServers? Servers { get; private init; }

    public Db OpenStore() =>
        Servers is { } servers
            ? new Db(new PostgresWriter(servers), () => new PostgresReader(servers), PostgresServers.KeepIdle)
            : new Db(Folder.DatabasePath);

    /// <summary>Closes the folder when it fails.</summary>
    /// <exception cref="StartupException">The data do not allow a start.</exception>
    /// <exception cref="OperationCanceledException">It was stopped.</exception>
    public static PreparedFolder Of(DataFolder folder, ServerOptions options, StartProgress progress)
    {
        try
        {
            var images = Path.GetFullPath(options.ImageDir ?? folder.File("images"));
            if (options.DatabaseServer is { } url)
            {
                return OnServer(folder, url, images);
            }

            // Before anything is opened: the files may still be those of two states.
            RestoreJournal.Settle(folder.Path, Path.GetDirectoryName(folder.DatabasePath), images);
            var instance = folder.OpenInstance(TimeProvider.System, options.Initialize);
            if (instance.InUse && !options.Initialize)
            {
                EmptiedCheck.Run(folder.DatabasePath);
            }

            Migrator.Run(folder.DatabasePath, progress, options.ForCommand);
            folder.SaveInstance(instance);
            return new PreparedFolder(folder, instance, ImageFolder.Open(images, instance));
        }
        catch
        {
            folder.Dispose();
            throw;
        }
    }

    private static PreparedFolder OnServer(DataFolder folder, PostgresUrl url, string images)
    {
        var servers = new PostgresServers(url);
        try
        {
            PostgresStart.Judge(servers);
            servers.Claim();
            var instance = PostgresMigrator.Run(servers, TimeProvider.System.GetUtcNow());
            folder.Join(instance);
            return new PreparedFolder(folder, instance, ImageFolder.Open(images, instance)) { Servers = servers };
        }
        catch
        {
            servers.Dispose();
            throw;
        }
    }
}
