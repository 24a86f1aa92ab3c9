namespace AiChat.Tests;

/// <summary>Waits until a file is deleted, by whichever process, by watching its folder.</summary>
internal static class FileGone
{
    public static async Task WaitAsync(string path)
    {
        var gone = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        using var watcher = new FileSystemWatcher(Path.GetDirectoryName(path)!, Path.GetFileName(path));
        watcher.Deleted += (_, _) => gone.TrySetResult();
        watcher.EnableRaisingEvents = true;
        if (File.Exists(path))
        {
            await gone.Task.WaitAsync(TimeSpan.FromSeconds(20));
        }

        Assert.False(File.Exists(path));
    }
}
