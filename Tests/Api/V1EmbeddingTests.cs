using System.Net;
using System.Text.Json;
using AiChat.Tests.Chat;

namespace AiChat.Tests.Api;

/// <summary>Embeddings by every provider that has them, each asked in its own protocol.</summary>
public sealed class V1EmbeddingTests
{
    [Theory]
    [InlineData("ollama", "/api/embed", """{"embeddings":[[0.5,1],[2,3]],"prompt_eval_count":6}""", 6)]
    [InlineData("google_genai", "/v1beta/models/fake-model:batchEmbedContents", """{"embeddings":[{"values":[0.5,1]},{"values":[2,3]}]}""", 2)]
    [InlineData("azure_openai", "/openai/v1/embeddings", """{"data":[{"embedding":[0.5,1]},{"embedding":[2,3]}],"usage":{"prompt_tokens":5}}""", 5)]
    public async Task Each_provider_is_asked_in_its_own_words(string provider, string path, string reply, int tokens)
    {
        await using var steps = await V1Steps.StartAsync(exchange => exchange.Reply(200, exchange.Request.Path.Contains("mbed", StringComparison.Ordinal) ? reply : "{}"), provider);

        var made = await (await steps.Script.PostJson("/v1/embeddings", new { model = "fake-model", input = new[] { "one", "two" }, dimensions = 2 })).Json();

        Assert.Equal([0.5, 1], made.GetProperty("data")[0].GetProperty("embedding").EnumerateArray().Select(number => number.GetDouble()));
        Assert.Equal([2, 3], made.GetProperty("data")[1].GetProperty("embedding").EnumerateArray().Select(number => number.GetDouble()));
        Assert.Equal(tokens, made.GetProperty("usage").GetProperty("prompt_tokens").GetInt64());
        var sent = steps.Upstream.Chats().Single(exchange => exchange.Request.Path.Contains("mbed", StringComparison.Ordinal)).Request;
        Assert.Equal(path, sent.Path);
        Assert.Contains("\"one\"", sent.Text);
        Assert.Contains("\"two\"", sent.Text);
        GateTests.AssertBalanced(steps.Server);
    }

    [Theory]
    [InlineData("openai", "[1,2,3]", "[[1,2,3]]", 3)]
    [InlineData("openai", "[[1,2],[3]]", "[[1,2],[3]]", 3)]
    [InlineData("azure_openai", "[[1,2],[3]]", "[[1,2],[3]]", 3)]
    public async Task Texts_as_tokens_go_on_where_they_are_taken(string provider, string input, string sent, int tokens)
    {
        var count = JsonSerializer.Deserialize<int[][]>(sent)!.Length;
        await using var steps = await V1Steps.StartAsync(
            exchange => exchange.Reply(200, $$"""{"data":[{{string.Join(',', Enumerable.Repeat("""{"embedding":[1]}""", count))}}]}"""), provider);

        var made = await (await steps.Script.PostJson("/v1/embeddings", new { model = "fake-model", input = JsonSerializer.Deserialize<JsonElement>(input) })).Json();

        Assert.Equal(count, made.GetProperty("data").GetArrayLength());
        Assert.Equal(tokens, made.GetProperty("usage").GetProperty("prompt_tokens").GetInt64());
        Assert.Equal(sent, steps.Upstream.Chats().Single(exchange => exchange.Request.Path.Contains("mbed", StringComparison.Ordinal)).Request.Json.GetProperty("input").GetRawText());
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
        await using var steps = await V1Steps.StartAsync(exchange => exchange.Reply(200, "{}"), provider);
        var error = await (await steps.Script.PostJson("/v1/embeddings", new { model = "fake-model", input = JsonSerializer.Deserialize<JsonElement>(input) })).Json(HttpStatusCode.BadRequest);
        Assert.Contains("input", error.GetProperty("error").Text("message"));
        Assert.Contains(said, error.GetProperty("error").Text("message"));
        Assert.DoesNotContain(steps.Upstream.Chats(), exchange => exchange.Request.Path.Contains("mbed", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_key_that_is_refused_is_followed_by_the_next()
    {
        await using var steps = await V1Steps.StartAsync(exchange => exchange.Request.Headers.TryGetValue("Authorization", out var sent) && sent.EndsWith("good", StringComparison.Ordinal)
            ? exchange.Reply(200, """{"data":[{"embedding":[1]}]}""") : exchange.Reply(401, "{}"));
        await (await steps.Admin.PutJson($"/api/connections/{steps.Connection}", new { authType = "bearer", keys = new[] { "key-bad", "key-good" } })).Expect(HttpStatusCode.OK);
        await (await steps.Script.PostJson("/v1/embeddings", new { model = "fake-model", input = "x" })).Expect(HttpStatusCode.OK);
        await (await steps.Script.PostJson("/v1/embeddings", new { model = "fake-model", input = "x" })).Expect(HttpStatusCode.OK);
    }
}
