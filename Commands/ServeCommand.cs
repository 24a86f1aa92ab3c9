using System.CommandLine;
using System.Globalization;
using System.Net.Sockets;
using AiChat.Data;
using AiChat.Data.Postgres;
using AiChat.Data.Store;
using AiChat.Endpoints.Auth;
using AiChat.Endpoints.Calls;
using AiChat.Endpoints.Housekeeping;
using AiChat.Endpoints.Http;
using AiChat.Endpoints.Settings;
using AiChat.Endpoints.Variables;
using Microsoft.AspNetCore.Hosting.Server;

namespace AiChat.Commands;

/// <summary>Runs the server until the process is asked to stop.</summary>
internal static class ServeCommand
{
    public static Command Create() => WithAction(new Command("serve", "Start the server."));

    /// <summary>Serves when no command is given, with the same options.</summary>
    public static void MakeDefault(RootCommand root) => WithAction(root);

    private static Command WithAction(Command command)
    {
        var initialize = new Option<bool>("--init") { Description = "Create a new database when it is missing or empty." };
        var keepFile = new Option<bool>("--keep-file")
        {
            Description = "When the log beside the database does not belong to the file: keep the file, move the log aside.",
        };
        var keepLog = new Option<bool>("--keep-log")
        {
            Description = "When the log beside the database is of a later state than the file: replay it.",
        };
        command.Options.Add(initialize);
        command.Options.Add(keepFile);
        command.Options.Add(keepLog);
        command.SetAction((parsed, _) =>
        {
            var choice = (parsed.GetValue(keepFile), parsed.GetValue(keepLog)) switch
            {
                (true, true) => throw new StartupException(ExitCodes.Usage, "--keep-file and --keep-log exclude each other."),
                (true, _) => LogChoice.KeepFile,
                (_, true) => LogChoice.KeepLog,
                _ => LogChoice.None,
            };
            return Run(parsed, parsed.GetValue(initialize), choice);
        });
        return command;
    }

    /// <summary>How much may go on at once, and what decides it.</summary>
    private static string Room(IServiceProvider services)
    {
        var (runs, memory) = (services.GetRequiredService<SystemSettings>().MaxRuns, services.GetRequiredService<MemoryBudget>());
        var answers = Math.Min(runs == 0 ? long.MaxValue : runs, Math.Min(memory.MaxAnswers, Capacity.Answers));
        return string.Create(
            CultureInfo.InvariantCulture,
            $"Room for {answers:N0} answers and {Capacity.Connections:N0} connections at once, {Capacity.Waiting:N0} more may wait "
            + $"(by {Capacity.Files:N0} open files and {memory.Limit >> 20:N0} MiB of memory).");
    }

    /// <summary>Whether the database has connections enough for all servers on it; a pooler has its own.</summary>
    private static async Task<string?> Connections(WebApplication app) =>
        app.Services.GetRequiredService<ServerOptions>().DatabaseServer is { IsPooled: false }
            ? await app.Services.GetRequiredService<Db>().Read(
                connection => PostgresFacts.ConnectionNote(connection, PostgresServers.MaxConnections))
            : null;

    private static async Task<int> Run(ParseResult parsed, bool initialize, LogChoice choice)
    {
        using var stop = new StopSignals();
        var progress = new StartProgress(stop.Token) { LogChoice = choice, Say = Terminal.Tell };
        using var supervision = Supervision.Begin(progress);
        ServerOptions? options = null;
        try
        {
            var values = Options.Values(parsed);
            options = Options.Load(values) with { Initialize = initialize };
            Say([.. StartNotes.Files(values), .. StartNotes.Of(values), AddressSpace.Note(AddressSpace.OfProcess())]);
            using var sockets = new ListenSockets();
            var prepared = await Prepare(options, sockets, progress);
            await using var app = Program.Build(options, prepared: prepared, sockets: sockets);
            await using var stopping = stop.Token.Register(app.Lifetime.StopApplication);
            Say(FolderMode.Note(prepared.Folder.Path));
            using var unobserved = new UnobservedTasks(app.Services.GetRequiredService<BackgroundWork>());
            var broken = false;
            app.Services.GetRequiredService<Db>().Broken += error =>
            {
                // The state on disk after a failed flush is unknown; the next start checks the file.
                broken = true;
                Terminal.Complain(error is StoreException ? error.Message
                    : $"The database can no longer be written: {error.Message} Stopping. "
                    + "Start again to check the file; restore a backup if it is damaged.");
                app.Lifetime.StopApplication();
            };
            if (!await Start(app))
            {
                return 0; // asked to stop meanwhile
            }

            Say(StartNotes.Overridden(app.Services.GetRequiredService<SystemSettings>()), Room(app.Services), await Connections(app));
            var addresses = WebServer.Addresses(app.Services.GetRequiredService<IServer>()).Select(Reachable).ToList();
            foreach (var address in addresses)
            {
                Terminal.Tell($"Listening on {address}{options.BasePath}");
            }

            var site = app.Services.GetRequiredService<SystemSettings>().SiteBaseUrl.TrimEnd('/');
            var page = site.Length > 0
                ? site
                : addresses[0].Replace("//127.0.0.1:", "//localhost:").Replace("//[::1]:", "//localhost:") + options.BasePath;
            if (app.Services.GetRequiredService<SetupCode>().Announcement(page) is { } announcement)
            {
                Terminal.Tell(announcement);
            }

            if (supervision is not null)
            {
                await supervision.Ready(app, addresses[0] + options.BasePath);
            }

            using var memory = IdleMemory.OfProcess(app.Services.GetRequiredService<BackgroundWork>(), TimeProvider.System);
            await app.WaitForShutdownAsync();
            return broken ? StartupException.InputOutput : CodeOf(app.Services.GetServices<IHostedService>());
        }
        catch (OperationCanceledException) when (stop.Token.IsCancellationRequested)
        {
            return 0; // before the server was there: the database is as it was
        }
        catch (StartupException error)
        {
            Terminal.Complain(error.Message + Supervision.Advice(error));
            return error.ExitCode;
        }
        catch (StoreException error) when (options?.DatabaseServer is { } url)
        {
            var refusal = PostgresRefusal.Of(url, error.InnerException ?? error);
            Terminal.Complain(refusal.Message);
            return refusal.ExitCode;
        }
        catch (Exception error) when (options is not null && BindFailure(error, options) is { } failure)
        {
            Terminal.Complain(failure.Message);
            return failure.ExitCode;
        }
        catch (UnauthorizedAccessException error)
        {
            Terminal.Complain($"{error.Message} This process is user {Ownership.Process}.");
            return StartupException.Configuration;
        }
    }

    /// <summary>Everything that is done before the server listens. Meanwhile the port says so, when it takes long.</summary>
    private static async Task<PreparedFolder> Prepare(ServerOptions options, ListenSockets sockets, StartProgress progress)
    {
        await using var start = new LongStart(options, sockets, progress);
        var folder = await FolderWait.Open(options, start);
        return await start.Run(() => PreparedFolder.Of(folder, options, progress));
    }

    private static void Say(params IEnumerable<string?> notes)
    {
        foreach (var note in notes.OfType<string>())
        {
            Terminal.Tell(note);
        }
    }

    /// <summary>The host stops when a background service fails but does not report it in its result.</summary>
    /// <returns>0 when no service failed.</returns>
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

    /// <returns>False when the process was asked to stop while it started.</returns>
    private static async Task<bool> Start(WebApplication app)
    {
        try
        {
            await app.StartAsync();
            return true;
        }
        catch (OperationCanceledException) when (app.Lifetime.ApplicationStopping.IsCancellationRequested)
        {
            return false;
        }
        catch
        {
            // Ends work that has begun as a normal stop does; otherwise the host would log its end as a failure.
            app.Lifetime.StopApplication();
            throw;
        }
    }

    /// <summary>The address in a form that a browser on this machine can open.</summary>
    private static string Reachable(string address) => address.Replace("[::]", "localhost").Replace("0.0.0.0", "localhost");

    /// <summary>
    /// One line that says why the server cannot listen; null for other failures. A port that is taken and an address that is not there may
    /// be so only now, at the boot of the machine or while the old process ends: then a service manager starts again.
    /// </summary>
    private static StartupException? BindFailure(Exception error, ServerOptions where)
    {
        var socket = error as SocketException ?? error.InnerException as SocketException
            ?? error.InnerException?.InnerException as SocketException;
        var (code, reason) = socket?.SocketErrorCode switch
        {
            null => (0, null),
            SocketError.AddressAlreadyInUse =>
                (StartupException.TemporaryFailure, "another program listens there; choose another PORT"),
            SocketError.AccessDenied => (
                StartupException.Configuration,
                "ports below 1024 need more rights; choose another PORT or allow it (as a service: aichat install --port N; "
                + "else setcap cap_net_bind_service=+ep on the executable)"),
            SocketError.AddressNotAvailable =>
                (StartupException.TemporaryFailure, "this machine does not have that address; correct HOST"),
            SocketError.AddressFamilyNotSupported => (
                StartupException.TemporaryFailure, "this machine does not speak that kind of address (is IPv6 off?); correct HOST"),
            _ => (StartupException.Configuration, socket.Message),
        };
        if (reason is null)
        {
            return null;
        }

        var ports = where.TlsRedirectPort is { } plain ? $"{where.Port} or {plain} (TLS_REDIRECT_PORT)" : $"{where.Port}";
        return new StartupException(code, $"Cannot listen on {where.Host ?? "any address"}, port {ports}: {reason}.", error);
    }
}

/// <summary>Logs exceptions of tasks that nobody awaited.</summary>
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
