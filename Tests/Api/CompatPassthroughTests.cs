using System.Net;
using System.Text.Json;
using AiChat.Tests.Chat;

namespace AiChat.Tests.Api;

/// <summary>
/// Clients of OpenAI's protocol and a provider that speaks it: requests and responses pass through, members unknown to us included. A
/// provider of another protocol is not asked for features it does not have.
/// </summary>
public sealed class CompatPassthroughTests
{
    private const string Sound = "UklGRiQAAABXQVZF";

    /// <summary>
    /// Two answers in chunks with probabilities; the first has an unknown member and ends before the second.
    /// </summary>
    private static readonly string[] Two =
    [
        Chunk("""
            "system_fingerprint":"fp_1","choices":[{"index":0,"delta":{"role":"assistant","content":"","refusal":null},
            "logprobs":null,"finish_reason":null}],"usage":null
            """),
        Chunk("""
            "choices":[{"index":0,"delta":{"content":"Ja"},
            "logprobs":{"content":[{"token":"Ja","logprob":-0.1,"bytes":[74,97],"top_logprobs":[{"token":"Ja","logprob":-0.1}]}]},
            "finish_reason":null}],"usage":null
            """),
        Chunk("""
            "choices":[{"index":0,"delta":{"annotations":[{"type":"url_citation"}]},"logprobs":null,"finish_reason":"stop"}],"usage":null
            """),
        Chunk("""
            "choices":[{"index":1,"delta":{"role":"assistant","content":"Ne"},
            "logprobs":{"content":[{"token":"Ne","logprob":-2}]},"finish_reason":null}],"usage":null
            """),
        Chunk("""
            "choices":[{"index":1,"delta":{"content":"in"},
            "logprobs":{"content":[{"token":"in","logprob":-3}]},"finish_reason":null}],"citations":["a"],"usage":null
            """),
        Chunk("""
            "choices":[{"index":1,"delta":{},"logprobs":null,"finish_reason":"length"}],"usage":null
            """),
        Chunk("""
            "choices":[],"usage":{"prompt_tokens":7,"completion_tokens":3,"total_tokens":10,"cost":0.5}
            """),
    ];

    [Fact]
    public async Task Several_answers_and_probabilities_come_through_whole()
    {
        await using var steps = await CompatSteps.StartAsync(exchange => Frames(exchange, Two));

        var whole = await (await steps.Chat(Ask(stream: false))).Json();

        Assert.Equal(
            ("chatcmpl-up", "chat.completion", "fake-model", "fp_1"),
            (whole.Text("id"), whole.Text("object"), whole.Text("model"), whole.Text("system_fingerprint")));
        var choices = whole.GetProperty("choices").EnumerateArray().ToList();
        Assert.Equal(
            [("Ja", "stop"), ("Nein", "length")],
            choices.Select(choice => (choice.GetProperty("message").Text("content")!, choice.Text("finish_reason")!)));
        Assert.Equal(["assistant", "assistant"], choices.Select(choice => choice.GetProperty("message").Text("role")));
        Assert.Equal(["Ja"], Tokens(choices[0]));
        Assert.Equal(["Ne", "in"], Tokens(choices[1]));
        Assert.Equal(
            -0.1,
            choices[0].GetProperty("logprobs").GetProperty("content")[0].GetProperty("top_logprobs")[0].GetProperty("logprob").GetDouble());
        Assert.Equal("url_citation", choices[0].GetProperty("message").GetProperty("annotations")[0].Text("type"));
        Assert.Equal(0.5, whole.GetProperty("usage").GetProperty("cost").GetDouble());
        Assert.Equal("a", whole.GetProperty("citations")[0].GetString());
        Assert.Equal(
            (2, 3, true),
            (
                steps.Sent.GetProperty("n").GetInt32(), steps.Sent.GetProperty("top_logprobs").GetInt32(),
                steps.Sent.GetProperty("logprobs").GetBoolean()));
        Assert.Equal(10, UsageLimitTests.Number(steps.Server, "select sum(tokens) from daily_usage"));
        UsageLimitTests.AssertBalanced(steps.Server);

        static IEnumerable<string?> Tokens(JsonElement choice) =>
            choice.GetProperty("logprobs").GetProperty("content").EnumerateArray().Select(token => token.Text("token"));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_stream_is_the_providers_own_but_for_the_model_and_the_usage_nobody_asked_for(bool includeUsage)
    {
        await using var steps = await CompatSteps.StartAsync(exchange => Frames(exchange, Two));
        await using var stream = await steps.Script.PostStream("/v1/chat/completions", Ask(stream: true, includeUsage));

        var frames = await stream.ReadAllAsync();

        Assert.Equal("[DONE]", frames[^1].Data);
        var chunks = frames[..^1].ConvertAll(frame => frame.Json);
        Assert.All(
            chunks,
            chunk => Assert.Equal(
                ("chatcmpl-up", "chat.completion.chunk", "fake-model"), (chunk.Text("id"), chunk.Text("object"), chunk.Text("model"))));
        var sent = Two[..(includeUsage ? 7 : 6)].Select(frame => JsonDocument.Parse(frame).RootElement);
        Assert.Equal(
            sent.Select(frame => frame.GetProperty("choices").GetRawText()),
            chunks.Select(chunk => chunk.GetProperty("choices").GetRawText()));
        Assert.Equal("fp_1", chunks[0].Text("system_fingerprint"));
        Assert.Equal(includeUsage, chunks.Any(chunk => chunk.TryGetProperty("usage", out _)));
        Assert.Equal(includeUsage ? 0.5 : 0, includeUsage ? chunks[^1].GetProperty("usage").GetProperty("cost").GetDouble() : 0);
    }

    [Fact]
    public async Task Messages_go_on_as_they_came_with_names_details_sounds_and_files()
    {
        await using var steps = await CompatSteps.StartAsync(exchange => OpenAiScript.Stream(exchange, "ok"));
        object[] messages =
        [
            new { role = "developer", content = "Be brief.", name = "boss" },
            new { role = "user", name = "eva", content = new object[]
            {
                new { type = "text", text = "Listen", tomorrow = 1 },
                new { type = "image_url", image_url = new { url = $"data:image/png;base64,{CompatSteps.Png}", detail = "high" } },
                new { type = "input_audio", input_audio = new { data = Sound, format = "wav" } },
                new { type = "file", file = new { filename = "a.pdf", file_data = "data:application/pdf;base64,JVBERi0=" } },
            } },
            new { role = "assistant", content = (string?)null, audio = new { id = "audio_1" } },
            new { role = "system", content = "Later rule." },
            new { role = "user", content = "go" },
        ];

        await (await steps.Chat(new { model = "fake-model", messages })).Expect(HttpStatusCode.OK);

        Assert.Equal(JsonSerializer.Serialize(messages), steps.Sent.GetProperty("messages").GetRawText());
    }

    [Fact]
    public async Task A_sound_is_asked_for_and_given_whole_or_in_the_pieces_of_a_stream()
    {
        await using var steps = await CompatSteps.StartAsync(exchange =>
            exchange.Request.Method == "GET" ? exchange.Reply(404, "{}")
            : exchange.Request.Json.TryGetProperty("stream", out var streams) && streams.GetBoolean() ? Frames(
                exchange,
                """{"id":"c","choices":[{"index":0,"delta":{"role":"assistant","audio":{"id":"audio_1","transcript":"Hel"}}}]}""",
                """{"id":"c","choices":[{"index":0,"delta":{"audio":{"data":"SOUND"}}}]}""".Replace("SOUND", Sound),
                """{"id":"c","choices":[{"index":0,"delta":{"audio":{"expires_at":9}},"finish_reason":"stop"}]}""")
            : exchange.Reply(200, """
                {"id":"c","object":"chat.completion",
                "choices":[{"index":0,"message":{"role":"assistant","content":null,
                "audio":{"id":"audio_1","data":"SOUND","transcript":"Hello","expires_at":9}},"finish_reason":"stop"}],
                "usage":{"prompt_tokens":5,"completion_tokens":50,"completion_tokens_details":{"audio_tokens":40}}}
                """.Replace("SOUND", Sound)));
        var body = new
        {
            model = "fake-model",
            modalities = new[] { "text", "audio" },
            audio = new { voice = "alloy", format = "wav" },
            messages = new[] { new { role = "user", content = "sing" } },
        };

        var whole = await (await steps.Chat(body)).Json();
        var sound = whole.GetProperty("choices")[0].GetProperty("message").GetProperty("audio");
        Assert.Equal((Sound, "Hello", 9), (sound.Text("data"), sound.Text("transcript"), sound.GetProperty("expires_at").GetInt32()));
        Assert.Equal(40, whole.GetProperty("usage").GetProperty("completion_tokens_details").GetProperty("audio_tokens").GetInt32());
        Assert.Equal("alloy", steps.Sent.GetProperty("audio").Text("voice"));
        Assert.False(steps.Sent.TryGetProperty("stream_options", out _));

        await using var stream = await steps.Script.PostStream(
            "/v1/chat/completions", new { body.model, body.modalities, body.audio, body.messages, stream = true });
        var pieces = (await stream.ReadAllAsync())[..^1]
            .ConvertAll(frame => frame.Json.GetProperty("choices")[0].GetProperty("delta").GetProperty("audio"));
        Assert.Equal("Hel", pieces[0].Text("transcript"));
        Assert.Equal(Sound, pieces[1].Text("data"));
        Assert.Equal(2, (await steps.Admin.GetJson("/api/auth/me")).GetProperty("quota").GetProperty("used").GetInt64());
        UsageLimitTests.AssertBalanced(steps.Server);
    }

    [Theory]
    [InlineData("n", """{"n":2}""")]
    [InlineData("logprobs", """{"logprobs":true}""")]
    [InlineData("top_logprobs", """{"top_logprobs":2}""")]
    [InlineData("audio", """{"audio":{"voice":"alloy","format":"wav"}}""")]
    [InlineData("modalities", """{"modalities":["text","audio"]}""")]
    [InlineData(
        "input_audio",
        """{"messages":[{"role":"user","content":[{"type":"input_audio","input_audio":{"data":"AAAA","format":"wav"}}]}]}""")]
    [InlineData("file", """{"messages":[{"role":"user","content":[{"type":"file","file":{"file_id":"file-1"}}]}]}""")]
    public async Task A_provider_of_another_protocol_is_not_asked_and_the_member_is_named(string name, string members)
    {
        await using var steps = await CompatSteps.StartAsync(exchange => exchange.Reply(500, "{}"), "anthropic");
        var body = JsonSerializer.Deserialize<Dictionary<string, JsonElement>>(members)!;
        body.TryAdd("messages", JsonSerializer.SerializeToElement(new[] { new { role = "user", content = "hi" } }));
        body["model"] = JsonSerializer.SerializeToElement("fake-model");

        var error = (await (await steps.Chat(body)).Json(HttpStatusCode.BadRequest)).GetProperty("error");

        Assert.Equal(("unsupported_parameter", "invalid_request_error"), (error.Text("code"), error.Text("type")));
        Assert.NotNull(error.Text("param"));
        Assert.Contains(name, error.Text("message"));
        Assert.Empty(steps.Upstream.Chats());
    }

    [Theory]
    [InlineData("""{"n":0}""")]
    [InlineData("""{"n":9}""")]
    [InlineData("""{"n":"two"}""")]
    [InlineData("""{"messages":[{"role":"user","content":[{"type":"file","file":{"file_data":"http://127.0.0.1/x"}}]}]}""")]
    [InlineData("""{"messages":[{"role":"user","content":[{"type":"input_audio","input_audio":{"data":"https://127.0.0.1/x"}}]}]}""")]
    [InlineData("""{"messages":[{"role":"user","content":[{"type":"video_url","video_url":{"url":"http://127.0.0.1/x"}}]}]}""")]
    public async Task What_is_out_of_bounds_or_an_address_is_refused(string members)
    {
        await using var steps = await CompatSteps.StartAsync(exchange => exchange.Reply(500, "{}"));
        var body = JsonSerializer.Deserialize<Dictionary<string, JsonElement>>(members)!;
        body.TryAdd("messages", JsonSerializer.SerializeToElement(new[] { new { role = "user", content = "hi" } }));
        body["model"] = JsonSerializer.SerializeToElement("fake-model");

        Assert.Equal("bad_request", (await (await steps.Chat(body)).Json(HttpStatusCode.BadRequest)).GetProperty("error").Text("code"));
        Assert.Empty(steps.Upstream.Chats());
    }

    [Fact]
    public async Task Tool_calls_are_numbered_by_us_and_what_the_server_wants_back_is_added()
    {
        const string signed =
            """{"id":"a","function":{"name":"f","arguments":"{\"x\":1}"},"extra_content":{"google":{"thought_signature":"SIGNED"}}}""";
        const string plain = """{"id":"b","function":{"name":"g","arguments":"{}"}}""";
        await using var steps = await CompatSteps.StartAsync(exchange =>
            exchange.Request.Text.Contains("tool_call_id", StringComparison.Ordinal)
            ? OpenAiScript.Stream(exchange, "22 degrees")
            : Frames(
                exchange,
                """{"choices":[{"index":0,"delta":{"role":"assistant","reasoning_content":"hm"}}]}""",
                $$$"""{"choices":[{"index":0,"delta":{"tool_calls":[{{{signed}}}]}}]}""",
                $$$"""{"choices":[{"index":0,"delta":{"tool_calls":[{{{plain}}}]},"finish_reason":"stop"}]}"""));
        object question = new { role = "user", content = "how warm?" };

        await using var stream = await steps.Script.PostStream(
            "/v1/chat/completions", new { model = "fake-model", stream = true, messages = new[] { question } });
        var choices = (await stream.ReadAllAsync())[..^1].ConvertAll(frame => frame.Json.GetProperty("choices")[0]);
        var calls = choices.Where(choice => choice.GetProperty("delta").TryGetProperty("tool_calls", out _))
            .Select(choice => choice.GetProperty("delta").GetProperty("tool_calls")[0]);
        Assert.Equal([(0, "a"), (1, "b")], calls.Select(call => (call.GetProperty("index").GetInt32(), call.Text("id")!)));
        Assert.Equal("tool_calls", choices[^1].Text("finish_reason"));

        var message = (await (await steps.Chat(new { model = "fake-model", messages = new[] { question } })).Json())
            .GetProperty("choices")[0].GetProperty("message");
        Assert.Equal(["a", "b"], message.GetProperty("tool_calls").EnumerateArray().Select(call => call.Text("id")));
        var bare = new { role = "assistant", content = (string?)null, tool_calls = message.GetProperty("tool_calls") };
        object[] replies =
            [new { role = "tool", tool_call_id = "a", content = "22" }, new { role = "tool", tool_call_id = "b", content = "C" }];
        await (await steps.Chat(new { model = "fake-model", messages = new[] { question, bare }.Concat(replies) }))
            .Expect(HttpStatusCode.OK);

        var sent = steps.Upstream.Chats()
            .Single(exchange => exchange.Request.Text.Contains(
                "tool_call_id", StringComparison.Ordinal)).Request.Json.GetProperty("messages")[1];
        Assert.Equal(
            "SIGNED", sent.GetProperty("tool_calls")[0].GetProperty("extra_content").GetProperty("google").Text("thought_signature"));
        Assert.Equal("hm", sent.Text("reasoning_content"));
    }

    [Fact]
    public async Task Calls_of_unknown_kinds_and_members_of_calls_come_through()
    {
        const string begin =
            """{"index":0,"id":"a","type":"custom","custom":{"name":"patch","input":"*** "},"next_year":{"x":1}}""";
        await using var steps = await CompatSteps.StartAsync(exchange => Frames(
            exchange,
            """{"choices":[{"index":0,"delta":{"role":"assistant","tool_calls":[""" + begin + "]}}]}",
            """{"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"custom":{"input":"End"}}]}}]}""",
            """{"choices":[{"index":0,"delta":{},"finish_reason":"tool_calls"}],"service_tier":"flex"}"""));
        object Ask(bool stream) => new
        {
            model = "fake-model",
            stream,
            tools = new[] { new { type = "custom", custom = new { name = "patch" } } },
            tool_choice = new { type = "custom", custom = new { name = "patch" } },
            messages = new[] { new { role = "system", content = "alone" } },
        };

        await using var stream = await steps.Script.PostStream("/v1/chat/completions", Ask(true));
        var deltas = (await stream.ReadAllAsync())[..^1].ConvertAll(frame => frame.Json.GetProperty("choices")[0].GetProperty("delta"));
        Assert.Equal(begin, deltas[0].GetProperty("tool_calls")[0].GetRawText());
        Assert.Equal("custom", steps.Sent.GetProperty("tool_choice").Text("type"));

        var whole = await (await steps.Chat(Ask(false))).Json();
        Assert.Equal("flex", whole.Text("service_tier"));
        var call = whole.GetProperty("choices")[0].GetProperty("message").GetProperty("tool_calls")[0];
        Assert.Equal("*** End", call.GetProperty("custom").Text("input"));
        Assert.False(call.TryGetProperty("index", out _));
    }

    [Fact]
    public async Task A_closing_message_says_nothing_twice()
    {
        const string message = """
            {"role":"assistant","content":"Hello","tool_calls":[{"id":"a","type":"function","function":{"name":"f","arguments":"{}"}}]}
            """;
        await using var steps = await CompatSteps.StartAsync(exchange => Frames(
            exchange,
            """{"choices":[{"index":0,"delta":{"role":"assistant","content":"Hel"}}]}""",
            """{"choices":[{"index":0,"message":""" + message.ReplaceLineEndings("") + ""","finish_reason":"tool_calls"}]}"""));

        await using var stream = await steps.Script.PostStream("/v1/chat/completions", CompatSteps.Ask("hi", stream: true));
        var deltas = (await stream.ReadAllAsync())[..^1].ConvertAll(frame => frame.Json.GetProperty("choices")[0].GetProperty("delta"));
        var said = deltas.Where(delta => delta.TryGetProperty("content", out _)).Select(delta => delta.Text("content"));
        Assert.Equal("Hello", string.Concat(said));
        Assert.Single(deltas, delta => delta.TryGetProperty("tool_calls", out _));

        var whole = (await (await steps.Chat(CompatSteps.Ask("hi"))).Json()).GetProperty("choices")[0].GetProperty("message");
        Assert.Equal("Hello", whole.Text("content"));
        Assert.Equal(1, whole.GetProperty("tool_calls").GetArrayLength());
    }

    [Theory]
    [InlineData("nope", """{"messages":[{"role":"user","content":"q"},{"role":"tool","tool_call_id":"nope","content":"x"}]}""")]
    [InlineData("messages", """{"messages":[]}""")]
    public async Task A_tool_message_without_its_call_is_refused_by_its_id(string name, string members)
    {
        await using var steps = await CompatSteps.StartAsync(exchange => exchange.Reply(500, "{}"));
        var body = JsonSerializer.Deserialize<Dictionary<string, JsonElement>>(members)!;
        body["model"] = JsonSerializer.SerializeToElement("fake-model");

        var error = (await (await steps.Chat(body)).Json(HttpStatusCode.BadRequest)).GetProperty("error");

        Assert.Contains(name, error.Text("message"));
        Assert.Empty(steps.Upstream.Chats());
    }

    [Fact]
    public async Task A_stand_in_of_another_protocol_is_not_asked_for_what_it_does_not_have()
    {
        await using var steps = await CompatSteps.StartAsync(exchange => exchange.Reply(500, "{}"));
        await UsageLimitTests.Set(steps.Admin, new { providerMaxRetries = 0, fallbackModels = new[] { "demo" } });

        await (await steps.Chat(CompatSteps.Ask("hi"))).Expect(HttpStatusCode.OK);
        await (await steps.Chat(new { model = "fake-model", n = 2, messages = new[] { new { role = "user", content = "hi" } } }))
            .Expect(HttpStatusCode.InternalServerError);
    }

    [Fact]
    public async Task Tokens_are_counted_without_asking_anybody_or_paying()
    {
        await using var steps = await CompatSteps.StartAsync(exchange => exchange.Reply(500, "{}"), "openai_responses");
        object Ask(string text) =>
            new { model = "fake-model", system = "Be brief.", messages = new[] { new { role = "user", content = text } } };

        var little = (await (await steps.Script.PostJson("/v1/messages/count_tokens", Ask("hi"))).Json())
            .GetProperty("input_tokens").GetInt64();
        var much = (await (await steps.Script.PostJson("/v1/messages/count_tokens", Ask(new string('x', 4_000)))).Json())
            .GetProperty("input_tokens").GetInt64();

        Assert.InRange(little, 5, 30);
        Assert.InRange(much - little, 900, 1_100);
        Assert.Empty(steps.Upstream.Chats());
        Assert.Equal(0, (await steps.Admin.GetJson("/api/auth/me")).GetProperty("quota").GetProperty("used").GetInt64());
        var missing = await (await steps.Script.PostJson(
            "/v1/messages/count_tokens", new { model = "nothing", messages = new[] { new { role = "user", content = "x" } } }))
            .Json(HttpStatusCode.NotFound);
        Assert.Equal("not_found_error", missing.GetProperty("error").Text("type"));
    }

    private static object Ask(bool stream, bool includeUsage = false) => new
    {
        model = "fake-model",
        n = 2,
        logprobs = true,
        top_logprobs = 3,
        stream,
        stream_options = includeUsage ? new { include_usage = true } : null,
        messages = new[] { new { role = "user", content = "yes or no?" } },
    };

    /// <summary>A chunk of <see cref="Two"/> on one line, as an event's data has to be.</summary>
    private static string Chunk(string rest) =>
        $$"""{"id":"chatcmpl-up","created":17,"model":"up",{{rest.ReplaceLineEndings("")}}}""";

    private static async Task Frames(FakeExchange exchange, params string[] frames)
    {
        await exchange.StartSse();
        foreach (var frame in frames)
        {
            await exchange.Send($"data: {frame}\n\n");
        }

        await exchange.Send("data: [DONE]\n\n");
    }
}
