using System.Text;
using System.Text.Json;
using AiChat.Providers.OpenAi;
using AiChat.Providers.Protocol;
using AiChat.Providers.Transport;

namespace AiChat.Tests.Providers;

/// <summary>The requests that are sent to an OpenAI-compatible server.</summary>
public sealed class OpenAiRequestTests
{
    private static readonly ChatRequest Plain = new()
    {
        Endpoint = Endpoints.Local("openai", "http://127.0.0.1/v1"),
        Model = "m",
        Turns = [new ChatTurn(ChatRole.User, "Hi")],
    };

    [Fact]
    public async Task Nothing_unset_is_sent() =>
        Assert.Equal(
            """{"model":"m","messages":[{"role":"user","content":"Hi"}],"stream":true,"stream_options":{"include_usage":true}}""",
            await BodyAsync(Plain));

    [Fact]
    public async Task Empty_turns_and_unanswered_calls_are_left_out()
    {
        var call = new ChatToolCall("c1", "web_search", "{\"query\":\"x\"}");
        var body = await BodyAsync(Plain with
        {
            SystemPrompt = "Be brief",
            Turns =
            [
                new(ChatRole.User, "one"),
                new(ChatRole.Assistant, " "),
                new(ChatRole.Assistant, "") { ToolCalls = [call, call with { Id = "c2" }] },
                new(ChatRole.Tool, "found") { ToolCallId = "c1" },
                new(ChatRole.Tool, "stray") { ToolCallId = "c9" },
                new(ChatRole.User, "two"),
            ],
        });

        using var json = JsonDocument.Parse(body);
        Assert.Equal(
            """[{"role":"system","content":"Be brief"},{"role":"user","content":"one"},{"role":"assistant","content":"","tool_calls":"""
                + """[{"id":"c1","type":"function","function":{"name":"web_search","arguments":"{\"query\":\"x\"}"}}]},"""
                + """{"role":"tool","content":"found","tool_call_id":"c1"},{"role":"user","content":"two"}]""",
            json.RootElement.GetProperty("messages").GetRawText());
    }

    [Fact]
    public async Task Images_go_as_data()
    {
        var body = await BodyAsync(Plain with
        {
            Turns = [new(ChatRole.User, "see") { Images = [ChatImage.FromBytes("image/png", new byte[] { 1, 2, 3, 4 })] }],
        });

        Assert.Contains("""{"type":"text","text":"see"},{"type":"image_url","image_url":{"url":"data:image/png;base64,AQIDBA=="}}""", body);
    }

    [Theory]
    [InlineData("gpt-4o", true)]
    [InlineData("gpt-5-chat-latest", true)]
    [InlineData("openai/gpt-4.1", true)]
    [InlineData("o1", false)]
    [InlineData("o3-mini", false)]
    [InlineData("o4-mini-2025-04-16", false)]
    [InlineData("gpt-5", false)]
    [InlineData("gpt-5.1-mini", false)]
    [InlineData("openai/gpt-5", false)]
    [InlineData("olmo-2", true)]
    public async Task Reasoning_models_get_no_sampling_parameters(string model, bool sampling)
    {
        var body = await BodyAsync(Plain with { Model = model, Sampling = new() { Temperature = 0.5, TopP = 0.9, MaxOutputTokens = 100 } });

        Assert.Equal(sampling, body.Contains("\"temperature\":0.5"));
        Assert.Contains(sampling ? "\"max_tokens\":100" : "\"max_completion_tokens\":100", body);
    }

    [Theory]
    [InlineData("http://127.0.0.1/v1", null, null, "")]
    [InlineData("http://127.0.0.1/v1", true, null, "")]
    [InlineData("http://127.0.0.1/v1", true, ReasoningEffort.Low, "\"reasoning_effort\":\"low\"")]
    [InlineData("http://127.0.0.1/v1", false, ReasoningEffort.Low, "")]
    [InlineData("https://openrouter.ai/api/v1", null, ReasoningEffort.High, "\"reasoning\":{\"effort\":\"high\"}")]
    [InlineData("https://openrouter.ai/api/v1", false, null, "\"reasoning\":{\"enabled\":false}")]
    [InlineData("https://api.deepseek.com", true, null, "\"thinking\":{\"type\":\"enabled\"}")]
    internal async Task Reasoning_is_sent_only_when_set(string url, bool? enabled, ReasoningEffort? effort, string expected)
    {
        var body = await BodyAsync(Plain with
        {
            Endpoint = Plain.Endpoint with { BaseUrl = new Uri(url) },
            Reasoning = new ChatReasoning { Enabled = enabled, Effort = effort },
        });

        Assert.Equal(expected.Length > 0, body.Contains("reasoning") || body.Contains("thinking"));
        Assert.Contains(expected, body);
    }

    [Fact]
    public async Task Additional_members_are_added_but_override_nothing()
    {
        var body = await BodyAsync(
            Plain with { ExtraBody = Encoding.UTF8.GetBytes("""{"model":"evil","logit_bias":{"1":2},"stream":false}""") });

        Assert.EndsWith("\"logit_bias\":{\"1\":2}}", body);
        Assert.DoesNotContain("evil", body);
    }

    [Fact]
    public async Task Replay_data_goes_back_to_the_model_it_came_from()
    {
        var turns = new List<ChatTurn>
        {
            new(ChatRole.Assistant, "")
            {
                ToolCalls = [new("c1", "f", "")],
                State = """{"kind":"openai","model":"m","data":{"reasoning_content":"why","extras":{"0":{"google":"""
                    + """{"thought_signature":"s"}}}}}""",
            },
            new(ChatRole.Tool, "r") { ToolCallId = "c1" },
        };

        Assert.Contains("""{"id":"c1","type":"function","function":{"name":"f","arguments":"{}"},"extra_content":{"google":"""
            + """{"thought_signature":"s"}}}],"reasoning_content":"why"}""",
            await BodyAsync(Plain with { Turns = turns }));
        Assert.DoesNotContain("why", await BodyAsync(Plain with { Turns = turns, Model = "other" }));
    }

    [Fact]
    public async Task Tools_and_choice_are_sent()
    {
        var body = await BodyAsync(Plain with { Tools = [new("f", "does", """{"type":"object"}""")], ToolChoice = "f" });

        Assert.Contains(
            """tools":[{"type":"function","function":{"name":"f","description":"does","parameters":{"type":"object"}}}],"tool_choice":"""
                + """{"type":"function","function":{"name":"f"}}""",
            body);
    }

    [Theory]
    [InlineData("Unrecognized request argument supplied: stream_options", "stream_options")]
    [InlineData(
        "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.", "max_tokens\"")]
    [InlineData("Unsupported value: 'temperature' does not support 0.5 with this model.", "temperature")]
    [InlineData("reasoning_effort is not supported", "reasoning_effort")]
    public async Task Refused_member_is_left_out_and_remembered(string message, string member)
    {
        await using var upstream = FakeUpstream.Start(exchange => exchange.Request.Text.Contains(member)
            ? exchange.Reply(400, JsonSerializer.Serialize(new { error = new { message, type = "invalid_request_error" } }))
            : OpenAiScript.Stream(exchange, "ok"));
        using var http = new ProviderHttp(TimeProvider.System);
        var provider = new OpenAiProvider(http);
        var request = Plain with
        {
            Endpoint = Endpoints.Local("openai", upstream.BaseUrl),
            Sampling = new() { Temperature = 0.5, MaxOutputTokens = 9 },
            Reasoning = new() { Effort = ReasoningEffort.Low },
        };

        for (var round = 0; round < 2; round++)
        {
            Assert.Contains("\"ok\"", await Transcript.WriteAsync(provider.StreamAsync(request, CancellationToken.None)));
        }

        Assert.Equal(3, upstream.Connections);
    }

    [Fact]
    public async Task Model_list_is_read_with_its_limits()
    {
        const string List = """
            {"data":[{"id":"a","name":"A","context_length":1000,"top_provider":{"max_completion_tokens":100},
            "architecture":{"input_modalities":["text","image"]},"supported_parameters":["tools"]},
            {"id":"b","max_model_len":4096},{"id":"a"},{"object":"no id"},{"id":"bad\u0000id"}]}
            """;
        await using var upstream = FakeUpstream.Start(exchange => exchange.Reply(200, List));
        using var http = new ProviderHttp(TimeProvider.System);

        var models = await new OpenAiProvider(http).ListModelsAsync(Endpoints.Local("openai", upstream.BaseUrl), CancellationToken.None);

        Assert.Equal(
            [
                new ProviderModel("a")
                {
                    Name = "A", ContextLimit = 1000, MaxOutputTokens = 100, Vision = true, Tools = true, Reasoning = false,
                },
                new ProviderModel("b") { ContextLimit = 4096 },
            ], models);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(48 * 1024 - 1)]
    [InlineData(48 * 1024)]
    [InlineData(48 * 1024 + 1)]
    [InlineData(200_000)]
    public async Task An_image_of_any_length_is_whole_although_it_is_sent_in_pieces(int length)
    {
        var bytes = new byte[length];
        new Random(length).NextBytes(bytes);
        var image = ChatImage.FromBytes("image/webp", bytes);
        var turn = new ChatTurn(ChatRole.User, "see") { Images = [image, image] };
        var request = new ChatRequest { Endpoint = Endpoints.Local("openai", "http://127.0.0.1/v1"), Model = "m", Turns = [turn] };

        var parts = JsonDocument.Parse(await BodyAsync(request)).RootElement.GetProperty("messages")[0].GetProperty("content");

        Assert.All(parts.EnumerateArray().Skip(1), part => Assert.Equal(
            $"data:image/webp;base64,{Convert.ToBase64String(bytes)}", part.GetProperty("image_url").GetProperty("url").GetString()));
    }

    private static Task<string> BodyAsync(ChatRequest request) => VendorRequestTests.TextAsync(OpenAiBody.Build(request, Refused.None));
}
