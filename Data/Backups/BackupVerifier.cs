using AiChat.Data.Sqlite;

namespace AiChat.Data.Backups;

/// <summary>Whether a backup is what its manifest says.</summary>
internal static class BackupVerifier
{
    /// <summary>Every image that the database names is in the folder, but those that were missing before.</summary>
    /// <exception cref="BackupException">One is not.</exception>
    public static void CheckPresence(string folder, BackupContent content)
    {
        var manifest = BackupManifest.Read(folder);
        var known = manifest.Missing.ToHashSet(StringComparer.Ordinal);
        if (content.Files.FirstOrDefault(name => !known.Contains(name) && !File.Exists(Path.Combine(folder, BackupPaths.Images + name)))
            is { } lost)
        {
            throw new BackupException($"The image {lost} is missing from the backup.");
        }

        if (content.Counts != manifest.Counts || content.Schema != manifest.Schema)
        {
            throw new BackupException($"The database has {content.Counts}, and the manifest says {manifest.Counts}.");
        }
    }

    /// <summary>Checks a restored database against the manifest: each page, the numbers of rows, the schema.</summary>
    /// <exception cref="BackupException">It is not what was backed up.</exception>
    public static BackupContent CheckDatabase(string path, BackupManifest manifest, CancellationToken cancel)
    {
        try
        {
            if (WholeCheck.Run(path, cancel) is { } damage)
            {
                throw new BackupException($"The database in the backup is damaged: {damage}.");
            }

            var content = DetachedDatabase.Read(path, BackupContent.Of);
            return content.Counts == manifest.Counts && content.Schema == manifest.Schema
                ? content : throw new BackupException($"The database has {content.Counts}, and the manifest says {manifest.Counts}.");
        }
        catch (StoreException error)
        {
            throw new BackupException($"The database in the backup cannot be read: {error.Message}", error);
        }
    }

    /// <summary>
    /// Restores a backup into a folder beside it, brings it to this program's schema as a start would, and throws that away.
    /// </summary>
    /// <returns>What is wrong, or null.</returns>
    public static string? Try(ShelvedBackup backup, string folder, CancellationToken cancel)
    {
        BackupShelf.DeleteFolder(folder);
        Directory.CreateDirectory(folder, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        try
        {
            using var source = BackupSource.OfFolder(backup.Path);
            source.Extract(path => Path.Combine(folder, path), cancel);
            var database = Path.Combine(folder, BackupPaths.Database);
            CheckDatabase(database, source.Manifest, cancel);
            Migrator.Run(database);
            return null;
        }
        catch (Exception error) when (error is BackupException or StartupException)
        {
            return error.Message;
        }
        finally
        {
            BackupShelf.DeleteFolder(folder);
        }
    }
}
