using System.Data.Common;
using System.Text;
using System.Text.Json;
using AiChat.Data.Images;
using AiChat.Data.Runs;
using AiChat.Data.Sqlite;
using Dapper;

namespace AiChat.Data.Backups;

/// <summary>What a backup is asked to be.</summary>
internal sealed record BackupWish(string Name, DateTimeOffset Now, string Version, InstanceMarker Instance)
{
    /// <summary>The key to put into it; null for none.</summary>
    public byte[]? MasterKey { get; init; }

    /// <summary>Seals that key; null leaves it in clear.</summary>
    public string? Passphrase { get; init; }
}

/// <summary>How far a backup is.</summary>
internal sealed record BackupProgress(string Step, double Share);

/// <summary>
/// Makes backups while the server works: the database as it was at one moment, the images of that moment, and a manifest with the hash of
/// each file. Each is checked before it gets its name. It takes a quarter of a core and a megabyte or two of memory.
/// </summary>
internal sealed class BackupMaker(string databasePath, ImageFiles images, BackupShelf shelf)
{
    /// <summary>Space that is left to those who write meanwhile.</summary>
    private const long Reserve = 64L << 20;

    private const UnixFileMode OwnerFolder = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute;

    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(2);

    /// <summary>Blocks the calling thread until the backup is complete. After a failure nothing of it is left.</summary>
    /// <exception cref="BackupException">There is too little space, or what was copied is damaged.</exception>
    /// <exception cref="StoreException">The disk is full, or a file cannot be read.</exception>
    /// <exception cref="IOException">As above.</exception>
    /// <exception cref="OperationCanceledException">It was cancelled.</exception>
    public ShelvedBackup Make(BackupWish wish, Action<BackupProgress> progress, CancellationToken cancel)
    {
        RequireSpace(DetachedDatabase.BytesOf(databasePath));
        var folder = shelf.Begin(wish.Name);
        try
        {
            var database = Path.Combine(folder, BackupPaths.Database);
            BackupContent content;
            List<BackupFile> files = [];
            List<string> missing = [];
            using (images.Hold())
            {
                DatabaseCopy.Run(databasePath, database, share => progress(new BackupProgress("database", share)), cancel);
                DetachedDatabase.Write(database, copy =>
                {
                    LiveText.Put(copy, databasePath);
                    return true;
                });
                content = DetachedDatabase.Read(database, BackupContent.Of);
                TakeImages(folder, content.Files, files, missing, progress, cancel);
            }

            progress(new BackupProgress("check", 0));
            files.Insert(0, Describe(database, BackupPaths.Database, cancel));
            if (WholeCheck.Run(database, cancel) is { } damage)
            {
                throw new BackupException($"The database is damaged ({damage}); no backup was made of it. Restore an earlier one.");
            }

            AddKey(wish, folder, files, cancel);
            var manifest = new BackupManifest
            {
                Name = wish.Name,
                CreatedAt = wish.Now,
                Version = wish.Version,
                Schema = content.Schema,
                Instance = wish.Instance,
                Counts = content.Counts,
                MasterKey = wish.MasterKey is null ? "none" : wish.Passphrase is null ? "plain" : "passphrase",
                Bytes = files.Sum(file => file.Bytes),
                Missing = missing,
                Files = files,
            };
            DurableFiles.Replace(Path.Combine(folder, BackupManifest.FileName), manifest.ToBytes());
            BackupVerifier.CheckPresence(folder, content);
            SyncFolders(folder, cancel);
            return shelf.Finish(wish.Name);
        }
        catch
        {
            shelf.Abandon(wish.Name);
            throw;
        }
    }

    /// <summary>Bytes that can still be written to the folder's disk; null when the system does not tell.</summary>
    public static long? FreeSpace(string folder)
    {
        try
        {
            while (!Directory.Exists(folder))
            {
                folder = Path.GetDirectoryName(folder)!;
            }

            return new DriveInfo(folder).AvailableFreeSpace;
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException or ArgumentException)
        {
            return null;
        }
    }

    private void RequireSpace(long needed)
    {
        if (FreeSpace(shelf.Folder) is { } free && free < needed + Reserve)
        {
            throw new BackupException(
                $"{shelf.Folder} has {free >> 20} MB left, and the backup needs {(needed + Reserve) >> 20} MB. Make room, keep fewer, or "
                    + "mount another disk there.");
        }
    }

    /// <summary>
    /// Gives each image a second name in the backup, that of an earlier backup too where the folder is a cache that has it no more, or
    /// copies it to another disk. The hash of one that an earlier backup holds is taken from there: stored images never change, and the
    /// weekly trial reads them all.
    /// </summary>
    private void TakeImages(
        string folder, IReadOnlyList<string> names, List<BackupFile> files, List<string> missing, Action<BackupProgress> progress,
        CancellationToken cancel)
    {
        var (newest, known) = KnownHashes();
        newest = images.Bucket is null ? null : newest; // a folder that has lost a file says so
        var copies = 0L;
        foreach (var (at, name) in names.Index())
        {
            cancel.ThrowIfCancellationRequested();
            progress(new BackupProgress("images", (double)at / names.Count));
            var (source, target) = (Path.Combine(images.Folder.Folder, name), Path.Combine(folder, BackupPaths.Images + name));
            Directory.CreateDirectory(Path.GetDirectoryName(target)!, OwnerFolder);
            var isLinked = DurableFiles.TryLink(source, target)
                || (newest is not null && DurableFiles.TryLink(Path.Combine(newest, BackupPaths.Images + name), target));
            if (!isLinked && !images.Fetch(name, cancel).GetAwaiter().GetResult())
            {
                missing.Add(name);
                continue;
            }

            if (!isLinked && !DurableFiles.TryLink(source, target))
            {
                copies += new FileInfo(source).Length;
                if (copies > Reserve / 4)
                {
                    RequireSpace(0);
                    copies = 0;
                }

                BackupCopy.Copy(source, target, cancel);
            }

            var path = BackupPaths.Images + name;
            files.Add(
                known.TryGetValue(path, out var same) && same.Bytes == new FileInfo(target).Length ? same : Describe(target, path, cancel));
        }
    }

    private (string? Newest, Dictionary<string, BackupFile> Hashes) KnownHashes()
    {
        try
        {
            return shelf.List().FirstOrDefault(backup => backup.Manifest is not null) is { } newest
                ? (newest.Path, BackupManifest.Read(newest.Path).Files.ToDictionary(file => file.Path, StringComparer.Ordinal))
                : (null, []);
        }
        catch (BackupException)
        {
            return (null, []);
        }
    }

    private static BackupFile Describe(string file, string path, CancellationToken cancel) =>
        new(path, new FileInfo(file).Length, BackupCopy.Hash(file, cancel));

    private static void AddKey(BackupWish wish, string folder, List<BackupFile> files, CancellationToken cancel)
    {
        if (wish.MasterKey is not { } key)
        {
            return;
        }

        var (name, content) = wish.Passphrase is { } passphrase
            ? (BackupPaths.SealedKey, JsonSerializer.SerializeToUtf8Bytes(SealedKey.Seal(key, passphrase), BackupJson.Default.SealedKey))
            : (BackupPaths.PlainKey, Encoding.ASCII.GetBytes(Convert.ToBase64String(key) + "\n"));
        var file = Path.Combine(folder, name);
        DurableFiles.Replace(file, content);
        files.Add(Describe(file, name, cancel));
    }

    /// <summary>Makes all names durable, one folder after the other, with pauses in which others commit.</summary>
    private static void SyncFolders(string folder, CancellationToken cancel)
    {
        foreach (var inner in Directory.EnumerateDirectories(folder, "*", SearchOption.AllDirectories))
        {
            DurableFiles.SyncFolder(inner);
            cancel.WaitHandle.WaitOne(Pause);
            cancel.ThrowIfCancellationRequested();
        }

        DurableFiles.SyncFolder(folder);
    }
}

/// <summary>What the database in a backup holds.</summary>
internal sealed record BackupContent(int Schema, BackupCounts Counts, IReadOnlyList<string> Files)
{
    public static BackupContent Of(DbConnection connection)
    {
        var counts = connection.QuerySingle<CountRow>("""
            select
                (select count(*) from users) as users,
                (select count(*) from sessions) as sessions,
                (select count(*) from messages) as messages,
                (select count(*) from images) as images
            """);
        var files = FileRows.Named(connection).Where(ImageFolder.IsName).ToList();
        return new BackupContent(
            DetachedDatabase.Schema(connection), new BackupCounts(counts.Users, counts.Sessions, counts.Messages, counts.Images), files);
    }
}

internal sealed class CountRow
{
    public long Users { get; init; }

    public long Sessions { get; init; }

    public long Messages { get; init; }

    public long Images { get; init; }
}
