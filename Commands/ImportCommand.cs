using System.CommandLine;
using AiChat.Data.NodePlatform;
using AiChat.Endpoints.NodePlatform;
using AiChat.Endpoints.Variables;

namespace AiChat.Commands;

/// <summary>
/// Takes over what another platform kept. The source is read by this process as the person who started it, and only read; the server
/// writes, whether it runs or not.
/// </summary>
internal static class ImportCommand
{
    private static readonly Argument<string> Source = new("PATH")
    {
        Description = "The database of the Node.js platform (app.db), a folder or an archive with it and its images, "
            + "or exported chats: a file, an archive or a folder (with --user).",
    };

    private static readonly Option<string?> Images = new("--images")
    {
        Description = "The folder of its images (CHAT_IMAGE_DIR), when it is not found beside the database.",
        HelpName = "DIR",
    };

    private static readonly Option<string?> Key = new("--encryption-key")
    {
        Description = "Its ENCRYPTION_KEY, which opens the keys of its connections; also read from ENCRYPTION_KEY and ENCRYPTION_KEY_FILE.",
        HelpName = "KEY",
    };

    private static readonly Option<string?> KeyFile = new("--encryption-key-file")
    {
        Description = "The file that holds it, or the .env of that platform.",
        HelpName = "FILE",
    };

    private static readonly Option<bool> Merge = new("--merge-users")
    {
        Description = "An account that is here and has the same name is the same person: it gets the chats. Otherwise that account "
            + "of the source is left out.",
    };

    private static readonly Option<bool> Guests = new("--guests")
    {
        Description = "Take the chats of visitors without an account too; their browsers find them at the same address.",
    };

    private static readonly Option<string?> GuestsTo = new("--guests-to")
    {
        Description = "Take those chats into this account.",
        HelpName = "NAME",
    };

    private static readonly Option<bool> Traces = new("--traces") { Description = "Take the task traces too, with their events." };

    private static readonly Option<string?> TraceLogs = new("--trace-logs")
    {
        Description = "The folder of the traces' events (TASK_TRACE_LOG_DIR), when it is not found beside the database. Takes the traces.",
        HelpName = "DIR",
    };

    private static readonly Option<string?> User = new("--user")
    {
        Description = "The account that chats of an archive belong to.",
        HelpName = "NAME",
    };

    private static readonly Option<bool> DryRun = new("--dry-run") { Description = "Say what would be taken and change nothing." };

    /// <summary>Nothing of this server: what the other platform calls its passphrase.</summary>
    private static readonly Variable<string?> Passphrase = new(
        "ENCRYPTION_KEY", VariableSection.Secrets, VariableRules.Text("a text"), null, "–", "The passphrase of the other platform")
    {
        IsSecret = true,
    };

    public static Command Create()
    {
        var command = new Command("import", "Take over the accounts, chats, images, connections and settings of another platform.")
        {
            Source, Images, Key, KeyFile, Merge, Guests, GuestsTo, Traces, TraceLogs, User, DryRun, Options.Json,
        };
        command.SetAction(Run);
        return command;
    }

    private static async Task<int> Run(ParseResult parsed, CancellationToken cancel)
    {
        var values = Options.ValuesOfInstallation(parsed);
        using var found = ImportSource.Find(parsed.GetValue(Source)!, parsed.GetValue(Images), cancel);
        return found.Database is { } database
            ? await ImportDatabase(parsed, values, found, database, cancel)
            : await ImportChats(parsed, values, found, cancel);
    }

    private static async Task<int> ImportChats(
        ParseResult parsed, EnvironmentValues values, ImportSource found, CancellationToken cancel)
    {
        var path = Path.GetFullPath(parsed.GetValue(Source)!);
        if (new FileInfo(path) is { Exists: true, Length: 0 })
        {
            throw new CommandException("empty", $"{path} is empty.");
        }

        if (parsed.GetValue(User) is not { } username)
        {
            throw new CommandException(
                "user_required",
                $"{path} holds no database of the Node.js platform. If it holds exported chats, name whose they become: --user NAME");
        }

        var file = found.OneFile(cancel); // before the installation is opened, which may make this process another user
        await using var installation = await Installation.Open(Options.Load(values), create: false, cancel);
        return await ArchiveImport.Run(new Call(installation, parsed, cancel), path, file, username);
    }

    private static async Task<int> ImportDatabase(
        ParseResult parsed, EnvironmentValues values, ImportSource found, string database, CancellationToken cancel)
    {
        // Before the installation is opened, which may make this process another user.
        if (parsed.GetValue(TraceLogs) is { } logs && !Directory.Exists(logs))
        {
            throw new CommandException("not_found", $"There is no folder {Path.GetFullPath(logs)}.");
        }

        Terminal.Complain($"Reading {database}.");
        using var source = SourceReader.Open(
            database, ImportSource.TemporaryFolder(), table => Terminal.Progress($"Reading {table}"), cancel);
        var choices = new ImportChoices
        {
            Passphrases = [.. Passphrases(parsed, values), ConnectionMapping.DefaultPassphrase],
            GaveKey = Passphrases(parsed, values).Any(),
            MergeUsers = parsed.GetValue(Merge),
            Guests = parsed.GetValue(Guests),
            GuestsTo = parsed.GetValue(GuestsTo),
            Traces = parsed.GetValue(Traces) || parsed.GetValue(TraceLogs) is not null,
            TraceLogs = parsed.GetValue(TraceLogs),
            DryRun = parsed.GetValue(DryRun),
        };
        var options = Options.Load(values);
        using var empty = choices.DryRun && !Directory.Exists(options.DataDir) ? new EmptyFolder() : null;
        if (empty is not null)
        {
            options = options with
            {
                DataDir = empty.Path,
                DatabasePath = null,
                DatabaseServer = null,
                ImageDir = null,
                ImageStore = null,
            };
        }

        await using var installation = await Installation.Open(options, create: empty is not null || !choices.DryRun, cancel);
        var call = new Call(installation, parsed, cancel);
        var report = new ImportReport(database, choices.DryRun);
        await new NodePlatformImport(source, call, found, choices, report).Run();
        Terminal.Progress("");
        return report.Show(call);
    }

    private static IEnumerable<string> Passphrases(ParseResult parsed, EnvironmentValues values)
    {
        string?[] given =
        [
            parsed.GetValue(Key), parsed.GetValue(KeyFile) is { } file ? ReadKey(file) : null, values.Find(Passphrase)?.Text,
        ];
        return given.OfType<string>().Where(text => text.Length > 0).Distinct();
    }

    /// <summary>The value of ENCRYPTION_KEY in a file of variables, else all that the file holds.</summary>
    private static string ReadKey(string path)
    {
        var text = File.ReadAllText(path);
        foreach (var line in text.Split('\n').Select(line => line.Trim()))
        {
            var plain = line.StartsWith("export ", StringComparison.Ordinal) ? line[7..].TrimStart() : line;
            if (plain.StartsWith("ENCRYPTION_KEY=", StringComparison.Ordinal))
            {
                return plain["ENCRYPTION_KEY=".Length..].Trim().Trim('"', '\'');
            }
        }

        return text.Trim();
    }
}

/// <summary>Stands for the data folder of an installation that does not exist yet, so that a dry run makes none.</summary>
internal sealed class EmptyFolder : IDisposable
{
    public string Path { get; } = Directory.CreateTempSubdirectory("aichat-dry-run-").FullName;

    public void Dispose() => Directory.Delete(Path, recursive: true);
}

/// <summary>What the person chose.</summary>
internal sealed record ImportChoices
{
    /// <summary>What may open the keys of connections, in the order in which it is tried.</summary>
    public required IReadOnlyList<string> Passphrases { get; init; }

    public bool GaveKey { get; init; }

    public bool MergeUsers { get; init; }

    public bool Guests { get; init; }

    public string? GuestsTo { get; init; }

    public bool Traces { get; init; }

    public string? TraceLogs { get; init; }

    public bool DryRun { get; init; }
}
