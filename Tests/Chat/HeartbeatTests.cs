using System.Diagnostics;
using AiChat.Tests.Api;

namespace AiChat.Tests.Chat;

/// <summary>No stream is silent for longer than the interval: that of the page, of a reader that comes back, and those under /v1.</summary>
public sealed class HeartbeatTests
{
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(3);

    [Fact]
    public async Task Every_stream_speaks_within_the_interval()
    {
        var release = new TaskCompletionSource();
        await using var steps = await CompatSteps.StartAsync(async exchange =>
        {
            await exchange.StartSse();
            await OpenAiScript.Piece(exchange, "first");
            await release.Task;
            await OpenAiScript.Finish(exchange, 1);
        });
        await UsageLimitTests.Set(steps.Admin, new { sseHeartbeatIntervalMs = Interval.TotalMilliseconds });
        var chat = await steps.Admin.NewSession(steps.Connection);
        var page = await steps.Admin.Ask(chat, "hi");
        await page.ReadUntilAsync(frame => frame.Data.Contains("first", StringComparison.Ordinal));
        var running = (await steps.Admin.GetJson($"/api/sessions/{chat}")).GetProperty("activeRunMessageId").GetInt64();
        SseStream[] streams =
        [
            page,
            await SseStream.OpenAsync(await steps.Admin.GetAsync(
                $"/api/chat/stream/{running}?after=0", HttpCompletionOption.ResponseHeadersRead)),
            await steps.Script.PostStream("/v1/chat/completions", CompatSteps.Ask("hi", stream: true)),
            await steps.Script.PostStream("/v1/completions", new { model = "fake-model", prompt = "hi", stream = true }),
            await steps.Script.PostStream("/v1/responses", new { model = "fake-model", input = "hi", stream = true }),
            await steps.Script.PostStream("/v1/messages", new
            {
                model = "fake-model",
                max_tokens = 9,
                stream = true,
                messages = new[] { new { role = "user", content = "hi" } },
            }),
        ];

        var silences = await Task.WhenAll(streams.Select(LongestSilence));

        Assert.All(silences, silence => Assert.InRange(silence, TimeSpan.FromSeconds(0.5), Interval));
        release.SetResult();
        foreach (var stream in streams)
        {
            await stream.DisposeAsync();
        }
    }

    /// <summary>Over two intervals, read as bytes: a heartbeat may be a comment or an event.</summary>
    private static async Task<TimeSpan> LongestSilence(SseStream stream)
    {
        var (begun, last, longest) = (Stopwatch.GetTimestamp(), Stopwatch.GetTimestamp(), TimeSpan.Zero);
        while (Stopwatch.GetElapsedTime(begun) < 2 * Interval)
        {
            await stream.LineAsync();
            var silence = Stopwatch.GetElapsedTime(last);
            (last, longest) = (Stopwatch.GetTimestamp(), silence > longest ? silence : longest);
        }

        return longest;
    }
}
