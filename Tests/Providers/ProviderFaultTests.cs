using System.IO.Compression;
using System.Net;
using System.Net.Sockets;
using System.Text;
using AiChat.Providers.OpenAi;
using AiChat.Providers.Protocol;
using AiChat.Providers.Transport;
using Microsoft.Extensions.Time.Testing;

namespace AiChat.Tests.Providers;

/// <summary>Faults of the provider and of the network.</summary>
public sealed class ProviderFaultTests
{
    [Fact]
    public async Task Closed_port_is_unreachable()
    {
        var url = $"http://127.0.0.1:{TestPorts.Free()}/v1";

        Assert.Equal(ProviderFailure.Unreachable, (await FailAsync(url)).Failure);
    }

    [Fact]
    public async Task Unknown_name_is_a_dns_failure()
    {
        using var http = new ProviderHttp(TimeProvider.System)
        {
            Resolve = (_, _) => throw new SocketException((int)SocketError.HostNotFound),
        };

        Assert.Equal(ProviderFailure.Dns, (await FailAsync("http://nowhere.example/v1", http)).Failure);
    }

    [Fact]
    public async Task Connection_that_is_never_made_times_out()
    {
        var time = new FakeTimeProvider();
        var asked = new TaskCompletionSource();
        using var http = new ProviderHttp(time)
        {
            Resolve = async (_, cancel) =>
            {
                asked.SetResult();
                await Task.Delay(Timeout.Infinite, cancel);
                return [];
            },
        };
        var failing = FailAsync("http://blackhole.example/v1", http);
        await asked.Task;

        time.Advance(TimeSpan.FromSeconds(10));

        Assert.Equal(ProviderFailure.ConnectTimeout, (await failing).Failure);
    }

    [Theory]
    [InlineData(400, "{\"error\":{\"code\":\"context_length_exceeded\",\"message\":\"too long\"}}", nameof(ProviderFailure.ContextTooLong))]
    [InlineData(400, "{\"error\":{\"message\":\"bad\"}}", nameof(ProviderFailure.BadRequest))]
    [InlineData(400, "{\"error\":{\"code\":\"content_filter\",\"message\":\"filtered\"}}", nameof(ProviderFailure.ContentFilter))]
    [InlineData(
        400,
        "[{\"error\":{\"code\":400,\"message\":\"API key not valid.\",\"status\":\"INVALID_ARGUMENT\"}}]",
        nameof(ProviderFailure.Unauthorized))]
    [InlineData(401, "{}", nameof(ProviderFailure.Unauthorized))]
    [InlineData(402, "", nameof(ProviderFailure.QuotaExhausted))]
    [InlineData(403, "<html>", nameof(ProviderFailure.Unauthorized))]
    [InlineData(
        404,
        "{\"error\":{\"message\":\"The model `x` does not exist\",\"code\":\"model_not_found\"}}",
        nameof(ProviderFailure.ModelNotFound))]
    [InlineData(404, "404 page not found", nameof(ProviderFailure.BadRequest))]
    [InlineData(413, "", nameof(ProviderFailure.ContextTooLong))]
    [InlineData(429, "{\"error\":{\"code\":\"insufficient_quota\",\"message\":\"\"}}", nameof(ProviderFailure.QuotaExhausted))]
    [InlineData(429, "{}", nameof(ProviderFailure.RateLimited))]
    [InlineData(500, "<!DOCTYPE html><script>alert(1)</script>", nameof(ProviderFailure.ServerError))]
    [InlineData(502, "", nameof(ProviderFailure.ServerError))]
    [InlineData(
        529,
        "{\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":\"Overloaded\"}}",
        nameof(ProviderFailure.ServerError))]
    [InlineData(204, "", nameof(ProviderFailure.Protocol))]
    [InlineData(101, "", nameof(ProviderFailure.BadRequest))]
    public async Task Status_tells_the_failure(int status, string body, string failure)
    {
        await using var upstream = FakeUpstream.Start(exchange => exchange.Reply(status, body, "text/html", "Set-Cookie: a=b"));

        var exception = await FailAsync(upstream.BaseUrl);

        Assert.Equal((failure, status), (exception.Failure.ToString(), exception.UpstreamStatus));
        Assert.DoesNotContain('<', exception.Detail);
    }

    [Theory]
    [InlineData("Retry-After: 5", 5.0)]
    [InlineData("Retry-After: 0", 0.0)]
    [InlineData("Retry-After: -1", null)]
    [InlineData("Retry-After: 1000000000", 1e9)]
    [InlineData("Retry-After: soon", null)]
    [InlineData("retry-after-ms: 250", 0.25)]
    [InlineData("Date: Wed, 21 Oct 2026 07:28:00 GMT\r\nRetry-After: Wed, 21 Oct 2026 07:28:30 GMT", 30.0)]
    [InlineData("X-A: b", null)]
    public async Task Retry_after_is_passed_on(string header, double? seconds)
    {
        await using var upstream = FakeUpstream.Start(exchange => exchange.Reply(429, "{}", "application/json", header));

        var exception = await FailAsync(upstream.BaseUrl);

        Assert.Equal(ProviderFailure.RateLimited, exception.Failure);
        Assert.True(exception.IsTransient);
        Assert.Equal(seconds, exception.RetryAfter?.TotalSeconds);
    }

    [Fact]
    public async Task Error_body_is_capped()
    {
        await using var upstream = FakeUpstream.Start(exchange => exchange.Reply(500, new string('x', 100_000), "text/plain"));

        Assert.InRange((await FailAsync(upstream.BaseUrl)).Detail.Length, 1, ProviderException.MaxDetail + 1);
    }

    [Fact]
    public async Task Reset_in_the_middle_keeps_the_text_before_it()
    {
        var seen = new TaskCompletionSource();
        await using var upstream = FakeUpstream.Start(async exchange =>
        {
            await exchange.StartSse();
            await OpenAiScript.Piece(exchange, "kept");
            await exchange.Send("data: {\"choices\":[{\"index\":0,\"delta\":{\"con");
            await seen.Task;
            exchange.Reset();
        });

        var (text, failure) = await StreamAsync(upstream.BaseUrl, TimeProvider.System, () => seen.TrySetResult());

        Assert.Equal(("kept", ProviderFailure.ConnectionLost), (text, failure?.Failure));
    }

    [Theory]
    [InlineData("content", 2_097_152)]
    [InlineData("reasoning_content", 2_097_152)]
    public async Task Endless_answer_is_cut_at_the_cap(string member, int cap)
    {
        await using var upstream = FakeUpstream.Start(async exchange =>
        {
            await exchange.StartSse();
            var chunk = $"data: {{\"choices\":[{{\"index\":0,\"delta\":{{\"{member}\":\"{new string('a', 100_000)}\"}}}}]}}\n\n";
            while (true)
            {
                await exchange.Send(chunk);
            }
        });

        var (text, failure) = await StreamAsync(upstream.BaseUrl, TimeProvider.System);

        Assert.Equal(ProviderFailure.TooLarge, failure?.Failure);
        Assert.InRange(text.Length, cap - 100_000, cap);
    }

    [Fact]
    public async Task Silence_before_the_first_byte_times_out()
    {
        await using var upstream = FakeUpstream.Start(exchange => exchange.Stall());
        var time = new FakeTimeProvider();
        var streaming = StreamAsync(upstream.BaseUrl, time);
        await upstream.NextRequestAsync();

        time.Advance(TimeSpan.FromSeconds(120));

        Assert.Equal(ProviderFailure.FirstByteTimeout, (await streaming).Failure?.Failure);
    }

    [Theory]
    [InlineData("content", 90, nameof(ProviderFailure.IdleTimeout))]
    [InlineData("reasoning_content", 300, nameof(ProviderFailure.IdleTimeout))]
    public async Task Comments_do_not_count_as_content(string member, int seconds, string failure)
    {
        var more = new SemaphoreSlim(0);
        var seen = new TaskCompletionSource();
        await using var upstream = FakeUpstream.Start(async exchange =>
        {
            await exchange.StartSse();
            await exchange.Send($"data: {{\"choices\":[{{\"index\":0,\"delta\":{{\"{member}\":\"a\"}}}}]}}\n\n");
            while (true)
            {
                await more.WaitAsync();
                await exchange.Send(": keep-alive\n\ndata: {\"choices\":[]}\n\n");
            }
        });
        var time = new FakeTimeProvider();
        var streaming = StreamAsync(upstream.BaseUrl, time, () => seen.TrySetResult());
        await seen.Task;

        for (var second = 0; second < seconds; second += 10)
        {
            Assert.False(streaming.IsCompleted);
            more.Release();
            time.Advance(TimeSpan.FromSeconds(10));
        }

        Assert.Equal(failure, (await streaming).Failure?.Failure.ToString());
    }

    [Fact]
    public async Task Endless_content_ends_with_the_total_time()
    {
        var more = new SemaphoreSlim(0);
        var seen = new SemaphoreSlim(0);
        await using var upstream = FakeUpstream.Start(async exchange =>
        {
            await exchange.StartSse();
            while (true)
            {
                await OpenAiScript.Piece(exchange, "a");
                await more.WaitAsync();
            }
        });
        var time = new FakeTimeProvider();
        var streaming = StreamAsync(upstream.BaseUrl, time, () => seen.Release());
        for (var minute = 0; minute < 10; minute++)
        {
            Assert.True(await seen.WaitAsync(TimeSpan.FromSeconds(10)));
            time.Advance(TimeSpan.FromMinutes(1));
            more.Release();
        }

        Assert.Equal(ProviderFailure.TotalTimeout, (await streaming).Failure?.Failure);
    }

    [Fact]
    public async Task Server_that_never_closes_after_the_finish_is_not_waited_for()
    {
        var seen = new TaskCompletionSource();
        await using var upstream = FakeUpstream.Start(async exchange =>
        {
            await exchange.StartSse();
            await exchange.Send("data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"a\"},\"finish_reason\":\"stop\"}]}\n\n");
            await exchange.Stall();
        });
        var time = new FakeTimeProvider();
        var streaming = StreamAsync(upstream.BaseUrl, time, () => seen.TrySetResult());
        await seen.Task;

        await AdvanceUntilAsync(streaming, time, TimeSpan.FromSeconds(1));

        Assert.Equal(("a", null), ((await streaming).Text, (await streaming).Failure));
    }

    [Fact]
    public async Task Upstream_that_does_not_read_the_request_is_given_up()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        var time = new FakeTimeProvider();
        using var http = new ProviderHttp(time);
        var request = ProviderHttpTests.Chat($"http://{listener.LocalEndpoint}/v1") with
        {
            Turns = [new ChatTurn(ChatRole.User, "see") { Images = [ChatImage.FromBytes("image/png", new byte[20 * 1024 * 1024])] }],
        };
        var streaming = CollectAsync(new OpenAiProvider(http).StreamAsync(request, CancellationToken.None), null);
        using var accepted = await listener.AcceptTcpClientAsync();
        await accepted.GetStream().ReadExactlyAsync(new byte[1]);

        await AdvanceUntilAsync(streaming, time, TimeSpan.FromSeconds(31));

        Assert.Equal(ProviderFailure.WriteTimeout, (await streaming).Failure?.Failure);
    }

    [Theory]
    [InlineData("gzip")]
    [InlineData("br")]
    [InlineData("deflate")]
    public async Task Compressed_reply_is_understood(string encoding)
    {
        await using var upstream = FakeUpstream.Start(async exchange =>
        {
            await exchange.StartAsync(200, "text/event-stream", $"Content-Encoding: {encoding}");
            using var bytes = new MemoryStream();
            await using (Stream packed = encoding switch
            {
                "gzip" => new GZipStream(bytes, CompressionLevel.Fastest, leaveOpen: true),
                "br" => new BrotliStream(bytes, CompressionLevel.Fastest, leaveOpen: true),
                _ => new ZLibStream(bytes, CompressionLevel.Fastest, leaveOpen: true),
            })
            {
                await packed.WriteAsync(Encoding.UTF8.GetBytes("data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"packed\"},"
                    + "\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n"));
            }

            await exchange.Send(bytes.ToArray());
        });

        var (text, failure) = await StreamAsync(upstream.BaseUrl, TimeProvider.System);

        Assert.Equal(("packed", null), (text, failure));
    }

    [Theory]
    [InlineData("gzip", 200, nameof(ProviderFailure.Protocol))]
    [InlineData("br", 200, nameof(ProviderFailure.Protocol))]
    [InlineData("deflate", 200, nameof(ProviderFailure.Protocol))]
    [InlineData("zip", 200, nameof(ProviderFailure.Protocol))]
    [InlineData("gzip, br, gzip", 200, nameof(ProviderFailure.Protocol))]
    [InlineData("gzip", 429, nameof(ProviderFailure.RateLimited))]
    [InlineData("br", 429, nameof(ProviderFailure.RateLimited))]
    [InlineData("deflate", 429, nameof(ProviderFailure.RateLimited))]
    public async Task Broken_compression_is_said_and_hides_no_status(string encoding, int status, string failure)
    {
        foreach (var start in (byte[][])[[0x78, 0x20], [0x1f, 0x8b], [0xff], [0x91, 0x19]])
        {
            await using var upstream = FakeUpstream.Start(async exchange =>
            {
                await exchange.StartAsync(status, "application/json", $"Content-Encoding: {encoding}");
                await exchange.Send(start.Concat(new byte[100]).ToArray());
            });

            Assert.Equal(failure, (await FailAsync(upstream.BaseUrl)).Failure.ToString());
        }
    }

    [Fact]
    public async Task Image_that_is_shorter_than_it_was_is_said_at_once()
    {
        await using var upstream = FakeUpstream.Start(_ => Task.CompletedTask);
        var image = new ChatImage("image/png", 100_000, () => new MemoryStream(new byte[1_000]));
        var request = ProviderHttpTests.Chat(upstream.BaseUrl) with { Turns = [new ChatTurn(ChatRole.User, "Hi") { Images = [image] }] };
        using var http = new ProviderHttp(TimeProvider.System);

        var (_, failure) = await CollectAsync(new OpenAiProvider(http).StreamAsync(request, CancellationToken.None), null);

        Assert.Equal(ProviderFailure.BadRequest, failure?.Failure);
    }

    [Theory]
    [InlineData("gzip", "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"CONTENT\"}}]}\n\n", nameof(ProviderFailure.TooLarge))]
    [InlineData("br", "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"CONTENT\"}}]}\n\n", nameof(ProviderFailure.TooLarge))]
    [InlineData("gzip", "CONTENT", nameof(ProviderFailure.Protocol))]
    public async Task A_bomb_is_given_up_when_what_comes_out_of_it_is_too_much(string encoding, string frame, string failure)
    {
        var chunk = Encoding.UTF8.GetBytes(frame.Replace("CONTENT", new string('a', 100_000), StringComparison.Ordinal));
        using var bytes = new MemoryStream();
        await using (Stream packed = encoding == "gzip"
            ? new GZipStream(bytes, CompressionLevel.Fastest, leaveOpen: true)
            : new BrotliStream(bytes, CompressionLevel.Fastest, leaveOpen: true))
        {
            for (var sent = 0; sent < 600; sent++) // 60 MB
            {
                await packed.WriteAsync(chunk);
            }
        }

        await using var upstream = FakeUpstream.Start(async exchange =>
        {
            await exchange.StartAsync(200, "text/event-stream", $"Content-Encoding: {encoding}");
            await exchange.Send(bytes.ToArray());
        });
        var (text, error) = await StreamAsync(upstream.BaseUrl, TimeProvider.System);

        Assert.Equal(failure, error?.Failure.ToString());
        Assert.InRange(text.Length, 0, DeltaWriter.MaxText);
    }

    [Theory]
    [InlineData("not json", nameof(ProviderFailure.Protocol))]
    [InlineData("{\"hello\":1}", nameof(ProviderFailure.Protocol))]
    [InlineData("{\"error\":{\"message\":\"no\",\"type\":\"invalid_request_error\"}}", nameof(ProviderFailure.BadRequest))]
    public async Task Strange_model_list_is_an_error(string body, string failure)
    {
        await using var upstream = FakeUpstream.Start(exchange => exchange.Reply(200, body));

        Assert.Equal(failure, (await FailAsync(upstream.BaseUrl)).Failure.ToString());
    }

    [Theory]
    [InlineData(5_001, 4)]
    [InlineData(20, 250_000)]
    public async Task Huge_model_list_is_an_error(int count, int nameLength)
    {
        var items = string.Join(
            ',', Enumerable.Range(0, count).Select(number => $"{{\"id\":\"m{number}\",\"name\":\"{new string('n', nameLength)}\"}}"));
        await using var upstream = FakeUpstream.Start(exchange => exchange.Reply(200, $"{{\"data\":[{items}]}}"));

        Assert.Equal(ProviderFailure.TooLarge, (await FailAsync(upstream.BaseUrl)).Failure);
    }

    private static async Task AdvanceUntilAsync(Task task, FakeTimeProvider time, TimeSpan step)
    {
        while (!task.IsCompleted)
        {
            time.Advance(step);
            await Task.WhenAny(task, Task.Delay(20));
        }
    }

    private static async Task<ProviderException> FailAsync(string url, ProviderHttp? http = null)
    {
        using var own = http is null ? new ProviderHttp(TimeProvider.System) : null;
        return await Assert.ThrowsAsync<ProviderException>(() =>
            new OpenAiProvider(http ?? own!).ListModelsAsync(Endpoints.Local("openai", url), CancellationToken.None));
    }

    internal static async Task<(string Text, ProviderException? Failure)> StreamAsync(string url, TimeProvider time, Action? onDelta = null)
    {
        using var http = new ProviderHttp(time);
        return await CollectAsync(new OpenAiProvider(http).StreamAsync(ProviderHttpTests.Chat(url), CancellationToken.None), onDelta);
    }

    private static async Task<(string Text, ProviderException? Failure)> CollectAsync(IAsyncEnumerable<ChatDelta> deltas, Action? onDelta)
    {
        var text = new StringBuilder();
        try
        {
            await foreach (var delta in deltas)
            {
                text.Append(delta is ChatDelta.Text piece ? piece.Value : delta is ChatDelta.Reasoning thought ? thought.Value : "");
                onDelta?.Invoke();
            }
        }
        catch (ProviderException exception)
        {
            return (text.ToString(), exception);
        }

        return (text.ToString(), null);
    }
}
