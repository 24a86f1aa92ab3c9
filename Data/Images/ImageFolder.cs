using System.Text;
using System.Text.RegularExpressions;

namespace AiChat.Data.Images;

/// <summary>
/// The folder of image files. File names are random bytes chosen here; any other name is rejected before it is looked up, so input
/// from outside never becomes a path. A stored file is complete and on disk before its name is returned, and never changes. Thread-safe.
/// </summary>
internal sealed partial class ImageFolder
{
    private const UnixFileMode OwnerFolder = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute;
    private const UnixFileMode OwnerFile = UnixFileMode.UserRead | UnixFileMode.UserWrite;
    private const string Unfinished = ".new";
    private const string Unused = "unused";

    /// <summary>The file that names the installation whose images are in the folder.</summary>
    public const string MarkerName = "aichat-images";

    private const int DiskFull = 28; // ENOSPC
    private const int ShareFull = 122; // EDQUOT

    private int _held;

    private ImageFolder(string folder, string installId)
    {
        Folder = folder;
        InstallId = installId;
    }

    public string Folder { get; }

    /// <summary>The installation whose database it is.</summary>
    public string InstallId { get; }

    /// <summary>Opens the folder and creates it (mode 0700) when it is missing.</summary>
    /// <exception cref="StartupException">It cannot be written, or holds another installation's images.</exception>
    public static ImageFolder Open(string folder, InstanceMarker instance)
    {
        var files = new ImageFolder(Path.GetFullPath(folder), instance.InstallId);
        try
        {
            DurableFiles.CreateFolder(files.Folder);
            // Several servers may start on one folder at the same time.
            File.Create(Path.Combine(files.Folder, ImageStore.NewId() + Unfinished), 1, FileOptions.DeleteOnClose).Dispose();
            if (files.ReadMark(MarkerName) is { } owner && owner != instance.InstallId)
            {
                throw new StartupException(
                    StartupException.Configuration,
                    $"The folder {files.Folder} holds the images of another AiChat. Give this one a folder of its own.");
            }

            return files;
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new StartupException(
                StartupException.Configuration,
                $"Cannot write the image folder {files.Folder}: {error.Message.TrimEnd('.')}. {FolderRights.Advice(files.Folder)}");
        }
    }

    /// <summary>Whether files are held: what removes those without a row waits for a later round.</summary>
    public bool IsHeld => Volatile.Read(ref _held) > 0;

    /// <summary>
    /// Holds every file until the result is disposed of, so that all files of one moment of the database can be copied. A row that goes
    /// meanwhile leaves its file for later; a list of files without rows that was read before this may still be removed.
    /// </summary>
    public IDisposable Hold()
    {
        Interlocked.Increment(ref _held);
        return new Holding(this);
    }

    /// <summary>Whether this folder is known to belong to the database; until then a missing file proves nothing.</summary>
    public bool IsClaimed => ReadMark(MarkerName) == InstallId;

    /// <summary>What a mark says; null when there is none, or an empty one that a power cut left.</summary>
    public string? ReadMark(string name)
    {
        var path = Path.Combine(Folder, name);
        return File.Exists(path) && File.ReadAllText(path).Trim() is { Length: > 0 } text ? text : null;
    }

    /// <summary>Writes a mark durably; others may write the same at the same time.</summary>
    public void WriteMark(string name, string text)
    {
        var temporary = Path.Combine(Folder, ImageStore.NewId() + Unfinished);
        using (var file = Create(temporary))
        {
            file.Write(Encoding.ASCII.GetBytes(text));
            file.Flush(flushToDisk: true);
        }

        File.Move(temporary, Path.Combine(Folder, name), overwrite: true);
        DurableFiles.SyncFolder(Folder);
    }

    public void RemoveMark(string name) => File.Delete(Path.Combine(Folder, name));

    /// <summary>
    /// Receives an image. The body goes through a small buffer to disk and is checked there. A returned file is synced, so it survives a
    /// power cut.
    /// </summary>
    /// <param name="limit">Maximum number of bytes; the rest of a longer body is not read.</param>
    /// <param name="maxSide">Maximum width and height in pixels.</param>
    /// <param name="send">Is given the name and the path of the file before it has that name; null where this folder is all.</param>
    /// <exception cref="StoreException">The disk is full or cannot be written; no file is left behind.</exception>
    /// <exception cref="UploadBrokenException">The body could not be read to its end.</exception>
    public async Task<ReceivedImage> Receive(
        Stream body, long limit, int maxSide, Func<string, string, Task>? send, CancellationToken cancel)
    {
        var id = ImageStore.NewId();
        var raw = Path.Combine(Folder, id + Unfinished);
        var clean = Path.Combine(Folder, id + ".clean" + Unfinished);
        try
        {
            await using var upload = Create(raw);
            if (!await UploadCopy.Copy(body, upload, limit, cancel))
            {
                return new ReceivedImage { TooLarge = true };
            }

            upload.Position = 0;
            var header = ImageHeader.Read(upload, out var refused);
            if (header is null || header.Width > maxSide || header.Height > maxSide)
            {
                return new ReceivedImage { Refused = refused ?? $"At most {maxSide} pixels a side." };
            }

            await using var final = Create(clean);
            var length = await UploadCopy.Keep(upload, final, header.Keep, cancel);
            final.Flush(flushToDisk: true);
            var file = $"{id[..2]}/{id}{Extension(header.Mime)}";
            await (send?.Invoke(file, clean) ?? Task.CompletedTask);
            Publish(clean, file);
            return new ReceivedImage { Image = new StoredImage(id, file, header.Mime, (int)header.Width, (int)header.Height, length) };
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException && !cancel.IsCancellationRequested)
        {
            throw Translate(error);
        }
        finally
        {
            File.Delete(raw);
            File.Delete(clean);
        }
    }

    /// <summary>Null when there is no such file or when it is a symbolic link.</summary>
    public FileStream? Open(string file)
    {
        if (!NameForm().IsMatch(file))
        {
            return null;
        }

        try
        {
            return DurableFiles.OpenPlain(Path.Combine(Folder, file)) is { } handle
                ? new FileStream(handle, FileAccess.Read, bufferSize: 0) : null;
        }
        catch (IOException error)
        {
            throw Translate(error);
        }
    }

    /// <summary>Stores a file that comes from elsewhere.</summary>
    /// <param name="write">Writes its bytes; false when there are none.</param>
    public async Task<bool> Store(string file, Func<Stream, Task<bool>> write)
    {
        var temporary = Path.Combine(Folder, ImageStore.NewId() + Unfinished);
        try
        {
            await using (var stream = Create(temporary))
            {
                if (!await write(stream))
                {
                    return false;
                }

                stream.Flush(flushToDisk: true); // or a power cut could leave a name without bytes
            }

            Directory.CreateDirectory(Path.GetDirectoryName(Path.Combine(Folder, file))!, OwnerFolder);
            File.Move(temporary, Path.Combine(Folder, file), overwrite: true);
            return true;
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw Translate(error);
        }
        finally
        {
            File.Delete(temporary);
        }
    }

    /// <summary>Notes that a file was used, once an hour: <see cref="Trim"/> removes first what was used last long ago.</summary>
    public void Touch(string file, DateTimeOffset now)
    {
        var path = Path.Combine(Folder, file);
        if (File.GetLastWriteTimeUtc(path) < now.UtcDateTime.AddHours(-1) && File.Exists(path))
        {
            File.SetLastWriteTimeUtc(path, now.UtcDateTime);
        }
    }

    /// <summary>Removes files that were not used since a moment, and those used least recently that take more than so many bytes.</summary>
    public void Trim(DateTimeOffset before, long bytes)
    {
        var files = Directory.EnumerateDirectories(Folder).SelectMany(shard => new DirectoryInfo(shard).EnumerateFiles())
            .Where(file => NameForm().IsMatch($"{file.Directory!.Name}/{file.Name}")).ToList();
        files.Sort((one, other) => other.LastWriteTimeUtc.CompareTo(one.LastWriteTimeUtc));
        foreach (var file in files)
        {
            bytes -= file.Length;
            if (bytes < 0 || file.LastWriteTimeUtc < before.UtcDateTime)
            {
                file.Delete();
            }
        }
    }

    public bool Exists(string file) => NameForm().IsMatch(file) && File.Exists(Path.Combine(Folder, file));

    public void Delete(string file)
    {
        if (!NameForm().IsMatch(file) || !Directory.Exists(Path.Combine(Folder, file[..2])))
        {
            return;
        }

        try
        {
            File.Delete(Path.Combine(Folder, file));
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw Translate(error);
        }
    }

    /// <summary>
    /// Takes a file that no row names out of its place. It is not deleted yet: when the database is of an earlier time than this folder, as
    /// after a restore by hand, a later start may know it again.
    /// </summary>
    public void SetAside(string file, DateTimeOffset now)
    {
        var path = Path.Combine(Folder, file);
        if (!NameForm().IsMatch(file) || !File.Exists(path))
        {
            return;
        }

        try
        {
            Directory.CreateDirectory(Path.Combine(Folder, Unused), OwnerFolder);
            File.SetLastWriteTimeUtc(path, now.UtcDateTime);
            File.Move(path, UnusedPath(file), overwrite: true);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw Translate(error);
        }
    }

    /// <summary>The names of the files that are set aside.</summary>
    public IEnumerable<string> SetAside()
    {
        var folder = new DirectoryInfo(Path.Combine(Folder, Unused));
        var files = folder.Exists ? folder.GetFiles("??*") : [];
        return files.Select(file => $"{file.Name[..2]}/{file.Name}").Where(name => NameForm().IsMatch(name));
    }

    /// <summary>Puts a file that was set aside into its place again.</summary>
    public void BringBack(string file) => Publish(UnusedPath(file), file);

    /// <summary>Deletes what was set aside before a moment.</summary>
    public void DeleteUnused(DateTimeOffset before)
    {
        var folder = new DirectoryInfo(Path.Combine(Folder, Unused));
        foreach (var file in folder.Exists ? folder.EnumerateFiles() : [])
        {
            if (file.LastWriteTimeUtc < before.UtcDateTime)
            {
                file.Delete();
            }
        }
    }

    /// <summary>Names of stored files last changed before a moment, by shard folder.</summary>
    public IEnumerable<IReadOnlyList<string>> OlderThan(DateTimeOffset moment)
    {
        foreach (var shard in Directory.EnumerateDirectories(Folder))
        {
            var names = Directory.EnumerateFiles(shard)
                .Where(path => File.GetLastWriteTimeUtc(path) < moment.UtcDateTime)
                .Select(path => $"{Path.GetFileName(shard)}/{Path.GetFileName(path)}")
                .Where(name => NameForm().IsMatch(name))
                .ToList();
            if (names.Count > 0)
            {
                yield return names;
            }
        }
    }

    /// <summary>Removes uploads that a crash left incomplete.</summary>
    public void DeleteUnfinished(DateTimeOffset before)
    {
        foreach (var path in Directory.EnumerateFiles(Folder, "*" + Unfinished)
            .Where(path => File.GetLastWriteTimeUtc(path) < before.UtcDateTime))
        {
            File.Delete(path);
        }
    }

    public static string MimeOf(string file) => Path.GetExtension(file) switch
    {
        ".jpg" => "image/jpeg",
        ".gif" => "image/gif",
        ".webp" => "image/webp",
        _ => "image/png",
    };

    public static string Extension(string mime) => mime switch
    {
        "image/jpeg" => ".jpg",
        "image/gif" => ".gif",
        "image/webp" => ".webp",
        _ => ".png",
    };

    private string UnusedPath(string file) => Path.Combine(Folder, Unused, Path.GetFileName(file));

    private static FileStream Create(string path) => new(path, new FileStreamOptions
    {
        Mode = FileMode.CreateNew, // O_EXCL: follows no link and overwrites no file
        Access = FileAccess.ReadWrite,
        Share = FileShare.Read,
        UnixCreateMode = OwnerFile,
        BufferSize = 0,
    });

    private void Publish(string temporary, string file)
    {
        var target = Path.Combine(Folder, file);
        var shard = Path.GetDirectoryName(target)!;
        if (!Directory.Exists(shard))
        {
            Directory.CreateDirectory(shard, OwnerFolder);
            DurableFiles.SyncFolder(Folder);
        }

        File.Move(temporary, target);
        DurableFiles.SyncFolder(shard);
    }

    private sealed class Holding(ImageFolder files) : IDisposable
    {
        private int _ended;

        public void Dispose()
        {
            if (Interlocked.Exchange(ref _ended, 1) == 0)
            {
                Interlocked.Decrement(ref files._held);
            }
        }
    }

    private static StoreException Translate(Exception error) => error.HResult is DiskFull or ShareFull
        ? new StoreException(StoreFailure.Full, "The disk of the images is full.", error)
        : new StoreException(StoreFailure.Unavailable, "The image folder cannot be used now.", error);

    /// <summary>Whether this can be the name of a stored file.</summary>
    public static bool IsName(string file) => NameForm().IsMatch(file);

    [GeneratedRegex(@"\A[0-9a-f]{2}/[0-9a-f]{32}\.(png|jpg|gif|webp)\z")]
    private static partial Regex NameForm();
}
