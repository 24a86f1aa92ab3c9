using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using AiChat.Endpoints.NodePlatform;

namespace AiChat.Commands;

/// <summary>Sends parts of an import to the server and enters into the report what became of them.</summary>
internal sealed class NodePlatformSender(Call call, ImportReport report)
{
    private const string Path = "/api/imports/node-platform/";
    private const int MaxTries = 20;

    public CancellationToken Cancel => call.Cancel;

    /// <exception cref="CommandException">The server refused the part.</exception>
    public async Task<Outcome[]> Send<T>(string part, T request, JsonTypeInfo<T> type)
    {
        var reply = await Patiently(() => call.Send("POST", Path + part, JsonSerializer.SerializeToNode(request, type)));
        return reply.IsDone
            ? JsonSerializer.Deserialize(reply.Body!, NodePlatformJson.Wire.OutcomesResponse)!.Items
            : throw new CommandException(reply);
    }

    /// <summary>Sends the file of a picture. One that cannot be taken is only told.</summary>
    /// <param name="kind">What the report calls it.</param>
    /// <exception cref="CommandException">The server refused for a reason that holds for others too.</exception>
    public async Task Upload(string kind, string part, string query, string file)
    {
        try
        {
            await using var content = ImportSource.OpenFile(file);
            var reply = await Patiently(() =>
            {
                content.Position = 0;
                return call.Installation.Upload($"{Path}{part}?{query}", "image/png", content, call.Cancel); // what it is, its bytes tell
            });
            if (reply.IsDone)
            {
                Tell(kind, JsonSerializer.Deserialize(reply.Body!, NodePlatformJson.Wire.OutcomesResponse)!.Items[0], file);
            }
            else if (reply.Status is 400 or 413 or 415)
            {
                report.Left(kind, Lower((string?)reply.Body?["detail"] ?? "it is no image"), file);
            }
            else
            {
                throw new CommandException(reply);
            }
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            report.Left(kind, "the file cannot be read", file);
        }
    }

    public void Tell(string kind, Outcome outcome, string name)
    {
        switch (outcome.State)
        {
            case "added":
                report.Taken(kind);
                break;
            case "present":
                report.Present(kind);
                break;
            case "deleted":
                report.Left(kind, "it was deleted here since an earlier import", name);
                break;
            default:
                report.Left(kind, outcome.Why ?? outcome.State, name);
                break;
        }
    }

    /// <summary>A server that is busy is asked again.</summary>
    private async Task<Reply> Patiently(Func<Task<Reply>> send)
    {
        for (var tries = 1; ; tries++)
        {
            var reply = await send();
            if (reply.Status is not (429 or 503) || tries == MaxTries)
            {
                return reply;
            }

            await Task.Delay(TimeSpan.FromMilliseconds(250 * tries), call.Cancel);
        }
    }

    /// <summary>A sentence of the server as a part of one.</summary>
    private static string Lower(string text) =>
        text.Length == 0 ? text : char.ToLower(text[0], CultureInfo.InvariantCulture) + text[1..].TrimEnd('.');
}
