using System.Net;
using System.Text;
using System.Text.Json;
using AiChat.Tests.Chat;

namespace AiChat.Tests.Api;

/// <summary>
/// What users of other gateways reported of the answers to their programs, tried here with the same inputs; the numbers of the reports
/// stand in Tests/Providers/SOURCES.md.
/// </summary>
public sealed class ReportedFormsTests
{
    private static readonly string[] CallWithoutText =
    [
        """{"type":"content_block_start","index":0,"content_block":{"type":"tool_use","id":"toolu_1","name":"f","input":{}}}""",
        """{"type":"content_block_delta","index":0,"delta":{"type":"input_json_delta","partial_json":"{\"a\":1}"}}""",
        """{"type":"content_block_stop","index":0}""",
        """{"type":"message_delta","delta":{"stop_reason":"tool_use"},"usage":{"output_tokens":5}}""",
    ];

    private static readonly string[] ShortFirstPiece =
    [
        """{"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}""",
        """{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"I"}}""",
        """{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"'m happy"}}""",
        """{"type":"content_block_stop","index":0}""",
        """{"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":5}}""",
    ];

    /// <summary>Each item and each part of a Responses stream is opened once, before anything else of it, and closed once.</summary>
    [Theory]
    [InlineData("call", """{"a":1}""")]
    [InlineData("text", "I'm happy")]
    public async Task Items_of_a_response_are_opened_before_they_are_closed(string what, string said)
    {
        await using var steps = await CompatSteps.StartAsync(
            exchange => Claude(exchange, what == "call" ? CallWithoutText : ShortFirstPiece), "anthropic");
        var ask = new { model = "fake-model", input = "go", stream = true, tools = new[] { new { type = "function", name = "f" } } };

        await using var stream = await steps.Script.PostStream("/v1/responses", ask);
        var events = (await stream.ReadAllAsync()).Where(one => one.Data != "[DONE]").Select(one => one.Json).ToList();

        HashSet<string> open = [];
        var text = "";
        foreach (var one in events)
        {
            var type = one.Text("type")!;
            var key = type.Contains("output_item", StringComparison.Ordinal) ? $"item {one.GetProperty("output_index")}"
                : type.Contains("content_part", StringComparison.Ordinal)
                    ? $"part {one.GetProperty("output_index")} {one.GetProperty("content_index")}" : null;
            if (key is not null)
            {
                Assert.True(type.EndsWith(".added", StringComparison.Ordinal) ? open.Add(key) : open.Remove(key), $"{type} of {key}");
            }

            text += type.EndsWith(".delta", StringComparison.Ordinal) ? one.Text("delta") : "";
        }

        Assert.Empty(open);
        Assert.Equal(said, text);
        Assert.Equal("response.completed", events[^1].Text("type"));
        var kinds = events[^1].GetProperty("response").GetProperty("output").EnumerateArray().Select(item => item.Text("type"));
        Assert.Equal([what == "call" ? "function_call" : "message"], kinds);
    }

    /// <summary>
    /// Thinking of another vendor's model ends with the event of a signature, one message_delta has the end and the usage, and each index
    /// is the next one.
    /// </summary>
    [Fact]
    public async Task Messages_end_their_blocks_and_themselves_as_claude_does()
    {
        await using var steps = await CompatSteps.StartAsync(async exchange =>
        {
            await exchange.StartSse();
            await exchange.Send("""data: {"choices":[{"index":0,"delta":{"reasoning_content":"hm"}}]}""" + "\n\n");
            await OpenAiScript.Piece(exchange, "let me see");
            await Call(exchange, 0, "a", "f", "{\"x\":");
            await OpenAiScript.Piece(exchange, " and");
            await Call(exchange, 0, null, null, "1}");
            await Call(exchange, 1, "b", "f", "{}");
            await OpenAiScript.Finish(exchange, 9, "tool_calls");
        });
        var ask = new
        {
            model = "fake-model",
            max_tokens = 99,
            stream = true,
            messages = new[] { new { role = "user", content = "go" } },
            tools = new[] { new { name = "f", input_schema = new { type = "object" } } },
        };

        await using var stream = await steps.Script.PostStream("/v1/messages", ask);
        var events = (await stream.ReadAllAsync()).Select(one => one.Json).Where(one => one.Text("type") != "ping").ToList();

        var (next, open) = (0, -1);
        string? last = null;
        foreach (var one in events)
        {
            switch (one.Text("type"))
            {
                case "content_block_start":
                    Assert.Equal((-1, next), (open, one.GetProperty("index").GetInt32()));
                    (open, next) = (next, next + 1);
                    break;
                case "content_block_delta":
                    Assert.Equal(open, one.GetProperty("index").GetInt32());
                    last = one.GetProperty("delta").Text("type");
                    break;
                case "content_block_stop":
                    Assert.Equal(open, one.GetProperty("index").GetInt32());
                    Assert.True(open != 0 || last == "signature_delta", last);
                    open = -1;
                    break;
            }
        }

        var end = Assert.Single(events, one => one.Text("type") == "message_delta");
        Assert.Equal("tool_use", end.GetProperty("delta").Text("stop_reason"));
        Assert.True(end.GetProperty("usage").GetProperty("output_tokens").GetInt32() > 0);
    }

    /// <summary>A mark before JSON (RFC 8259 lets a reader skip it): of a program, a list of models, an error, vectors.</summary>
    [Fact]
    public async Task A_byte_order_mark_is_nothing()
    {
        const string Mark = "\uFEFF";
        var broken = false;
        await using var steps = await CompatSteps.StartAsync(exchange => exchange.Reply(
            broken ? 400 : 200,
            Mark + (broken ? """{"error":{"message":"too hot","type":"invalid_request_error","param":"temperature"}}"""
                : exchange.Request.Method == "GET" ? """{"data":[{"id":"listed-model"}]}"""
                : exchange.Request.Path.EndsWith("embeddings", StringComparison.Ordinal)
                    ? """{"data":[{"index":0,"embedding":[0.5,0.25]}],"usage":{"prompt_tokens":1}}"""
                    : """{"choices":[{"message":{"role":"assistant","content":"ok"},"finish_reason":"stop"}]}""")));
        var ask = JsonSerializer.Serialize(CompatSteps.Ask("hi"));

        using var answer = await Post("/v1/chat/completions", Mark + ask);
        Assert.Equal("ok", (await answer.Json()).GetProperty("choices")[0].GetProperty("message").Text("content"));
        using var vectors = await Post("/v1/embeddings", """{"model":"fake-model","input":"a"}""");
        Assert.Equal(0.5, (await vectors.Json()).GetProperty("data")[0].GetProperty("embedding")[0].GetDouble());
        var form = new { name = "A", provider = "openai", baseUrl = steps.Upstream.BaseUrl, authType = "none", local = true };
        Assert.Contains("listed-model", (await (await steps.Admin.PostJson("/api/connections/verify", form)).Json()).GetRawText());
        broken = true;
        using var refused = await Post("/v1/chat/completions", ask);
        Assert.Equal("temperature", (await refused.Json(HttpStatusCode.BadRequest)).GetProperty("error").Text("param"));

        Task<HttpResponseMessage> Post(string path, string body) =>
            steps.Script.PostAsync(path, new StringContent(body, new UTF8Encoding(false), "application/json"));
    }

    private static Task Call(FakeExchange exchange, int index, string? id, string? name, string arguments)
    {
        var piece = new { index, id, type = "function", function = new { name, arguments } };
        return exchange.SendEvent(new { choices = new[] { new { index = 0, delta = new { tool_calls = new[] { piece } } } } });
    }

    private static async Task Claude(FakeExchange exchange, string[] frames)
    {
        await exchange.StartSse();
        foreach (var frame in frames.Prepend(
            """{"type":"message_start","message":{"usage":{"input_tokens":3}}}""").Append("""{"type":"message_stop"}"""))
        {
            await exchange.Send($"data: {frame}\n\n");
        }
    }
}
