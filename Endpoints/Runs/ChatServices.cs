using System.Runtime.InteropServices;
using AiChat.Endpoints.Calls;
using AiChat.Endpoints.Http;

namespace AiChat.Endpoints.Runs;

/// <summary>The run engine's parts, and its place in the life of the process.</summary>
internal static class RunsServices
{
    public static void AddRuns(this IServiceCollection services)
    {
        services.AddSingleton<PromptImages>();
        services.AddSingleton<PromptBuilder>();
        services.AddSingleton<KeyRing>();
        services.AddSingleton<TokenFactors>();
        services.AddHostedService(provider => provider.GetRequiredService<TokenFactors>());
        services.AddSingleton<LiveCalls>();
        services.AddSingleton<ProviderCalls>();
        services.AddSingleton<Settlements>();
        services.AddSingleton<UtilityCompletion>();
        services.AddSingleton<ToolLoop>();
        services.AddSingleton<SessionTitler>();
        services.AddHostedService(provider => provider.GetRequiredService<SessionTitler>());
        services.AddSingleton<RunExecutor>();
        services.AddSingleton(provider => MemoryBudget.OfProcess(provider.GetRequiredService<TimeProvider>()));
        services.AddSingleton<RunRegistry>();
        services.AddSingleton<RunReplay>();
        services.AddSingleton<RunStreamer>();
        services.AddHostedService(provider => provider.GetRequiredService<RunStreamer>());
        services.AddHostedService<ChatLifetime>();
    }
}

/// <summary>
/// Sweeps before the server listens, and on the way down lets answers end: not ready any more, no new runs, the grace, then
/// interrupted. A second signal cuts the grace short.
/// </summary>
internal sealed class ChatLifetime(
    RunRegistry registry, ConnectionListeners listeners, Readiness readiness, ServerOptions options, BackgroundWork background,
    IHostApplicationLifetime lifetime)
    : IHostedService, IDisposable
{
    private PosixSignalRegistration? _again;

    public async Task StartAsync(CancellationToken cancellationToken)
    {
        await registry.Open();
        lifetime.ApplicationStopping.Register(() =>
        {
            readiness.Stop();
            listeners.Close(); // before readers are told: who comes back at once must not reach this process
            _again = PosixSignalRegistration.Create(PosixSignal.SIGTERM, signal =>
            {
                signal.Cancel = true;
                background.Try("the second signal", registry.Interrupt);
            });
            // The web server's own stop waits for the streams that end with it.
            background.Forget("the end of running answers", registry.Drain(options.ShutdownGrace));
        });
    }

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public void Dispose() => _again?.Dispose();
}
