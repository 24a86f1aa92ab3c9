using System.Net.Sockets;
using System.Text;
using System.Text.Json;

namespace AiChat.Tests;

/// <summary>A request as received, byte by byte.</summary>
internal sealed record FakeRequest(string Method, string Path, string Head, IReadOnlyDictionary<string, string> Headers, byte[] Body)
{
    public JsonElement Json => JsonSerializer.Deserialize<JsonElement>(Body);

    public string Text => Encoding.UTF8.GetString(Body);

    /// <summary>Reads one request; null when the connection ends before the request does.</summary>
    public static async Task<FakeRequest?> ReadAsync(Stream stream, CancellationToken cancel)
    {
        var head = new List<byte>();
        var one = new byte[1];
        while (!head.TakeLast(4).SequenceEqual("\r\n\r\n"u8.ToArray()))
        {
            if (await stream.ReadAsync(one, cancel) == 0)
            {
                return null;
            }

            head.Add(one[0]);
        }

        var text = Encoding.Latin1.GetString([.. head]);
        var lines = text.Split("\r\n", StringSplitOptions.RemoveEmptyEntries);
        var headers = new Dictionary<string, string>(StringComparer.OrdinalIgnoreCase);
        foreach (var line in lines.Skip(1))
        {
            var colon = line.IndexOf(':');
            headers[line[..colon]] = line[(colon + 1)..].Trim();
        }

        var target = lines[0].Split(' ');
        return await ReadBodyAsync(stream, headers, cancel) is { } body ? new FakeRequest(target[0], target[1], text, headers, body) : null;
    }

    private static async Task<byte[]?> ReadBodyAsync(Stream stream, Dictionary<string, string> headers, CancellationToken cancel)
    {
        try
        {
            if (headers.TryGetValue("Content-Length", out var length))
            {
                var body = new byte[int.Parse(length)];
                await stream.ReadExactlyAsync(body, cancel);
                return body;
            }

            return headers.ContainsKey("Transfer-Encoding") ? await ReadChunksAsync(stream, cancel) : [];
        }
        catch (EndOfStreamException)
        {
            return null;
        }
    }

    private static async Task<byte[]> ReadChunksAsync(Stream stream, CancellationToken cancel)
    {
        using var body = new MemoryStream();
        while (true)
        {
            var line = new StringBuilder();
            var one = new byte[1];
            while (!line.ToString().EndsWith("\r\n", StringComparison.Ordinal))
            {
                await stream.ReadExactlyAsync(one, cancel);
                line.Append((char)one[0]);
            }

            var chunk = new byte[Convert.ToInt32(line.ToString().Trim(), 16) + 2];
            await stream.ReadExactlyAsync(chunk, cancel);
            if (chunk.Length == 2)
            {
                return body.ToArray();
            }

            body.Write(chunk, 0, chunk.Length - 2);
        }
    }
}

/// <summary>One request to a <see cref="FakeUpstream"/>, with methods for correct and for broken answers.</summary>
internal sealed class FakeExchange
{
    private readonly Socket _socket;
    private readonly NetworkStream _stream;
    private readonly CancellationToken _end;
    private readonly TaskCompletionSource _gone = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private bool _chunked;

    public FakeExchange(Socket socket, NetworkStream stream, FakeRequest request, CancellationToken end)
    {
        _socket = socket;
        _stream = stream;
        _end = end;
        Request = request;
        _ = WatchAsync();
    }

    public FakeRequest Request { get; }

    /// <summary>Completes when the caller has closed or reset the connection.</summary>
    public Task ClientGone => _gone.Task;

    /// <summary>Begins an answer of 200 with server-sent events; <c>Send</c> writes its body.</summary>
    public Task StartSse(params string[] headers) => StartAsync(200, "text/event-stream", headers);

    /// <summary>Begins an answer whose body is sent in chunks by <c>Send</c>.</summary>
    public Task StartAsync(int status, string contentType, params string[] headers)
    {
        _chunked = true;
        var lines = string.Concat(headers.Select(header => header + "\r\n"));
        return SendRaw(
            $"HTTP/1.1 {status} Status\r\nContent-Type: {contentType}\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n{lines}\r\n");
    }

    /// <summary>Answers with a whole body and ends.</summary>
    public async Task Reply(int status, string body, string contentType = "application/json", params string[] headers)
    {
        var bytes = Encoding.UTF8.GetBytes(body);
        var lines = string.Concat(headers.Select(header => header + "\r\n"));
        await SendRaw(
            $"HTTP/1.1 {status} Status\r\nContent-Type: {contentType}\r\nContent-Length: {bytes.Length}\r\n"
            + $"Connection: close\r\n{lines}\r\n");
        await SendRaw(bytes);
    }

    /// <summary>Sends text as one chunk of the body; it may end in the middle of an event.</summary>
    public Task Send(string text) => Send(Encoding.UTF8.GetBytes(text));

    /// <summary>Sends bytes as one chunk of the body; they may end in the middle of a character.</summary>
    public async Task Send(ReadOnlyMemory<byte> bytes)
    {
        await SendRaw($"{bytes.Length:x}\r\n");
        await SendRaw(bytes);
        await SendRaw("\r\n");
    }

    /// <summary>Sends one <c>data:</c> event with this JSON.</summary>
    public Task SendEvent(object json) => Send($"data: {JsonSerializer.Serialize(json)}\n\n");

    /// <summary>Writes raw bytes to the socket, without framing.</summary>
    public Task SendRaw(string text) => SendRaw(Encoding.UTF8.GetBytes(text));

    public async Task SendRaw(ReadOnlyMemory<byte> bytes) => await _stream.WriteAsync(bytes, _end);

    /// <summary>Cuts the connection with a reset, in the middle of whatever was being sent.</summary>
    public void Reset()
    {
        _socket.LingerState = new LingerOption(true, 0);
        _socket.Close();
    }

    /// <summary>Closes the connection without ending the body: the caller sees it truncated.</summary>
    public void Abort() => _socket.Close();

    /// <summary>Holds the answer open, sending nothing, until the caller goes or the test ends.</summary>
    public Task Stall() => ClientGone.WaitAsync(_end);

    /// <summary>Ends the body properly; called for every script that returns.</summary>
    public async Task CloseAsync()
    {
        if (_chunked && _socket.Connected)
        {
            _chunked = false;
            await SendRaw("0\r\n\r\n");
            _socket.Shutdown(SocketShutdown.Send);
            // Closing with unread bytes would reset the connection and lose what the caller has not read yet.
            await ClientGone.WaitAsync(_end);
        }
    }

    private async Task WatchAsync()
    {
        var buffer = new byte[256];
        try
        {
            while (await _stream.ReadAsync(buffer, _end) > 0)
            {
                // Discard further bytes from the caller until the connection ends.
            }
        }
        catch (Exception error) when (error is IOException or SocketException or ObjectDisposedException or OperationCanceledException)
        {
            // A reset ends the connection too.
        }

        _gone.TrySetResult();
    }
}
