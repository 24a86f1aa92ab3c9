using System.Net;
using System.Text.Json;
using AiChat.Tests.Chat;

namespace AiChat.Tests.Api;

/// <summary>
/// An answer that a program began, at vendors that want it marked: docs.mistral.ai "Prefix", api-docs.deepseek.com "Chat Prefix
/// Completion", platform.kimi.ai and help.aliyun.com "Partial Mode". They are asked by their own names, through a proxy that leads here.
/// </summary>
public sealed class PrefillTests
{
    [Theory]
    [InlineData("api.mistral.ai/v1", "prefix")]
    [InlineData("api.deepseek.com/beta", "prefix")]
    [InlineData("api.deepseek.com", null)]
    [InlineData("api.moonshot.cn/v1", "partial")]
    [InlineData("api.kimi.com/coding/v1", "partial")]
    [InlineData("dashscope.aliyuncs.com/compatible-mode/v1", "partial")]
    [InlineData("dashscope-intl.aliyuncs.com/compatible-mode/v1", "thinks")]
    public async Task A_begun_answer_goes_on_where_it_stopped(string address, string? mark)
    {
        await using var vendor = FakeUpstream.Start(exchange => exchange.Request.Method == "GET"
            ? exchange.Reply(200, """{"data":[]}""") : Vendor(exchange, address));

        var answer = await Ask(vendor, address, """[{"role":"user","content":"count"},{"role":"assistant","content":"One two"}]""");

        Assert.Equal(" three", answer.GetProperty("content")[0].Text("text"));
        var last = Last(vendor.Chats()[^1]);
        Assert.Equal(
            (mark is null or "thinks" ? "user" : "assistant", mark is "prefix", mark is "partial"),
            (last.Text("role"), last.TryGetProperty("prefix", out _), last.TryGetProperty("partial", out _)));
    }

    /// <summary>
    /// On the page: "Continue" begins the answer with what is there where the vendor takes that, and asks for the rest elsewhere.
    /// </summary>
    [Theory]
    [InlineData("api.mistral.ai/v1", "prefix")]
    [InlineData("api.moonshot.cn/v1", "partial")]
    [InlineData("api.deepseek.com", null)]
    [InlineData("api.example/v1", null)]
    [InlineData("dashscope-intl.aliyuncs.com/compatible-mode/v1", null)]
    public async Task The_page_goes_on_in_the_same_way(string address, string? mark)
    {
        await using var vendor = FakeUpstream.Start(exchange => exchange.Request.Method == "GET"
            ? exchange.Reply(200, """{"data":[]}""")
            : Asks(exchange) ? OpenAiScript.Stream(exchange, "One two") : Vendor(exchange, address));
        await using var proxy = new FakeProxy(vendor.Port);
        await using var server = await Server(proxy);
        var admin = await server.RegisterAdminAsync();
        var session = await admin.NewSession(await Connect(admin, address), "m");
        var messageId = (await admin.AskAndWait(session, "count")).Id();

        await using var more = await admin.PostStream("/api/chat/continue", new { messageId, clientMessageId = ChatSteps.NewId() });
        await more.ReadAllAsync();

        Assert.Equal("One two three", (await admin.Messages(session))[^1].Text("content"));
        var last = Last(vendor.Chats()[^1]);
        Assert.Equal(mark is null ? "user" : "assistant", last.Text("role"));
        Assert.Equal(mark is null, last.Text("content")!.StartsWith("Continue exactly", StringComparison.Ordinal));
        Assert.True(mark is null || last.GetProperty(mark).GetBoolean());
    }

    /// <summary>A thinking model refuses a call without the thought that led to it; another model's call has none.</summary>
    [Theory]
    [InlineData("api.deepseek.com")]
    [InlineData("api.moonshot.ai/v1")]
    [InlineData("api.kimi.com/coding/v1")]
    public async Task Calls_of_another_model_have_something_for_a_thought(string address)
    {
        await using var vendor = FakeUpstream.Start(OpenAiScript.Answer(["m"], "ok"));

        await Ask(vendor, address, """
            [{"role":"user","content":"q"},{"role":"assistant","content":[{"type":"tool_use","id":"t","name":"f","input":{}}]},
            {"role":"user","content":[{"type":"tool_result","tool_use_id":"t","content":"x"}]}]
            """);

        var call = vendor.Chats()[^1].Request.Json.GetProperty("messages")[1];
        Assert.NotEqual("", call.Text("reasoning_content"));
    }

    /// <summary>A server that knows the vendor by its name is asked for one message.</summary>
    private static async Task<JsonElement> Ask(FakeUpstream vendor, string address, string messages)
    {
        await using var proxy = new FakeProxy(vendor.Port);
        await using var server = await Server(proxy);
        var admin = await server.RegisterAdminAsync();
        await Connect(admin, address);
        using var script = KeysTests.With(server, (await KeysTests.Make(admin, new { name = "script" })).Text("key")!);
        return await (await script.PostRaw("/v1/messages", $$"""{"model":"m","max_tokens":9,"messages":{{messages}}}""")).Json();
    }

    private static Task<TestServer> Server(FakeProxy proxy) => TestServer.StartAsync(
        new TestServerOptions { Variables = new Dictionary<string, string> { ["HTTP_PROXY"] = proxy.Http } });

    private static async Task<long> Connect(HttpClient admin, string address) => (await (await admin.PostJson("/api/connections", new
    {
        name = "Vendor",
        provider = "openai",
        baseUrl = $"http://{address}",
        key = "key-1-for-this-test",
        modelIds = new[] { "m" },
    })).Json(HttpStatusCode.Created)).Id();

    // The question itself, and not what goes on with its answer.
    private static bool Asks(FakeExchange exchange) => Last(exchange).Text("content") == "count";

    private static JsonElement Last(FakeExchange exchange) => exchange.Request.Json.GetProperty("messages").EnumerateArray().Last();

    // As the vendors do: Mistral says the beginning again, the plain DeepSeek refuses it, and so does Qwen while it thinks.
    private static Task Vendor(FakeExchange exchange, string address)
    {
        var isBegun = Last(exchange).Text("role") == "assistant";
        var refusal = !isBegun ? null
            : address == "api.deepseek.com" ? "The last message of deepseek-chat must be a user message"
            : address.Contains("intl") ? "Partial mode is not supported in thinking mode." : null;
        return refusal is not null
            ? exchange.Reply(400, JsonSerializer.Serialize(new { error = new { message = refusal, type = "invalid_request_error" } }))
            : OpenAiScript.Stream(exchange, address.Contains("mistral") ? ["One ", "two th", "ree"] : [" three"]);
    }
}
