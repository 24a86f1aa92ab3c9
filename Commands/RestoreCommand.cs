using System.CommandLine;
using System.Text.Json.Nodes;
using AiChat.Data;
using AiChat.Data.Backups;
using AiChat.Endpoints.Backups;
using AiChat.Endpoints.Secrets;

namespace AiChat.Commands;

/// <summary>Puts a backup in the place of what the data folder of a stopped server holds, all or nothing.</summary>
internal static class RestoreCommand
{
    private static readonly Argument<string> Source = new("PATH")
    {
        Description = "The folder of a backup, a downloaded archive, or s3:NAME for one in the S3-compatible store (s3:latest).",
    };

    private static readonly Option<bool> Yes = new("--yes", "-y") { Description = "Do not ask." };

    private static readonly Option<string?> KeyFile = new("--key-file")
    {
        Description = "The master key of the server that made the backup, when the data folder has another or none.",
        HelpName = "FILE",
    };

    private static readonly Option<string?> PassphraseFile = new("--passphrase-file")
    {
        Description = "The passphrase of the master key in the backup, instead of asking for it.",
        HelpName = "FILE",
    };

    public static Command Create()
    {
        var command = new Command("restore", "Restore a backup into the data folder of a stopped server; what it replaces is kept.")
        {
            Source, Yes, KeyFile, PassphraseFile, Options.Json,
        };
        command.SetAction(Run);
        return command;
    }

    private static async Task<int> Run(ParseResult parsed, CancellationToken cancel)
    {
        var options = Options.Load(Options.ValuesOfInstallation(parsed));
        var path = parsed.GetValue(Source)!;
        var wasThere = Directory.Exists(options.DataDir);
        var given = parsed.GetValue(KeyFile) is { } file
            ? MasterKey.Parse(await File.ReadAllBytesAsync(file, cancel))
                ?? throw new CommandException("validation_failed", $"{file} does not hold 32 bytes as base64 or hex.")
            : null;
        if (options.DatabaseServer is not null)
        {
            throw new StartupException(StartupException.Configuration, BackupService.NotHere);
        }

        RefuseRunning(options);
        var fetched = path.StartsWith("s3:", StringComparison.Ordinal) ? await RemoteRestore.Fetch(path[3..], options, cancel) : null;
        try
        {
            // Opened before the process may become the owner of the folder, who may not read everywhere.
            using var source = BackupSource.Open(fetched ?? path)
                ?? throw new StartupException(ExitCodes.NoInput, $"There is no backup at {Path.GetFullPath(path)}.");
            FolderOwner.Become(Path.GetFullPath(options.DataDir));
            using var folder = DataFolder.Open(options.DataDir, options.DatabasePath);
            return Restore(parsed, options, folder, source, given, cancel);
        }
        catch (BackupException error)
        {
            throw new CommandException("restore_refused", $"{error.Message} Nothing was changed.");
        }
        finally
        {
            if (fetched is not null)
            {
                BackupShelf.DeleteFolder(Path.GetDirectoryName(fetched)!);
            }

            RemoveEmpty(options.DataDir, wasThere);
        }
    }

    private static int Restore(
        ParseResult parsed, ServerOptions options, DataFolder folder, BackupSource source, byte[]? given, CancellationToken cancel)
    {
        var images = Path.GetFullPath(options.ImageDir ?? folder.File("images"));
        var finished = RestoreJournal.Settle(folder.Path, Path.GetDirectoryName(folder.DatabasePath), images);
        if (finished is not null)
        {
            Terminal.Complain($"An earlier restore was interrupted, and is completed now. What it replaced is in {finished}.");
        }

        var now = TimeProvider.System.GetUtcNow();
        var manifest = source.Manifest;
        var restore = new Restore(folder, images);
        if (restore.Replaces && !parsed.GetValue(Yes) && !Terminal.Confirm(
            $"Replace what {folder.Path} holds by the backup of {manifest.CreatedAt:yyyy-MM-dd HH:mm} UTC "
            + $"({Terminal.Count(manifest.Counts.Users, "account")}, {Terminal.Count(manifest.Counts.Messages, "message")})? "
            + "It is kept beside."))
        {
            throw new CommandException("cancelled", "Nothing was changed.");
        }

        restore.Prepare(source, now, cancel);
        RestoredKey key;
        IReadOnlyList<string> kept;
        try
        {
            key = RestoredKey.Find(restore, manifest, folder, options, given, parsed.GetValue(PassphraseFile));
            kept = restore.Commit(now);
        }
        catch (Exception) when (!File.Exists(folder.File(RestoreJournal.FileName)))
        {
            restore.Abandon(); // not decided
            throw;
        }

        var result = new JsonObject
        {
            ["name"] = manifest.Name,
            ["createdAt"] = manifest.CreatedAt.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", null),
            ["folder"] = folder.Path,
            ["kept"] = kept.Count == 0 ? null : kept[0],
            ["keptFolders"] = new JsonArray([.. kept.Select(one => (JsonNode)JsonValue.Create(one))]),
            ["users"] = manifest.Counts.Users,
            ["sessions"] = manifest.Counts.Sessions,
            ["messages"] = manifest.Counts.Messages,
            ["images"] = manifest.Counts.Images,
            ["masterKey"] = key.State,
            ["unreadable"] = key.Unreadable,
        };
        if (parsed.GetValue(Options.Json))
        {
            Terminal.Say(Terminal.Json(result));
            return ExitCodes.Done;
        }

        foreach (var line in Report(manifest, folder, kept, key))
        {
            Terminal.Say(line);
        }

        return ExitCodes.Done;
    }

    private static IEnumerable<string> Report(BackupManifest manifest, DataFolder folder, IReadOnlyList<string> kept, RestoredKey key)
    {
        var counts = manifest.Counts;
        yield return $"{folder.Path} holds the backup of {manifest.CreatedAt:yyyy-MM-dd HH:mm} UTC now: "
            + $"{Terminal.Count(counts.Users, "account")}, {Terminal.Count(counts.Sessions, "chat")}, "
            + $"{Terminal.Count(counts.Messages, "message")}, {Terminal.Count(counts.Images, "image")}.";
        if (manifest.Missing.Count > 0)
        {
            yield return $"{manifest.Missing.Count} images were missing already when it was made.";
        }

        if (kept.Count > 0)
        {
            yield return $"What was there before is in {string.Join(" and ", kept)}: delete it when you do not need it.";
        }

        foreach (var line in key.Advice)
        {
            yield return line;
        }

        yield return "Everybody has to log in again. Start the server now.";
    }

    private static void RefuseRunning(ServerOptions options)
    {
        if (!Directory.Exists(options.DataDir))
        {
            return;
        }

        var folder = Path.GetFullPath(options.DataDir);
        try
        {
            if (DataFolder.IsHeld(folder))
            {
                throw DataFolder.InUse(folder, "Stop the server first: a restore replaces its files.");
            }
        }
        catch (UnauthorizedAccessException)
        {
            // Another user's folder: becoming that user, or the refusal, comes next.
        }
    }

    /// <summary>A folder that this command made, and in which nothing was restored, would look like an installation.</summary>
    private static void RemoveEmpty(string dataDir, bool wasThere)
    {
        if (wasThere || !Directory.Exists(dataDir) || File.Exists(Path.Combine(dataDir, "instance.json")))
        {
            return;
        }

        foreach (var name in new[] { "lock", "pid" })
        {
            File.Delete(Path.Combine(dataDir, name));
        }

        if (!Directory.EnumerateFileSystemEntries(dataDir).Any())
        {
            Directory.Delete(dataDir);
        }
    }
}
