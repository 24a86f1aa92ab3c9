using System.CommandLine;
using System.Data.Common;
using System.Globalization;
using System.Text.Json.Nodes;
using AiChat.Data;
using AiChat.Data.Backups;
using AiChat.Data.Catalog;
using AiChat.Data.Images;
using AiChat.Data.Moves;
using AiChat.Data.Postgres;
using AiChat.Data.Runs;
using AiChat.Endpoints.Secrets;
using AiChat.Endpoints.Variables;

namespace AiChat.Commands;

/// <summary>
/// Copies everything that DATABASE_URL names into a store of the other kind: from a file to PostgreSQL or back. No server may use either.
/// The source stays as it is, and DATABASE_URL is set to the target by whoever gave the command.
/// </summary>
internal static class MigrateStoreCommand
{
    private const int MaxNamed = 20;

    private static readonly Option<string> To = new("--to")
    {
        Description = "The value that DATABASE_URL will have: postgres://user:password@host/database, or file: and a path.",
        HelpName = "URL",
    };

    private static readonly Option<string> ToFile = new("--to-file")
    {
        Description = "A file with that value, so that its password is not in the list of processes.",
        HelpName = "FILE",
    };

    public static Command Create()
    {
        var command = new Command(
            "migrate-store", "Copy the database of stopped servers into PostgreSQL, or back into a file; the source stays as it is.")
        {
            To, ToFile, Options.Json,
        };
        command.SetAction(Run);
        return command;
    }

    private static int Run(ParseResult parsed)
    {
        var options = Options.Load(Options.ValuesOfInstallation(parsed));
        var to = DatabaseUrl.Read(Target(parsed), out var broken);
        if (broken is not null)
        {
            throw new StartupException(ExitCodes.Usage, $"The target {broken}.");
        }

        var path = to.Path is null ? null : Path.GetFullPath(to.Path);
        if (to.Server is null == options.DatabaseServer is null)
        {
            throw new StartupException(ExitCodes.Usage, to.Server is null
                ? "The data are in a file already: a backup and its restore bring them elsewhere. The target is postgres://…"
                : "The data are on PostgreSQL already: pg_dump and pg_restore bring them to another server. The target is file: and a "
                    + "path.");
        }

        var data = Path.GetFullPath(options.DataDir);
        if (options.DatabaseServer is null && !File.Exists(Path.Combine(data, DataFolder.MarkerName)))
        {
            throw new StartupException(
                ExitCodes.NoInput, $"There is no AiChat in {data}. Set DATA_DIR to the folder that the server uses.");
        }

        FolderOwner.Become(data);
        using var folder = DataFolder.TryOpen(data, path ?? options.DatabasePath) ?? throw DataFolder.InUse(data, "Stop the server first.");
        if (File.Exists(folder.File(RestoreJournal.FileName)))
        {
            throw new StartupException(
                StartupException.Configuration, "A restore was interrupted: start the server once, which completes it.");
        }

        using var stop = new StopSignals();
        var progress = new StartProgress(stop.Token) { Say = Terminal.Complain };
        try
        {
            using var servers = new PostgresServers(to.Server ?? options.DatabaseServer!);
            using var lines = new ProgressLines(progress, "Moving", Terminal.Complain);
            return to.Server is null
                ? FromServer(parsed, options, folder, servers, path!, progress)
                : ToServer(parsed, options, folder, servers, progress);
        }
        catch (OperationCanceledException)
        {
            Terminal.Complain("Stopped. The source is as it was; the same command goes on where this one stopped.");
            return ExitCodes.Refused;
        }
    }

    /// <summary>The value that DATABASE_URL will have.</summary>
    private static string Target(ParseResult parsed)
    {
        if (parsed.GetValue(To) is { Length: > 0 } given)
        {
            return parsed.GetValue(ToFile) is null ? given
                : throw new StartupException(ExitCodes.Usage, "--to and --to-file exclude each other.");
        }

        if (parsed.GetValue(ToFile) is not { Length: > 0 } file)
        {
            throw new StartupException(ExitCodes.Usage, "Say where to: --to URL, or --to-file FILE with the URL in it.");
        }

        try
        {
            return File.ReadAllText(file).Trim() is { Length: > 0 } text ? text
                : throw new StartupException(ExitCodes.Usage, $"The file {file} is empty.");
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new StartupException(ExitCodes.Usage, $"The file {file} cannot be read: {error.Message}", error);
        }
    }

    private static int ToServer(
        ParseResult parsed, ServerOptions options, DataFolder folder, PostgresServers servers, StartProgress progress)
    {
        var instance = folder.OpenInstance(TimeProvider.System, initialize: false);
        using var source = SqliteMoveStore.OpenSource(folder.DatabasePath, progress);
        using var target = PostgresMoveStore.OpenTarget(servers, instance, TimeProvider.System.GetUtcNow());
        var report = Move(options, folder, instance, source, target, MoveTable.All(target.Flags()), progress, connection =>
            LiveText.Put(connection, folder.DatabasePath)); // what answers had when their server was killed
        return Show(
            parsed, report,
            $"Set DATABASE_URL to the new place (postgres://…/{servers.Url.Database}) and start the server on the same DATA_DIR, where its "
                + "images and its master key are. Each further server needs that key (AICHAT_MASTER_KEY_FILE) and the folder of images.",
            "The search is complete a few minutes after that start. Task traces stay where they are.");
    }

    private static int FromServer(
        ParseResult parsed, ServerOptions options, DataFolder folder, PostgresServers servers, string path, StartProgress progress)
    {
        using var source = PostgresMoveStore.OpenSource(servers);
        var instance = source.Instance();
        folder.Join(instance);
        using var target = SqliteMoveStore.OpenTarget(path, instance, progress);
        var report = Move(options, folder, instance, source, target, MoveTable.All(source.Flags()), progress, _ => { });
        return Show(
            parsed, report,
            $"Set DATABASE_URL to file:{path} and start one server on {folder.Path}, with the folder of images as it is. Task traces stay "
                + "where they are.");
    }

    private static Report Move(
        ServerOptions options, DataFolder folder, InstanceMarker instance, IMoveStore source, IMoveStore target,
        List<MoveTable> tables, StartProgress progress, Action<DbConnection> last)
    {
        var began = TimeProvider.System.GetTimestamp();
        var key = KeyState(options, folder, instance, KeyCheck.Value(source.Connection));
        var images = Path.GetFullPath(options.ImageDir ?? folder.File("images"));
        var files = FileRows.Named(source.Connection);
        var moved = new StoreMove(source, target, progress).Run(tables, last);
        // In a store elsewhere they stay as they are; the folder holds a part of them there.
        List<string> missing = options.ImageStore is not null ? [] : [.. files.Where(file =>
            !ImageFolder.IsName(file) || !File.Exists(Path.Combine(images, file)))];
        return new Report(
            source.Place, target.Place, moved, source.Replaced, options.ImageStore is null ? images : null, files.Count, missing, key,
            TimeProvider.System.GetElapsedTime(began));
    }

    /// <summary>Whether the key of the source, which the target needs too, is in the folder or the environment.</summary>
    private static string KeyState(ServerOptions options, DataFolder folder, InstanceMarker instance, string? check) =>
        check is null ? "unneeded"
        : MasterKey.Find(folder, options) is { } key && new KeyGeneration(key, instance.InstallId, null)
            .Open(SecretPurpose.ProviderSecrets, SecretCipher.CheckAad, check) is not null ? "found" : "missing";

    private static int Show(ParseResult parsed, Report report, params IEnumerable<string> next)
    {
        if (parsed.GetValue(Options.Json))
        {
            Terminal.Say(Terminal.Json(report.Json()));
            return ExitCodes.Done;
        }

        foreach (var line in report.Lines().Concat(next))
        {
            Terminal.Say(line);
        }

        return ExitCodes.Done;
    }

    private sealed record Report(
        string From, string To, List<MovedTable> Tables, Dictionary<string, long> Replaced, string? Images, int Named, List<string> Missing,
        string Key, TimeSpan Took)
    {
        public JsonObject Json() => new()
        {
            ["from"] = From,
            ["to"] = To,
            ["seconds"] = Math.Round(Took.TotalSeconds, 1),
            ["tables"] = new JsonArray([.. Tables.Select(table => (JsonNode)new JsonObject
            {
                ["name"] = table.Name,
                ["rows"] = table.Rows,
                ["hash"] = table.Hash,
            })]),
            ["replaced"] = new JsonObject(Replaced.Select(one => KeyValuePair.Create(one.Key, (JsonNode?)one.Value))),
            ["imageDir"] = Images,
            ["images"] = Named - Missing.Count,
            ["missingImages"] = new JsonArray([.. Missing.Select(file => (JsonNode)JsonValue.Create(file))]),
            ["masterKey"] = Key,
        };

        public IEnumerable<string> Lines()
        {
            foreach (var table in Tables.Where(table => table.Rows > 0))
            {
                yield return string.Create(CultureInfo.InvariantCulture, $"{table.Rows,10:N0}  {table.Name}  {table.Hash[..16]}");
            }

            var rows = Tables.Sum(table => table.Rows);
            yield return string.Create(
                CultureInfo.InvariantCulture, $"{To} holds what {From} holds: {rows:N0} rows, compared, in {Took.TotalSeconds:0.0} s.");
            foreach (var (column, count) in Replaced)
            {
                yield return $"In {Terminal.Count(count, "value")} of {column} a character that PostgreSQL cannot keep became \uFFFD.";
            }

            var end = Missing.Count == 0 ? "." : "; missing:";
            yield return Images is null
                ? $"{Terminal.Count(Named, "image")} stay in the store that IMAGE_STORE names."
                : $"Image files in {Images}: {Named - Missing.Count} of {Named}{end}";
            foreach (var file in Missing.Take(MaxNamed))
            {
                yield return $"  {file}";
            }

            if (Missing.Count > MaxNamed)
            {
                yield return $"  and {Missing.Count - MaxNamed} more (--json lists them all)";
            }

            if (Key == "missing")
            {
                yield return "The master key of this installation is not here (AICHAT_MASTER_KEY, AICHAT_MASTER_KEY_FILE or master.key in "
                    + "DATA_DIR), and no server starts without it: bring the one that the source was used with.";
            }
        }
    }
}
