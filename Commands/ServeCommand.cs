using System.Runtime.InteropServices;
using AiChat.Data;
using AiChat.Endpoints.Http;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;

namespace AiChat.Commands;

/// <summary>Runs the server until the process is asked to stop.</summary>
internal static class ServeCommand
{
    public static async Task<int> Run(bool initialize)
    {
        try
        {
            var options = ServerOptions.Load(Environment.GetEnvironmentVariable) with { Initialize = initialize };
            await using var app = Program.Build(options);
            using var unobserved = new UnobservedTasks(app.Services.GetRequiredService<BackgroundWork>());
            var broken = false;
            app.Services.GetRequiredService<Db>().Broken += error =>
            {
                // What a failed flush left on disk is in doubt; a new start looks at the file and goes on from there.
                broken = true;
                Terminal.Complain($"The database cannot be written any more: {error.Message} Stopping.");
                app.Lifetime.StopApplication();
            };
            await app.StartAsync();
            using var hangUp = PosixSignalRegistration.Create(PosixSignal.SIGHUP, signal =>
            {
                signal.Cancel = true;
                app.Lifetime.StopApplication();
            });
            foreach (var address in app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses)
            {
                Terminal.Say($"Listening on {address.Replace("[::]", "localhost").Replace("0.0.0.0", "localhost")}{options.BasePath}");
            }

            if (app.Services.GetRequiredService<SetupCode>().Announcement is { } announcement)
            {
                Terminal.Say(announcement);
            }

            using var memory = IdleMemory.OfProcess(app.Services.GetRequiredService<BackgroundWork>(), TimeProvider.System);
            await app.WaitForShutdownAsync();
            return broken ? StartupException.InputOutput : CodeOf(app.Services.GetServices<IHostedService>());
        }
        catch (StartupException error)
        {
            Terminal.Complain(error.Message);
            return error.ExitCode;
        }
        catch (IOException error) when (error.InnerException is Microsoft.AspNetCore.Connections.AddressInUseException)
        {
            Terminal.Complain($"The port is in use: {error.Message}");
            return StartupException.Configuration;
        }
    }

    /// <summary>The host stops when one of its services fails, and says nothing of it in the end.</summary>
    /// <returns>0 when all services ended because they were asked to.</returns>
    internal static int CodeOf(IEnumerable<IHostedService> services)
    {
        var failed = services.OfType<BackgroundService>().FirstOrDefault(service => service.ExecuteTask is { IsFaulted: true });
        if (failed is null)
        {
            return 0;
        }

        Terminal.Complain($"{failed.GetType().Name} failed: {failed.ExecuteTask?.Exception?.InnerException?.Message} Stopped.");
        return StartupException.Software;
    }
}

/// <summary>Logs what tasks threw that nobody awaited.</summary>
internal sealed class UnobservedTasks : IDisposable
{
    private readonly EventHandler<UnobservedTaskExceptionEventArgs> _report;

    public UnobservedTasks(BackgroundWork background)
    {
        _report = (_, failed) =>
        {
            background.Report("a task that nobody awaited", failed.Exception);
            failed.SetObserved();
        };
        TaskScheduler.UnobservedTaskException += _report;
    }

    public void Dispose() => TaskScheduler.UnobservedTaskException -= _report;
}
