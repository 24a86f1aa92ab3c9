using System.Net;
using System.Text.Json;
using AiChat.Commands;
using AiChat.Tests.Chat;

namespace AiChat.Tests.Backups;

/// <summary>Steps that the tests of backups share.</summary>
internal static class BackupSteps
{
    /// <summary>Makes a backup and waits for its end.</summary>
    public static async Task<JsonElement> MakeBackup(this HttpClient admin, object? wish = null)
    {
        var answer = await admin.PostJson("/api/backups", wish ?? new { });
        if (answer.StatusCode == HttpStatusCode.Created)
        {
            return await answer.Json(HttpStatusCode.Created);
        }

        var name = (await answer.Json(HttpStatusCode.Accepted)).Text("name");
        JsonElement made = default;
        await Eventually.Holds(async () =>
        {
            made = (await admin.GetJson("/api/backups")).GetProperty("items").EnumerateArray().First(item => item.Text("name") == name);
            return made.Text("status") != "running";
        });
        Assert.True(made.Text("status") == "done", made.ToString());
        return made;
    }

    /// <summary>Downloads a backup into a file of the folder, and returns its path.</summary>
    public static async Task<string> DownloadBackup(this HttpClient admin, string name, string folder)
    {
        using var response = await admin.GetAsync($"/api/backups/{name}", HttpCompletionOption.ResponseHeadersRead);
        await response.Expect(HttpStatusCode.OK);
        var path = Path.Combine(folder, $"{name}.tar");
        await using var file = File.Create(path);
        await response.Content.CopyToAsync(file);
        Assert.Equal(response.Content.Headers.ContentLength, file.Length);
        return path;
    }

    /// <summary>Runs a command on a data folder: by the native executable, or in this process. Its exit code.</summary>
    public static async Task<int> Command(string folder, params string[] arguments)
    {
        if (TestServer.Binary is not null)
        {
            var ran = await Executable.RunAsync(folder, arguments);
            return ran.Code;
        }

        var file = Path.Combine(Directory.CreateTempSubdirectory("aichat-test-").FullName, "variables");
        try
        {
            await File.WriteAllTextAsync(file, $"DATA_DIR={folder}\n");
            return await CommandLine.Run([.. arguments, "--env-file", file]);
        }
        finally
        {
            Directory.Delete(Path.GetDirectoryName(file)!, recursive: true);
        }
    }

    /// <summary>A chat with one question, answered by the demo model.</summary>
    public static async Task<long> Chat(this HttpClient client, string question)
    {
        var session = await client.NewSession();
        await client.AskAndWait(session, question);
        return session;
    }
}
