using System.Net;
using System.Net.Http.Headers;
using System.Runtime.InteropServices;
using AiChat.Tests.Chat;

namespace AiChat.Tests.Api;

/// <summary>
/// The APIs for other vendors' clients: requests, responses and quotas.
/// </summary>
public sealed class CompatTests
{
    [Fact]
    public async Task A_completion_comes_whole_and_as_a_stream_and_is_entered_with_its_key()
    {
        await using var steps = await CompatSteps.StartAsync(exchange => OpenAiScript.Stream(exchange, "Hel", "lo"));

        var whole = await (await steps.Chat(CompatSteps.Ask("hi"))).Json();
        Assert.Equal("chat.completion", whole.Text("object"));
        Assert.Equal("Hello", whole.GetProperty("choices")[0].GetProperty("message").Text("content"));
        Assert.Equal("stop", whole.GetProperty("choices")[0].Text("finish_reason"));
        Assert.Equal(9, whole.GetProperty("usage").GetProperty("total_tokens").GetInt64());

        await using var stream = await steps.Script.PostStream("/v1/chat/completions", new
        {
            model = "fake-model",
            stream = true,
            stream_options = new { include_usage = true },
            messages = new[] { new { role = "user", content = "hi" } },
        });
        var frames = await stream.ReadAllAsync();
        Assert.Equal("[DONE]", frames[^1].Data);
        Assert.All(frames, frame => Assert.Null(frame.Id));
        var chunks = frames[..^1].ConvertAll(frame => frame.Json);
        Assert.Equal("Hello", string.Concat(chunks.Where(chunk => chunk.GetProperty("choices").GetArrayLength() > 0)
            .Select(
                chunk => chunk.GetProperty("choices")[0].GetProperty("delta")
                    .TryGetProperty("content", out var text) ? text.GetString() : "")));
        Assert.Equal(9, chunks[^1].GetProperty("usage").GetProperty("total_tokens").GetInt64());

        Assert.Equal(
            2,
            UsageLimitTests.Number(
                steps.Server, "select count(*) from usage_entries where api_key_id = 1 and session_id is null and status = 'done'"));
        Assert.Equal(2, (await steps.Admin.GetJson("/api/auth/me")).GetProperty("quota").GetProperty("used").GetInt64());
        UsageLimitTests.AssertBalanced(steps.Server);
    }

    [Fact]
    public async Task Unknown_members_go_on_and_steering_ones_end_here()
    {
        await using var steps = await CompatSteps.StartAsync(exchange => OpenAiScript.Stream(exchange, "ok"));
        await using var canary = FakeUpstream.Start(exchange => exchange.Reply(200, "{}"));
        var body = new Dictionary<string, object>
        {
            ["model"] = "fake-model",
            ["messages"] = new[] { new { role = "user", content = "hi" } },
            ["temperature"] = 0.25,
            ["logit_bias"] = new Dictionary<string, int> { ["50256"] = -100 },
            ["response_format"] = new { type = "json_object" },
            ["tools"] =
                new[] { new { type = "function", function = new { name = "f", strict = true, parameters = new { type = "object" } } } },
            ["future_member"] = new[] { 1, 2 },
            ["n"] = 1,
            ["base_url"] = canary.BaseUrl,
            ["api_base"] = canary.BaseUrl,
            ["api_key"] = "sk-CANARY",
            ["extra_body"] = new { api_base = canary.BaseUrl },
            ["models"] = new[] { "another-model" },
            ["fallbacks"] = new[] { "another-model" },
        };
        using var request = new HttpRequestMessage(HttpMethod.Post, "/v1/chat/completions")
        {
            Content = System.Net.Http.Json.JsonContent.Create(body),
        };
        request.Headers.Add("x-base-url", canary.BaseUrl);
        await (await steps.Script.SendAsync(request)).Expect(HttpStatusCode.OK);

        Assert.Equal(0.25, steps.Sent.GetProperty("temperature").GetDouble());
        Assert.Equal(-100, steps.Sent.GetProperty("logit_bias").GetProperty("50256").GetInt32());
        Assert.Equal("json_object", steps.Sent.GetProperty("response_format").Text("type"));
        Assert.True(steps.Sent.GetProperty("tools")[0].GetProperty("function").GetProperty("strict").GetBoolean());
        Assert.Equal(2, steps.Sent.GetProperty("future_member").GetArrayLength());
        Assert.False(steps.Sent.TryGetProperty("stream", out _)); // the provider is asked as the client asks
        Assert.Equal(1, steps.Sent.GetProperty("n").GetInt32());
        foreach (var name in new[] { "base_url", "api_base", "api_key", "extra_body", "models", "fallbacks" })
        {
            Assert.False(steps.Sent.TryGetProperty(name, out _), name);
        }

        Assert.Equal(0, canary.Connections);
    }

    [Theory]
    [InlineData("http://{0}/canary.png")]
    [InlineData("file:///etc/passwd")]
    [InlineData("data:text/html;base64,PGI+")]
    [InlineData("data:image/png;base64,PGI+")]
    [InlineData("data:image/png,plain")]
    public async Task Images_are_data_or_nothing_and_nothing_is_fetched(string url)
    {
        await using var steps = await CompatSteps.StartAsync(exchange => OpenAiScript.Stream(exchange, "seen"));
        await using var canary = FakeUpstream.Start(exchange => exchange.Reply(200, "x"));
        var address = string.Format(url, $"127.0.0.1:{canary.Port}");
        object[] parts = [new { type = "text", text = "what?" }, new { type = "image_url", image_url = new { url = address } }];
        await Expect(
            await steps.Chat(new { model = "fake-model", messages = new[] { new { role = "user", content = parts } } }),
            HttpStatusCode.BadRequest, "bad_request");
        object[] input = [new { role = "user", content = new object[] { new { type = "input_image", image_url = address } } }];
        await Expect(
            await steps.Script.PostJson("/v1/responses", new { model = "fake-model", input }), HttpStatusCode.BadRequest, "bad_request");
        object[] blocks = [new { type = "image", source = new { type = "url", url = address } }];
        await Anthropic(
            await steps.Script.PostJson(
                "/v1/messages", new { model = "fake-model", max_tokens = 9, messages = new[] { new { role = "user", content = blocks } } }),
            HttpStatusCode.BadRequest, "invalid_request_error");

        Assert.Equal(0, canary.Connections);
        Assert.Empty(steps.Upstream.Chats());
    }

    [Fact]
    public async Task An_image_in_the_request_reaches_the_provider_whole()
    {
        await using var steps = await CompatSteps.StartAsync(exchange => OpenAiScript.Stream(exchange, "red"));
        object[] blocks =
        [
            new { type = "image", source = new { type = "base64", media_type = "image/jpeg", data = CompatSteps.Png } },
            new { type = "text", text = "what?" },
        ];
        await (await steps.Script.PostJson(
            "/v1/messages", new { model = "fake-model", max_tokens = 9, messages = new[] { new { role = "user", content = blocks } } }))
            .Expect(HttpStatusCode.OK);

        var part = steps.Sent.GetProperty("messages")[0].GetProperty("content")[1].GetProperty("image_url");
        Assert.Equal($"data:image/png;base64,{CompatSteps.Png}", part.Text("url"));
    }

    [Fact]
    public async Task A_hundred_at_once_by_both_apis_on_five_remaining_make_five_calls()
    {
        await using var steps = await CompatSteps.StartAsync(exchange => OpenAiScript.Stream(exchange, "ok"));
        await UsageLimitTests.Set(steps.Admin, new { maxRunsPerUser = 0, requestsPerMinute = 0 });
        await UsageLimitTests.LimitAdmin(steps.Admin, 5);
        var sessions = await Task.WhenAll(Enumerable.Range(0, 20).Select(_ => steps.Admin.NewSession(steps.Connection)));

        var answers = await Task.WhenAll(Enumerable.Range(0, 100).Select(async at =>
        {
            using var answer = at % 2 == 0
                ? await steps.Admin.PostJson(
                    "/api/chat/completion",
                    new { sessionId = sessions[at % 20], content = "go", clientMessageId = ChatSteps.NewId(), parentId = (long?)null })
                : await steps.Chat(CompatSteps.Ask("go", stream: at % 4 == 1));
            await answer.Content.ReadAsByteArrayAsync();
            return answer.StatusCode;
        }));

        Assert.Equal(5, answers.Count(status => status == HttpStatusCode.OK));
        Assert.Equal(95, answers.Count(status => status == HttpStatusCode.TooManyRequests));
        Assert.Equal(5, steps.Upstream.Chats().Count);
        UsageLimitTests.AssertBalanced(steps.Server);
    }

    [Fact]
    public async Task When_the_quota_is_used_up_no_api_reaches_the_provider()
    {
        await using var steps = await CompatSteps.StartAsync(exchange => OpenAiScript.Stream(exchange, "ok"));
        var session = await steps.Admin.NewSession(steps.Connection);
        var messageId = (await steps.Admin.AskAndWait(session, "the last of this day")).Id();
        await UsageLimitTests.LimitAdmin(steps.Admin, 1);
        using var first = await steps.Chat(CompatSteps.Ask("go"));
        Assert.NotNull(first.Headers.RetryAfter?.Delta);
        await Expect(first, HttpStatusCode.TooManyRequests, "insufficient_quota");
        foreach (var path in new[]
        {
            "responses", "embeddings", "completions", "audio/speech", "images/generations", "rerank", "moderations",
        })
        {
            var said = path is "completions" or "images/generations" ? "prompt" : "input";
            await Expect(
                await steps.Script.PostRaw($"/v1/{path}", $$"""{"model":"fake-model","{{said}}":"go"}"""),
                HttpStatusCode.TooManyRequests, "insufficient_quota");
        }

        await Anthropic(
            await steps.Script.PostJson(
                "/v1/messages", new { model = "fake-model", max_tokens = 5, messages = new[] { new { role = "user", content = "go" } } }),
            HttpStatusCode.TooManyRequests, "rate_limit_error");
        await (await steps.Admin.PostJson("/api/chat/stream", new { sessionId = session, content = "go", clientMessageId = "a" }))
            .ExpectProblem(HttpStatusCode.TooManyRequests, "quota_exceeded");
        await (await steps.Admin.PostJson("/api/chat/completion", new { sessionId = session, content = "go", clientMessageId = "b" }))
            .ExpectProblem(HttpStatusCode.TooManyRequests, "quota_exceeded");
        await (await steps.Admin.PostJson("/api/chat/regenerate", new { messageId, clientMessageId = "c" }))
            .ExpectProblem(HttpStatusCode.TooManyRequests, "quota_exceeded");
        await (await steps.Admin.PostJson("/api/chat/continue", new { messageId, clientMessageId = "d" }))
            .ExpectProblem(HttpStatusCode.TooManyRequests, "quota_exceeded");

        Assert.Single(steps.Upstream.Chats());
    }

    [Fact]
    public async Task Keys_open_their_scopes_and_models_by_every_carrier()
    {
        await using var steps = await CompatSteps.StartAsync(exchange => OpenAiScript.Stream(exchange, "ok"));
        var lists = (await KeysTests.Make(steps.Admin, new { name = "k", scopes = new[] { "models" }, models = new[] { "demo" } }))
            .Text("key")!;
        var other = (await KeysTests.Make(steps.Admin, new { name = "k", scopes = new[] { "chat" }, models = new[] { "demo" } }))
            .Text("key")!;
        foreach (var (name, form) in new[] { ("Authorization", "Bearer {0}"), ("x-api-key", "{0}") })
        {
            HttpClient With(string key)
            {
                var client = steps.Server.Client();
                client.DefaultRequestHeaders.Add(name, string.Format(form, key));
                return client;
            }

            var models = await With(lists).GetJson("/v1/models");
            Assert.Equal(["demo"], models.GetProperty("data").EnumerateArray().Select(model => model.Text("id")));
            await Expect(await With(lists).PostJson("/v1/chat/completions", CompatSteps.Ask("hi")), HttpStatusCode.Forbidden, "forbidden");
            await Expect(await With(other).GetAsync("/v1/models"), HttpStatusCode.Forbidden, "forbidden");
            await Expect(
                await With(other).PostJson("/v1/chat/completions", CompatSteps.Ask("hi")), HttpStatusCode.NotFound, "model_not_found");
            await (await With(other).GetAsync("/api/sessions")).ExpectProblem(HttpStatusCode.Forbidden, "forbidden");
            await Expect(await With("sk-nonsense").GetAsync("/v1/models"), HttpStatusCode.Unauthorized, "invalid_api_key");
        }

        await Expect(await steps.Server.Client().GetAsync($"/v1/models?key={lists}"), HttpStatusCode.Unauthorized, "unauthenticated");
        await Expect(await steps.Server.Client().GetAsync("/v1/nothing"), HttpStatusCode.NotFound, "not_found");
        Assert.Empty(steps.Upstream.Chats());
    }

    [Fact]
    public async Task Models_that_are_not_ones_own_do_not_exist()
    {
        await using var steps = await CompatSteps.StartAsync(exchange => OpenAiScript.Stream(exchange, "ok"));
        var member = await steps.Server.RegisterUserAsync(steps.Admin);
        var script = KeysTests.With(steps.Server, (await KeysTests.Make(member, new { name = "k" })).Text("key")!);
        await (await script.PostJson("/v1/chat/completions", CompatSteps.Ask("hi"))).Expect(HttpStatusCode.OK);
        await (await steps.Admin.PutJson(
            "/api/catalog/models", new { connectionId = steps.Connection, model = "fake-model", hidden = true }))
            .Expect(HttpStatusCode.OK);

        await Expect(await script.PostJson("/v1/chat/completions", CompatSteps.Ask("hi")), HttpStatusCode.NotFound, "model_not_found");
        await Expect(await script.GetAsync("/v1/models/fake-model"), HttpStatusCode.NotFound, "model_not_found");
        Assert.DoesNotContain("fake-model", (await script.GetJson("/v1/models")).GetRawText());
        Assert.Single(steps.Upstream.Chats());
    }

    [Fact]
    public async Task When_the_client_goes_the_provider_is_let_go_and_what_came_is_entered()
    {
        await using var steps = await CompatSteps.StartAsync(async exchange =>
        {
            await exchange.StartSse();
            await OpenAiScript.Piece(exchange, "some text");
            await exchange.ClientGone;
        });
        await using (var stream = await steps.Script.PostStream("/v1/chat/completions", CompatSteps.Ask("hi", stream: true)))
        {
            await stream.ReadUntilAsync(frame => frame.Data.Contains("some text", StringComparison.Ordinal));
        }

        await (await steps.Upstream.NextChatAsync()).ClientGone.WaitAsync(TimeSpan.FromSeconds(5));
        await Eventually.Holds(
            () => UsageLimitTests.Number(steps.Server, "select count(*) from usage_entries where status = 'stopped'") > 0);

        UsageLimitTests.AssertBalanced(steps.Server);
    }

    [Fact]
    public async Task A_failure_has_a_status_before_the_stream_and_an_error_inside_it()
    {
        await using var steps = await CompatSteps.StartAsync(async exchange =>
        {
            if (exchange.Request.Text.Contains("early", StringComparison.Ordinal))
            {
                await exchange.Reply(
                    400, """{"error":{"message":"maximum context length is 10 tokens","code":"context_length_exceeded"}}""");
                return;
            }

            await exchange.StartSse();
            await OpenAiScript.Piece(exchange, "half");
            exchange.Reset();
        });
        await Expect(await steps.Chat(CompatSteps.Ask("early", stream: true)), HttpStatusCode.BadRequest, "context_length_exceeded");
        await using var stream = await steps.Script.PostStream("/v1/chat/completions", CompatSteps.Ask("late", stream: true));
        var frames = await stream.ReadAllAsync();
        Assert.Equal("provider_connection_lost", frames[^1].Json.GetProperty("error").Text("code"));
        Assert.Equal(2, UsageLimitTests.Number(steps.Server, "select count(*) from usage_entries where status = 'failed'"));
        Assert.Equal(
            1,
            UsageLimitTests.Number(steps.Server, "select count(*) from usage_entries where status = 'failed' and completion_tokens > 0"));
        UsageLimitTests.AssertBalanced(steps.Server);
    }

    [Fact]
    public async Task A_silent_provider_is_bridged_by_heartbeats()
    {
        var release = new TaskCompletionSource();
        await using var steps = await CompatSteps.StartAsync(async exchange =>
        {
            await exchange.StartSse();
            await OpenAiScript.Piece(exchange, "first");
            await release.Task;
            await OpenAiScript.Finish(exchange, 1);
        });
        await UsageLimitTests.Set(steps.Admin, new { sseHeartbeatIntervalMs = 1_000 });
        await using var stream = await steps.Script.PostStream("/v1/chat/completions", CompatSteps.Ask("hi", stream: true));
        await stream.ReadUntilAsync(frame => frame.Data.Contains("first", StringComparison.Ordinal));
        var rest = stream.ReadAllAsync();
        await Eventually.Holds(() => stream.Heartbeats > 0);

        release.SetResult();
        Assert.Equal("[DONE]", (await rest)[^1].Data);
    }

    [Fact]
    public async Task Signed_thinking_goes_back_with_its_tool_calls_though_the_client_cannot_carry_it()
    {
        await using var steps = await CompatSteps.StartAsync(
            async exchange =>
            {
                await exchange.StartSse();
                string[] frames = exchange.Request.Text.Contains("tool_result", StringComparison.Ordinal)
                    ?
                    [
                        """{"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}""",
                        """{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"done"}}""",
                        """{"type":"content_block_stop","index":0}""",
                        """{"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":1}}""",
                    ]
                    :
                    [
                        """{"type":"content_block_start","index":0,"content_block":{"type":"thinking","thinking":"","signature":""}}""",
                        """{"type":"content_block_delta","index":0,"delta":{"type":"thinking_delta","thinking":"hm"}}""",
                        """{"type":"content_block_delta","index":0,"delta":{"type":"signature_delta","signature":"SIGNED"}}""",
                        """{"type":"content_block_stop","index":0}""",
                        """{"type":"content_block_start","index":1, """
                        + """ "content_block":{"type":"tool_use","id":"toolu_1","name":"f","input":{}}}""",
                        """{"type":"content_block_stop","index":1}""",
                        """{"type":"message_delta","delta":{"stop_reason":"tool_use"},"usage":{"output_tokens":5}}""",
                    ];
                foreach (var frame in frames.Prepend(
                    """{"type":"message_start","message":{"usage":{"input_tokens":3}}}""").Append("""{"type":"message_stop"}"""))
                {
                    await exchange.Send($"data: {frame}\n\n");
                }
            },
            "anthropic");
        object[] tools = [new { type = "function", function = new { name = "f", parameters = new { type = "object" } } }];
        object question = new { role = "user", content = "go" };
        var asked = await (await steps.Chat(new { model = "fake-model", tools, messages = new[] { question } })).Json();
        var message = asked.GetProperty("choices")[0].GetProperty("message");
        Assert.Equal("toolu_1", message.GetProperty("tool_calls")[0].Text("id"));

        object answer = new { role = "tool", tool_call_id = "toolu_1", content = "22" };
        await (await steps.Chat(new { model = "fake-model", tools, messages = new[] { question, message, answer } }))
            .Expect(HttpStatusCode.OK);

        Assert.Contains("SIGNED", steps.Upstream.Chats().Single(exchange => exchange.Request.Text.Contains(
            "tool_result", StringComparison.Ordinal)).Request.Text);
    }

    [Fact]
    public async Task Embeddings_come_as_numbers_and_as_bytes()
    {
        await using var steps = await CompatSteps.StartAsync(exchange => exchange.Reply(
            200, """{"data":[{"index":0,"embedding":[0.5,-1]},{"index":1,"embedding":[1,2]}],"usage":{"prompt_tokens":4}}"""));
        var numbers = await (await steps.Script.PostJson(
            "/v1/embeddings", new { model = "fake-model", input = new[] { "a", "b" }, dimensions = 2 })).Json();
        Assert.Equal(-1, numbers.GetProperty("data")[0].GetProperty("embedding")[1].GetDouble());
        Assert.Equal(4, numbers.GetProperty("usage").GetProperty("total_tokens").GetInt64());
        Assert.Equal(2, steps.Sent.GetProperty("dimensions").GetInt32());
        var bytes = await (await steps.Script.PostJson(
            "/v1/embeddings", new { model = "fake-model", input = new[] { "a", "b" }, encoding_format = "base64" })).Json();
        Assert.Equal(
            [1f, 2f],
            MemoryMarshal.Cast<byte, float>(bytes.GetProperty("data")[1].GetProperty("embedding").GetBytesFromBase64()).ToArray());
        await Expect(
            await steps.Script.PostJson("/v1/embeddings", new { model = "fake-model", input = "only one" }), HttpStatusCode.BadGateway,
            "provider_protocol");
        await Expect(
            await steps.Script.PostJson("/v1/embeddings", new { model = "demo", input = "a" }), HttpStatusCode.BadRequest, "bad_request");
        UsageLimitTests.AssertBalanced(steps.Server, uncounted: 2);
    }

    [Theory]
    [InlineData(500)]
    [InlineData(400)]
    [InlineData(200)]
    public async Task Nothing_of_a_providers_page_or_its_headers_is_passed_on(int status)
    {
        await using var steps = await CompatSteps.StartAsync(exchange => exchange.Reply(
            status, "<script>alert('EVIL')</script>", "text/html", "Set-Cookie: EVIL=1", "Location: https://evil.example/EVIL",
            "Content-Security-Policy: script-src EVIL", "Refresh: 0;url=https://evil.example/EVIL"));
        var messages = new[] { new { role = "user", content = "go" } };
        foreach (var stream in new[] { false, true })
        {
            foreach (var (path, body) in new (string, object)[]
            {
                ("chat/completions", new { model = "fake-model", messages, stream }),
                ("messages", new { model = "fake-model", messages, stream, max_tokens = 9 }),
                ("responses", new { model = "fake-model", input = "go", stream }),
                ("embeddings", new { model = "fake-model", input = "go" }),
                ("completions", new { model = "fake-model", prompt = "go", stream }),
                ("audio/speech", new { model = "fake-model", input = "go" }),
            })
            {
                using var answer = await steps.Script.PostJson($"/v1/{path}", body);

                Assert.Contains(answer.Content.Headers.ContentType?.MediaType, new[] { "application/json", "text/event-stream" });
                Assert.Contains("error", await answer.Content.ReadAsStringAsync());
                Assert.DoesNotContain("<script", await answer.Content.ReadAsStringAsync());
                Assert.Equal("nosniff", answer.Headers.GetValues("X-Content-Type-Options").Single());
                Assert.DoesNotContain("EVIL", $"{answer.Headers}{answer.Content.Headers}");
            }
        }
    }

    [Fact]
    public async Task A_body_over_the_limit_is_refused_in_the_clients_words()
    {
        await using var steps = await CompatSteps.StartAsync(exchange => OpenAiScript.Stream(exchange, "ok"));
        using var request = new HttpRequestMessage(HttpMethod.Post, "/v1/chat/completions")
        {
            Content = new ByteArrayContent(new byte[33 * 1024 * 1024]),
        };
        request.Content.Headers.ContentType = new MediaTypeHeaderValue("application/json");
        request.Headers.ExpectContinue = true;
        await Expect(await steps.Script.SendAsync(request), HttpStatusCode.RequestEntityTooLarge, "too_large");
    }

    private static async Task Expect(HttpResponseMessage response, HttpStatusCode status, string code)
    {
        var error = (await response.Json(status)).GetProperty("error");
        Assert.Equal(code, error.Text("code"));
        Assert.NotEmpty(error.Text("message")!);
        Assert.NotEmpty(error.Text("type")!);
    }

    private static async Task Anthropic(HttpResponseMessage response, HttpStatusCode status, string type)
    {
        var body = await response.Json(status);
        Assert.Equal("error", body.Text("type"));
        Assert.Equal(type, body.GetProperty("error").Text("type"));
        Assert.NotEmpty(body.GetProperty("error").Text("message")!);
    }
}
