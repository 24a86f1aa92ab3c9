using AiChat.Data;
using AiChat.Endpoints.Housekeeping;
using AiChat.Endpoints.Http;

namespace AiChat.Commands;

/// <summary>What the service manager is told between the start and the end of the server.</summary>
internal sealed class Supervision : IDisposable
{
    private readonly ServiceManager _manager;
    private readonly IDisposable _starting;
    private CancellationTokenRegistration _stopping;
    private Watchdog? _watchdog;

    private Supervision(ServiceManager manager, StartProgress progress)
    {
        _manager = manager;
        _starting = manager.Starting(TimeProvider.System, () => progress.Now.ToString());
    }

    /// <summary>Null when no service manager wants to be told.</summary>
    /// <param name="progress">Is asked for what the start does now.</param>
    public static Supervision? Begin(StartProgress progress) =>
        ServiceManager.Find(Environment.GetEnvironmentVariable, Terminal.Complain) is { } manager
            ? new Supervision(manager, progress) : null;

    /// <summary>The server listens. That its database takes no writes is told; another start would not mend it.</summary>
    public async Task Ready(WebApplication app, string address)
    {
        _starting.Dispose();
        var status = $"Listening on {address}";
        var writes = await app.Services.GetRequiredService<Readiness>().CanWrite();
        _manager.Ready(writes ? status : status + "; the database takes no writes");
        _watchdog = Watchdog.Start(_manager, status, app.Services);
        _stopping = app.Lifetime.ApplicationStopping.Register(() => _manager.Stopping("Stopping: running answers end first"));
    }

    /// <summary>What to do in the unit about a start that the sandbox of systemd has refused; empty when that is not the reason.</summary>
    public static string Advice(StartupException refused) =>
        Environment.GetEnvironmentVariable("INVOCATION_ID") is { Length: > 0 }
        && (refused.Message.Contains("Read-only file system") || refused.Message.Contains("denied"))
            ? " systemd lets the service write only into its own folder: give it another by \"systemctl edit aichat\", under [Service] the "
            + "line ReadWritePaths= with the folder (and ProtectHome=no when it is in a home)."
            : "";

    public void Dispose()
    {
        _stopping.Dispose();
        _watchdog?.Dispose();
        _starting.Dispose();
        _manager.Dispose();
    }
}
