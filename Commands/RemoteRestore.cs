using System.Text.Json.Nodes;
using AiChat.Data.Backups;
using AiChat.Endpoints.Settings;
using AiChat.Providers.Storage;
using AiChat.Providers.Transport;

namespace AiChat.Commands;

/// <summary>
/// Brings a backup from the S3-compatible store: by the settings of the data folder, or on a new machine by the variables BACKUP_S3_….
/// </summary>
internal static class RemoteRestore
{
    private const UnixFileMode OwnerFolder = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute;

    /// <param name="name">The name of a backup, or latest.</param>
    /// <returns>The archive, alone in a folder of its own.</returns>
    /// <exception cref="CommandException">The store refused, or has no such backup.</exception>
    public static async Task<string> Fetch(string name, ServerOptions options, CancellationToken cancel)
    {
        if (name != "latest" && !BackupPaths.IsName(name))
        {
            throw new CommandException(
                "validation_failed", "A backup has a name of letters, digits, dots and dashes: s3:NAME or s3:latest.");
        }

        FolderOwner.Become(Path.GetFullPath(options.DataDir));

        // In the data folder, whose disk has to hold the restored state anyway; a start removes what an interruption leaves.
        var folder = Path.Combine(Path.GetFullPath(options.DataDir), "backups", ".new-fetch");
        BackupShelf.DeleteFolder(folder);
        foreach (var path in new[] { Path.GetFullPath(options.DataDir), Path.GetDirectoryName(folder)!, folder })
        {
            Directory.CreateDirectory(path, OwnerFolder); // each, because parents would be open to others
        }

        var archive = Path.Combine(folder, "backup" + BackupArchive.Extension);
        try
        {
            var found = Given(options) is { } place
                ? await Direct(name, place, archive, cancel) : await ThroughFolder(name, options, archive, cancel);
            return found ? archive : throw new CommandException("not_found", $"The store has no backup {name}. See: aichat backup list");
        }
        catch (ProviderException error)
        {
            BackupShelf.DeleteFolder(folder);
            throw new CommandException(error.Failure.Code(), error.Detail);
        }
        catch
        {
            BackupShelf.DeleteFolder(folder);
            throw;
        }
    }

    private static async Task<bool> Direct(string name, S3Place place, string path, CancellationToken cancel)
    {
        using var http = new ProviderHttp(TimeProvider.System);
        var client = new S3Client(http, place);
        if (name == "latest")
        {
            var newest = (await client.ListAsync(cancel)).Select(one => one.Name)
                .Where(file => file.EndsWith(BackupArchive.Extension, StringComparison.Ordinal))
                .Select(file => file[..^BackupArchive.Extension.Length]).Where(BackupPaths.IsName).Order(StringComparer.Ordinal)
                .LastOrDefault();
            if (newest is null)
            {
                return false;
            }

            name = newest;
        }

        await using var file = new FileStream(path, FileMode.Create, FileAccess.Write);
        return await client.GetAsync(name + BackupArchive.Extension, piece => file.WriteAsync(piece, cancel), cancel);
    }

    private static async Task<bool> ThroughFolder(string name, ServerOptions options, string path, CancellationToken cancel)
    {
        await using var installation = await Installation.Open(options, create: false, cancel);
        var call = (string method, string at, JsonNode? body) => installation.Send(method, at, body, cancel);
        if (name == "latest")
        {
            var list = await call("GET", "/api/backups?refresh=true", null);
            var newest = (list.IsDone ? list.Body!["items"]!.AsArray() : throw new CommandException(list))
                .Where(item => (bool)item!["remote"]!).Select(item => (string)item!["name"]!).Order(StringComparer.Ordinal)
                .LastOrDefault();
            if (newest is null)
            {
                return false;
            }

            name = newest;
        }

        var reply = await call("POST", $"/api/backups/{name}/fetch", new JsonObject { ["path"] = path });
        return reply.IsDone || (reply.Status == 404 ? false : throw new CommandException(reply));
    }

    /// <summary>The store that the variables name; null when they name none.</summary>
    private static S3Place? Given(ServerOptions options)
    {
        object? Value(SettingDefinition setting) =>
            options.SettingDefaults.TryGetValue(setting.Key, out var given) ? given.Value : setting.Default;
        string Text(SettingDefinition setting) => Value(setting) as string ?? "";
        bool Flag(SettingDefinition setting) => Value(setting) is true;

        if (Text(SettingTable.BackupS3Endpoint).Length == 0 || Text(SettingTable.BackupS3Bucket).Length == 0
            || Text(SettingTable.BackupS3SecretKey).Length == 0)
        {
            return null;
        }

        CertificateTrust.Use(options.CertFile, options.CertDir);
        return new S3Place(
            Text(SettingTable.BackupS3Endpoint), Text(SettingTable.BackupS3Bucket), Text(SettingTable.BackupS3Region),
            Text(SettingTable.BackupS3Prefix).Trim('/'), Text(SettingTable.BackupS3AccessKey), Text(SettingTable.BackupS3SecretKey))
        {
            PathStyle = Flag(SettingTable.BackupS3PathStyle),
            Scope = Flag(SettingTable.BackupS3Local)
                ? NetworkScope.External | NetworkScope.Private | NetworkScope.Loopback : NetworkScope.External,
            Proxies = options.Proxies,
        };
    }
}
