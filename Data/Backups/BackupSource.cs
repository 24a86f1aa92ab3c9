using System.IO.Compression;
using Microsoft.Win32.SafeHandles;

namespace AiChat.Data.Backups;

/// <summary>A backup to restore from: its folder, or the archive that was downloaded. Nothing in it is trusted.</summary>
internal abstract class BackupSource : IDisposable
{
    private const int MaxManifest = 256 << 20;

    protected BackupSource(BackupManifest manifest)
    {
        Manifest = manifest;
        var paths = new HashSet<string>(StringComparer.Ordinal);
        foreach (var file in manifest.Files)
        {
            if (!BackupPaths.IsFile(file.Path) || file.Bytes < 0 || !paths.Add(file.Path))
            {
                throw new BackupException($"The manifest names the file {Quote(file.Path)}, which is none of a backup.");
            }
        }

        if (!paths.Contains(BackupPaths.Database))
        {
            throw new BackupException("The backup has no database.");
        }
    }

    public BackupManifest Manifest { get; }

    /// <summary>Finds out what a path is. Null opens nothing: it is neither a folder nor a file.</summary>
    /// <exception cref="BackupException">It is no backup.</exception>
    public static BackupSource? Open(string path)
    {
        if (Directory.Exists(path))
        {
            // Some browsers unpack a download into a folder, in which its own folder lies.
            var folder = Path.GetFullPath(path);
            return OfFolder(
                !File.Exists(Path.Combine(folder, BackupManifest.FileName)) && Directory.GetDirectories(folder) is [var only]
                    && File.Exists(Path.Combine(only, BackupManifest.FileName)) ? only : folder);
        }

        if (!File.Exists(path))
        {
            return null;
        }

        var file = File.OpenRead(path);
        Span<byte> head = stackalloc byte[16];
        if (file.ReadAtLeast(head, head.Length, throwOnEndOfStream: false) == head.Length && head.SequenceEqual("SQLite format 3\0"u8))
        {
            file.Dispose();
            throw new BackupException(
                "This is a database alone and no backup: it has no images, and nothing tells whether it is whole. To use it all the same, "
                + "stop the server, move app.db, app.db-wal and app.db-shm elsewhere, put this file in the place of app.db, and start.");
        }

        return OfArchive(file);
    }

    /// <exception cref="BackupException">It is no backup.</exception>
    public static BackupSource OfFolder(string folder) => new FolderSource(folder);

    /// <param name="stream">It can seek, and is closed with the source.</param>
    /// <exception cref="BackupException">It is no backup.</exception>
    public static BackupSource OfArchive(Stream stream) => new ArchiveSource(stream);

    /// <summary>Writes every file to where it is wanted, on the disk and with the hash that the manifest names.</summary>
    /// <param name="target">The full path for a path of the backup, whose folder exists or can be made.</param>
    /// <exception cref="BackupException">A file is missing, too many or not what the manifest says.</exception>
    public abstract void Extract(Func<string, string> target, CancellationToken cancel);

    public virtual void Dispose() => GC.SuppressFinalize(this);

    protected static void Compare(BackupFile file, long bytes, string sha256)
    {
        if (file.Bytes != bytes || !file.Sha256.Equals(sha256, StringComparison.OrdinalIgnoreCase))
        {
            throw new BackupException($"{file.Path} is not what the manifest says: the backup is damaged.");
        }
    }

    protected static string Prepare(string path)
    {
        Directory.CreateDirectory(
            Path.GetDirectoryName(path)!, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        return path;
    }

    /// <summary>A name from outside, as it may stand in a message.</summary>
    protected static string Quote(string name) =>
        $"“{string.Concat(name.Take(200).Select(letter => char.IsControl(letter) ? '?' : letter))}”";

    private sealed class FolderSource(string folder) : BackupSource(BackupManifest.Read(folder))
    {
        public override void Extract(Func<string, string> target, CancellationToken cancel)
        {
            foreach (var file in Manifest.Files)
            {
                cancel.ThrowIfCancellationRequested();
                var path = Path.Combine(folder, file.Path);
                var goal = Prepare(target(file.Path));
                using var source = OpenPlain(path, out var isOurs)
                    ?? throw new BackupException($"{file.Path} is missing from the backup, or is no plain file.");

                // Images never change, so the restored folder and the backup may share them. A database is written to.
                var isShared = isOurs && file.Path.StartsWith(BackupPaths.Images, StringComparison.Ordinal)
                    && DurableFiles.TryLink(path, goal);
                var hash = isShared ? BackupCopy.Hash(goal, cancel) : BackupCopy.Copy(source, goal, cancel);
                Compare(file, RandomAccess.GetLength(source), hash);
            }
        }

        /// <summary>Null when it is missing, a link or a folder.</summary>
        /// <param name="isOurs">It belongs to the user who restores; a link to another's file would stay another's.</param>
        private SafeFileHandle? OpenPlain(string path, out bool isOurs)
        {
            using var rights = Ownership.AsStarted();
            isOurs = Ownership.Of(path)?.User == Ownership.Process.User;
            for (var parent = Path.GetDirectoryName(path)!; parent.Length > folder.Length; parent = Path.GetDirectoryName(parent)!)
            {
                if (!Directory.Exists(parent) || !Ownership.IsFolder(parent))
                {
                    return null;
                }
            }

            var handle = DurableFiles.OpenPlain(path);
            if (handle is not null && File.GetAttributes(handle).HasFlag(FileAttributes.Directory))
            {
                handle.Dispose();
                return null;
            }

            return handle;
        }
    }

    private sealed class ArchiveSource(Stream stream) : BackupSource(FindManifest(stream))
    {
        public override void Extract(Func<string, string> target, CancellationToken cancel)
        {
            var wanted = Manifest.Files.ToDictionary(file => file.Path, StringComparer.Ordinal);
            Walk(stream, (path, entry) =>
            {
                cancel.ThrowIfCancellationRequested();
                if (path == BackupManifest.FileName)
                {
                    return true;
                }

                if (!wanted.Remove(path, out var file))
                {
                    throw new BackupException($"The archive holds {Quote(entry.Name)}, which its manifest does not name.");
                }

                var (bytes, hash) = BackupCopy.Copy(entry.Data, Prepare(target(path)), file.Bytes, cancel);
                Compare(file, bytes, hash);
                return true;
            });
            if (wanted.Count > 0)
            {
                throw new BackupException($"{wanted.Keys.First()} is missing from the archive.");
            }
        }

        public override void Dispose()
        {
            stream.Dispose();
            base.Dispose();
        }

        /// <summary>It comes first in our own archives, and anywhere in one that somebody has packed again.</summary>
        private static BackupManifest FindManifest(Stream stream)
        {
            BackupManifest? manifest = null;
            try
            {
                Walk(stream, (path, entry) =>
                {
                    if (path != BackupManifest.FileName)
                    {
                        return true;
                    }

                    if (entry.Length > MaxManifest)
                    {
                        throw new BackupException("The manifest in the archive is too long.");
                    }

                    manifest = BackupManifest.Parse(entry.Data);
                    return false;
                });
                return manifest ?? throw new BackupException("This is no backup of AiChat: the archive has no manifest.json.");
            }
            catch
            {
                stream.Dispose();
                throw;
            }
        }

        /// <summary>Calls for each file until told to stop, after judging its name and kind.</summary>
        private static void Walk(Stream stream, Func<string, TarEntry, bool> take)
        {
            try
            {
                stream.Position = 0;
                var isPacked = stream.ReadByte() == 0x1F && stream.ReadByte() == 0x8B;
                stream.Position = 0;
                using var plain = isPacked ? new GZipStream(stream, CompressionMode.Decompress, leaveOpen: true) : null;
                foreach (var entry in TarEntry.Read((Stream?)plain ?? stream))
                {
                    if (PathOf(entry) is { } path && !take(path, entry))
                    {
                        return;
                    }
                }
            }
            catch (Exception error) when (error is EndOfStreamException or InvalidDataException)
            {
                throw new BackupException(
                    "The archive is cut off or damaged, or is no tar archive. Download it again and compare its size.", error);
            }
        }

        /// <summary>The path within the backup, below one folder of any name; null for what is no file of it.</summary>
        private static string? PathOf(TarEntry entry)
        {
            if (entry.Kind == TarKind.Folder)
            {
                return null;
            }

            // What macOS packs beside each file.
            if (Path.GetFileName(entry.Name) is ".DS_Store" or ['.', '_', ..])
            {
                return null;
            }

            if (entry.Kind == TarKind.Other)
            {
                throw new BackupException($"The archive holds {Quote(entry.Name)}, which is a link or a device. It is refused.");
            }

            var name = entry.Name.StartsWith("./", StringComparison.Ordinal) ? entry.Name[2..] : entry.Name;
            var inner = name[(name.IndexOf('/') + 1)..];
            return IsKnown(name) ? name
                : IsKnown(inner) && name[..^(inner.Length + 1)] is not ("" or "." or "..") ? inner
                : throw new BackupException($"The archive holds {Quote(entry.Name)}, which is no file of a backup. It is refused.");
        }

        private static bool IsKnown(string path) => path == BackupManifest.FileName || BackupPaths.IsFile(path);
    }
}
