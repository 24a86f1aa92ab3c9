using System.Net;
using System.Text.Json;
using AiChat.Tests.Chat;

namespace AiChat.Tests.Api;

/// <summary>Embeddings by every provider that has them, each asked in its own protocol.</summary>
[Collection(nameof(Measured))]
public sealed class CompatEmbeddingTests
{
    [Theory]
    [InlineData("ollama", "/api/embed", """{"embeddings":[[0.5,1],[2,3]],"prompt_eval_count":6}""", 6)]
    [InlineData(
        "google_genai", "/v1beta/models/fake-model:batchEmbedContents", """{"embeddings":[{"values":[0.5,1]},{"values":[2,3]}]}""", 2)]
    [InlineData(
        "azure_openai", "/openai/v1/embeddings", """{"data":[{"embedding":[0.5,1]},{"embedding":[2,3]}],"usage":{"prompt_tokens":5}}""", 5)]
    public async Task Each_provider_is_asked_in_its_own_words(string provider, string path, string reply, int tokens)
    {
        await using var steps = await CompatSteps.StartAsync(
            exchange => exchange.Reply(200, exchange.Request.Path.Contains("mbed", StringComparison.Ordinal) ? reply : "{}"), provider);

        var made = await (await steps.Script.PostJson(
            "/v1/embeddings", new { model = "fake-model", input = new[] { "one", "two" }, dimensions = 2 })).Json();

        Assert.Equal([0.5, 1], made.GetProperty("data")[0].GetProperty("embedding").EnumerateArray().Select(number => number.GetDouble()));
        Assert.Equal([2, 3], made.GetProperty("data")[1].GetProperty("embedding").EnumerateArray().Select(number => number.GetDouble()));
        Assert.Equal(tokens, made.GetProperty("usage").GetProperty("prompt_tokens").GetInt64());
        var sent = steps.Upstream.Chats().Single(exchange => exchange.Request.Path.Contains("mbed", StringComparison.Ordinal)).Request;
        Assert.Equal(path, sent.Path);
        Assert.Contains("\"one\"", sent.Text);
        Assert.Contains("\"two\"", sent.Text);
        UsageLimitTests.AssertBalanced(steps.Server, uncounted: 1);
    }

    [Theory]
    [InlineData("openai", "[1,2,3]", "[[1,2,3]]", 3)]
    [InlineData("openai", "[[1,2],[3]]", "[[1,2],[3]]", 3)]
    [InlineData("azure_openai", "[[1,2],[3]]", "[[1,2],[3]]", 3)]
    public async Task Texts_as_tokens_go_on_where_they_are_taken(string provider, string input, string sent, int tokens)
    {
        var count = JsonSerializer.Deserialize<int[][]>(sent)!.Length;
        await using var steps = await CompatSteps.StartAsync(
            exchange => exchange.Reply(200, $$"""{"data":[{{string.Join(',', Enumerable.Repeat("""{"embedding":[1]}""", count))}}]}"""),
            provider);

        var made = await (await steps.Script.PostJson(
            "/v1/embeddings", new { model = "fake-model", input = JsonSerializer.Deserialize<JsonElement>(input) })).Json();

        Assert.Equal(count, made.GetProperty("data").GetArrayLength());
        Assert.Equal(tokens, made.GetProperty("usage").GetProperty("prompt_tokens").GetInt64());
        Assert.Equal(
            sent,
            steps.Upstream.Chats()
                .Single(exchange => exchange.Request.Path.Contains("mbed", StringComparison.Ordinal)).Request.Json.GetProperty("input")
                .GetRawText());
    }

    [Theory]
    [InlineData("ollama", "[1,2,3]", "texts, not tokens")]
    [InlineData("google_genai", "[[1],[2]]", "texts, not tokens")]
    [InlineData("openai", "[1,-2]", "number of a token")]
    [InlineData("openai", "[1,2.5]", "number of a token")]
    [InlineData("openai", "[[1],\"a\"]", "mixes")]
    [InlineData("openai", "[\"a\",[1]]", "text")]
    [InlineData("openai", "[[]]", "none of them empty")]
    [InlineData("openai", "[]", "none of them empty")]
    public async Task Other_input_is_refused_by_name(string provider, string input, string said)
    {
        await using var steps = await CompatSteps.StartAsync(exchange => exchange.Reply(200, "{}"), provider);
        var error = await (await steps.Script.PostJson(
            "/v1/embeddings", new { model = "fake-model", input = JsonSerializer.Deserialize<JsonElement>(input) }))
            .Json(HttpStatusCode.BadRequest);
        Assert.Contains("input", error.GetProperty("error").Text("message"));
        Assert.Contains(said, error.GetProperty("error").Text("message"));
        Assert.DoesNotContain(steps.Upstream.Chats(), exchange => exchange.Request.Path.Contains("mbed", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("openai", "{\"data\":[{\"embedding\":[1]}]}")]
    [InlineData("openai", "{\"data\":[{\"embedding\":[1]},{\"embedding\":[]}]}")]
    [InlineData("openai", "{\"data\":[{\"embedding\":[1]},{\"embedding\":[2]},{\"embedding\":[3]}]}")]
    [InlineData("openai", "{\"data\":[{\"embedding\":[1]},{\"embedding\":[\"x\"]}]}")]
    [InlineData("openai", "{\"data\":[{\"embedding\":[1]},{\"embedding\":[2")]
    [InlineData("openai", "{\"data\":[{\"embedding\":[1]},{\"embedding\":[1e99]}]}")]
    [InlineData("openai", "{\"error\":{\"message\":\"no\"}}")]
    [InlineData("openai", "[1,2]")]
    [InlineData("ollama", "{\"embeddings\":[[1],[2],[3]]}")]
    [InlineData("ollama", "{\"embeddings\":[[1],2]}")]
    [InlineData("ollama", "{\"embeddings\":[]}")]
    [InlineData("google_genai", "{\"embeddings\":[{\"values\":[1]},{\"values\":{}}]}")]
    public async Task A_reply_without_a_vector_for_each_text_is_the_providers_failure(string provider, string reply)
    {
        await using var steps = await CompatSteps.StartAsync(
            exchange => exchange.Reply(200, exchange.Request.Path.Contains("mbed", StringComparison.Ordinal) ? reply : "{}"), provider);
        await (await steps.Script.PostJson("/v1/embeddings", new { model = "fake-model", input = new[] { "one", "two" } }))
            .Expect(HttpStatusCode.BadGateway);
        UsageLimitTests.AssertBalanced(steps.Server);
    }

    [Theory]
    [InlineData(
        "{\"usage\":{\"prompt_tokens\":5},\"data\":[{\"embedding\":[0.5,-1e-3],\"index\":0},{\"meta\":[7],\"embedding\":[2,3]}],"
        + "\"error\":null}",
        "[0.5,-0.001]", 5)]
    [InlineData("{\"data\":[{\"embedding\":[ 0.5 ,\\n1 ]},{\"embedding\":[2,3]}],\"usage\":{\"prompt_tokens\":\"many\"}}", "[0.5,1]", 2)]
    public async Task A_reply_may_hold_more_and_in_another_order(string reply, string first, int tokens)
    {
        await using var steps =
            await CompatSteps.StartAsync(exchange => exchange.Reply(200, reply.Replace("\\n", "\n", StringComparison.Ordinal)));
        var made =
            await (await steps.Script.PostJson("/v1/embeddings", new { model = "fake-model", input = new[] { "one", "two" } })).Json();
        Assert.Equal(first, made.GetProperty("data")[0].GetProperty("embedding").GetRawText());
        Assert.Equal("[2,3]", made.GetProperty("data")[1].GetProperty("embedding").GetRawText());
        Assert.Equal(tokens, made.GetProperty("usage").GetProperty("prompt_tokens").GetInt32());
    }

    [Fact]
    public async Task Two_thousand_long_vectors_come_through_whole()
    {
        const int count = 2_000, length = 1_536;
        var vector = $"{{\"embedding\":[{string.Join(',', Enumerable.Range(0, length).Select(n => $"-0.{n + 10_000:00000}1"))}]}}";
        await using var steps = await CompatSteps.StartAsync(
            exchange => exchange.Reply(200, $"{{\"data\":[{string.Join(',', Enumerable.Repeat(vector, count))}]}}"));
        var before = steps.Server.ResetPeak();

        var made = await (await steps.Script.PostJson(
            "/v1/embeddings", new { model = "fake-model", input = Enumerable.Repeat("x", count) })).Json();

        Assert.Equal(count, made.GetProperty("data").GetArrayLength());
        Assert.All(made.GetProperty("data").EnumerateArray(), item => Assert.Equal(length, item.GetProperty("embedding").GetArrayLength()));
        if (before is { } idle)
        {
            Assert.InRange(steps.Server.GrownSince(idle), 0, 160L << 20); // 32 MB as text, held while they are read; 12 MB as numbers
        }
    }

    [Fact]
    public async Task A_reply_longer_than_what_was_asked_for_can_be_is_given_up()
    {
        await using var steps = await CompatSteps.StartAsync(
            exchange => exchange.Reply(200, "{\"data\":[{\"embedding\":[" + string.Concat(Enumerable.Repeat("1,", 8_000_000)) + "1]}]}"));
        var before = steps.Server.ResetPeak();
        await (await steps.Script.PostJson("/v1/embeddings", new { model = "fake-model", input = "x" })).Expect(HttpStatusCode.BadGateway);
        if (before is { } idle)
        {
            Assert.InRange(steps.Server.GrownSince(idle), 0, 16L << 20);
        }
    }

    [Fact]
    public async Task A_key_that_is_refused_is_followed_by_the_next()
    {
        await using var steps =
            await CompatSteps.StartAsync(exchange => exchange.Request.Headers.TryGetValue("Authorization", out var sent) && sent.EndsWith(
                "good", StringComparison.Ordinal)
            ? exchange.Reply(200, """{"data":[{"embedding":[1]}]}""") : exchange.Reply(401, "{}"));
        await (await steps.Admin.PutJson(
            $"/api/connections/{steps.Connection}", new { authType = "bearer", keys = new[] { "key-bad", "key-good" } }))
            .Expect(HttpStatusCode.OK);
        await (await steps.Script.PostJson("/v1/embeddings", new { model = "fake-model", input = "x" })).Expect(HttpStatusCode.OK);
        await (await steps.Script.PostJson("/v1/embeddings", new { model = "fake-model", input = "x" })).Expect(HttpStatusCode.OK);
    }
}
