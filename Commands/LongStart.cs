using AiChat.Data;
using AiChat.Endpoints.Http;

namespace AiChat.Commands;

/// <summary>
/// What goes on between the begin of the process and the server: waiting for the folder, copying, checking and migrating the database.
/// Nobody notices as long as it is short. When it takes longer, the port answers what is being done, the lines of the log and the service
/// manager tell it, and a signal ends it with the database as before.
/// </summary>
internal sealed class LongStart(ServerOptions options, ListenSockets sockets, StartProgress progress) : IAsyncDisposable
{
    /// <summary>
    /// A start without long work is over by then, also on a busy machine: who waits until the process is alive may use it at once.
    /// </summary>
    private static readonly TimeSpan Short = TimeSpan.FromSeconds(2);

    private static readonly TimeSpan BetweenTries = TimeSpan.FromMilliseconds(100);

    private readonly ProgressLines _lines = new(progress, "Starting", Terminal.Tell);
    private StartingServer? _server;

    public StartProgress Progress => progress;

    /// <summary>Listens, unless it does already or another process does there.</summary>
    public async Task Answer() => _server ??= await StartingServer.TryStart(options, sockets, () => progress.Now);

    /// <summary>Runs blocking work, and listens when it takes long.</summary>
    /// <exception cref="OperationCanceledException">The process was asked to stop.</exception>
    public async Task<T> Run<T>(Func<T> work)
    {
        var running = Task.Factory.StartNew(work, CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
        await Task.WhenAny(running, Task.Delay(Short));
        while (!running.IsCompleted && _server is null)
        {
            try
            {
                await Answer();
            }
            catch (Exception error) when (error is not OutOfMemoryException)
            {
                await running; // the work first: only then is it certain what could be told
                throw;
            }

            await Task.WhenAny(running, Task.Delay(BetweenTries));
        }

        return await running;
    }

    /// <summary>The real server takes over the sockets.</summary>
    public async ValueTask DisposeAsync()
    {
        _lines.Dispose();
        if (_server is { } server)
        {
            _server = null;
            await server.DisposeAsync();
        }
    }
}
