using System.Text.Json;
using AiChat.Providers.Anthropic;
using AiChat.Providers.OpenAi;
using AiChat.Providers.Protocol;
using AiChat.Tests.Api;

namespace AiChat.Tests.Providers;

/// <summary>
/// Where the marks for Anthropic's prompt cache stand (Claude docs, "Prompt caching"): at the end of what the next request says again, at
/// most four, never in an empty text. Reported of others: envoyproxy/ai-gateway 1712, oguzbilgic/kern-ai 317, microsoft/vscode 315505,
/// vellum-ai/vellum-assistant 23506; QuantumNous/new-api 4240 and 5335, router-for-me/CLIProxyAPI 1562 (dropped for other protocols).
/// </summary>
public sealed class CacheMarkTests
{
    private static readonly ChatTurn Question = new(ChatRole.User, "q");
    private static readonly ChatTurn Picture = new(ChatRole.User, "") { Images = [ChatImage.FromBytes("image/png", new byte[] { 1 })] };

    private static readonly ChatTurn Calls =
        new(ChatRole.Assistant, "") { ToolCalls = [new("a", "f", "{}"), new("b", "f", "{}"), new("c", "f", "{}")] };

    private static readonly ChatTurn[] Results = [Result("a"), Result("b"), Result("c")];

    private static readonly Dictionary<string, (ChatTurn[] Turns, string Place)> Cases = new()
    {
        ["a question"] = ([Question], "messages.0.content.0"),
        ["a question with a picture"] = ([Question with { Images = Picture.Images }], "messages.0.content.1"),
        ["a picture alone"] = ([Picture], "messages.0.content.0"),
        ["results of parallel calls"] = ([Question, Calls, .. Results], "messages.2.content.2"),
        ["results with a word"] = ([Question, Calls, .. Results, new(ChatRole.User, "w")], "messages.3.content.0"),
        ["an answer to go on"] = ([Question, new(ChatRole.Assistant, "It is")], "messages.0.content.0"),
        ["a second question"] = ([Question, new(ChatRole.Assistant, "a"), Question], "messages.2.content.0"),
    };

    [Theory]
    [InlineData("a question")]
    [InlineData("a question with a picture")]
    [InlineData("a picture alone")]
    [InlineData("results of parallel calls")]
    [InlineData("results with a word")]
    [InlineData("an answer to go on")]
    [InlineData("a second question")]
    public async Task The_end_of_what_comes_again_is_marked_once(string what)
    {
        var (turns, place) = Cases[what];
        var request = new ChatRequest
        {
            Endpoint = Endpoints.Local("anthropic", "http://127.0.0.1"),
            Model = "claude-sonnet-4-5",
            SystemPrompt = "Be brief",
            Tools = [new ChatTool("f", "", """{"type":"object"}""")],
            Turns = turns,
            CachesPrompt = true,
        };

        using var body = JsonDocument.Parse(await VendorRequestTests.TextAsync(AnthropicBody.Build(request, Refused.None)));

        Assert.Equal($"system.0 {place}", string.Join(' ', Marks(body.RootElement, "")));
    }

    /// <summary>Programs of OpenAI's protocol mark as OpenRouter and LiteLLM take it, or not at all; the marks are ours.</summary>
    [Theory]
    [InlineData("""{"role":"user","content":"q"}""")]
    [InlineData("""{"role":"user","content":[{"type":"text","text":"q","cache_control":{"type":"ephemeral"}}]}""")]
    [InlineData("""{"role":"user","content":"q","cache_control":{"type":"ephemeral"}}""")]
    [InlineData("""{"role":"user","content":"q"}],"cache_control":{"type":"ephemeral"},"stop":["x"]""")]
    public async Task Programs_of_another_protocol_get_the_cache_too(string message)
    {
        await using var steps = await CompatSteps.StartAsync(
            exchange => exchange.Reply(200, """{"type":"message","content":[{"type":"text","text":"ok"}],"stop_reason":"end_turn"}"""),
            "anthropic");
        var end = message.EndsWith(']') ? "" : "]";

        await (await steps.Script.PostRaw("/v1/chat/completions", $$"""{"model":"fake-model","messages":[{{message}}{{end}}}"""))
            .Expect(System.Net.HttpStatusCode.OK);

        Assert.Equal(["messages.0.content.0"], Marks(steps.Sent, ""));
    }

    /// <summary>
    /// OpenRouter's docs, "Prompt caching": Claude is marked as at Anthropic, the other models cache by themselves. Others who left the
    /// marks out: NousResearch/hermes-agent 17459, zed-industries/zed 52576.
    /// </summary>
    [Theory]
    [InlineData("https://openrouter.ai/api/v1", "anthropic/claude-sonnet-4.5", "messages.0.content.0 messages.1.content.0")]
    [InlineData("https://openrouter.ai/api/v1", "openai/gpt-5", "")]
    [InlineData("https://api.example/v1", "anthropic/claude-sonnet-4.5", "")]
    public async Task Claude_behind_OpenRouter_is_marked_too(string address, string model, string places)
    {
        var request = new ChatRequest
        {
            Endpoint = Endpoints.Local("openai", address),
            Model = model,
            SystemPrompt = "Be brief",
            Turns = [Question],
            CachesPrompt = true,
            CacheTtl = CacheMark.Hour,
        };

        using var body = JsonDocument.Parse(await VendorRequestTests.TextAsync(OpenAiBody.Build(request, Refused.None)));

        Assert.Equal(places, string.Join(' ', Marks(body.RootElement, "")));
        Assert.Equal(places.Length > 0, body.RootElement.GetRawText().Contains("\"ttl\":\"1h\"", StringComparison.Ordinal));
        using var plain = JsonDocument.Parse(await VendorRequestTests.TextAsync(OpenAiBody.Build(request, Refused.CacheMarks)));
        Assert.Empty(Marks(plain.RootElement, ""));
    }

    [Fact]
    public async Task The_results_of_tools_are_marked_behind_OpenRouter()
    {
        var request = new ChatRequest
        {
            Endpoint = Endpoints.Local("openai", "https://openrouter.ai/api/v1"),
            Model = "anthropic/claude-sonnet-4.5",
            Turns = [Question, Calls, .. Results],
            CachesPrompt = true,
        };

        using var body = JsonDocument.Parse(await VendorRequestTests.TextAsync(OpenAiBody.Build(request, Refused.None)));

        Assert.Equal(["messages.4.content.0"], Marks(body.RootElement, ""));
    }

    /// <summary>An hour stays an hour, wherever a program of another protocol asks for it.</summary>
    [Theory]
    [InlineData("""{"role":"user","content":"q"}],"cache_control":{"type":"ephemeral","ttl":"1h"},"stop":["x"]""", "1h")]
    [InlineData("""{"role":"user","content":[{"type":"text","text":"q","cache_control":{"type":"ephemeral","ttl":"1h"}}]}""", "1h")]
    [InlineData("""{"role":"user","content":"q","cache_control":{"type":"ephemeral","ttl":"1h"}}""", "1h")]
    [InlineData(
        """{"role":"user","content":"q"}],"tools":[{"type":"function","function":{"name":"f"},"cache_control":{"ttl":"1h"}}]""", "1h")]
    [InlineData("""{"role":"user","content":"q","cache_control":{"type":"ephemeral","ttl":"5m"}}""", null)]
    [InlineData("""{"role":"user","content":"q","cache_control":{"type":"ephemeral"}}""", null)]
    public async Task An_hour_stays_an_hour(string message, string? ttl)
    {
        await using var steps = await CompatSteps.StartAsync(
            exchange => exchange.Reply(200, """{"type":"message","content":[{"type":"text","text":"ok"}],"stop_reason":"end_turn"}"""),
            "anthropic");
        var end = message.StartsWith("""{"role":"user","content":"q"}]""", StringComparison.Ordinal) ? "" : "]";

        await (await steps.Script.PostRaw("/v1/chat/completions", $$"""{"model":"fake-model","messages":[{{message}}{{end}}}"""))
            .Expect(System.Net.HttpStatusCode.OK);

        var mark = steps.Sent.GetProperty("messages")[0].GetProperty("content")[0].GetProperty("cache_control");
        Assert.Equal(ttl, mark.TryGetProperty("ttl", out var lasts) ? lasts.GetString() : null);
    }

    private static ChatTurn Result(string id) => new(ChatRole.Tool, "r") { ToolCallId = id };

    private static IEnumerable<string> Marks(JsonElement value, string path)
    {
        var inner = value.ValueKind switch
        {
            JsonValueKind.Object => value.EnumerateObject().Select(member => (member.Name, member.Value)),
            JsonValueKind.Array => value.EnumerateArray().Index().Select(item => (item.Index.ToString(), item.Item)),
            _ => [],
        };
        foreach (var (name, item) in inner)
        {
            if (name == "cache_control")
            {
                yield return path.TrimStart('.');
            }

            foreach (var mark in Marks(item, $"{path}.{name}"))
            {
                yield return mark;
            }
        }
    }
}
