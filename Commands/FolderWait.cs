using System.Diagnostics;
using AiChat.Data;

namespace AiChat.Commands;

/// <summary>
/// Opens the data folder. While another process holds it, and AICHAT_WAIT_FOR_FOLDER says so, this one waits for its end: alive but not
/// ready, so that an update may start the new process before the old one ends.
/// </summary>
internal static class FolderWait
{
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(100);

    /// <exception cref="StartupException">The folder cannot be used, or is held for longer than the setting allows.</exception>
    /// <exception cref="OperationCanceledException">The process was asked to stop meanwhile.</exception>
    public static async Task<DataFolder> Open(ServerOptions options, LongStart start)
    {
        if (DataFolder.TryOpen(options.DataDir, options.DatabasePath) is { } folder)
        {
            return folder;
        }

        if (options.FolderWait == TimeSpan.Zero)
        {
            throw DataFolder.InUse(
                options.DataDir, "Stop that one first, or let this one wait for its end with AICHAT_WAIT_FOR_FOLDER=60.");
        }

        Terminal.Tell(
            $"The data folder is in use; waiting up to {options.FolderWait.TotalSeconds} s for the end of the process that holds it. "
            + "/api/health answers, everything else is 503.");
        start.Progress.Report(StartStep.Wait, "", null);
        var since = Stopwatch.GetTimestamp();
        while (true)
        {
            await start.Answer();
            await Task.Delay(Pause, start.Progress.Stop);
            if (DataFolder.TryOpen(options.DataDir, options.DatabasePath) is { } free)
            {
                start.Progress.Report(StartStep.Begin, "", null);
                return free;
            }

            if (Stopwatch.GetElapsedTime(since) > options.FolderWait)
            {
                throw DataFolder.InUse(options.DataDir, $"It did not end within {options.FolderWait.TotalSeconds} s.");
            }
        }
    }
}
