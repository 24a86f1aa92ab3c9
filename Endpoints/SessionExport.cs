using System.Globalization;
using System.IO.Pipelines;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using AiChat.Data;
using AiChat.Endpoints.Chat;
using AiChat.Endpoints.Http;

namespace AiChat.Endpoints;

/// <summary>Writes a session as a file, a few messages at a time, however long it is.</summary>
internal sealed class SessionExport(Messages messages, Branches branches, SessionView view, ChatRuns runs)
{
    private const int AtOnce = 50;

    /// <summary>The active branch, for reading.</summary>
    public async Task WriteMarkdown(Stream output, CurrentUser me, SessionRow session)
    {
        await Write(output, $"# {(session.Title.Length == 0 ? "Chat" : session.Title)}\n");
        var ids = session.LeafId is { } leaf ? await branches.Ids(me.Id, session.Id, leaf) : [];
        foreach (var some in ids.Chunk(AtOnce))
        {
            foreach (var row in await branches.Page(me.Id, session.Id, some))
            {
                await Write(output, Markdown(Current(me, row)));
            }
        }
    }

    /// <summary>All branches, with everything that is known of each message.</summary>
    public async Task WriteJson(Stream output, CurrentUser me, SessionRow session)
    {
        await using var file = new JsonFile(output);
        await WriteSession(file, me, session);
    }

    /// <summary>The session as a JSON object with its messages; also a part of the export of an account.</summary>
    public async Task WriteSession(JsonFile file, CurrentUser me, SessionRow session)
    {
        var writer = file.Writer;
        writer.WriteStartObject();
        writer.WritePropertyName("session");
        JsonSerializer.Serialize(writer, view.Of(me, session), ApiJson.Wire.SessionResponse);
        writer.WriteStartArray("messages");
        for (long after = 0; await messages.Tree(me.Id, session.Id, after, AtOnce) is { Count: > 0 } rows; after = rows[^1].Id)
        {
            foreach (var row in rows)
            {
                JsonSerializer.Serialize(writer, MessageView.Of(Current(me, row)), ApiJson.Wire.MessageResponse);
            }

            await file.Flush();
        }

        writer.WriteEndArray();
        writer.WriteEndObject();
        await file.Flush();
    }

    /// <summary>With the text of an answer that is being written at this moment, which the row has only in part.</summary>
    private MessageRow Current(CurrentUser me, MessageRow row)
    {
        if (row.Status != "streaming" || runs.Find(me.Id, row.Id) is not { } run)
        {
            return row;
        }

        var (content, reasoning, _) = run.Log.Snapshot();
        return row with { Content = content, Reasoning = reasoning };
    }

    private static string Markdown(MessageRow row)
    {
        var text = new StringBuilder();
        var who = row.Role == "user" ? "User" : row.Model is null ? "Assistant" : $"Assistant ({row.Model})";
        var at = DateTimeOffset.FromUnixTimeMilliseconds(row.CreatedAt).ToString("yyyy-MM-dd HH:mm", CultureInfo.InvariantCulture);
        text.Append(CultureInfo.InvariantCulture, $"\n## {who}, {at} UTC\n\n");
        if (row.Reasoning is { Length: > 0 } reasoning)
        {
            text.Append("> ").Append(reasoning.ReplaceLineEndings("\n").Trim('\n').Replace("\n", "\n> ", StringComparison.Ordinal)).Append("\n\n");
        }

        text.Append(row.Content.TrimEnd()).Append('\n');
        if (row.Status != "done")
        {
            text.Append(CultureInfo.InvariantCulture, $"\n*({row.Status})*\n");
        }

        return text.ToString();
    }

    private static async Task Write(Stream output, string text) => await output.WriteAsync(Encoding.UTF8.GetBytes(text));
}

/// <summary>JSON on its way to a client. The writer alone would write to the connection while a thread waits.</summary>
internal sealed class JsonFile : IAsyncDisposable
{
    private readonly PipeWriter _pipe;

    public JsonFile(Stream output)
    {
        _pipe = PipeWriter.Create(output, new StreamPipeWriterOptions(leaveOpen: true));
        Writer = new Utf8JsonWriter(_pipe, new JsonWriterOptions { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping, Indented = true });
    }

    public Utf8JsonWriter Writer { get; }

    /// <summary>Sends what has been written so far.</summary>
    public async Task Flush()
    {
        Writer.Flush();
        await _pipe.FlushAsync();
    }

    public async ValueTask DisposeAsync()
    {
        await Writer.DisposeAsync();
        await _pipe.CompleteAsync();
    }
}
