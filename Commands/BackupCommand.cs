using System.CommandLine;
using System.Globalization;
using System.Text.Json.Nodes;
using AiChat.Data;
using AiChat.Data.Backups;

namespace AiChat.Commands;

/// <summary>Makes a backup, of a running server or of the folder of a stopped one.</summary>
internal static class BackupCommand
{
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(250);

    private static readonly Option<string?> Output = new("--output", "-o")
    {
        Description = "Write it as one file here, or into this folder, instead of keeping it in the data folder.",
        HelpName = "PATH",
    };

    private static readonly Option<bool> WithKey = new("--with-key")
    {
        Description = "Put the master key into it, encrypted with a passphrase of at least 12 characters.",
    };

    private static readonly Option<bool> WithPlainKey = new("--with-plain-key")
    {
        Description = "Put the master key into it in clear: whoever has the backup then has every provider key.",
    };

    private static readonly Option<string?> PassphraseFile = new("--passphrase-file")
    {
        Description = "Read the passphrase from this file instead of asking for it.",
        HelpName = "FILE",
    };

    private static readonly Argument<string> Name = new("NAME") { Description = "As the list shows it." };

    public static Command Create()
    {
        var command = new Command("backup", "Make a backup: the database, images and avatars. A server may be running.")
        {
            Output, WithKey, WithPlainKey, PassphraseFile,
            new Command("list", "List all backups, the newest first.").WithWork(List),
            new Command("delete", "Delete a backup.") { Name }.WithWork(Delete),
        };
        command.Options.Add(Options.Json);
        command.SetAction(async (parsed, cancel) =>
        {
            // Opened before the process may become the owner of the folder, who may not write elsewhere.
            using var output = parsed.GetValue(Output) is { } path ? OutputFile.Open(path) : null;
            var options = Options.Load(Options.ValuesOfInstallation(parsed));
            await using var installation = await Installation.Open(options, create: false, cancel);
            return await Run(new Call(installation, parsed, cancel), output);
        });
        return command;
    }

    /// <summary>The passphrase in a file, without the line break at its end, or as a person types it.</summary>
    /// <exception cref="CommandException">There is none.</exception>
    public static string Passphrase(string? file, bool repeat)
    {
        if (file is not null)
        {
            using var rights = Ownership.AsStarted();
            return File.ReadAllText(file).TrimEnd('\r', '\n');
        }

        var given = Terminal.AskSecret("Passphrase");
        if (given is null)
        {
            throw new CommandException("passphrase_required", "Name a file with the passphrase: --passphrase-file FILE.");
        }

        return !repeat || Terminal.AskSecret("The same again") == given
            ? given : throw new CommandException("validation_failed", "The two passphrases differ.");
    }

    private static async Task<int> Run(Call call, OutputFile? output)
    {
        var body = new JsonObject();
        if (call.Parsed.GetValue(WithPlainKey))
        {
            body["masterKey"] = "plain";
        }
        else if (call.Parsed.GetValue(WithKey) || call.Parsed.GetValue(PassphraseFile) is not null)
        {
            body["masterKey"] = "passphrase";
            body["passphrase"] = Passphrase(call.Parsed.GetValue(PassphraseFile), repeat: true);
        }

        var reply = await call.Send("POST", "/api/backups", body);
        var made = reply.IsDone ? reply.Body!.AsObject() : throw new CommandException(reply);
        var name = (string)made["name"]!;
        while ((string)made["status"]! == "running")
        {
            await Task.Delay(Pause, call.Cancel);
            var list = await call.Send("GET", "/api/backups");
            made = (list.IsDone ? list.Body!["items"]!.AsArray() : throw new CommandException(list))
                .FirstOrDefault(item => (string)item!["name"]! == name)?.AsObject()
                ?? throw new CommandException("backup_failed", "The backup failed; the log of the server says why.");
        }

        if ((string)made["status"]! != "done")
        {
            throw new CommandException("backup_failed", $"The backup failed: {(string?)made["error"]}");
        }

        var path = Path.Combine(call.Installation.Folder, "backups", name);
        if (output is not null)
        {
            path = output.Write(path, name);
            await call.Send("DELETE", $"/api/backups/{name}");
        }

        var result = new JsonObject
        {
            ["name"] = name,
            ["path"] = path,
            ["bytes"] = (long)made["bytes"]!,
            ["verified"] = (bool)made["verified"]!,
            ["masterKey"] = (string?)made["masterKey"] ?? "none",
        };
        return call.Show(result, Report(result, call.Installation.Folder));
    }

    private static IEnumerable<string> Report(JsonObject made, string folder)
    {
        yield return $"{made["path"]} ({Size((long)made["bytes"]!)}), checked.";
        yield return (string)made["masterKey"]! switch
        {
            "none" => $"The master key is not in it: keep a copy of {Path.Combine(folder, "master.key")} at another place.",
            "plain" => "The master key is in it in clear: keep it where nobody else comes.",
            _ => "The master key is in it under your passphrase, without which it is lost.",
        };
        yield return $"Stop the server and type this to restore it: aichat restore {made["path"]}";
    }

    private static async Task<int> List(Call call)
    {
        var reply = await call.Send("GET", "/api/backups?refresh=true");
        var body = reply.IsDone ? reply.Body!.AsObject() : throw new CommandException(reply);
        var rows = body["items"]!.AsArray().Select(item => new[]
        {
            (string)item!["name"]!,
            Size((long)item["bytes"]!),
            ((string)item["createdAt"]!)[..16].Replace('T', ' '),
            (bool)item["verified"]! ? "checked" : (string)item["status"]!,
            (bool)item["remote"]! ? (bool)item["local"]! ? "here, s3" : "s3" : (bool)item["local"]! ? "here" : "",
        }).ToList();
        return call.Show(
            new JsonObject { ["items"] = body["items"]!.DeepClone() },
            rows.Count == 0 ? ["There is no backup yet. Make one: aichat backup"]
                : Terminal.Table(["NAME", "SIZE", "MADE (UTC)", "STATE", "WHERE"], rows));
    }

    private static async Task<int> Delete(Call call)
    {
        var name = call.Parsed.GetValue(Name)!;
        var reply = await call.Send("DELETE", $"/api/backups/{Uri.EscapeDataString(name)}");
        return reply.IsDone ? call.Show(new JsonObject { ["name"] = name }, $"{name} is deleted.") : throw new CommandException(reply);
    }

    private static string Size(long bytes) => bytes switch
    {
        < 1 << 20 => string.Create(CultureInfo.InvariantCulture, $"{bytes / 1024.0:0} KB"),
        < 1 << 30 => string.Create(CultureInfo.InvariantCulture, $"{bytes / 1048576.0:0.0} MB"),
        _ => string.Create(CultureInfo.InvariantCulture, $"{bytes / 1073741824.0:0.00} GB"),
    };

    /// <summary>Where the backup goes as one file: written beside its place, and put there when it is whole.</summary>
    private sealed class OutputFile : IDisposable
    {
        private readonly string _path;
        private readonly string _temporary;
        private readonly bool _isFolder;
        private readonly FileStream _file;
        private bool _isDone;

        private OutputFile(string path, bool isFolder)
        {
            (_path, _isFolder) = (path, isFolder);
            _temporary = isFolder ? Path.Combine(path, $".aichat-{Environment.ProcessId}.new") : path + ".new";
            File.Delete(_temporary);
            _file = new FileStream(_temporary, new FileStreamOptions
            {
                Mode = FileMode.CreateNew,
                Access = FileAccess.Write,
                UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite,
            });
        }

        public static OutputFile Open(string path)
        {
            var full = Path.GetFullPath(path);
            var isFolder = Directory.Exists(full) || path.EndsWith('/');
            if (!isFolder && File.Exists(full))
            {
                throw new CommandException("exists", $"{full} is there already. Choose another name.");
            }

            Directory.CreateDirectory(isFolder ? full : Path.GetDirectoryName(full)!);
            return new OutputFile(full, isFolder);
        }

        public string Write(string backup, string name)
        {
            using (var archive = new BackupArchive(backup))
            {
                archive.CopyTo(_file, 1 << 20);
            }

            _file.Flush(flushToDisk: true);
            _file.Dispose();
            using var rights = Ownership.AsStarted();
            var target = _isFolder ? Path.Combine(_path, $"aichat-{name}{BackupArchive.Extension}") : _path;
            File.Move(_temporary, target);
            DurableFiles.SyncFolder(Path.GetDirectoryName(target)!);
            _isDone = true;
            return target;
        }

        public void Dispose()
        {
            _file.Dispose();
            if (!_isDone)
            {
                using var rights = Ownership.AsStarted();
                File.Delete(_temporary);
            }
        }
    }
}
