using System.Net;
using System.Text.Json;
using AiChat.Tests.Api;

namespace AiChat.Tests.Chat;

/// <summary>
/// Ollama loads a model anew when a call wants another context, and takes memory for all of it: every call says the same, and nobody gets a
/// large one unasked. Reported of others: Aider-AI/aider 4687, clusterzx/paperless-ai 811 and 859, continuedev/continue 4545,
/// run-llama/llama_index 14813.
/// </summary>
public sealed class OllamaMemoryTests
{
    [Fact]
    public async Task All_calls_of_a_model_ask_for_one_context_and_keep_it_loaded()
    {
        await using var steps = await StartAsync();
        await Patch(steps, new { titleModel = "llama3.1", ollamaKeepAlive = "1h30m", requestsPerMinute = 0 });
        var turns = new[] { new { role = "user", content = "hi" } };

        await steps.Admin.AskAndWait(await steps.Admin.NewSession(steps.Connection, "llama3.1"), "hi");
        await (await steps.Chat(new { model = "llama3.1", messages = turns })).Expect(HttpStatusCode.OK);
        await (await steps.Script.PostJson("/v1/messages", new { model = "llama3.1", max_tokens = 9, messages = turns }))
            .Expect(HttpStatusCode.OK);
        await (await steps.Script.PostJson("/v1/embeddings", new { model = "llama3.1", input = "hi" })).Expect(HttpStatusCode.OK);
        await Eventually.Holds(() => Task.FromResult(Calls(steps).Count == 5)); // the title too

        var calls = Calls(steps);
        Assert.All(calls, call => Assert.Equal("1h30m", call.Text("keep_alive")));
        Assert.All(calls.Where(call => call.TryGetProperty("messages", out _)), call => Assert.Equal(8_192, Context(call)));
    }

    /// <summary>Its list says llama3.1:latest (Ollama docs, "API": "Model names"), so the model is known although typed without.</summary>
    [Fact]
    public async Task A_model_typed_by_hand_gets_no_large_context_unasked()
    {
        await using var steps = await StartAsync();
        var chosen = await steps.Admin.NewSession(steps.Connection, "llama3.1");
        var unknown = await steps.Admin.NewSession(steps.Connection, "unknown");
        var cloud = await steps.Admin.NewSession(steps.Connection, "gpt-oss:120b-cloud");

        await steps.Admin.AskAndWait(unknown, "hi");
        Assert.Equal(8_192, Context(Calls(steps)[^1]));
        await steps.Admin.AskAndWait(cloud, "hi");
        Assert.Equal(131_072, Context(Calls(steps)[^1]));
        await Patch(steps, new { defaultContextTokenLimit = 20_000 });
        await steps.Admin.AskAndWait(unknown, "again");
        Assert.Equal(20_000, Context(Calls(steps)[^1]));
        var limit = new { connectionId = steps.Connection, model = "llama3.1", contextLimit = 32_768 };
        await (await steps.Admin.PutJson("/api/catalog/models", limit)).Expect(HttpStatusCode.OK);
        await steps.Admin.AskAndWait(chosen, "hi");
        Assert.Equal(32_768, Context(Calls(steps)[^1]));
    }

    /// <summary>Go's durations and seconds (Ollama docs, "FAQ": "How do I keep a model loaded in memory").</summary>
    [Theory]
    [InlineData("-1", "-1")]
    [InlineData("0", "0")]
    [InlineData("3600", "3600")]
    [InlineData("-1m", "\"-1m\"")]
    [InlineData("1.5h", "\"1.5h\"")]
    [InlineData("500ms", "\"500ms\"")]
    [InlineData("30 m", null)]
    [InlineData("soon", null)]
    public async Task Keep_alive_is_what_Ollama_reads(string value, string? sent)
    {
        await using var steps = await StartAsync();

        using var answer = await steps.Admin.PatchJson("/api/settings/system", new { ollamaKeepAlive = value });
        await steps.Admin.AskAndWait(await steps.Admin.NewSession(steps.Connection, "unknown"), "hi");

        Assert.Equal(sent is null ? HttpStatusCode.UnprocessableEntity : HttpStatusCode.OK, answer.StatusCode);
        var call = Calls(steps)[^1];
        Assert.Equal(sent, call.TryGetProperty("keep_alive", out var kept) ? kept.GetRawText() : null);
    }

    private static async Task Patch(CompatSteps steps, object change) =>
        await (await steps.Admin.PatchJson("/api/settings/system", change)).Expect(HttpStatusCode.OK);

    private static int Context(JsonElement call) => call.GetProperty("options").GetProperty("num_ctx").GetInt32();

    private static List<JsonElement> Calls(CompatSteps steps) => [.. steps.Upstream.Chats()
        .Where(chat => chat.Request.Path is "/api/chat" or "/api/embed").Select(chat => chat.Request.Json)];

    private static async Task<CompatSteps> StartAsync()
    {
        var steps = await CompatSteps.StartAsync(Ollama, "ollama", ["llama3.1", "unknown", "gpt-oss:120b-cloud"]);
        await Eventually.Holds(async () => (await steps.Admin.GetJson("/api/catalog/models")).GetProperty("items").EnumerateArray()
            .Any(model => model.Text("id") == "gpt-oss:120b-cloud" && model.GetProperty("contextLimit").GetInt32() == 131_072));
        return steps;
    }

    private static Task Ollama(FakeExchange exchange) => exchange.Request.Path switch
    {
        "/api/tags" => exchange.Reply(
            200, """{"models":[{"model":"llama3.1:latest"},{"model":"gpt-oss:120b-cloud"}]}"""),
        "/api/show" when exchange.Request.Text.Contains("cloud") => exchange.Reply(
            200, """{"remote_host":"https://ollama.com:443","model_info":{"general.architecture":"g","g.context_length":131072}}"""),
        "/api/show" => exchange.Reply(200, """{"model_info":{"general.architecture":"llama","llama.context_length":131072}}"""),
        "/api/embed" => exchange.Reply(200, """{"embeddings":[[1,2]],"prompt_eval_count":1}"""),
        _ => exchange.Reply(200, """{"message":{"role":"assistant","content":"ok"},"done":true,"done_reason":"stop"}"""),
    };
}
