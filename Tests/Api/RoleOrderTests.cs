using System.Net;
using System.Text.Json;
using AiChat.Tests.Chat;

namespace AiChat.Tests.Api;

/// <summary>
/// The order of roles that a client of another protocol may use and a server refuses, in the words in which servers say so: it is asked
/// once more in the strictest order, and from then on at once.
/// </summary>
public sealed class RoleOrderTests
{
    private const string Messages = "/v1/messages";
    private const string Chat = "/v1/chat/completions";

    /// <summary>A reminder beside the result of a tool, as Claude Code writes it.</summary>
    private const string AfterResult =
        """
        [{"role":"user","content":"q"},{"role":"assistant","content":[{"type":"tool_use","id":"t1","name":"f","input":{}}]},
        {"role":"user","content":[{"type":"tool_result","tool_use_id":"t1","content":"cold"},{"type":"text","text":"Remember."}]}]
        """;

    private const string Prefilled = """[{"role":"user","content":"q"},{"role":"assistant","content":"It is"}]""";
    private const string AssistantFirst = """[{"role":"assistant","content":"Welcome."},{"role":"user","content":"q"}]""";

    // Code 1214 of Zhipu and of its international site, which say no more of what is wrong.
    private const string Zhipu = """{"error":{"code":"1214","message":"messages 参数非法。请检查文档。"}}""";
    private const string Zai =
        """{"error":{"code":"1214","message":"The messages parameter is illegal. Please check the documentation."}}""";

    [Theory]
    [InlineData(Messages, AfterResult, "openai", 400, "Unexpected role 'user' after role 'tool'", "user assistant tool assistant user")]
    [InlineData(
        Messages, AfterResult, "openai", 400,
        "After the optional system message, conversation roles must alternate user and assistant roles except for tool calls and results.",
        "user assistant tool assistant user")]
    [InlineData(
        Messages, Prefilled, "openai", 400, "Expected last role User or Tool (or Assistant with prefix True) for serving but got assistant",
        "user assistant user")]
    [InlineData(Messages, Prefilled, "openai", 400, "Last message must have role `user`.", "user assistant user")]
    [InlineData(
        Messages, Prefilled, "openai", 500, "Assistant response prefill is incompatible with enable_thinking.", "user assistant user")]
    [InlineData(
        Messages, Prefilled, "openai", 400,
        "The last message of deepseek-reasoner must be a user message, or an assistant message with prefix mode on", "user assistant user")]
    [InlineData(
        Messages, AssistantFirst, "openai", 500, "Conversation roles must alternate user/assistant/user/assistant/...",
        "user assistant user")]
    [InlineData(
        Messages, AssistantFirst, "openai", 400,
        "After the (optional) system message(s), user and assistant roles should be alternating.", "user assistant user")]
    [InlineData(
        Chat, Prefilled, "anthropic", 400,
        "This model does not support assistant message prefill. The conversation must end with a user message.", "user assistant user")]
    [InlineData(
        Chat, Prefilled, "google_genai", 400, "Please ensure that single turn requests end with a user role or the role field is empty.",
        "user model user")]
    [InlineData(
        Chat, AssistantFirst, "google_genai", 400, "Please ensure that multiturn requests alternate between user and model.",
        "user model user")]
    [InlineData(
        Messages, AssistantFirst, "ollama", 500, "template: :1: error calling raise: Conversation roles must alternate",
        "user assistant user")]
    [InlineData(Messages, AssistantFirst, "openai", 400, Zhipu, "user assistant user")]
    [InlineData(Messages, AssistantFirst, "openai", 400, Zai, "user assistant user")]
    [InlineData(Messages, Prefilled, "openai", 400, "'messages' : last message role must be 'user'", "user assistant user")]
    [InlineData(
        Messages, AfterResult, "openai", 400,
        "invalid request: cannot specify message if the last entry in chat history contains tool results",
        "user assistant tool assistant user")]
    [InlineData(
        Messages, AssistantFirst, "openai", 400,
        "A conversation must start with a user message. Try again with a conversation that starts with a user message.",
        "user assistant user")]
    [InlineData(
        Messages, Prefilled, "openai", 400, "The last message in a Gemini request must not be from the assistant", "user assistant user")]
    [InlineData(
        Chat, Prefilled, "anthropic", 400,
        "Your API request included an `assistant` message in the final position, which would pre-fill the `assistant` response.",
        "user assistant user")]
    [Trait("Nodes", "One")] // each server learns the order once
    public async Task A_refused_order_is_mended_once_and_kept(
        string path, string turns, string provider, int status, string refusal, string expected)
    {
        await using var steps = await CompatSteps.StartAsync(
            exchange => exchange.Request.Body.Length == 0 ? exchange.Reply(200, "{}")
                : Roles(exchange.Request.Json) == expected ? Answer(exchange, provider)
                : exchange.Reply(
                    status, refusal[0] == '{' ? refusal : JsonSerializer.Serialize(new { error = new { message = refusal } })),
            provider);
        var body = $$"""{"model":"fake-model","max_tokens":9,"messages":{{turns}}}""";

        await (await steps.Script.PostRaw(path, body)).Expect(HttpStatusCode.OK);
        Assert.Equal(2, steps.Upstream.Chats().Count);
        await (await steps.Script.PostRaw(path, body)).Expect(HttpStatusCode.OK);

        Assert.Equal(3, steps.Upstream.Chats().Count);
        foreach (var said in (string[])["\"q\"", "Remember.", "cold", "It is", "Welcome."])
        {
            Assert.Equal(turns.Split(said).Length, steps.Sent.GetRawText().Split(said).Length); // nothing is lost or said twice
        }
    }

    /// <summary>
    /// Servers that want a word in every message, as xAI and Cohere say it: a call has none, and a tool may answer nothing.
    /// </summary>
    [Theory]
    [InlineData("Invalid request content: Each message must have at least one content element.")]
    [InlineData("An empty message was provided. Every message needs at least one non-empty content element.")]
    [InlineData("invalid request: all elements in history must have a message.")]
    public async Task A_message_without_a_word_gets_one_where_it_must(string refusal)
    {
        await using var steps = await CompatSteps.StartAsync(exchange => exchange.Request.Text.Contains("\"content\":\"\"")
            ? exchange.Reply(400, JsonSerializer.Serialize(new { code = "Client specified an invalid argument", error = refusal }))
            : Answer(exchange, "openai"));
        var body = $$"""{"model":"fake-model","max_tokens":9,"messages":{{AfterResult.Replace("cold", "")}}}""";

        await (await steps.Script.PostRaw(Messages, body)).Expect(HttpStatusCode.OK);

        Assert.Equal("user assistant tool assistant user", Roles(steps.Sent));
        Assert.Equal(2, steps.Upstream.Chats().Count);
    }

    /// <summary>A client of the server's own protocol hears what it says, and an order that is right already is not tried again.</summary>
    [Theory]
    [InlineData(Chat, Prefilled, "openai", "Last message must have role `user`.")]
    [InlineData(Messages, Prefilled, "anthropic", "This model does not support assistant message prefill.")]
    [InlineData(Messages, """[{"role":"user","content":"q"}]""", "openai", "Conversation roles must alternate user/assistant/...")]
    public async Task Other_refusals_are_told(string path, string turns, string provider, string refusal)
    {
        await using var steps = await CompatSteps.StartAsync(
            exchange => exchange.Reply(400, JsonSerializer.Serialize(new { error = new { message = refusal } })), provider);

        var answer = await steps.Script.PostRaw(path, $$"""{"model":"fake-model","max_tokens":9,"messages":{{turns}}}""");

        Assert.Equal(refusal, (await answer.Json(HttpStatusCode.BadRequest)).GetProperty("error").Text("message"));
        Assert.Single(steps.Upstream.Chats());
    }

    private static string Roles(JsonElement body) => string.Join(' ', body
        .GetProperty(body.TryGetProperty("contents", out _) ? "contents" : "messages").EnumerateArray().Select(turn => turn.Text("role")));

    private static Task Answer(FakeExchange exchange, string provider) => provider switch
    {
        "anthropic" => exchange.Reply(
            200, """{"type":"message","content":[{"type":"text","text":"ok"}],"stop_reason":"end_turn","usage":{"input_tokens":1}}"""),
        "google_genai" => exchange.Reply(
            200, """{"candidates":[{"content":{"role":"model","parts":[{"text":"ok"}]},"finishReason":"STOP"}]}"""),
        "ollama" => exchange.Reply(200, """{"message":{"role":"assistant","content":"ok"},"done":true,"done_reason":"stop"}"""),
        _ => exchange.Reply(200, """{"choices":[{"message":{"role":"assistant","content":"ok"},"finish_reason":"stop"}]}"""),
    };
}
