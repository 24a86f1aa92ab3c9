namespace AiChat.Data.Images;

/// <summary>Copies an upload to disk through a small buffer, and what is kept of it from there.</summary>
internal static class UploadCopy
{
    /// <summary>False when the body is longer than the limit; the rest is not read.</summary>
    public static async Task<bool> Copy(Stream from, FileStream to, long limit, CancellationToken cancel)
    {
        var buffer = new byte[64 * 1024];
        long total = 0;
        int count;
        while ((count = await Read(from, buffer, cancel)) > 0)
        {
            total += count;
            if (total > limit)
            {
                return false;
            }

            await to.WriteAsync(buffer.AsMemory(0, count), cancel);
        }

        return true;
    }

    /// <summary>Reads from the client. Failures get a type of their own, so that they are not taken for failures of the disk.</summary>
    private static async ValueTask<int> Read(Stream from, byte[] buffer, CancellationToken cancel)
    {
        try
        {
            return await from.ReadAsync(buffer, cancel);
        }
        catch (Exception error) when (error is IOException or InvalidDataException)
        {
            throw new UploadBrokenException(error);
        }
    }

    /// <summary>Writes what is kept of an upload.</summary>
    public static async Task<long> Keep(FileStream from, FileStream to, IReadOnlyList<FilePart> parts, CancellationToken cancel)
    {
        var buffer = new byte[64 * 1024];
        foreach (var part in parts)
        {
            if (part.Instead is { } bytes)
            {
                await to.WriteAsync(bytes, cancel);
                continue;
            }

            from.Position = part.Offset;
            for (var left = part.Length; left > 0;)
            {
                var count = await from.ReadAsync(buffer.AsMemory(0, (int)Math.Min(left, buffer.Length)), cancel);
                if (count == 0)
                {
                    throw new IOException("The file became shorter while it was read.");
                }

                await to.WriteAsync(buffer.AsMemory(0, count), cancel);
                left -= count;
            }
        }

        return to.Length;
    }
}
