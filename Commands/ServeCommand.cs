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
            var broken = false;
            app.Services.GetRequiredService<Db>().Broken += error =>
            {
                // What a failed flush left on disk is in doubt; a new start looks at the file and goes on from there.
                broken = true;
                Terminal.Complain(error is StoreException ? error.Message
                    : $"The database cannot be written any more: {error.Message} Stopping. Start again: the file is looked at then; restore a backup if it is damaged.");
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

            using var memory = IdleMemory.OfProcess(TimeProvider.System);
            await app.WaitForShutdownAsync();
            return broken ? StartupException.InputOutput : 0;
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
}
