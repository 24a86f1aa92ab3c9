using System.Net.Sockets;
using System.Text;
using AiChat.Providers.Transport;

namespace AiChat.Tests.Providers;

/// <summary>A reply is read the same in any pieces (RFC 9112), and what is not HTTP is refused.</summary>
public sealed class Http1Tests : IDisposable
{
    private const string Chunked = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n";
    private readonly CallClock _clock = new(ChatTimeouts.Default, TimeProvider.System, CancellationToken.None);
    private readonly Http1Pool _pool = new(TimeProvider.System);

    [Theory]
    [InlineData("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", true)]
    [InlineData("HTTP/1.1 200\r\ncontent-length:5\r\n\r\nhello", true)]
    [InlineData("HTTP/1.1 200 OK\nContent-Length: 5\n\nhello", true)]
    [InlineData("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\nhello", true)]
    [InlineData("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello", false)]
    [InlineData("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: x, Close\r\n\r\nhello", false)]
    [InlineData("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\nConnection: keep-alive\r\n\r\nhello", false)]
    [InlineData("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nRetry-After: NaN\r\nretry-after-ms: -Infinity\r\n\r\nhello", true)]
    [InlineData("HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nhello", false)]
    [InlineData("HTTP/1.0 200 OK\r\nContent-Length: 5\r\nConnection: Keep-Alive\r\n\r\nhello", true)]
    [InlineData("HTTP/1.1 200 OK\r\n\r\nhello", false)]
    [InlineData("HTTP/1.0 200 OK\r\nTransfer-Encoding: identity\r\n\r\nhello", false)]
    [InlineData(
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", true)]
    [InlineData("HTTP/1.1 200 OK\r\nX-Long: a\r\n b\r\n\tc\r\nContent-Length:\r\n 5\r\n\r\nhello", true)]
    [InlineData("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", true)]
    [InlineData(
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n2;x=\"y\"\r\nhe\r\n0003 \r\nllo\r\n000\r\nTrailer: t\r\nOther: o\r\n\r\n",
        true)]
    [InlineData("HTTP/1.1 200 OK\nTransfer-Encoding: chunked\n\n5\nhello\n0\n\n", true)]
    [InlineData("HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", false)]
    public async Task Reply_is_the_same_in_any_pieces(string reply, bool keepsAlive)
    {
        for (var size = 1; size <= reply.Length; size++)
        {
            var (text, failure) = await ReadAsync(reply, size);

            Assert.Null(failure);
            Assert.Equal("hello", text);
            Assert.Equal(keepsAlive, _pool.TryTake() is not null);
        }
    }

    [Theory]
    [InlineData("HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n")]
    [InlineData("HTTP/1.1 304 Not Modified\r\nTransfer-Encoding: chunked\r\n\r\n")]
    [InlineData("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")]
    public async Task Reply_without_a_body_ends_with_its_head(string reply)
    {
        Assert.Equal(("", null), await ReadAsync(reply, 1));
        Assert.NotNull(_pool.TryTake());
    }

    [Theory]
    [InlineData("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello!")]
    [InlineData(Chunked + "5\r\nhello\r\n0\r\n\r\nHTTP/1.1 200 OK\r\n\r\n")]
    public async Task Connection_with_more_than_was_asked_for_is_not_used_again(string reply)
    {
        Assert.Equal(("hello", null), await ReadAsync(reply, reply.Length));
        Assert.Null(_pool.TryTake());
    }

    [Theory]
    [InlineData("HTTP/2 200 OK\r\n\r\n")]
    [InlineData("HTTP/1.1 20 OK\r\n\r\n")]
    [InlineData("HTTP/1.1 2000\r\n\r\n")]
    [InlineData("HTTP/1.1 099 OK\r\n\r\n")]
    [InlineData("HTTP/1.x 200 OK\r\n\r\n")]
    [InlineData("ICY 200 OK\r\n\r\n")]
    [InlineData("<html><body>\r\n\r\n")]
    [InlineData("\r\n\r\n")]
    [InlineData("HTTP/1.1 200 OK\r\nno colon\r\n\r\n")]
    [InlineData("HTTP/1.1 200 OK\r\n: empty\r\n\r\n")]
    [InlineData("HTTP/1.1 200 OK\r\nContent-Length : 5\r\n\r\nhello")]
    [InlineData("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello")]
    [InlineData("HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\nhello")]
    [InlineData("HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\nhello")]
    [InlineData("HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n")]
    [InlineData(Chunked + "\r\nhello\r\n0\r\n\r\n")]
    [InlineData(Chunked + "g\r\nhello\r\n0\r\n\r\n")]
    [InlineData(Chunked + "-5\r\nhello\r\n0\r\n\r\n")]
    [InlineData(Chunked + "5hello\r\n0\r\n\r\n")]
    [InlineData(Chunked + "5\r\nhello!\r\n0\r\n\r\n")]
    [InlineData(Chunked + "5\r\nhello\r\r\n0\r\n\r\n")]
    [InlineData(Chunked + "1000000000000005\r\nhello\r\n0\r\n\r\n")]
    public async Task What_is_not_http_is_refused(string reply)
    {
        foreach (var size in (int[])[1, 7, reply.Length])
        {
            Assert.Equal(ProviderFailure.Protocol, (await ReadAsync(reply, size)).Failure);
            Assert.Null(_pool.TryTake());
        }
    }

    [Theory]
    [InlineData("HTTP/1.1 200 OK\r\nX: ", "x", "too long")]
    [InlineData("", "HTTP/1.1 100 Continue\r\n\r\n", "without end")]
    [InlineData(Chunked + "5;", "x", "not valid")]
    [InlineData(Chunked + "5\r\nhello\r\n0\r\n", "X: y\r\n", "not valid")]
    public async Task What_never_ends_is_given_up(string start, string again, string reason)
    {
        var source = new PiecewiseStream(Encoding.ASCII.GetBytes(start + string.Concat(Enumerable.Repeat(again, 100_000))), 1000);

        var failure = await Assert.ThrowsAsync<ProviderException>(() => ReadAsync(source));

        Assert.Equal(ProviderFailure.Protocol, failure.Failure);
        Assert.Contains(reason, failure.Detail, StringComparison.Ordinal);
        Assert.InRange(source.Given, 0, 40 * 1024);
    }

    [Theory]
    [InlineData("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello")]
    [InlineData(Chunked + "2\r\nhe\r\n3;x\r\nllo\r\n0\r\nTrailer: t\r\n\r\n")]
    public async Task Reply_that_breaks_off_anywhere_is_lost_after_what_came(string reply)
    {
        for (var length = 0; length < reply.Length; length++)
        {
            var (text, failure) = await ReadAsync(reply[..length], 3);

            Assert.Equal(ProviderFailure.ConnectionLost, failure);
            Assert.StartsWith(text, "hello", StringComparison.Ordinal);
            Assert.Null(_pool.TryTake());
        }
    }

    [Fact]
    public async Task Buffer_follows_what_arrives()
    {
        var text = new string('x', 200_000);
        var source = new PiecewiseStream(
            Encoding.ASCII.GetBytes($"HTTP/1.1 200 OK\r\nContent-Length: {text.Length}\r\n\r\n{text}"), int.MaxValue);

        Assert.Equal(text, await ReadAsync(source));

        Assert.Equal(1024, source.Asked[0]);
        Assert.Equal(16 * 1024, source.Asked.Max());
    }

    [Fact]
    public async Task Body_is_closed_once()
    {
        using var connection = Connect(new PiecewiseStream("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"u8.ToArray(), 100));
        var body = new Http1Body(await connection.ReadHeadAsync(), connection, _pool, _clock);
        Assert.False(await body.NextAsync());

        await body.DisposeAsync();
        await body.DisposeAsync();

        Assert.NotNull(_pool.TryTake());
        Assert.Null(_pool.TryTake());
    }

    public void Dispose()
    {
        _pool.Dispose();
        _clock.Dispose();
    }

    // The socket is only asked whether unexpected data has arrived.
    private static Http1Connection Connect(Stream stream) =>
        new(new Socket(SocketType.Dgram, ProtocolType.Udp), stream, TimeProvider.System.GetTimestamp());

    private async Task<(string Text, ProviderFailure? Failure)> ReadAsync(string reply, int size)
    {
        var text = new StringBuilder();
        try
        {
            await ReadAsync(new PiecewiseStream(Encoding.ASCII.GetBytes(reply), size), text);
            return (text.ToString(), null);
        }
        catch (ProviderException exception)
        {
            return (text.ToString(), exception.Failure);
        }
    }

    private async Task<string> ReadAsync(PiecewiseStream source, StringBuilder? text = null)
    {
        text ??= new StringBuilder();
        var connection = Connect(source);
        Http1Body? body = null;
        try
        {
            connection.Begin(_clock.Token);
            body = new Http1Body(await connection.ReadHeadAsync(), connection, _pool, _clock);
            while (await body.NextAsync())
            {
                text.Append(Encoding.ASCII.GetString(body.Piece.Span));
            }

            Assert.True(body.Ended);
            return text.ToString();
        }
        finally
        {
            if (body is null)
            {
                connection.Dispose();
            }
            else
            {
                await body.DisposeAsync();
            }
        }
    }

    /// <summary>Gives its bytes in pieces of one size, each only when asked for.</summary>
    private sealed class PiecewiseStream(byte[] bytes, int size) : MemoryStream(bytes)
    {
        public List<int> Asked { get; } = [];

        public long Given { get; private set; }

        public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
        {
            Asked.Add(buffer.Length);
            await Task.Yield();
            var count = Read(buffer.Span[..Math.Min(size, buffer.Length)]);
            Given += count;
            return count;
        }
    }
}
