using System.CommandLine;
using System.Text.Json.Nodes;
using AiChat.Data;
using AiChat.Data.Sqlite;
using AiChat.Endpoints.Settings;

namespace AiChat.Commands;

/// <summary>Looks at everything that an installation needs. Changes nothing but what any start of the server does.</summary>
internal static class DoctorCommand
{
    /// <summary>A larger database is checked by the server itself, in the background after each start.</summary>
    private const long MaxChecked = 512L * 1024 * 1024;

    public static Command Create()
    {
        var command = new Command("doctor", "Check this installation; each line says what to do. Ends with 1 when something is broken.")
        {
            Options.Json,
        };
        command.SetAction(Run);
        return command;
    }

    private static async Task<int> Run(ParseResult parsed, CancellationToken cancel)
    {
        List<Finding> findings = [];
        ServerOptions options;
        try
        {
            var values = Options.ValuesOfInstallation(parsed);
            options = Options.Load(values);
            findings.AddRange(StartNotes.Of(values).Select(note => Finding.Warning("variables", note, null)));
        }
        catch (StartupException error)
        {
            return Show(parsed, [Finding.Failed("variables", error.Message, "Correct the variable.")]);
        }

        findings.Add(Finding.Ok("variables", "Every variable is valid."));
        findings.AddRange(MachineChecks.All(options));
        try
        {
            await using var installation = await Installation.Open(options, create: false, cancel);
            findings.Add(await Port(options, installation.IsRunning, cancel));
            findings.AddRange(await Inside(new Call(installation, parsed, cancel), options, cancel));
        }
        catch (StartupException error)
        {
            findings.Add(Finding.Failed("installation", error.Message, "The server does not start like this either."));
        }
        catch (CommandException error)
        {
            findings.Add(Finding.Failed("installation", error.Message, "See the log of the server."));
        }

        return Show(parsed, findings);
    }

    /// <summary>What only the server knows, whether it runs or was opened for this.</summary>
    private static async Task<List<Finding>> Inside(Call call, ServerOptions options, CancellationToken cancel)
    {
        List<Finding> findings = [Finding.Ok("keys", "The master key opens the secrets of the database.")];
        var info = (await call.Send("GET", "/api/settings/app-info")).Body!;
        findings.Add(call.Installation.IsRunning && options.DatabaseServer is null
            ? Database((string?)info["damage"]) : Database(options, cancel));
        findings.AddRange((info["notices"] as JsonArray ?? []).Select(notice => Finding.Warning(
            (string)notice!["kind"]!, (string?)notice["detail"] ?? "", (string?)notice["setting"])));
        if (call.Installation.IsRunning && !findings.Any(finding => finding.Name == "proxy_untrusted"))
        {
            findings.Add(Finding.Ok("proxy", "No request came through a proxy that TRUSTED_PROXIES does not list."));
        }

        var users = await call.List("/api/users?limit=100&status=ACTIVE");
        findings.Add(users.Any(user => (string?)user!["role"] == "ADMIN")
            ? Finding.Ok("administrator", "There is an active administrator.")
            : Finding.Warning("administrator", "There is no account yet.", "aichat user create NAME --admin"));
        findings.AddRange(await Providers(call));
        return findings;
    }

    private static async Task<IEnumerable<Finding>> Providers(Call call)
    {
        var connections = (await call.List("/api/connections")).Select(item => item!.AsObject()).Where(item => (bool)item["enabled"]!);
        var results = await ConnectionCommand.Test(call, connections);
        return results.Select(result => (bool)result!["ok"]!
            ? Finding.Ok("provider", ConnectionCommand.LineOf(result))
            : Finding.Failed("provider", ConnectionCommand.LineOf(result), "Correct the connection on the page, or switch it off there."));
    }

    private static Finding Database(string? damage) => damage is null
        ? Finding.Ok("database", "The last check found no damage.")
        : Finding.Failed("database", $"The database is damaged ({damage}).", "Stop the server and restore a backup.");

    private static Finding Database(ServerOptions options, CancellationToken cancel)
    {
        if (options.DatabaseServer is { } url)
        {
            return Finding.Ok("database", $"It opens, on the server {url.Place}.");
        }

        var path = Path.GetFullPath(options.DatabasePath ?? Path.Combine(options.DataDir, "app.db"));
        return new FileInfo(path).Length > MaxChecked
            ? Finding.Ok("database", "It opens. The server checks all of it after each start.")
            : Database(WholeCheck.Run(path, cancel));
    }

    private static async Task<Finding> Port(ServerOptions options, bool isRunning, CancellationToken cancel)
    {
        if (!isRunning)
        {
            return MachineChecks.Port(options);
        }

        return await HealthCheckCommand.Ask(() => options, cancel) is { } problem
            ? Finding.Failed("port", problem, "Give this command the variables of the server, or see its log.")
            : Finding.Ok("port", $"The server is ready on port {options.Port}.");
    }

    private static int Show(ParseResult parsed, List<Finding> findings)
    {
        if (parsed.GetValue(Options.Json))
        {
            Terminal.Say(Terminal.Json(new JsonObject { ["items"] = new JsonArray([.. findings.Select(finding => finding.Json())]) }));
        }
        else
        {
            foreach (var finding in findings)
            {
                Terminal.Say($"{finding.State,-8} {finding.Name}: {finding.Detail}");
                if (finding.Action is { Length: > 0 } action)
                {
                    Terminal.Say($"         {action}");
                }
            }
        }

        return findings.Any(finding => finding.State == Finding.FailedState) ? ExitCodes.Refused : ExitCodes.Done;
    }
}

/// <summary>One line of the doctor.</summary>
/// <param name="Action">What to do; null when there is nothing.</param>
internal sealed record Finding(string Name, string State, string Detail, string? Action)
{
    public const string FailedState = "FAILED";

    public static Finding Ok(string name, string detail) => new(name, "OK", detail, null);

    public static Finding Warning(string name, string detail, string? action) => new(name, "WARNING", detail, action);

    public static Finding Failed(string name, string detail, string action) => new(name, FailedState, detail, action);

    public JsonNode Json() => new JsonObject
    {
        ["name"] = Name,
        ["state"] = State.ToLowerInvariant(),
        ["detail"] = Detail,
        ["action"] = Action,
    };
}
