using System.Net;
using System.Text.Json;
using AiChat.Tests.Chat;

namespace AiChat.Tests.Api;

/// <summary>
/// Clients of Anthropic's protocol and a provider that speaks it: the body goes on as it came, and the answer comes back as it is.
/// </summary>
public sealed class CompatMessagesRelayTests
{
    /// <summary>What agents send: cache marks, signed and redacted thinking, results with pictures, documents and references.</summary>
    private static readonly string Body = """
        {"model":"MODEL","max_tokens":4096,"stream":STREAM,
        "system":[{"type":"text","text":"Be brief.","cache_control":{"type":"ephemeral","ttl":"1h"}}],
        "thinking":{"type":"adaptive","display":"omitted"},"output_config":{"effort":"xhigh","format":{"type":"json_schema","schema":{}}},
        "context_management":{"edits":[{"type":"clear_tool_uses_20250919","keep":{"type":"tool_uses","value":3}}]},
        "tools":[{"name":"read","input_schema":{"type":"object"},"cache_control":{"type":"ephemeral"},"strict":true,"defer_loading":true},
        {"type":"web_search_20250305","name":"web_search","max_uses":2},{"type":"tool_search_tool_regex_20251119","name":"find"},
        {"type":"from_next_year_20270101","name":"next"}],
        "tool_choice":{"type":"auto","disable_parallel_tool_use":true},"metadata":{"user_id":"u1"},"service_tier":"standard_only",
        "container":{"skills":[{"type":"anthropic","skill_id":"pptx"}]},"next_year":{"a":1.50},
        "messages":[{"role":"user","content":[{"type":"text","text":"caf\u00e9 \ud83d","cache_control":{"type":"ephemeral"}},
        {"type":"document","source":{"type":"text","media_type":"text/plain","data":"Note: read this"},"citations":{"enabled":true}}]},
        {"role":"assistant","content":[{"type":"thinking","thinking":"","signature":"SIG=="},{"type":"redacted_thinking","data":"RED=="},
        {"type":"server_tool_use","id":"srvtoolu_1","name":"web_search","input":{"query":"x"}},
        {"type":"web_search_tool_result","tool_use_id":"srvtoolu_1","content":[{"type":"web_search_result",
        "url":"https://example.org/a","title":"A","encrypted_content":"ENC"}]},
        {"type":"tool_use","id":"toolu_1","name":"read","input":{"p":"a.png"},"caller":{"type":"direct"}}]},
        {"role":"user","content":[{"type":"tool_result","tool_use_id":"toolu_1","is_error":false,"content":[{"type":"text","text":"file"},
        {"type":"image","source":{"type":"base64","media_type":"image/png","data":"PICTURE"}},
        {"type":"document","source":{"type":"base64","media_type":"application/pdf","data":"JVBERi0="}},
        {"type":"search_result","source":"https://example.org/b","title":"B","content":[{"type":"text","text":"b"}]},
        {"type":"tool_reference","tool_name":"find"}]}]},
        {"role":"system","content":"From now on in Latin."}]}
        """.ReplaceLineEndings("").Replace("PICTURE", CompatSteps.Png);

    private static readonly string[] Frames =
    [
        """{"type":"message_start","message":{"id":"msg_up","type":"message","role":"assistant","model":"up","content":[],"""
        + """ "stop_reason":null,"stop_sequence":null,"usage":{"input_tokens":10,"cache_read_input_tokens":4,"""
        + """ "cache_creation":{"ephemeral_1h_input_tokens":2},"cache_creation_input_tokens":2,"output_tokens":1,"""
        + """ "service_tier":"batch"}}}""",
        """{"type":"ping"}""",
        """{"type":"content_block_start","index":0,"content_block":{"type":"thinking","thinking":"","signature":""}}""",
        """{"type":"content_block_delta","index":0,"delta":{"type":"thinking_delta","thinking":"hm","estimated_tokens":3}}""",
        """{"type":"content_block_delta","index":0,"delta":{"type":"signature_delta","signature":"SIG=="}}""",
        """{"type":"content_block_stop","index":0}""",
        """{"type":"content_block_start","index":1,"content_block":{"type":"redacted_thinking","data":"RED=="}}""",
        """{"type":"content_block_stop","index":1}""",
        """{"type":"content_block_start","index":2,"content_block":"""
        + """ {"type":"server_tool_use","id":"srvtoolu_1","name":"web_search","input":{}}}""",
        """{"type":"content_block_delta","index":2,"delta":{"type":"input_json_delta","partial_json":"{\"query\":"}}""",
        """{"type":"content_block_delta","index":2,"delta":{"type":"input_json_delta","partial_json":" \"x\"}"}}""",
        """{"type":"content_block_stop","index":2}""",
        """{"type":"content_block_start","index":3,"content_block":{"type":"web_search_tool_result","tool_use_id":"srvtoolu_1","content":"""
        + """ [{"type":"web_search_result","url":"https://example.org/a","title":"A","encrypted_content":"ENC","page_age":null}]}}""",
        """{"type":"content_block_stop","index":3}""",
        """{"type":"content_block_start","index":4,"content_block":{"type":"text","text":"","citations":[]}}""",
        """{"type":"content_block_delta","index":4,"delta":{"type":"text_delta","text":"A \ud83d"}}""",
        """{"type":"content_block_delta","index":4,"delta":{"type":"text_delta","text":"\ude00"}}""",
        """{"type":"content_block_delta","index":4,"delta":{"type":"citations_delta","citation":{"type":"web_search_result_location","""
        + """ "url":"https://example.org/a","title":"A","encrypted_index":"E","cited_text":"a"}}}""",
        """{"type":"content_block_stop","index":4}""",
        """{"type":"event_of_next_year","value":{"deep":[1,2]}}""",
        """{"type":"content_block_start","index":5,"content_block":{"type":"tool_use","id":"toolu_1","name":"read","input":{}}}""",
        """{"type":"content_block_delta","index":5,"delta":{"type":"input_json_delta","partial_json":"{\"p\":1}"}}""",
        """{"type":"content_block_stop","index":5}""",
        """{"type":"message_delta","delta":{"stop_reason":"stop_sequence","stop_sequence":"END","container":{"id":"c1"}},"usage":"""
        + """ {"output_tokens":9,"server_tool_use":{"web_search_requests":1}},"context_management":{"applied_edits":[]}}""",
        """{"type":"message_stop"}""",
    ];

    [Theory]
    [InlineData("false")]
    [InlineData("true")]
    public async Task The_body_goes_on_as_it_came_with_the_headers_of_its_protocol(string stream)
    {
        await using var steps = await CompatSteps.StartAsync(exchange => Stream(exchange, Frames), "anthropic");
        var own = await steps.Admin.PutJson($"/api/connections/{steps.Connection}", new
        {
            name = "Fake",
            provider = "anthropic",
            baseUrl = steps.Upstream.BaseUrl[..^3],
            authType = "none",
            local = true,
            modelIds = new[] { "fake-model" },
            headers = new Dictionary<string, string> { ["Anthropic-Beta"] = "files-api-2025-04-14,context-management-2025-06-27" },
        });
        await own.Expect(HttpStatusCode.OK);
        using var request = new HttpRequestMessage(HttpMethod.Post, "/v1/messages?beta=true&key=no")
        {
            Content = new StringContent(
                Body.Replace("MODEL", "fake-model").Replace("STREAM", stream), System.Text.Encoding.UTF8, "application/json"),
        };
        request.Headers.Add("anthropic-version", "2023-06-02");
        request.Headers.Add("anthropic-beta", ["context-management-2025-06-27,interleaved-thinking-2025-05-14", "next-year-2027-01-01"]);
        request.Headers.Add("x-stainless-os", "Linux");

        await (await steps.Script.SendAsync(request)).Expect(HttpStatusCode.OK);

        var asked = steps.Upstream.Chats()[^1].Request;
        Assert.Equal(Body.Replace("MODEL", "fake-model").Replace("STREAM", stream), asked.Text);
        Assert.Equal("/v1/messages?beta=true", asked.Path);
        Assert.Equal("2023-06-02", asked.Headers["anthropic-version"]);
        Assert.Equal(
            "files-api-2025-04-14,context-management-2025-06-27,interleaved-thinking-2025-05-14,next-year-2027-01-01",
            asked.Headers["anthropic-beta"].Replace(" ", ""));
        Assert.DoesNotContain("x-stainless-os", asked.Head);
        UsageLimitTests.AssertBalanced(steps.Server, uncounted: 1); // it ends with results of tools
    }

    [Fact]
    public async Task A_stream_comes_back_as_it_is_but_for_the_name_of_the_model()
    {
        await using var steps = await CompatSteps.StartAsync(exchange => Stream(exchange, Frames), "anthropic");

        await using var stream = await steps.Script.PostStream("/v1/messages", Ask(true));
        var frames = await stream.ReadAllAsync();

        Assert.Equal(Frames[1..], frames[1..].ConvertAll(frame => frame.Data));
        Assert.All(frames, frame => Assert.Equal(frame.Json.Text("type"), frame.Event));
        var message = frames[0].Json.GetProperty("message");
        Assert.Equal(("msg_up", "fake-model"), (message.Text("id"), message.Text("model")));
        Assert.True(JsonElement.DeepEquals(
            JsonDocument.Parse(Frames[0]).RootElement.GetProperty("message").GetProperty("usage"), message.GetProperty("usage")));
        Assert.Equal(
            (16, 9, 4),
            (
                UsageLimitTests.Number(steps.Server, "select prompt_tokens from usage_entries"),
                UsageLimitTests.Number(steps.Server, "select completion_tokens from usage_entries"),
                UsageLimitTests.Number(steps.Server, "select cached_tokens from usage_entries")));
        UsageLimitTests.AssertBalanced(steps.Server);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_whole_message_comes_back_as_it_is_also_when_the_server_streams_it(bool streams)
    {
        const string content = """
            [{"type":"thinking","thinking":"hm","signature":"SIG=="},{"type":"redacted_thinking","data":"RED=="},
            {"type":"server_tool_use","id":"srvtoolu_1","name":"web_search","input":{"query": "x"}},
            {"type":"web_search_tool_result","tool_use_id":"srvtoolu_1","content":[{"type":"web_search_result",
            "url":"https://example.org/a","title":"A","encrypted_content":"ENC","page_age":null}]},
            {"type":"text","text":"A \ud83d\ude00","citations":[{"type":"web_search_result_location","url":"https://example.org/a",
            "title":"A","encrypted_index":"E","cited_text":"a"}]},{"type":"tool_use","id":"toolu_1","name":"read","input":{"p":1}}]
            """;
        const string whole = """
            {"id":"msg_up","type":"message","role":"assistant","model":"up","content":CONTENT,
            "stop_reason":"stop_sequence","stop_sequence":"END","container":{"id":"c1"},"context_management":{"applied_edits":[]},
            "usage":{"input_tokens":10,"cache_read_input_tokens":4,"cache_creation":{"ephemeral_1h_input_tokens":2},
            "cache_creation_input_tokens":2,"output_tokens":9,"service_tier":"batch","server_tool_use":{"web_search_requests":1}}}
            """;
        await using var steps = await CompatSteps.StartAsync(
            exchange => streams ? Stream(exchange, Frames) : exchange.Reply(200, whole.Replace("CONTENT", content)), "anthropic");

        var message = await (await steps.Script.PostJson("/v1/messages", Ask(false))).Json();

        var expected = JsonDocument.Parse(whole.Replace("CONTENT", content).Replace("\"up\"", "\"fake-model\"")).RootElement;
        foreach (var member in expected.EnumerateObject().Where(member => !member.NameEquals("content")))
        {
            Assert.True(JsonElement.DeepEquals(member.Value, message.GetProperty(member.Name)), $"{member}: {message}");
        }

        Assert.Equal(expected.EnumerateObject().Count(), message.EnumerateObject().Count());
        var blocks = message.GetProperty("content").EnumerateArray().ToList();
        Assert.Equal(6, blocks.Count);
        var known = expected.GetProperty("content").EnumerateArray().Skip(1); // the first has a member of next year in its pieces
        foreach (var (at, block) in known.Index())
        {
            Assert.True(JsonElement.DeepEquals(block, blocks[at + 1]), $"{block}: {blocks[at + 1]}");
        }

        Assert.Equal(("hm", "SIG=="), (blocks[0].Text("thinking"), blocks[0].Text("signature")));
        Assert.Equal(25, UsageLimitTests.Number(steps.Server, "select sum(tokens) from daily_usage"));
    }

    [Fact]
    public async Task A_server_that_does_not_stream_is_told_as_a_stream_and_what_clients_rely_on_is_added()
    {
        await using var steps = await CompatSteps.StartAsync(
            exchange => exchange.Request.Text.Contains("short", StringComparison.Ordinal)
                ? Stream(
                    exchange,
                    """{"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}""",
                    """{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"Hi"}}""",
                    """{"type":"message_delta","delta":{"stop_reason":"end_turn"}}""")
                : exchange.Reply(
                    200,
                    """
                    {"type":"message","content":[{"type":"text","text":"Hi"}],
                    "stop_reason":"max_tokens","usage":{"input_tokens":3,"output_tokens":1}}
                    """),
            "anthropic");

        await using var whole = await steps.Script.PostStream("/v1/messages", Ask(true));
        var frames = await whole.ReadAllAsync();
        Assert.Equal(
            ["message_start", "content_block_start", "content_block_stop", "message_delta", "message_stop"],
            frames.ConvertAll(frame => frame.Event));
        Assert.Equal("Hi", frames[1].Json.GetProperty("content_block").Text("text"));
        Assert.Equal("max_tokens", frames[3].Json.GetProperty("delta").Text("stop_reason"));
        Assert.Equal(JsonValueKind.Null, frames[0].Json.GetProperty("message").GetProperty("stop_reason").ValueKind);

        await using var cut = await steps.Script.PostStream("/v1/messages", Ask(true, "short"));
        frames = await cut.ReadAllAsync();
        Assert.Equal(("message_start", "message_stop"), (frames[0].Event, frames[^1].Event));
        var message = frames[0].Json.GetProperty("message");
        Assert.StartsWith("msg_", message.Text("id"));
        Assert.True(message.GetProperty("usage").GetProperty("input_tokens").GetInt32() > 0);
        Assert.Equal(1, frames[^2].Json.GetProperty("usage").GetProperty("output_tokens").GetInt32());
    }

    [Fact]
    public async Task An_error_of_the_stream_is_told_in_it_without_the_key()
    {
        await using var steps = await CompatSteps.StartAsync(
            exchange => Stream(
                exchange,
                [.. Frames[..4], """{"type":"error","error":{"type":"overloaded_error","message":"Busy. Key sk-ant-abc123def"}}"""]),
            "anthropic");

        await using var stream = await steps.Script.PostStream("/v1/messages", Ask(true));
        var frames = await stream.ReadAllAsync();

        Assert.Equal("error", frames[^1].Event);
        Assert.Contains("Busy.", frames[^1].Json.GetProperty("error").Text("message"));
        Assert.DoesNotContain("abc123def", frames[^1].Data);
        Assert.Equal(1, UsageLimitTests.Number(steps.Server, "select count(*) from usage_entries where status = 'failed'"));
    }

    [Fact]
    public async Task A_client_that_leaves_a_whole_answer_pays_for_its_prompt()
    {
        await using var steps = await CompatSteps.StartAsync(exchange => exchange.ClientGone, "anthropic");
        using var leave = new CancellationTokenSource();
        using var request = new HttpRequestMessage(HttpMethod.Post, "/v1/messages")
        {
            Content = System.Net.Http.Json.JsonContent.Create(Ask(false, "a question of several words")),
        };
        var asked = steps.Script.SendAsync(request, leave.Token);
        var exchange = await steps.Upstream.NextChatAsync();

        await leave.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => asked);
        await exchange.ClientGone.WaitAsync(TimeSpan.FromSeconds(5));
        await Eventually.Holds(() => UsageLimitTests.Number(
            steps.Server, "select count(*) from usage_entries where status = 'stopped' and prompt_tokens > 3") == 1);
        UsageLimitTests.AssertBalanced(steps.Server);
    }

    [Fact]
    public async Task What_no_provider_could_answer_is_refused_by_name_in_the_vendors_form()
    {
        await using var steps = await CompatSteps.StartAsync(exchange => exchange.Reply(500, "{}"), "anthropic");
        async Task<JsonElement> Refused(string rest) => (await (await steps.Script.PostRaw(
            "/v1/messages", """{"model":"fake-model","max_tokens":9,REST}""".Replace("REST", rest))).Json(HttpStatusCode.BadRequest))
            .GetProperty("error");

        var thread = await Refused("""
            "thread":{"type":"continue","previous_message_id":"msg_1"},
            "messages":[{"role":"user","content":[{"type":"tool_result","tool_use_id":"toolu_9","content":"x"}]}]
            """);
        Assert.Equal("thread_unsupported_request", thread.GetProperty("details").Text("error_code"));
        Assert.Equal("thread", thread.GetProperty("details").GetProperty("unsupported")[0].GetString());
        Assert.Equal("invalid_request_error", thread.Text("type"));

        var result = await Refused(
            """ "messages":[{"role":"user","content":[{"type":"tool_result","tool_use_id":"toolu_9","content":"x"}]}] """);
        Assert.Contains("toolu_9", result.Text("message"));
        Assert.Contains("messages", (await Refused(""" "messages":[] """)).Text("message"));
        const string picture =
            """ "messages":[{"role":"user","content":[{"type":"image","source":{"type":"url","url":"http:\/\/127.0.0.1\/x"}}]}] """;
        Assert.Contains("source.url", (await Refused(picture)).Text("message"));
        Assert.Empty(steps.Upstream.Chats());
    }

    /// <summary>The provider counts; where a server of the protocol does not, it is estimated.</summary>
    [Theory]
    [InlineData(200, """{"input_tokens":77,"context_management":{"original_input_tokens":99}}""", 77)]
    [InlineData(404, """{"type":"error","error":{"type":"not_found_error","message":"Not Found"}}""", null)]
    [InlineData(405, "", null)]
    [InlineData(200, """{"token_count":77}""", null)]
    [InlineData(200, "<html></html>", null)]
    public async Task A_prompt_of_any_blocks_is_counted(int status, string reply, int? expected)
    {
        await using var steps = await CompatSteps.StartAsync(exchange => exchange.Reply(status, reply), "anthropic");
        await (await steps.Admin.PutJson($"/api/connections/{steps.Connection}", new { prefix = "mine" })).Expect(HttpStatusCode.OK);
        var body = Body.Replace("\"max_tokens\":4096,\"stream\":STREAM,", "").Replace("\\ud83d", ""); // half a letter cannot be compared
        using var request = new HttpRequestMessage(HttpMethod.Post, "/v1/messages/count_tokens?beta=true")
        {
            Content = new StringContent(body.Replace("MODEL", "mine.fake-model"), null, "application/json"),
            Headers = { { "anthropic-beta", "token-counting-2024-11-01" } },
        };

        var count = await (await steps.Script.SendAsync(request)).Json();

        Assert.InRange(count.GetProperty("input_tokens").GetInt32(), expected ?? 2_000, expected ?? 3_000);
        var sent = Assert.Single(steps.Upstream.Chats()).Request;
        Assert.Equal("/v1/messages/count_tokens?beta=true", sent.Path);
        Assert.Equal("token-counting-2024-11-01", sent.Headers["anthropic-beta"]);
        Assert.True(JsonElement.DeepEquals(JsonSerializer.Deserialize<JsonElement>(body.Replace("MODEL", "fake-model")), sent.Json));
        Assert.Equal(1, UsageLimitTests.Number(
            steps.Server, "select count(*) from usage_entries where status = 'done' and prompt_tokens = 0 and completion_tokens = 0"));
        Assert.Equal(0, (await steps.Admin.GetJson("/api/auth/me")).GetProperty("quota").GetProperty("used").GetInt64());
        UsageLimitTests.AssertBalanced(steps.Server, uncounted: 1);
    }

    [Theory]
    [InlineData(400, "invalid_request_error", "messages.0: bad")]
    [InlineData(404, "not_found_error", "model: fake-model")]
    [InlineData(429, "rate_limit_error", "Slow down")]
    [InlineData(529, "overloaded_error", "Overloaded")]
    public async Task A_refusal_to_count_comes_in_the_providers_words(int status, string type, string message)
    {
        var refusal = JsonSerializer.Serialize(new { type = "error", error = new { type, message } });
        await using var steps = await CompatSteps.StartAsync(exchange => exchange.Reply(status, refusal), "anthropic");

        var answer = await steps.Script.PostJson(
            "/v1/messages/count_tokens", new { model = "fake-model", messages = new[] { new { role = "user", content = "x" } } });

        var error = (await answer.Json((HttpStatusCode)status)).GetProperty("error");
        Assert.Equal((type, message), (error.Text("type")!, error.Text("message")!));
        Assert.Single(steps.Upstream.Chats());
    }

    private static object Ask(bool stream, string text = "go") => new
    {
        model = "fake-model",
        max_tokens = 99,
        stream,
        messages = new[] { new { role = "user", content = text } },
    };

    private static async Task Stream(FakeExchange exchange, params string[] frames)
    {
        await exchange.StartSse();
        foreach (var frame in frames)
        {
            await exchange.Send($"event: {JsonDocument.Parse(frame).RootElement.Text("type")}\ndata: {frame}\n\n");
        }
    }
}
