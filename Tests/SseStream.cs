using System.Runtime.CompilerServices;
using System.Text;
using System.Text.Json;

namespace AiChat.Tests;

/// <summary>One server-sent event as received.</summary>
internal sealed record ServerEvent(string? Id, string Event, string Data)
{
    public JsonElement Json => JsonSerializer.Deserialize<JsonElement>(Data);
}

/// <summary>A stream of server-sent events being read. Disposing it cuts the connection, as closing a tab does.</summary>
internal sealed class SseStream : IAsyncDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);
    private readonly StreamReader _reader;
    private int _heartbeats;

    private SseStream(HttpResponseMessage response, StreamReader reader)
    {
        Response = response;
        _reader = reader;
    }

    public HttpResponseMessage Response { get; }

    /// <summary>Comment lines seen so far.</summary>
    public int Heartbeats => _heartbeats;

    public static async Task<SseStream> OpenAsync(HttpResponseMessage response) =>
        new(response, new StreamReader(await response.Content.ReadAsStreamAsync(), Encoding.UTF8));

    /// <summary>Waits for the next line, whatever it is; null at the end.</summary>
    public async Task<string?> LineAsync() => await _reader.ReadLineAsync().WaitAsync(Patience);

    /// <summary>The next event, or null when the server has ended the stream. Fails after 30 s in which no line came.</summary>
    public async Task<ServerEvent?> NextAsync(CancellationToken cancel = default)
    {
        string? id = null;
        string? name = null;
        List<string> data = [];
        while (await _reader.ReadLineAsync(cancel).AsTask().WaitAsync(Patience, cancel) is { } line)
        {
            if (line.Length == 0)
            {
                if (data.Count > 0)
                {
                    return new ServerEvent(id, name ?? "message", string.Join('\n', data));
                }

                name = null;
                continue;
            }

            var colon = line.IndexOf(':');
            var field = colon < 0 ? line : line[..colon];
            var value = colon < 0 ? "" : line[(colon + 1)..];
            value = value.StartsWith(' ') ? value[1..] : value;
            switch (field)
            {
                case "":
                    _heartbeats++;
                    break;
                case "id":
                    id = value;
                    break;
                case "event":
                    name = value;
                    break;
                case "data":
                    data.Add(value);
                    break;
            }
        }

        return null;
    }

    /// <summary>Every event from here to the end of the stream.</summary>
    public async IAsyncEnumerable<ServerEvent> Events([EnumeratorCancellation] CancellationToken cancel = default)
    {
        while (await NextAsync(cancel) is { } next)
        {
            yield return next;
        }
    }

    public async Task<List<ServerEvent>> ReadAllAsync(CancellationToken cancel = default) => await ReadUntilAsync(_ => false, cancel);

    /// <summary>Reads up to and including the first event that matches, or to the end.</summary>
    public async Task<List<ServerEvent>> ReadUntilAsync(Func<ServerEvent, bool> fits, CancellationToken cancel = default)
    {
        List<ServerEvent> events = [];
        await foreach (var next in Events(cancel))
        {
            events.Add(next);
            if (fits(next))
            {
                break;
            }
        }

        return events;
    }

    public ValueTask DisposeAsync()
    {
        _reader.Dispose();
        Response.Dispose();
        return ValueTask.CompletedTask;
    }
}
