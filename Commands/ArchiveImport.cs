using System.Text.Json.Nodes;
using AiChat.Data;

namespace AiChat.Commands;

/// <summary>Chats that a person exported from another service, into that person's account.</summary>
internal static class ArchiveImport
{
    private const int MaxShown = 50;

    /// <param name="path">As the person calls it.</param>
    /// <param name="file">What is sent.</param>
    public static async Task<int> Run(Call call, string path, string file, string username)
    {
        var user = (await call.List($"/api/users?limit=100&q={Uri.EscapeDataString(username)}"))
            .FirstOrDefault(one => username.Equals((string?)one!["username"], StringComparison.OrdinalIgnoreCase))
            ?? throw new CommandException("not_found", $"There is no account named {username}. See: aichat user list");
        Terminal.Complain($"Taking the chats of {path} for {user["username"]}.");
        await using var content = Open(file);
        var reply = await call.Installation.Upload(
            $"/api/imports/of/{user["id"]}?name={Uri.EscapeDataString(Path.GetFileName(file))}", "application/octet-stream", content,
            call.Cancel,
            sent => Terminal.Progress($"Sent {sent >> 20} of {content.Length >> 20} MB"));
        Terminal.Progress("");
        if (!reply.IsDone)
        {
            throw new CommandException(reply);
        }

        var report = reply.Body!["report"]?.AsObject() ?? [];
        call.Show(reply.Body!, Lines(report));
        if (reply.Body["error"] is not { } error)
        {
            return ExitCodes.Done;
        }

        Terminal.Complain($"{error["detail"]}");
        return ExitCodes.Refused;
    }

    private static FileStream Open(string path)
    {
        using var rights = Ownership.AsStarted();
        return new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read);
    }

    private static IEnumerable<string> Lines(JsonObject report)
    {
        long Number(string member) => (long?)report[member] ?? 0;
        yield return $"Chats taken: {Number("taken")}; with new messages: {Number("updated")}; here already: {Number("unchanged")}.";
        yield return $"Messages: {Number("messages")}. Images: {Number("images")}.";
        var skipped = report["skipped"]?.AsArray() ?? [];
        foreach (var item in skipped.Take(MaxShown))
        {
            yield return $"Left out, {item!["what"]}: {item["why"]}";
        }

        if (Number("skippedCount") - Math.Min(skipped.Count, MaxShown) is > 0 and var more)
        {
            yield return $"Left out: {more} more.";
        }
    }
}
