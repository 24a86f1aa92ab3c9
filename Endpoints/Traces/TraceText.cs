using System.Globalization;
using System.Text;
using AiChat.Data.Traces;

namespace AiChat.Endpoints.Traces;

/// <summary>Exports a trace as text. Events are written as they are read, so memory does not grow with the trace.</summary>
internal static class TraceText
{
    private const int EventsAtOnce = 500;

    public static async Task Write(Stream output, TraceRow row, TraceStore traces, CancellationToken cancel)
    {
        var encoding = new UTF8Encoding(encoderShouldEmitUTF8Identifier: false);
        await using var text = new StreamWriter(output, encoding, leaveOpen: true) { NewLine = "\n" };
        await text.WriteAsync(Head(row).AsMemory(), cancel);
        var last = 0L;
        while (await traces.Events(row.Id, last, EventsAtOnce) is { Count: > 0 } events)
        {
            last = events[^1].Seq;
            foreach (var item in events)
            {
                var line = $"[{item.Seq:0000}] {Time(item.At)} +{item.At - row.StartedAt} ms  {item.Type}  {item.Payload}";
                await text.WriteLineAsync(line.AsMemory(), cancel);
            }
        }
    }

    private static string Head(TraceRow row) => string.Create(CultureInfo.InvariantCulture, $"""
        Task trace {row.Id}
        Actor: {row.Actor} (user {row.UserId})
        Kind: {row.Kind}
        Chat: {row.SessionId}
        Answer: {row.MessageId}
        Client id: {row.ClientMessageId}
        Model: {row.Provider} {row.Model}
        Status: {row.Status}
        Started: {Time(row.StartedAt)}
        Ended: {(row.EndedAt is { } end ? Time(end) : "")}
        Duration: {row.EndedAt - row.StartedAt} ms
        Events: {row.EventCount}{(row.Truncated ? ", some were not kept" : "")}


        """);

    private static string Time(long at) =>
        DateTimeOffset.FromUnixTimeMilliseconds(at).UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss.fff'Z'", CultureInfo.InvariantCulture);
}
