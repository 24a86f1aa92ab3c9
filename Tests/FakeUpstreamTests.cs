using System.Net;

namespace AiChat.Tests;

/// <summary>The fake fails in the ways it claims; otherwise the tests that use it prove nothing.</summary>
public sealed class FakeUpstreamTests
{
    [Fact]
    public async Task A_scripted_answer_streams_and_the_request_is_kept_to_the_byte()
    {
        await using var upstream = FakeUpstream.Start(OpenAiScript.Answer(["m1"], "Hel", "lo"));
        using var client = new HttpClient();
        using var response = await client.PostRaw(upstream.BaseUrl + "/chat/completions", """{"model":"m1"}""");
        var body = await response.Content.ReadAsStringAsync();
        Assert.Contains("\"content\":\"Hel\"", body);
        Assert.EndsWith("data: [DONE]\n\n", body);
        var request = (await upstream.NextRequestAsync()).Request;
        Assert.Equal("/v1/chat/completions", request.Path);
        Assert.Equal("""{"model":"m1"}""", request.Text);
    }

    [Fact]
    public async Task A_reset_reaches_the_caller_as_a_broken_answer()
    {
        await using var upstream = FakeUpstream.Start(async exchange =>
        {
            await exchange.StartSse();
            await exchange.Send("data: {\"half\"");
            exchange.Reset();
        });
        using var client = new HttpClient();
        await Assert.ThrowsAnyAsync<HttpRequestException>(() => client.GetStringAsync(upstream.BaseUrl));
    }

    [Fact]
    public async Task An_aborted_body_is_seen_as_truncated()
    {
        await using var upstream = FakeUpstream.Start(async exchange =>
        {
            await exchange.StartSse();
            await exchange.Send("data: 1\n\n");
            exchange.Abort();
        });
        using var client = new HttpClient();
        await Assert.ThrowsAnyAsync<HttpRequestException>(() => client.GetStringAsync(upstream.BaseUrl));
    }

    [Fact]
    public async Task The_end_of_the_caller_is_signalled()
    {
        await using var upstream = FakeUpstream.Start(async exchange =>
        {
            await exchange.StartSse();
            await exchange.Stall();
        });
        using var client = new HttpClient();
        var response = await client.GetAsync(upstream.BaseUrl, HttpCompletionOption.ResponseHeadersRead);
        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        var exchange = await upstream.NextRequestAsync();
        Assert.False(exchange.ClientGone.IsCompleted);
        response.Dispose();
        await exchange.ClientGone.WaitAsync(TimeSpan.FromSeconds(10));
        Assert.Equal(1, upstream.Connections);
    }
}
