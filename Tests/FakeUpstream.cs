using System.Collections.Concurrent;
using System.Net.Sockets;
using System.Threading.Channels;

namespace AiChat.Tests;

/// <summary>
/// A model provider under the test's control. It uses a plain socket, so that it can fail as a real server does: cut an event in half,
/// stall, reset, send wrong framing. Every connection carries one exchange.
/// </summary>
internal sealed class FakeUpstream : IAsyncDisposable
{
    private readonly Channel<FakeExchange> _arrived = Channel.CreateUnbounded<FakeExchange>();
    private readonly ConcurrentQueue<FakeExchange> _exchanges = [];
    private readonly Func<FakeExchange, Task> _script;
    private readonly LoopbackListener _listener;

    private FakeUpstream(Func<FakeExchange, Task> script)
    {
        _script = script;
        _listener = new LoopbackListener(ServeAsync);
    }

    public int Port => _listener.Port;

    /// <summary>What an administrator enters as the base URL of an OpenAI-compatible connection.</summary>
    public string BaseUrl => $"http://127.0.0.1:{Port}/v1";

    /// <summary>Connections accepted so far, whether or not a request came on them.</summary>
    public int Connections => _listener.Connections;

    /// <summary>Every exchange whose request arrived completely, in order of arrival.</summary>
    public IReadOnlyCollection<FakeExchange> Exchanges => _exchanges;

    /// <summary>Starts a provider that runs the script for every request; the connection closes when the script ends.</summary>
    public static FakeUpstream Start(Func<FakeExchange, Task> script) => new(script);

    /// <summary>Waits for the next request and returns it; each is returned once, in order of arrival.</summary>
    public async Task<FakeExchange> NextRequestAsync(TimeSpan? patience = null) =>
        await _arrived.Reader.ReadAsync().AsTask().WaitAsync(patience ?? TimeSpan.FromSeconds(20));

    public async ValueTask DisposeAsync() => await _listener.CloseAsync(() =>
    {
        foreach (var exchange in _exchanges)
        {
            exchange.Abort();
        }
    });

    private async Task ServeAsync(Socket socket, CancellationToken end)
    {
        using var stream = new NetworkStream(socket, ownsSocket: true);
        try
        {
            if (await FakeRequest.ReadAsync(stream, end) is not { } request)
            {
                return;
            }

            var exchange = new FakeExchange(socket, stream, request, end);
            _exchanges.Enqueue(exchange);
            _arrived.Writer.TryWrite(exchange);
            await _script(exchange).WaitAsync(end);
            await exchange.CloseAsync();
        }
        catch (Exception error) when (error is OperationCanceledException or IOException or SocketException or ObjectDisposedException)
        {
            // The caller has gone or the test is over; ClientGone tells the test.
        }
    }
}
