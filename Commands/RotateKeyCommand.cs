using System.CommandLine;
using System.Text.Json.Nodes;
using AiChat.Data;
using AiChat.Endpoints.Secrets;

namespace AiChat.Commands;

/// <summary>Seals every secret with a new master key: all or none, whenever the machine fails.</summary>
internal static class RotateKeyCommand
{
    private static readonly Option<string?> NewKey = new("--new-key-file")
    {
        Description = "The file of the new key, as made by: openssl rand -base64 32. Needed when the key is not in the data folder.",
        HelpName = "FILE",
    };

    public static Command Create() =>
        new Command("rotate-key", "Encrypt every stored secret with a new master key; all or nothing.") { NewKey }.WithWork(Run);

    private static async Task<int> Run(Call call)
    {
        var file = call.Parsed.GetValue(NewKey);
        var body = new JsonObject();
        if (file is not null)
        {
            var content = Read(file);
            body["newKey"] = MasterKey.Parse(content) is { } key
                ? Convert.ToBase64String(key)
                : throw new CommandException("validation_failed", $"{file} does not hold 32 bytes as base64 or hex.");
        }

        var reply = await call.Send("POST", "/api/master-key/rotate", body);
        if (!reply.IsDone)
        {
            throw new CommandException(
                reply, (string?)reply.Body?["code"] == "new_key_required" ? "aichat rotate-key --new-key-file FILE" : null);
        }

        return call.Show(reply.Body!, Report(reply.Body!, call.Installation.Folder, file));
    }

    private static byte[] Read(string file)
    {
        using var rights = Ownership.AsStarted();
        return File.ReadAllBytes(file);
    }

    private static IEnumerable<string> Report(JsonNode change, string folder, string? file)
    {
        var count = (int)change["secrets"]!;
        yield return $"The master key has changed; {count} {(count == 1 ? "secret is" : "secrets are")} encrypted with it.";
        if ((int)change["unreadable"]! is > 0 and var left)
        {
            yield return $"{left} could not be read with the old key either. Enter those again on the page.";
        }

        if ((string?)change["keyFile"] is { } path)
        {
            yield return $"It is in {path}: keep a copy with your backups, apart from the data.";
            yield return $"Backups made before need the old one, {Path.Combine(folder, StagedKey.OldFileName)}. "
                + "Delete it when you need none of them.";
        }
        else
        {
            yield return $"Now give the server the new key, or its next start is refused: AICHAT_MASTER_KEY_FILE={Path.GetFullPath(file!)}";
        }

        yield return "Signed image links have ended. Logins go on.";
    }
}
