using System.Diagnostics;
using System.Text;
using AiChat.Providers;
using AiChat.Providers.Protocol;
using AiChat.Providers.Transport;

namespace AiChat.Tests.Providers;

/// <summary>
/// A provider that sends data without an answer as fast as it can gets no more than its share of the process, and not for long.
/// </summary>
public sealed class FloodTests
{
    public static IEnumerable<object[]> Floods => FloodScript.Names.Select(name => new object[] { "openai", name }).Concat(
        from kind in (string[])["openai_responses", "anthropic", "google_genai", "ollama"]
        from name in (string[])["comments", "empty frames", "broken frames", "empty lines of JSON", "pings", "chunks of one byte", "gzip"]
        select new object[] { kind, name });

    [Theory]
    [MemberData(nameof(Floods))]
    public async Task A_reply_without_an_answer_is_ended_soon(string kind, string name)
    {
        await using var upstream = FakeUpstream.Start(exchange => FloodScript.Send(exchange, name));
        using var http = new ProviderHttp(TimeProvider.System);
        var since = Stopwatch.GetTimestamp();

        var (text, failure) = await ReadAsync(
            http, kind, upstream, new ChatTimeouts { FirstByte = TimeSpan.FromSeconds(5), ReasoningIdle = TimeSpan.FromSeconds(5) });

        Assert.Equal("", text);
        Assert.Contains(
            failure!.Failure, (ProviderFailure[])[ProviderFailure.Protocol, ProviderFailure.FirstByteTimeout, ProviderFailure.IdleTimeout]);
        Assert.True(failure.HasAnswered);
        Assert.InRange(Stopwatch.GetElapsedTime(since).TotalSeconds, 0, 10);
    }

    [Theory]
    [InlineData("comments", nameof(ProviderFailure.FirstByteTimeout))]
    [InlineData("empty pieces", nameof(ProviderFailure.IdleTimeout))]
    [InlineData("chunks of one byte", nameof(ProviderFailure.FirstByteTimeout))]
    [InlineData("gzip", nameof(ProviderFailure.FirstByteTimeout))]
    public async Task Deadlines_hold_while_a_reply_comes_without_a_wait(string name, string expected)
    {
        await using var upstream = FakeUpstream.Start(exchange => FloodScript.Send(exchange, name));
        using var http = new ProviderHttp(TimeProvider.System);
        var limit = TimeSpan.FromMilliseconds(100);
        var since = Stopwatch.GetTimestamp();

        var (_, failure) = await ReadAsync(http, "openai", upstream, new ChatTimeouts { FirstByte = limit, ReasoningIdle = limit });

        // The data may also have passed its limit by then.
        Assert.Contains(failure!.Failure.ToString(), (string[])[expected, nameof(ProviderFailure.Protocol)]);
        Assert.InRange(Stopwatch.GetElapsedTime(since).TotalSeconds, 0, 1.5);
    }

    [Fact]
    public async Task Reading_gives_up_its_thread_however_fast_the_reply_comes()
    {
        await using var upstream = FakeUpstream.Start(exchange => FloodScript.Send(exchange, "gzip"));
        using var http = new ProviderHttp(TimeProvider.System);
        await using var deltas = Stream(http, "openai", upstream, ChatTimeouts.Default).GetAsyncEnumerator();
        var max = TimeSpan.Zero;
        var reading = deltas.MoveNextAsync().AsTask();

        // Other work gets a thread soon meanwhile.
        while (!reading.IsCompleted)
        {
            var asked = Stopwatch.GetTimestamp();
            await Task.Run(() => { });
            max = Stopwatch.GetElapsedTime(asked) is var waited && waited > max ? waited : max;
            await Task.WhenAny(reading, Task.Delay(5));
        }

        Assert.Equal(ProviderFailure.Protocol, (await Assert.ThrowsAsync<ProviderException>(() => reading)).Failure);
        Assert.InRange(max.TotalMilliseconds, 0, 1_000);
    }

    [Theory]
    [InlineData("gzip, gzip")]
    [InlineData("gzip, br")]
    [InlineData("identity, deflate, gzip")]
    public async Task Compression_inside_compression_is_refused(string encodings)
    {
        await using var upstream = FakeUpstream.Start(async exchange =>
        {
            await exchange.StartAsync(200, "text/event-stream", $"Content-Encoding: {encodings}");
            await exchange.Send(FloodScript.Packed("gzip", FloodScript.Packed("gzip", new byte[50_000_000])));
            await exchange.Stall();
        });
        using var http = new ProviderHttp(TimeProvider.System);

        var (_, failure) = await ReadAsync(http, "openai", upstream, ChatTimeouts.Default);

        Assert.Equal((ProviderFailure.Protocol, "The reply is compressed more than once."), (failure!.Failure, failure.Detail));
    }

    /// <summary>OpenRouter keeps a connection open like this while the request is queued.</summary>
    [Fact]
    public async Task Comments_while_a_model_thinks_do_no_harm()
    {
        await using var upstream = FakeUpstream.Start(async exchange =>
        {
            await exchange.StartSse();
            for (var i = 0; i < 5_000; i++)
            {
                await exchange.Send(": OPENROUTER PROCESSING\n\n");
            }

            await OpenAiScript.Piece(exchange, "at last");
            for (var i = 0; i < 5_000; i++)
            {
                await exchange.Send(": OPENROUTER PROCESSING\n\n");
            }

            await OpenAiScript.Finish(exchange, 2);
        });
        using var http = new ProviderHttp(TimeProvider.System);

        Assert.Equal(("at last", null), await ReadAsync(http, "openai", upstream, ChatTimeouts.Default));
    }

    /// <summary>An image that is ignored, most of it in one line.</summary>
    [Fact]
    public async Task Much_beside_an_answer_does_no_harm()
    {
        var part = new { inlineData = new { data = new string('A', 3_000_000) } };
        var picture = new { candidates = new[] { new { content = new { parts = new[] { part } } } } };
        await using var upstream = FakeUpstream.Start(async exchange =>
        {
            await exchange.StartSse();
            for (var i = 0; i < 8; i++)
            {
                await exchange.SendEvent(picture);
            }

            await exchange.SendEvent(
                new { candidates = new[] { new { content = new { parts = new[] { new { text = "four" } } }, finishReason = "STOP" } } });
        });
        using var http = new ProviderHttp(TimeProvider.System);

        Assert.Equal(("four", null), await ReadAsync(http, "google_genai", upstream, ChatTimeouts.Default));
    }

    [Fact]
    public async Task What_the_provider_wants_back_is_bounded()
    {
        await using var upstream = FakeUpstream.Start(async exchange =>
        {
            await exchange.StartSse();
            while (!exchange.ClientGone.IsCompleted)
            {
                var block = new { type = "redacted_thinking", data = new string('d', 200_000) };
                await exchange.SendEvent(new { type = "content_block_start", index = 0, content_block = block });
            }
        });
        using var http = new ProviderHttp(TimeProvider.System);

        Assert.Equal(ProviderFailure.TooLarge, (await ReadAsync(http, "anthropic", upstream, ChatTimeouts.Default)).Failure?.Failure);
    }

    private static IAsyncEnumerable<ChatDelta> Stream(ProviderHttp http, string kind, FakeUpstream upstream, ChatTimeouts timeouts) =>
        ProviderRegistry.Create(http).Get(kind).StreamAsync(
            ProviderHttpTests.Chat(upstream.BaseUrl) with { Endpoint = Endpoints.Local(kind, upstream.BaseUrl), Timeouts = timeouts },
            CancellationToken.None);

    private static async Task<(string Text, ProviderException? Failure)> ReadAsync(
        ProviderHttp http, string kind, FakeUpstream upstream, ChatTimeouts timeouts)
    {
        var text = new StringBuilder();
        try
        {
            await foreach (var delta in Stream(http, kind, upstream, timeouts))
            {
                text.Append(delta is ChatDelta.Text piece ? piece.Value : "");
            }

            return (text.ToString(), null);
        }
        catch (ProviderException exception)
        {
            return (text.ToString(), exception);
        }
    }
}
