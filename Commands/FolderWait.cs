using System.Diagnostics;
using System.Runtime.InteropServices;
using AiChat.Data;
using AiChat.Endpoints.Http;

namespace AiChat.Commands;

/// <summary>
/// Opens the data folder. While another process holds it, and AICHAT_WAIT_FOR_FOLDER says so, this one waits for its end: alive but not
/// ready, so that an update may start the new process before the old one ends.
/// </summary>
internal static class FolderWait
{
    private const string Step = "waiting_for_folder";
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(100);

    /// <returns>Null when the process was asked to stop meanwhile.</returns>
    /// <exception cref="StartupException">The folder cannot be used, or is held for longer than the setting allows.</exception>
    public static async Task<DataFolder?> Open(ServerOptions options, ListenSockets sockets)
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

        using var stop = new CancellationTokenSource();
        using var signals = new Signals(stop);
        StartingServer? server = null;
        try
        {
            Terminal.Say(
                $"The data folder is in use; waiting up to {options.FolderWait.TotalSeconds} s for the end of the process that holds it. "
                + "/api/health answers, everything else is 503.");
            var since = Stopwatch.GetTimestamp();
            while (!stop.IsCancellationRequested)
            {
                server ??= await StartingServer.TryStart(options, sockets, () => Step);
                await Task.Delay(Pause, stop.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
                if (DataFolder.TryOpen(options.DataDir, options.DatabasePath) is { } free)
                {
                    return free;
                }

                if (Stopwatch.GetElapsedTime(since) > options.FolderWait)
                {
                    throw DataFolder.InUse(options.DataDir, $"It did not end within {options.FolderWait.TotalSeconds} s.");
                }
            }

            return null;
        }
        catch (OperationCanceledException)
        {
            return null; // a signal also ends the server that answers meanwhile, in the middle of its own start
        }
        finally
        {
            await (server?.DisposeAsync() ?? ValueTask.CompletedTask);
        }
    }

    /// <summary>Asks for the end of the wait where the process would otherwise be ended.</summary>
    private sealed class Signals : IDisposable
    {
        private readonly List<PosixSignalRegistration> _registrations;

        public Signals(CancellationTokenSource stop)
        {
            PosixSignal[] signals = [PosixSignal.SIGTERM, PosixSignal.SIGINT, PosixSignal.SIGHUP, PosixSignal.SIGQUIT];
            _registrations = [.. signals.Select(signal => PosixSignalRegistration.Create(signal, context =>
            {
                context.Cancel = true;
                stop.Cancel();
            }))];
        }

        public void Dispose() => _registrations.ForEach(registration => registration.Dispose());
    }
}
