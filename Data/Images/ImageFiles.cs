using System.Collections.Concurrent;
using System.Text;

namespace AiChat.Data.Images;

/// <summary>
/// The files of images: in a folder, or in a store elsewhere, for which the folder is then a cache. A file is complete and durable before
/// its name is returned, and never changes. Thread-safe.
/// </summary>
/// <param name="bucket">The store elsewhere; null where the folder is all there is.</param>
internal sealed class ImageFiles(ImageFolder folder, TimeProvider clock, IImageBucket? bucket = null)
{
    private readonly ConcurrentDictionary<string, Lazy<Task<bool>>> _fetching = new(StringComparer.Ordinal);

    public ImageFolder Folder => folder;

    public IImageBucket? Bucket => bucket;

    /// <summary>Where images are kept, in words.</summary>
    public string Place => bucket?.Place ?? folder.Folder;

    /// <summary>The folder holds images of the time before it became a cache, which have to be sent.</summary>
    public bool IsMoving => bucket is not null && folder.IsClaimed;

    /// <summary>See <see cref="ImageFolder.IsHeld"/>.</summary>
    public bool IsHeld => folder.IsHeld;

    /// <summary>See <see cref="ImageFolder.Hold"/>.</summary>
    public IDisposable Hold() => folder.Hold();

    /// <summary>What a mark at the place of the images says; null when there is none.</summary>
    /// <exception cref="StoreException">It cannot be read now.</exception>
    public async Task<string?> ReadMark(string name)
    {
        if (bucket is null)
        {
            return folder.ReadMark(name);
        }

        var bytes = new MemoryStream();
        return await bucket.Get(name, bytes, CancellationToken.None)
            && Encoding.ASCII.GetString(bytes.ToArray()).Trim() is { Length: > 0 } text ? text : null;
    }

    public async Task WriteMark(string name, string text)
    {
        if (bucket is null)
        {
            folder.WriteMark(name, text);
            return;
        }

        var bytes = Encoding.ASCII.GetBytes(text);
        await bucket.Put(name, bytes.Length, () => new MemoryStream(bytes), CancellationToken.None);
    }

    /// <summary>Whether the place is known to belong to the database; until then a missing file proves nothing.</summary>
    public async Task<bool> IsClaimed() => await ReadMark(ImageFolder.MarkerName) == folder.InstallId;

    /// <summary>Receives an image, see <see cref="ImageFolder.Receive"/>; it is where every server finds it afterwards.</summary>
    public Task<ReceivedImage> Receive(Stream body, long limit, int maxSide, CancellationToken cancel) =>
        folder.Receive(body, limit, maxSide, bucket is null ? null : (file, path) => Send(file, path, cancel), cancel);

    /// <summary>Sends a file of this machine to the store elsewhere.</summary>
    public Task Send(string file, string path, CancellationToken cancel) =>
        bucket!.Put(file, new FileInfo(path).Length, () => OpenShared(path), cancel);

    /// <summary>Null when there is no such file.</summary>
    /// <exception cref="StoreException">It cannot be read now.</exception>
    public async Task<FileStream?> Open(string file, CancellationToken cancel) =>
        await Fetch(file, cancel) ? folder.Open(file) : null;

    /// <summary>Whether there is such a file; it can be opened on this machine afterwards.</summary>
    /// <exception cref="StoreException">It cannot be read now.</exception>
    public async Task<bool> Fetch(string file, CancellationToken cancel)
    {
        if (bucket is null)
        {
            return folder.Exists(file);
        }

        if (folder.Exists(file))
        {
            folder.Touch(file, clock.GetUtcNow());
            return true;
        }

        return ImageFolder.IsName(file)
            && await _fetching.GetOrAdd(file, name => new Lazy<Task<bool>>(() => FetchNew(name))).Value.WaitAsync(cancel);
    }

    /// <summary>Deletes a file for good.</summary>
    /// <exception cref="StoreException">It is still there.</exception>
    public async Task Delete(string file)
    {
        if (bucket is not null && ImageFolder.IsName(file))
        {
            await bucket.Delete(file, CancellationToken.None);
        }

        folder.Delete(file);
    }

    /// <summary>Deletes a file that got no row; one that is still there is found without a row later.</summary>
    public async Task Discard(string file)
    {
        try
        {
            await Delete(file);
        }
        catch (StoreException)
        {
            // As after a crash between the two.
        }
    }

    private async Task<bool> FetchNew(string file)
    {
        try
        {
            // Others may wait for the same, so the end of one request does not end it.
            return await folder.Store(file, stream => bucket!.Get(file, stream, CancellationToken.None));
        }
        finally
        {
            _fetching.TryRemove(file, out _);
        }
    }

    private static FileStream OpenShared(string path) => new(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite, bufferSize: 0);
}

/// <summary>A file that is on disk, with no row yet.</summary>
internal sealed record StoredImage(string Id, string File, string Mime, int Width, int Height, long Bytes);

/// <summary>The result of an upload: an image, too many bytes, or why it is no image.</summary>
internal sealed record ReceivedImage
{
    public StoredImage? Image { get; init; }

    public bool TooLarge { get; init; }

    public string? Refused { get; init; }
}

/// <summary>The client did not send what it announced; the inner exception says how.</summary>
internal sealed class UploadBrokenException(Exception inner) : Exception(inner.Message, inner);
