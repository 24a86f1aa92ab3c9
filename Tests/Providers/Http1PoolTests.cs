using System.Net;
using System.Net.Sockets;
using System.Text;
using AiChat.Providers.Transport;
using Microsoft.Extensions.Time.Testing;

namespace AiChat.Tests.Providers;

/// <summary>When a connection is used again and when it is not; a request with a body is never sent twice.</summary>
public sealed class Http1PoolTests
{
    private const string Reply = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}";

    [Fact]
    public async Task Connection_is_used_again_until_it_is_idle_or_old()
    {
        var time = new FakeTimeProvider();
        using var http = new ProviderHttp(time);
        await using var server = new KeptUpstream(static async (stream, _, _) => await stream.WriteAsync(Encoding.ASCII.GetBytes(Reply)));

        await http.AskAsync(server.Endpoint);
        await http.AskAsync(server.Endpoint);
        Assert.Equal(1, server.Connections);

        time.Advance(TimeSpan.FromSeconds(61)); // idle
        await server.ClosedAsync(1);
        await http.AskAsync(server.Endpoint);
        Assert.Equal(2, server.Connections);

        for (var i = 0; i < 3; i++)
        {
            time.Advance(TimeSpan.FromSeconds(50)); // never idle for long, but older than two minutes at the last request
            await http.AskAsync(server.Endpoint);
        }

        Assert.Equal(3, server.Connections);
    }

    [Theory]
    [InlineData("timeout=5", 3, 1)]
    [InlineData("max=100, timeout=5", 4, 2)]
    [InlineData("timeout=1", 0, 2)]
    [InlineData("timeout=soon", 30, 1)]
    public async Task Provider_says_how_long_a_connection_may_be_idle(string keepAlive, int seconds, int connections)
    {
        var time = new FakeTimeProvider();
        using var http = new ProviderHttp(time);
        await using var server = new KeptUpstream(async (stream, _, _) =>
            await stream.WriteAsync(
                Encoding.ASCII.GetBytes($"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nKeep-Alive: {keepAlive}\r\n\r\n{{}}")));

        await http.AskAsync(server.Endpoint);
        time.Advance(TimeSpan.FromSeconds(seconds));
        await http.AskAsync(server.Endpoint);

        Assert.Equal(connections, server.Connections);
    }

    [Fact]
    public async Task Connection_that_the_provider_closed_is_not_used()
    {
        using var http = new ProviderHttp(TimeProvider.System);
        await using var server = new KeptUpstream(static async (stream, socket, _) =>
        {
            await stream.WriteAsync(Encoding.ASCII.GetBytes(Reply));
            socket.Shutdown(SocketShutdown.Send);
        });

        for (var round = 1; round <= 3; round++)
        {
            await http.AskAsync(server.Endpoint, body: "{}");
            await server.AnsweredAsync(); // and closed its side
            Assert.Equal(round, server.Connections);
        }
    }

    [Fact]
    public async Task Rules_and_places_never_share_a_connection()
    {
        using var http = new ProviderHttp(TimeProvider.System);
        await using var server = new KeptUpstream(static async (stream, _, _) => await stream.WriteAsync(Encoding.ASCII.GetBytes(Reply)));
        var endpoint = server.Endpoint;

        await http.AskAsync(endpoint);
        await http.AskAsync(endpoint with { Scope = NetworkScope.Loopback | NetworkScope.Private });
        await http.AskAsync(endpoint with { ConnectionId = 2 });
        await http.AskAsync(endpoint with { BaseUrl = new Uri($"http://localhost:{server.Port}/v1") });

        Assert.Equal(4, server.Connections);
    }

    [Theory]
    [InlineData(null, null, 2)]
    [InlineData("GET", null, 2)]
    [InlineData("DELETE", null, 2)]
    [InlineData(null, "{}", 1)]
    [InlineData("PUT", "{}", 1)]
    [InlineData("POST", null, 1)]
    public async Task Only_what_may_come_twice_is_sent_again_when_a_used_connection_breaks(string? method, string? body, int connections)
    {
        using var http = new ProviderHttp(TimeProvider.System);
        var requests = 0;
        await using var server = new KeptUpstream(async (stream, socket, _) =>
        {
            if (Interlocked.Increment(ref requests) == 2)
            {
                socket.Close(0); // the server closes during the second request
                return;
            }

            await stream.WriteAsync(Encoding.ASCII.GetBytes(Reply));
        });
        await http.AskAsync(server.Endpoint);

        var failure = await Record.ExceptionAsync(() => http.AskAsync(server.Endpoint, body, method));

        Assert.Equal(connections == 2 ? null : ProviderFailure.ConnectionLost, (failure as ProviderException)?.Failure);
        Assert.Equal(connections, server.Connections);
    }

    [Fact]
    public async Task New_connection_that_breaks_is_not_tried_again()
    {
        using var http = new ProviderHttp(TimeProvider.System);
        await using var server = new KeptUpstream((_, socket, _) =>
        {
            socket.Close(0);
            return Task.CompletedTask;
        });

        Assert.Equal(
            ProviderFailure.ConnectionLost, (await Assert.ThrowsAsync<ProviderException>(() => http.AskAsync(server.Endpoint))).Failure);
        Assert.Equal(1, server.Connections);
    }

    [Fact]
    public async Task Refusal_of_a_request_that_was_not_taken_whole_is_read()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        var refusing = Task.Run(async () =>
        {
            using var client = await listener.AcceptSocketAsync();
            await client.ReceiveAsync(new byte[1]);
            await client.SendAsync("HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\n\r\n{}"u8.ToArray());
            client.Close();
        });
        using var http = new ProviderHttp(TimeProvider.System);

        var failure = await Assert.ThrowsAsync<ProviderException>(() =>
            http.AskAsync(Endpoints.Local("openai", $"http://{listener.LocalEndpoint}/v1"), new string('x', 32 * 1024 * 1024)));

        await refusing;
        Assert.Equal((ProviderFailure.ContextTooLong, 413), (failure.Failure, failure.UpstreamStatus));
    }

    [Fact]
    public async Task Crowd_shares_and_mixes_nothing()
    {
        using var http = new ProviderHttp(TimeProvider.System);
        await using var server = new KeptUpstream(static async (stream, _, request) =>
            await stream.WriteAsync(Encoding.ASCII.GetBytes(
                $"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{request.Body.Length:x}\r\n{request.Text}\r\n0\r\n\r\n")));

        await Parallel.ForEachAsync(Enumerable.Range(0, 2_000), new ParallelOptions { MaxDegreeOfParallelism = 20 }, async (number, _) =>
            Assert.Equal($"{{\"n\":{number}}}", await http.AskAsync(server.Endpoint, $"{{\"n\":{number}}}")));

        Assert.InRange(server.Connections, 1, 20);
    }
}
