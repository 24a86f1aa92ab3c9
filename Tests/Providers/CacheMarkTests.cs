using System.Text.Json;
using AiChat.Providers.Anthropic;
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
