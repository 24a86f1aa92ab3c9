using System.Data.Common;
using System.Text;
using System.Text.Json;
using AiChat.Data.Audit;
using AiChat.Data.Images;
using AiChat.Data.Sqlite;
using Dapper;

namespace AiChat.Data.Backups;

/// <summary>
/// Puts a backup in the place of what a data folder holds, all or nothing: everything is built and checked beside it, and then exchanged by
/// <see cref="RestoreJournal"/>. The lock of the folder is held meanwhile.
/// </summary>
/// <param name="folder">The data folder.</param>
/// <param name="imageFolder">The folder of images, wherever it is.</param>
internal sealed class Restore(DataFolder folder, string imageFolder)
{
    private const long Reserve = 16L << 20;
    private const UnixFileMode OwnerFolder = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute;

    private readonly string _databaseFolder = Path.GetDirectoryName(folder.DatabasePath)!;

    private string Stage => folder.File(RestoreJournal.StageName);

    private string DatabaseStage => Path.Combine(_databaseFolder, RestoreJournal.StageName);

    /// <summary>On the mount of the images, so that they only need to be renamed.</summary>
    private string ImageStage => ImagesMoveWhole
        ? Path.Combine(Path.GetDirectoryName(imageFolder)!, RestoreJournal.StageName)
        : Path.Combine(imageFolder, RestoreJournal.StageName);

    /// <summary>The folder of images can be renamed: it is in the data folder, and nothing is mounted there.</summary>
    private bool ImagesMoveWhole =>
        Path.GetDirectoryName(imageFolder) == folder.Path
        && (!Directory.Exists(imageFolder)
            || (Ownership.IsFolder(imageFolder) && Mounts.Of(imageFolder) is { } mount && mount.Id == Mounts.Of(folder.Path)?.Id));

    /// <summary>The database as it was prepared, before <see cref="Commit"/>.</summary>
    public string PreparedDatabase => Path.Combine(DatabaseStage, "app.db");

    /// <summary>Whether the data folder holds an installation now.</summary>
    public bool Replaces => File.Exists(folder.DatabasePath);

    /// <summary>Builds the restored state beside the present one. After a failure nothing is left of it.</summary>
    /// <exception cref="BackupException">The backup is damaged, made by a newer program, or does not fit here.</exception>
    /// <exception cref="StoreException">The disk is full.</exception>
    public void Prepare(BackupSource source, DateTimeOffset now, CancellationToken cancel)
    {
        RestoreJournal.Settle(folder.Path, _databaseFolder, imageFolder);
        RequireOwnImages(source.Manifest);
        if (source.Manifest.Schema > DetachedDatabase.NewestSchema)
        {
            throw new BackupException(
                $"The backup has schema {source.Manifest.Schema}, made by AiChat {source.Manifest.Version}; this program knows up to "
                    + $"{DetachedDatabase.NewestSchema}. Restore it with that version or a newer one.");
        }

        RequireSpace(source.Manifest);
        try
        {
            Directory.CreateDirectory(Stage, OwnerFolder);
            Directory.CreateDirectory(DatabaseStage, OwnerFolder);
            Directory.CreateDirectory(Path.Combine(ImageStage, "images"), OwnerFolder);
            source.Extract(Target, cancel);
            var content = BackupVerifier.CheckDatabase(PreparedDatabase, source.Manifest, cancel);
            var known = source.Manifest.Missing.ToHashSet(StringComparer.Ordinal);
            if (content.Files.FirstOrDefault(name => !known.Contains(name) && !File.Exists(Target(BackupPaths.Images + name))) is { } lost)
            {
                throw new BackupException($"The image {lost} is missing from the backup.");
            }

            DetachedDatabase.Write(PreparedDatabase, connection => EndSessions(connection, source.Manifest.Name, now));
            var instance = source.Manifest.Instance;
            AddFile("instance.json", JsonSerializer.SerializeToUtf8Bytes(instance, DataJson.Default.InstanceMarker));
            DurableFiles.Replace(
                Path.Combine(ImageStage, "images", ImageFolder.MarkerName), Encoding.ASCII.GetBytes(instance.InstallId));
            SyncFolders(ImageStage);
            SyncFolders(DatabaseStage);
            SyncFolders(Stage);
        }
        catch
        {
            Abandon();
            throw;
        }
    }

    /// <summary>Adds a file that comes into the data folder.</summary>
    public void AddFile(string name, byte[] content) => DurableFiles.Replace(Path.Combine(Stage, name), content);

    /// <summary>What of the backup is not part of the restored state, such as its copy of the master key; null when it has none.</summary>
    public byte[]? Extra(string path) => File.Exists(Target(path)) ? File.ReadAllBytes(Target(path)) : null;

    /// <summary>Removes what was prepared.</summary>
    public void Abandon()
    {
        BackupShelf.DeleteFolder(Stage);
        BackupShelf.DeleteFolder(DatabaseStage);
        BackupShelf.DeleteFolder(ImageStage);
    }

    /// <summary>Exchanges the states.</summary>
    /// <returns>The folders that keep what was replaced, one on each mount; none when there was nothing.</returns>
    public IReadOnlyList<string> Commit(DateTimeOffset now)
    {
        var kept = FreeName($"before-restore-{now.UtcDateTime:yyyyMMdd'T'HHmmss'Z'}");
        var exchanges = Exchanges(kept).ToList();
        exchanges.ForEach(RequireMovable);
        var replaces = exchanges.Any(exchange => Path.Exists(exchange.Live));
        foreach (var parent in exchanges.Select(exchange => Path.GetDirectoryName(exchange.Kept)!).Distinct())
        {
            Directory.CreateDirectory(parent, OwnerFolder);
            DurableFiles.SyncFolder(Path.GetDirectoryName(parent)!);
        }

        var journal = new RestoreJournal(
            Short(folder.File(kept)),
            [.. exchanges.Select(one => new Exchange(Short(one.Live), one.Fresh is { } fresh ? Short(fresh) : null, Short(one.Kept)))],
            [.. new[] { Stage, DatabaseStage, ImageStage }.Distinct().Select(Short)]);
        journal.Decide(folder.Path);
        journal.Complete(folder.Path);
        var parents = exchanges.Select(exchange => Path.GetDirectoryName(exchange.Kept)!).Distinct().ToList();
        foreach (var parent in parents.Where(parent => !replaces || !Directory.EnumerateFileSystemEntries(parent).Any()))
        {
            Directory.Delete(parent);
        }

        return [.. parents.Where(Directory.Exists).OrderBy(parent => parent != folder.File(kept))];
    }

    /// <summary>A path as the journal has it: the data folder may be mounted elsewhere at the next start.</summary>
    private string Short(string path) =>
        path.StartsWith(folder.Path + "/", StringComparison.Ordinal) ? path[(folder.Path.Length + 1)..] : path;

    private string FreeName(string wish)
    {
        var name = wish;
        for (var number = 2; Path.Exists(folder.File(name)); number++)
        {
            name = $"{wish}-{number}";
        }

        return name;
    }

    /// <summary>Images first: as long as they come, the database is the old one and both are whole.</summary>
    private IEnumerable<Exchange> Exchanges(string kept)
    {
        var fresh = Path.Combine(ImageStage, "images");
        if (ImagesMoveWhole)
        {
            yield return new Exchange(imageFolder, fresh, Path.Combine(folder.File(kept), Path.GetFileName(imageFolder)));
        }
        else
        {
            Directory.CreateDirectory(imageFolder, OwnerFolder);
            foreach (var name in Names(imageFolder).Union(Names(fresh)).Order(StringComparer.Ordinal))
            {
                var next = Path.Combine(fresh, name);
                yield return new Exchange(
                    Path.Combine(imageFolder, name), Path.Exists(next) ? next : null, Path.Combine(imageFolder, kept, name));
            }
        }

        // The log of the old database must not meet the new one.
        var keptDatabase = Path.Combine(
            _databaseFolder == folder.Path ? folder.File(kept) : Path.Combine(_databaseFolder, kept),
            Path.GetFileName(folder.DatabasePath));
        foreach (var suffix in new[] { "-wal", "-shm", "-journal" })
        {
            yield return new Exchange(folder.DatabasePath + suffix, null, keptDatabase + suffix);
        }

        yield return new Exchange(folder.DatabasePath, PreparedDatabase, keptDatabase);

        // Traces name users by their numbers, and begin anew.
        foreach (var name in new[] { "traces.db", "traces.db-wal", "traces.db-shm" })
        {
            yield return new Exchange(folder.File(name), null, Path.Combine(folder.File(kept), name));
        }

        foreach (var path in Directory.EnumerateFiles(Stage).Order(StringComparer.Ordinal).Where(path => path != PreparedDatabase))
        {
            var name = Path.GetFileName(path);
            yield return new Exchange(folder.File(name), path, Path.Combine(folder.File(kept), name));
        }
    }

    /// <summary>The entries of a folder of images that are the server's.</summary>
    private static IEnumerable<string> Names(string images) => !Directory.Exists(images) ? [] :
        Directory.EnumerateFileSystemEntries(images).Select(path => Path.GetFileName(path))
            .Where(name => name == ImageFolder.MarkerName || (name.Length == 2 && name.All(char.IsAsciiHexDigitLower)));

    private string Target(string path) => path switch
    {
        BackupPaths.Database => PreparedDatabase,
        _ when path.StartsWith(BackupPaths.Images, StringComparison.Ordinal) => Path.Combine(ImageStage, path),
        _ => Path.Combine(Stage, "extra", path),
    };

    /// <summary>
    /// Nobody is signed in afterwards. The epoch is a time, so that it is above every one that was given out after the backup was made:
    /// tokens of the replaced state stay invalid.
    /// </summary>
    private static int EndSessions(DbConnection connection, string name, DateTimeOffset now)
    {
        var epoch = now.ToUnixTimeSeconds();
        connection.Execute("delete from logins");
        var users = connection.Execute("update users set epoch = case when epoch > @epoch then epoch else @epoch end + 1", new { epoch });
        AuditLog.Append(connection, new AuditEntry(null, "backup.restore", $"backup:{name}", "command line"), now);
        return users;
    }

    /// <summary>What another installation has in a folder of images is not moved away.</summary>
    private void RequireOwnImages(BackupManifest manifest)
    {
        var marker = Path.Combine(imageFolder, ImageFolder.MarkerName);
        var instance = folder.File("instance.json");
        if (!File.Exists(marker))
        {
            return;
        }

        var owner = File.ReadAllText(marker).Trim();
        if (owner != manifest.Instance.InstallId
            && !(File.Exists(instance) && File.ReadAllText(instance).Contains(owner, StringComparison.Ordinal)))
        {
            throw new BackupException($"The folder {imageFolder} holds the images of another AiChat. Give this one a folder of its own.");
        }
    }

    private void RequireSpace(BackupManifest manifest)
    {
        var database = manifest.Files.First(file => file.Path == BackupPaths.Database).Bytes;
        var images = manifest.Bytes - database;
        Require(_databaseFolder, database + (database / 10) + (SameDisk(_databaseFolder, imageFolder) ? images : 0));
        Require(imageFolder, images);

        static void Require(string place, long needed)
        {
            if (BackupMaker.FreeSpace(place) is { } free && free < needed + Reserve)
            {
                throw new BackupException(
                    $"{place} has {free >> 20} MB left, and the restore needs {(needed + Reserve) >> 20} MB beside what is there now.");
            }
        }
    }

    /// <summary>A file or folder that is mounted itself cannot be renamed, and that must be known before the restore is decided.</summary>
    private static void RequireMovable(Exchange exchange)
    {
        var home = Mounts.Of(Path.GetDirectoryName(exchange.Live)!);
        var live = Path.Exists(exchange.Live) ? Mounts.Of(exchange.Live) : home;
        if (live?.Id != home?.Id)
        {
            throw new BackupException(
                $"{exchange.Live} is mounted by itself, so nothing can be put in its place. Mount its folder instead.");
        }
    }

    private static bool SameDisk(string one, string other) => BackupMaker.FreeSpace(one) == BackupMaker.FreeSpace(other);

    private static void SyncFolders(string top)
    {
        foreach (var inner in Directory.EnumerateDirectories(top, "*", SearchOption.AllDirectories))
        {
            DurableFiles.SyncFolder(inner);
        }

        DurableFiles.SyncFolder(top);
        DurableFiles.SyncFolder(Path.GetDirectoryName(top)!);
    }
}
