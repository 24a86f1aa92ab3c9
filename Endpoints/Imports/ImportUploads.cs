using AiChat.Data;

namespace AiChat.Endpoints.Imports;

/// <summary>
/// The archives that wait to be imported or are: files in the data folder, which are removed when their import has ended.
/// </summary>
internal sealed class ImportUploads(DataFolder folder)
{
    /// <summary>Left free for everything else.</summary>
    private const long Spare = 256L * 1024 * 1024;

    private const long BetweenLooks = 64L * 1024 * 1024;

    private readonly string _path = folder.File("imports");

    public string PathOf(long id) => Path.Combine(_path, $"{id}.upload");

    /// <summary>The path that nothing has, for what an import puts aside.</summary>
    public string ScratchOf(long id) => Path.Combine(_path, $"{id}.scratch");

    /// <summary>Writes a body to disk.</summary>
    /// <param name="limit">Maximum number of bytes.</param>
    /// <returns>The path of the file; null when the body is longer.</returns>
    /// <exception cref="StoreException">The disk is full or cannot be written; nothing is left of it.</exception>
    public async Task<string?> Receive(Stream body, long limit, long? declared, CancellationToken cancel)
    {
        Directory.CreateDirectory(_path, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        RequireSpace(declared ?? 0);
        var path = Path.Combine(_path, $"{Guid.NewGuid():N}.part");
        var isWhole = false;
        try
        {
            await using var file = new FileStream(path, new FileStreamOptions
            {
                Mode = FileMode.CreateNew,
                Access = FileAccess.Write,
                UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite,
                BufferSize = 0,
                Options = FileOptions.Asynchronous,
            });
            isWhole = await Copy(body, file, limit, cancel);
            file.Flush(flushToDisk: isWhole);
            return isWhole ? path : null;
        }
        finally
        {
            if (!isWhole)
            {
                File.Delete(path);
            }
        }
    }

    /// <summary>Makes a received file that of an import.</summary>
    public void Keep(string path, long id)
    {
        File.Move(path, PathOf(id));
        DurableFiles.SyncFolder(_path);
    }

    public void Delete(long id) => File.Delete(PathOf(id));

    /// <summary>Removes what no import needs, such as an upload that the end of the process cut off.</summary>
    public void DeleteOthers(IEnumerable<long> ids)
    {
        if (!Directory.Exists(_path))
        {
            return;
        }

        var needed = ids.Select(PathOf).ToHashSet();
        foreach (var path in Directory.EnumerateFiles(_path).Where(path => !needed.Contains(path)))
        {
            File.Delete(path);
        }
    }

    private async Task<bool> Copy(Stream body, FileStream file, long limit, CancellationToken cancel)
    {
        var buffer = new byte[64 * 1024];
        long total = 0;
        long looked = 0;
        int count;
        while ((count = await body.ReadAsync(buffer, cancel)) > 0)
        {
            total += count;
            if (total > limit)
            {
                return false;
            }

            if (total - looked > BetweenLooks)
            {
                looked = total;
                RequireSpace(0);
            }

            try
            {
                await file.WriteAsync(buffer.AsMemory(0, count), cancel);
            }
            catch (IOException error)
            {
                throw new StoreException(StoreFailure.Full, "The upload cannot be written.", error);
            }
        }

        return true;
    }

    private void RequireSpace(long bytes)
    {
        if (new DriveInfo(_path).AvailableFreeSpace < bytes + Spare)
        {
            throw new StoreException(StoreFailure.Full, "The disk has no room for the upload.");
        }
    }
}
