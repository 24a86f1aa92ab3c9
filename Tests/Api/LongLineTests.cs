using System.Net;
using AiChat.Providers.Transport;
using AiChat.Tests.Chat;

namespace AiChat.Tests.Api;

/// <summary>Behind /v1 a line of a reply may be as long as a picture of a model needs; it reaches the client whole.</summary>
[Collection(nameof(Measured))]
public sealed class LongLineTests
{
    private const int Length = 20 << 20;
    private const string Mark = "LONG";

    [Theory]
    [InlineData("openai", "/v1/chat/completions", true,
        """{"choices":[{"delta":{"images":[{"image_url":{"url":"data:image/png;base64,LONG"}}]},"finish_reason":"stop"}]}""")]
    [InlineData("openai", "/v1/chat/completions", false,
        """{"choices":[{"message":{"images":[{"image_url":{"url":"data:image/png;base64,LONG"}}]},"finish_reason":"stop"}]}""")]
    [InlineData("openai_responses", "/v1/responses", true,
        """{"type":"response.completed","response":{"output":[{"type":"image_generation_call","id":"i","result":"LONG"}]}}""")]
    [InlineData("anthropic", "/v1/messages", false,
        """{"type":"message","content":[{"type":"x_tool_result","content":"LONG"}],"stop_reason":"end_turn","usage":{"input_tokens":1}}""")]
    [InlineData("google_genai", "/v1/chat/completions", true,
        """{"candidates":[{"content":{"parts":[{"inlineData":{"mimeType":"image/png","data":"LONG"}}]},"finishReason":"STOP"}]}""")]
    public async Task A_line_of_twenty_megabytes_arrives_whole(string provider, string path, bool stream, string reply)
    {
        var picture = new string('A', Length);
        var line = reply.Replace(Mark, picture);
        await using var steps = await CompatSteps.StartAsync(
            exchange => stream
                ? exchange.Reply(200, $"data: {line}\n\n", "text/event-stream") : exchange.Reply(200, line),
            provider);
        object body = path.EndsWith("responses", StringComparison.Ordinal)
            ? new { model = "fake-model", stream, input = "a fox" }
            : new { model = "fake-model", stream, max_tokens = 9, messages = new[] { new { role = "user", content = "a fox" } } };

        using var answer = await steps.Script.PostJson(path, body);

        var text = await answer.Content.ReadAsStringAsync();
        Assert.True(answer.StatusCode == HttpStatusCode.OK, text[..Math.Min(300, text.Length)]);
        var (begin, end) = (text[..Math.Min(300, text.Length)], text[^Math.Min(300, text.Length)..]);
        Assert.True(Longest(text) == Length, $"{text.Length} letters: {begin} ... {end}");
        Assert.True(text.Length < 2 * Length);
        Assert.DoesNotContain("\"error\":{", text);
        await Eventually.Holds(() => UsageLimitTests.Number(
            steps.Server, "select count(*) from usage_entries where status = 'done'") == 1);
    }

    /// <summary>An endless line is given up at the longest, with the reason, whoever reads it.</summary>
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task An_endless_line_is_given_up(bool stream)
    {
        await using var steps = await CompatSteps.StartAsync(OpenAiScript.EndlessLine);

        var answer = await (await steps.Chat(CompatSteps.Ask("hi", stream))).Content.ReadAsStringAsync();

        Assert.Contains($"longer than {ProviderCall.MaxLine} bytes", answer);
        await Eventually.Holds(() => UsageLimitTests.Number(
            steps.Server, "select count(*) from usage_entries where status = 'failed'") == 1);
    }

    /// <summary>The length of the longest row of A.</summary>
    private static int Longest(string text)
    {
        var (longest, row) = (0, 0);
        foreach (var letter in text)
        {
            row = letter == 'A' ? row + 1 : 0;
            longest = Math.Max(longest, row);
        }

        return longest;
    }
}
