using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.IO.Pipelines;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using AiChat.Data.Chats;
using AiChat.Data.Images;
using AiChat.Endpoints.Auth;
using AiChat.Endpoints.Images;
using AiChat.Endpoints.Runs;
using AiChat.Providers.Protocol;

namespace AiChat.Endpoints.Chat;

/// <summary>Writes a session of any length to a file, a few messages at a time.</summary>
internal sealed class SessionExport(Branches branches, ImageStore images, SessionView view, RunRegistry registry, RunMirrors mirrors)
{
    /// <summary>Writes the active branch as Markdown.</summary>
    public async Task WriteMarkdown(Stream output, CurrentUser me, SessionRow session, CancellationToken cancel)
    {
        var pipe = PipeWriter.Create(output, new StreamPipeWriterOptions(leaveOpen: true));
        try
        {
            Write(pipe, $"# {(session.Title.Length == 0 ? "Chat" : session.Title)}\n");
            var ids = session.LeafId is { } leaf ? await branches.Ids(me.Id, session.Id, leaf) : [];
            await foreach (var rows in branches.Pieces(me.Id, session.Id, ids, cancel))
            {
                var pictures = await images.FindByMessages(me.Id, rows.Select(row => row.Id));
                foreach (var row in rows)
                {
                    Write(pipe, Markdown(await Current(me, row), pictures[row.Id]));
                }

                await pipe.FlushAsync(cancel);
            }
        }
        finally
        {
            await pipe.CompleteAsync();
        }
    }

    /// <summary>Writes all branches with all data of each message.</summary>
    public async Task WriteJson(Stream output, CurrentUser me, SessionRow session, CancellationToken cancel)
    {
        await using var file = new JsonFile(output, cancel);
        await WriteSession(file, me, session, cancel);
    }

    /// <summary>Writes the session and its messages as a JSON object; the account export uses it too.</summary>
    public async Task WriteSession(JsonFile file, CurrentUser me, SessionRow session, CancellationToken cancel)
    {
        var writer = file.Writer;
        writer.WriteStartObject();
        writer.WritePropertyName("session");
        JsonSerializer.Serialize(writer, await view.From(me, session), ChatJson.Wire.SessionResponse);
        writer.WriteStartArray("messages");
        await foreach (var rows in branches.Pieces(me.Id, session.Id, await branches.AllIds(me.Id, session.Id), cancel))
        {
            var pictures = await images.FindByMessages(me.Id, rows.Select(row => row.Id));
            foreach (var row in rows)
            {
                var message = MessageView.From(await Current(me, row), images: [.. pictures[row.Id].Select(Image)]);
                JsonSerializer.Serialize(writer, message, RunsJson.Wire.MessageResponse);
            }

            await file.Flush();
        }

        writer.WriteEndArray();
        writer.WriteEndObject();
        await file.Flush();
    }

    /// <summary>The row with the full text of a running answer, which is stored only in part.</summary>
    private async Task<MessageRow> Current(CurrentUser me, MessageRow row)
    {
        if (row.Status != "streaming" || (registry.Find(me.Id, row.Id)?.Log ?? await mirrors.Peek(me, row.Id)) is not { } log)
        {
            return row;
        }

        var (content, reasoning, _) = log.Snapshot();
        return row with { Content = content, Reasoning = reasoning };
    }

    private static string Markdown(MessageRow row, IEnumerable<ImageRow> pictures)
    {
        var text = new StringBuilder();
        var who = row.Role == "user" ? "User" : row.Model is null ? "Assistant" : $"Assistant ({row.Model})";
        var at = DateTimeOffset.FromUnixTimeMilliseconds(row.CreatedAt).ToString("yyyy-MM-dd HH:mm", CultureInfo.InvariantCulture);
        text.Append(CultureInfo.InvariantCulture, $"\n## {who}, {at} UTC\n\n");
        if (row.Reasoning is { Length: > 0 } reasoning)
        {
            text.Append("> ").Append(reasoning.ReplaceLineEndings("\n").Trim('\n').Replace("\n", "\n> ", StringComparison.Ordinal))
                .Append("\n\n");
        }

        foreach (var picture in pictures)
        {
            text.Append(CultureInfo.InvariantCulture, $"![{picture.Width} x {picture.Height}](/chat-images/{picture.Id})\n\n");
        }

        text.Append(row.Content.TrimEnd()).Append('\n');
        AppendSources(text, row);
        if (row.Summary is { Length: > 0 } summary)
        {
            text.Append("\n> **Summary of the messages above**\n>\n> ")
                .Append(summary.ReplaceLineEndings("\n").Replace("\n", "\n> ", StringComparison.Ordinal)).Append('\n');
        }

        if (row.Status != "done")
        {
            text.Append(CultureInfo.InvariantCulture, $"\n*({row.Status})*\n");
        }

        return text.ToString();
    }

    /// <summary>
    /// The pages that the searches of an answer found, by the numbers that the answer cites; without citations all of them.
    /// </summary>
    private static void AppendSources(StringBuilder text, MessageRow row)
    {
        var sources = new SortedDictionary<int, string>();
        foreach (var call in ToolEvents.Calls(row.ToolCalls, ended: true))
        {
            if (call.Result is not ['[', ..] || !LenientList(call.Result, out var found))
            {
                continue;
            }

            using (found)
            {
                foreach (var page in found.RootElement.EnumerateArray())
                {
                    if (page.Number("number") is { } number && page.Text("url") is { Length: > 0 } url)
                    {
                        sources[number] = $"- [{number}] [{(page.Text("title") ?? url).Replace('[', '(').Replace(']', ')')}]({url})\n";
                    }
                }
            }
        }

        var cited = sources.Where(source => row.Content.Contains($"[{source.Key}]", StringComparison.Ordinal)).ToList();
        var shown = cited.Count > 0 ? cited : [.. sources];
        if (shown.Count > 0)
        {
            text.Append("\nSources:\n\n").AppendJoin("", shown.Select(source => source.Value));
        }
    }

    private static bool LenientList(string json, [NotNullWhen(true)] out JsonDocument? list)
    {
        list = null;
        try
        {
            list = JsonDocument.Parse(json);
            return list.RootElement.ValueKind == JsonValueKind.Array;
        }
        catch (JsonException)
        {
            return false; // what a tool said is free text
        }
    }

    /// <summary>The permanent URL: a signed one would expire before the file is read.</summary>
    private static ImageResponse Image(ImageRow row) => new(row.Id, $"/chat-images/{row.Id}", row.Width, row.Height, row.Mime);

    private static void Write(PipeWriter output, string text) => Encoding.UTF8.GetBytes(text, output);
}

/// <summary>Streams JSON to a client. A writer on the stream itself would block a thread while it sends.</summary>
internal sealed class JsonFile : IAsyncDisposable
{
    private readonly PipeWriter _pipe;
    private readonly CancellationToken _cancel;

    /// <param name="cancel">Ends the writing when the client has gone.</param>
    public JsonFile(Stream output, CancellationToken cancel)
    {
        _cancel = cancel;
        _pipe = PipeWriter.Create(output, new StreamPipeWriterOptions(leaveOpen: true));
        Writer = new Utf8JsonWriter(
            _pipe, new JsonWriterOptions { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping, Indented = true });
    }

    public Utf8JsonWriter Writer { get; }

    /// <summary>Sends what has been written so far.</summary>
    public async Task Flush()
    {
        Writer.Flush();
        await _pipe.FlushAsync(_cancel);
        _cancel.ThrowIfCancellationRequested();
    }

    public async ValueTask DisposeAsync()
    {
        await Writer.DisposeAsync();
        await _pipe.CompleteAsync();
    }
}
