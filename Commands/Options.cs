using System.CommandLine;
using System.Text.Json.Nodes;
using AiChat.Endpoints.Settings;
using AiChat.Endpoints.Variables;

namespace AiChat.Commands;

/// <summary>What several commands share: their options, and how they reach the installation and report its answer.</summary>
internal static class Options
{
    public static readonly Option<bool> Json = new("--json") { Description = "Print JSON for scripts." };

    /// <summary>Of every command: where variables stand besides the environment.</summary>
    public static readonly Option<string[]> EnvFiles = new("--env-file")
    {
        Description = "Read variables from this file instead of .env in the working directory; may be repeated. The environment wins.",
        HelpName = "path",
        Recursive = true,
    };

    /// <summary>What the environment and the files of variables set.</summary>
    /// <exception cref="Data.StartupException">A file cannot be read.</exception>
    public static EnvironmentValues Values(ParseResult parsed) => EnvFile.Load(parsed.GetValue(EnvFiles));

    /// <summary>As <see cref="Values"/>, for a command that works on an installation: the service's, where nothing else is named.</summary>
    /// <exception cref="Data.StartupException">A file cannot be read.</exception>
    public static EnvironmentValues ValuesOfInstallation(ParseResult parsed)
    {
        var place = new ServiceFiles("", ServiceFiles.DefaultUser, ServiceFiles.DefaultDataDir); // its file may be closed to this user
        if (parsed.GetValue(EnvFiles) is { Length: > 0 }
            || !ServiceEnvironment.IsMeant(place, Environment.GetEnvironmentVariable, Environment.CurrentDirectory))
        {
            return Values(parsed);
        }

        var values = ServiceEnvironment.Load(place, parsed);
        Terminal.Complain($"With the settings of the service, {place.EnvironmentFile}.");
        return values;
    }

    /// <summary>The options of the server, with the defaults of its settings.</summary>
    /// <exception cref="Data.StartupException">A value is wrong.</exception>
    public static ServerOptions Load(EnvironmentValues values) =>
        ServerOptions.Load(values) with { SettingDefaults = SettingTable.ReadVariables(values) };

    /// <summary>Gives the command --json, and lets it work on the installation.</summary>
    /// <param name="create">It may begin a new installation.</param>
    public static Command WithWork(this Command command, Func<Call, Task<int>> work, bool create = false)
    {
        command.Options.Add(Json);
        command.SetAction(async (parsed, cancel) =>
        {
            await using var installation = await Installation.Open(Load(ValuesOfInstallation(parsed)), create, cancel);
            return await work(new Call(installation, parsed, cancel));
        });
        return command;
    }
}

/// <summary>One run of a command on an installation.</summary>
internal sealed record Call(Installation Installation, ParseResult Parsed, CancellationToken Cancel)
{
    public bool IsJson => Parsed.GetValue(Options.Json);

    public Task<Reply> Send(string method, string path, JsonNode? body = null) => Installation.Send(method, path, body, Cancel);

    /// <summary>All pages of a list.</summary>
    /// <param name="path">With a query or without.</param>
    public async Task<JsonArray> List(string path)
    {
        var items = new JsonArray();
        for (string? cursor = ""; cursor is not null;)
        {
            var reply = await Send("GET", cursor.Length == 0 ? path : $"{path}{(path.Contains('?') ? '&' : '?')}cursor={cursor}");
            var page = reply.IsDone ? reply.Body!.AsObject() : throw new CommandException(reply);
            foreach (var item in page["items"]!.AsArray())
            {
                items.Add(item!.DeepClone());
            }

            cursor = (string?)page["nextCursor"];
        }

        return items;
    }

    /// <summary>Prints JSON, or these lines for a person.</summary>
    public int Show(JsonNode json, params IEnumerable<string> lines)
    {
        if (IsJson)
        {
            Terminal.Say(Terminal.Json(json));
            return ExitCodes.Done;
        }

        foreach (var line in lines)
        {
            Terminal.Say(line);
        }

        return ExitCodes.Done;
    }
}

/// <summary>The server refused; the message is its reason, the body its problem object.</summary>
internal sealed class CommandException : Exception
{
    public CommandException(Reply reply, string? advice = null)
        : base(Reason(reply) + (advice is null ? "" : " " + advice)) => Body = reply.Body;

    public CommandException(string code, string reason)
        : base(reason) => Body = new JsonObject { ["code"] = code, ["detail"] = reason };

    /// <summary>A problem object as the HTTP API has it.</summary>
    public JsonNode? Body { get; }

    private static string Reason(Reply reply)
    {
        if (reply.Body is not JsonObject problem)
        {
            return $"The server answered {reply.Status}.";
        }

        var rules = problem["errors"] is JsonObject errors
            ? errors.SelectMany(error => error.Value!.AsArray().Select(rule => $" {error.Key}: {rule}."))
            : [];
        return $"{problem["detail"]}{string.Concat(rules)}";
    }
}
