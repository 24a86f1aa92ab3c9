using System.Buffers;
using System.Data.Common;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using AiChat.Data.Engine;
using AiChat.Data.Nodes;
using AiChat.Data.Postgres;
using AiChat.Data.Sqlite;
using AiChat.Data.Store;

namespace AiChat.Data.Traces;

/// <summary>
/// The task traces in tables of the database on a server, where every process on it finds them. All of them together take at most as much
/// as a file of them may. Thread-safe.
/// </summary>
internal sealed class TraceTables(Db db, NodeStore nodes, long maxBytes = SqliteConnections.MaxDisposableBytes) : ITracePlace
{
    /// <summary>What an event takes besides its type and payload, about.</summary>
    private const int RowBytes = 64;

    /// <summary>So much is written between two looks at how much there is, and as much may be there too much.</summary>
    private const long BetweenLooks = SqliteConnections.MaxDisposableBytes / 64;

    /// <summary>The text goes to the database alone, where letters need no escapes.</summary>
    private static readonly JsonWriterOptions _asItIs = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    private long _sinceLook = BetweenLooks;

    public bool Exists => true;

    public bool HasOwnBound => false;

    public Db Open() => db;

    public void Begin(DbConnection connection) => TraceTable.Begin(connection);

    public void Added(DbConnection connection, long id) => TraceTable.Own(connection, id, nodes.BootId);

    public void Store(DbConnection connection, List<long> ids, IReadOnlyList<TraceBatch> batches)
    {
        TraceTable.SetStates(connection, List(ids.Zip(batches), static (json, one) => State(json, one.First, one.Second)));
        var events = ids.Zip(batches).SelectMany(one => one.Second.Events, static (one, item) => (Id: one.First, Item: item));
        TraceTable.AddEvents(connection, List(events, static (json, one) => Event(json, one.Id, one.Item)));
    }

    public async Task KeepBelowBound(IReadOnlyList<TraceBatch> written)
    {
        if (Interlocked.Add(ref _sinceLook, written.Sum(BytesOf)) >= BetweenLooks)
        {
            try
            {
                await db.Write(connection => TraceTable.Displace(connection, maxBytes));
                Interlocked.Exchange(ref _sinceLook, 0);
            }
            catch (StoreException)
            {
                // The next write looks again.
            }
        }
    }

    public Task EndGone() => db.Write(TraceTable.EndGone);

    private static long BytesOf(TraceBatch batch) => batch.Events.Sum(item =>
        (long)Encoding.UTF8.GetByteCount(item.Payload) + Encoding.UTF8.GetByteCount(item.Type) + RowBytes);

    private static void State(Utf8JsonWriter json, long id, TraceBatch batch)
    {
        json.WriteNumber("id", id);
        json.WriteString("status", batch.Status);
        json.WriteNumber("event_count", batch.EventCount);
        json.WriteBoolean("truncated", batch.Truncated);
        json.WriteNumber("bytes", BytesOf(batch));
        foreach (var (name, number) in new[]
        {
            ("message_id", batch.MessageId), ("session_id", batch.SessionId), ("ended_at", batch.EndedAt),
        })
        {
            if (number is { } value)
            {
                json.WriteNumber(name, value);
            }
        }
    }

    private static void Event(Utf8JsonWriter json, long id, TraceEventRow item)
    {
        json.WriteNumber("trace_id", id);
        json.WriteNumber("seq", item.Seq);
        json.WriteString("type", item.Type);
        json.WriteNumber("at", item.At);
        json.WriteString("payload", StoredText.Of(item.Payload));
    }

    private static string List<T>(IEnumerable<T> items, Action<Utf8JsonWriter, T> write)
    {
        var list = new ArrayBufferWriter<byte>();
        using (var json = new Utf8JsonWriter(list, _asItIs))
        {
            json.WriteStartArray();
            foreach (var item in items)
            {
                json.WriteStartObject();
                write(json, item);
                json.WriteEndObject();
            }

            json.WriteEndArray();
        }

        return Encoding.UTF8.GetString(list.WrittenSpan);
    }
}
