using System.Net;
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
