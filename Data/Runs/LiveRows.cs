using System.Buffers;
using System.Data.Common;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using AiChat.Data.Engine;
using AiChat.Data.Postgres;
using AiChat.Data.Store;

namespace AiChat.Data.Runs;

/// <summary>
/// The text of running answers as rows (run_chunks), where other machines see it. Many rows travel in one statement. They go when the
/// answer ends.
/// </summary>
internal sealed class LiveRows(Db db) : ILiveText
{
    /// <summary>The text goes to the database alone, where letters need no escapes.</summary>
    private static readonly JsonWriterOptions _asItIs = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>Characters of a piece that travels with others.</summary>
    private const int MaxListed = 16 * 1024;

    public bool IsFull => false;

    public void Begin(string bootId)
    {
        // The rows of an earlier process went with its runs.
    }

    public Task Append(IReadOnlyList<RunChunk> chunks) => db.Write(connection => Insert(connection, chunks));

    public Task Empty() => Task.CompletedTask;

    public async Task Renew(IEnumerable<IReadOnlyList<RunChunk>> whole)
    {
        foreach (var chunks in whole.Where(chunks => chunks.Count > 0))
        {
            await db.Write(connection =>
            {
                Forget(connection, chunks[0].RunId);
                Insert(connection, chunks);
            });
        }
    }

    public Task Flush() => Task.CompletedTask;

    public void Dispose()
    {
        // The store is disposed by who made it.
    }

    /// <summary>The answer has its text.</summary>
    public static void Forget(DbConnection connection, long runId)
    {
        if (connection is PostgresConnection)
        {
            ChunkRows.Delete(connection, runId);
        }
    }

    private static void Insert(DbConnection connection, IReadOnlyList<RunChunk> chunks)
    {
        // Long text is a statement of its own: the list would take many times its memory, when that may be short.
        foreach (var chunk in chunks.Where(chunk => chunk.Value.Length > MaxListed))
        {
            ChunkRows.Insert(connection, chunk.RunId, chunk.Position, chunk.Kind, chunk.Value);
        }

        if (chunks.Any(chunk => chunk.Value.Length <= MaxListed))
        {
            InsertList(connection, chunks.Where(chunk => chunk.Value.Length <= MaxListed));
        }
    }

    private static void InsertList(DbConnection connection, IEnumerable<RunChunk> chunks)
    {
        var list = new ArrayBufferWriter<byte>();
        using (var json = new Utf8JsonWriter(list, _asItIs))
        {
            json.WriteStartArray();
            foreach (var chunk in chunks)
            {
                json.WriteStartObject();
                json.WriteNumber("runId", chunk.RunId);
                json.WriteNumber("position", chunk.Position);
                json.WriteString("kind", chunk.Kind);
                json.WriteString("value", StoredText.Of(chunk.Value));
                json.WriteEndObject();
            }

            json.WriteEndArray();
        }

        ChunkRows.Insert(connection, Encoding.UTF8.GetString(list.WrittenSpan));
    }
}
