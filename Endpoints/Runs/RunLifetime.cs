using System.Runtime.InteropServices;
using AiChat.Data.Nodes;
using AiChat.Endpoints.Calls;
using AiChat.Endpoints.Http;
using AiChat.Endpoints.Nodes;

namespace AiChat.Endpoints.Runs;

/// <summary>
/// The place of the runs in the life of the process. Before the server listens, it sweeps and begins to store text. When the process is
/// told to stop, it takes no new run and lets the live ones end; after the grace, or at a second signal, they are interrupted.
/// </summary>
internal sealed class RunLifetime(
    RunSweeper sweeper, TextFlusher flusher, RunRegistry registry, RunSlots slots, ConnectionListeners listeners, Readiness readiness,
    NodeStore nodes, NodeWatch watch, ServerOptions options, BackgroundWork background, TimeProvider clock,
    IHostApplicationLifetime lifetime, NodeLink? link = null)
    : IHostedService, IAsyncDisposable
{
    /// <summary>How long requests reach a server that no longer listens.</summary>
    private static readonly TimeSpan OnTheWay = TimeSpan.FromMilliseconds(200);

    private readonly CancellationTokenSource _closing = new();
    private PosixSignalRegistration? _again;
    private Task _flushing = Task.CompletedTask;
    private Task _watching = Task.CompletedTask;

    public async Task StartAsync(CancellationToken cancellationToken)
    {
        await sweeper.Sweep();
        _flushing = flusher.Run(_closing.Token);
        _watching = nodes.IsAlone ? Task.CompletedTask : watch.Run(_closing.Token);
        lifetime.ApplicationStarted.Register(() => link?.Listen(options.NodeUrl));
        lifetime.ApplicationStopping.Register(() =>
        {
            link?.Drain();
            readiness.Stop();
            listeners.Close(); // before readers are told, so that a client that reconnects at once does not reach this process
            _again = PosixSignalRegistration.Create(PosixSignal.SIGTERM, signal =>
            {
                signal.Cancel = true;
                background.Try("the second signal", registry.Interrupt);
            });
            // The web server's own stop waits for the streams that end with it.
            background.Forget("the end of running answers", Drain(options.ShutdownGrace));
        });
    }

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    /// <summary>Ends what still runs; returns when all that can be stored is stored.</summary>
    public async ValueTask DisposeAsync()
    {
        _again?.Dispose();
        slots.Close();
        await _closing.CancelAsync();
        await registry.Abandon();
        await _flushing;
        await _watching;
        await background.Attempt("leaving the other nodes", nodes.Leave);
        _closing.Dispose();
    }

    private async Task Drain(TimeSpan grace)
    {
        if (link is not null)
        {
            // What a balancer has sent on a connection that is open still is begun here: it cannot know that another server should have it.
            await Task.Delay(OnTheWay, clock, _closing.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }

        slots.Close();
        registry.WakeReaders();
        var all = registry.WhenAllEnded();
        await Task.WhenAny(all, Task.Delay(grace, clock, _closing.Token));
        registry.Interrupt();
        await all;
    }
}
