using System.Text.Json;
using AiChat.Tests.Chat;

namespace AiChat.Tests.Api;

/// <summary>
/// Tools that only the Responses API has are functions for other protocols; the answer calls them by their own names and in their own form,
/// wherever the provider cuts its stream.
/// </summary>
public sealed class ResponseToolAnswersTests
{
    private const string Space = "a_namespace_whose_name_is_so_long_that_no_function_may_have_it";
    private const string Patch = "*** Begin\n\"a\" \\ é\n*** End";

    private static readonly string Tools = $$$"""
        [{"type":"custom","name":"patch","format":{"type":"text"}},
        {"type":"namespace","name":"get","tools":[{"type":"function","name":"weather","parameters":{"type":"object"}}]},
        {"type":"namespace","name":"functions","tools":[{"type":"custom","name":"shell"}]},
        {"type":"namespace","name":"{{{Space}}}","tools":[{"type":"function","name":"far","parameters":{"type":"object"}}]},
        {"type":"function","name":"near","parameters":{"type":"object"}}]
        """;

    private static readonly string[] Arguments =
    [
        JsonSerializer.Serialize(new { input = Patch }), """{"city":"Oslo"}""", """{"input":"ls"}""", "{}", """{"input":"not free text"}""",
    ];

    [Theory]
    [InlineData("openai")]
    [InlineData("anthropic")]
    [InlineData("google_genai")]
    [InlineData("ollama")]
    public async Task Calls_come_back_as_the_client_names_them(string provider)
    {
        await using var steps = await CompatSteps.StartAsync(
            exchange => exchange.Request.Body.Length == 0 ? exchange.Reply(200, "{}") : Answer(exchange, provider), provider);
        using var tools = JsonDocument.Parse(Tools);
        object Ask(bool stream) => new { model = "fake-model", stream, input = "go", tools = tools.RootElement };

        var whole = (await (await steps.Script.PostJson("/v1/responses", Ask(false))).Json()).GetProperty("output");
        AssertCalls([.. whole.EnumerateArray()]);

        await using var stream = await steps.Script.PostStream("/v1/responses", Ask(true));
        var frames = await stream.ReadAllAsync();
        AssertCalls([.. frames.Where(e => e.Event == "response.output_item.done").Select(e => e.Json.GetProperty("item"))]);
        AssertCalls([.. frames.Single(e => e.Event == "response.completed").Json.GetProperty("response").GetProperty("output")
            .EnumerateArray()]);
        var first = frames.First(e => e.Event == "response.custom_tool_call_input.done").Json;
        Assert.Equal(Patch, first.Text("input"));
        Assert.Equal(Patch, string.Concat(frames
            .Where(e => e.Event == "response.custom_tool_call_input.delta" && e.Json.Text("item_id") == first.Text("item_id"))
            .Select(e => e.Json.Text("delta"))));
        Assert.DoesNotContain(frames, e => e.Data.Contains("get__weather", StringComparison.Ordinal));
    }

    private static void AssertCalls(List<JsonElement> items)
    {
        string?[][] calls = [.. items.Select(item =>
            (string?[])[item.Text("type"), Find(item, "namespace"), item.Text("name"), Find(item, "input") ?? Find(item, "arguments")])];
        Assert.Equal<string?[]>(
            [
                ["custom_tool_call", null, "patch", Patch],
                ["function_call", "get", "weather", Arguments[1]],
                ["custom_tool_call", null, "shell", "ls"],
                ["function_call", Space, "far", "{}"],
                ["function_call", null, "near", Arguments[4]],
            ],
            calls);
        Assert.Equal(5, items.Select(item => item.Text("call_id")).Distinct().Count());
    }

    private static string? Find(JsonElement item, string name) =>
        item.TryGetProperty(name, out var member) ? member.GetString() : null;

    /// <summary>Calls the tools of the request in their order, by the names under which it knows them.</summary>
    private static async Task Answer(FakeExchange exchange, string provider)
    {
        var names = Names(exchange.Request.Json);
        await exchange.StartAsync(200, provider == "ollama" ? "application/x-ndjson" : "text/event-stream");
        for (var at = 0; at < names.Count; at++)
        {
            var (name, arguments) = (names[at], Arguments[at]);
            using var json = JsonDocument.Parse(arguments);
            switch (provider)
            {
                case "openai":
                    await exchange.SendEvent(Delta(new { index = at, id = $"c{at}", function = new { name, arguments = "" } }));
                    foreach (var letter in arguments)
                    {
                        await exchange.SendEvent(Delta(new { index = at, function = new { arguments = letter.ToString() } }));
                    }

                    break;
                case "anthropic":
                    await exchange.SendEvent(new
                    {
                        type = "content_block_start",
                        index = at,
                        content_block = new { type = "tool_use", id = $"c{at}", name, input = new { } },
                    });
                    foreach (var letter in arguments)
                    {
                        var delta = new { type = "input_json_delta", partial_json = letter.ToString() };
                        await exchange.SendEvent(new { type = "content_block_delta", index = at, delta });
                    }

                    await exchange.SendEvent(new { type = "content_block_stop", index = at });
                    break;
                case "google_genai":
                    var parts = new[] { new { functionCall = new { name, args = json.RootElement } } };
                    await exchange.SendEvent(new { candidates = new[] { new { content = new { role = "model", parts } } } });
                    break;
                default:
                    var calls = new[] { new { function = new { name, arguments = json.RootElement } } };
                    var message = new { role = "assistant", content = "", tool_calls = calls };
                    await exchange.Send(JsonSerializer.Serialize(new { message, done = false }) + "\n");
                    break;
            }
        }

        await exchange.Send(provider switch
        {
            "openai" => """data: {"choices":[{"index":0,"delta":{},"finish_reason":"tool_calls"}]}""",
            "anthropic" => """data: {"type":"message_delta","delta":{"stop_reason":"tool_use"},"usage":{"output_tokens":5}}""",
            "google_genai" => """data: {"candidates":[{"content":{"parts":[]},"finishReason":"STOP"}]}""",
            _ => """{"message":{"role":"assistant","content":""},"done":true,"done_reason":"stop"}""",
        } + "\n\n");
        await exchange.Send(provider switch
        {
            "openai" => "data: [DONE]\n\n",
            "anthropic" => "data: {\"type\":\"message_stop\"}\n\n",
            _ => "\n",
        });

        static object Delta(object call) => new { choices = new[] { new { index = 0, delta = new { tool_calls = new[] { call } } } } };
    }

    private static List<string> Names(JsonElement sent) => [.. sent.GetProperty("tools").EnumerateArray().SelectMany(Functions)
        .Select(function => function.Text("name")!)];

    private static IEnumerable<JsonElement> Functions(JsonElement tool) =>
        tool.TryGetProperty("functionDeclarations", out var list) ? list.EnumerateArray()
        : [tool.TryGetProperty("function", out var function) ? function : tool];
}
