using System.Net;
using System.Net.Http.Headers;
using System.Text.Json;
using AiChat.Tests.Chat;

namespace AiChat.Tests.Api;

/// <summary>The endpoints beside the chat: what goes through whole, what is owned here, and what each call costs.</summary>
[Collection(nameof(Measured))]
public sealed class MeteredEndpointTests
{
    [Theory]
    [InlineData("completions", """{"prompt":"Once","suffix":"end","best_of":2}""",
        """{"object":"text_completion","choices":[{"text":" upon"}],"usage":{"prompt_tokens":3,"completion_tokens":2}}""", 3, 2, 1)]
    [InlineData("completions", """{"prompt":[[1,2],[3]],"max_tokens":4}""", """{"choices":[{"text":"12345678"}]}""", 3, 8, 1)]
    [InlineData("images/generations", """{"prompt":"a fox","n":2,"size":"64x64"}""",
        """{"created":1,"data":[{"b64_json":"AAAA"}],"usage":{"input_tokens":4,"output_tokens":90,"total_tokens":94}}""", 4, 90, 1)]
    [InlineData("images/generations", """{"prompt":"a fox","n":2}""", """{"data":[{"url":"https://x.example/1.png"}]}""", 2, 2_000, 1)]
    [InlineData("rerank", """{"query":"fox","documents":["a","b"],"top_n":1,"return_documents":true}""",
        """{"results":[{"index":1,"relevance_score":0.9}],"usage":{"total_tokens":8}}""", 8, 0, 0)]
    [InlineData("rerank", """{"query":"fox","documents":["a"]}""",
        """{"results":[],"meta":{"billed_units":{"search_units":1,"total_tokens":9}}}""", 9, 0, 0)]
    [InlineData("rerank", """{"query":"fox","documents":["a"]}""", """{"results":[],"meta":{"billed_units":{},"tokens":{}}}""", 2, 0, 0)]
    [InlineData("rerank", """{"query":"fox","documents":[{"text":"a"}]}""",
        """{"results":[],"meta":{"api_version":{"version":"2"},"tokens":{"input_tokens":6,"output_tokens":1}}}""", 6, 1, 0)]
    [InlineData("moderations", """{"input":["fine","words"]}""", """{"results":[{"flagged":false}]}""", 3, 0, 0)]
    [InlineData("audio/speech", """{"input":"Say it aloud","voice":"alloy"}""", "RIFFsound", 3, 0, 1)]
    public async Task The_body_and_the_reply_go_through_and_the_usage_is_entered(
        string path, string body, string reply, long prompt, long completion, long messages)
    {
        await using var steps = await CompatSteps.StartAsync(exchange => exchange.Reply(
            200, reply, path == "audio/speech" ? "audio/mpeg" : "application/json"));
        await (await steps.Admin.PutJson($"/api/connections/{steps.Connection}", new { prefix = "mine" })).Expect(HttpStatusCode.OK);
        var steering = body.Insert(1, """ "model":"mine.fake-model","api_base":"http://evil.example","future":{"a":[1]},""");

        using var answer = await steps.Script.PostRaw($"/v1/{path}", steering);

        Assert.Equal(reply, await answer.Content.ReadAsStringAsync());
        await answer.Expect(HttpStatusCode.OK);
        Assert.Equal(path == "audio/speech" ? "audio/mpeg" : "application/json", answer.Content.Headers.ContentType?.MediaType);
        var sent = steps.Upstream.Chats()[^1].Request;
        Assert.Equal($"/v1/{path}", sent.Path);
        var expected = body.Insert(1, """ "model":"fake-model","future":{"a":[1]},""");
        Assert.True(JsonElement.DeepEquals(JsonSerializer.Deserialize<JsonElement>(expected), sent.Json), sent.Text);
        Assert.Equal((prompt, completion), Used(steps));
        Assert.Equal(
            1, UsageLimitTests.Number(steps.Server, "select count(*) from usage_entries where api_key_id = 1 and status = 'done'"));
        Assert.Equal(messages, (await steps.Admin.GetJson("/api/auth/me")).GetProperty("quota").GetProperty("used").GetInt64());
        UsageLimitTests.AssertBalanced(steps.Server, uncounted: 1 - messages);
    }

    [Theory]
    [InlineData("""{"text":"Hi","usage":{"type":"tokens","input_tokens":40,"output_tokens":2,"total_tokens":42}}""", 40, 2)]
    [InlineData("""{"text":"Hi","usage":{"type":"duration","seconds":2.5}}""", 25, 13)]
    [InlineData("""{"task":"transcribe","language":"english","duration":8.47,"text":"Hi"}""", 85, 17)]
    [InlineData("1\n00:00:00 --> 00:00:01\nHi\n", 2, 6)]
    public async Task A_recording_goes_on_byte_by_byte(string reply, long prompt, long completion)
    {
        await using var steps = await CompatSteps.StartAsync(exchange => exchange.Reply(
            200, reply, reply[0] == '{' ? "application/json" : "text/plain; charset=utf-8"));
        await (await steps.Admin.PutJson($"/api/connections/{steps.Connection}", new { prefix = "mine" })).Expect(HttpStatusCode.OK);
        var sound = new byte[3_200];
        new Random(7).NextBytes(sound);
        "\r\n--x\r\n"u8.CopyTo(sound.AsSpan(100));
        using var form = new MultipartFormDataContent("x1")
        {
            { File(sound, "audio/wav"), "file", "höre.wav" },
            { new StringContent("word"), "timestamp_granularities[]" },
            { new StringContent("segment"), "timestamp_granularities[]" },
            { new StringContent("mine.fake-model"), "model" },
            { new StringContent("http://evil.example"), "base_url" },
        };

        using var answer = await steps.Script.PostAsync("/v1/audio/transcriptions", form);

        Assert.Equal(reply, await answer.Content.ReadAsStringAsync());
        var sent = steps.Upstream.Chats()[^1].Request;
        Assert.Equal("/v1/audio/transcriptions", sent.Path);
        Assert.StartsWith("multipart/form-data; boundary=", sent.Headers["Content-Type"]);
        Assert.True(sent.Body.AsSpan().IndexOf(sound) > 0);
        Assert.Contains("name=model\r\n\r\nfake-model\r\n", sent.Text.Replace("\"", "", StringComparison.Ordinal));
        Assert.Contains("Content-Type: audio/wav", sent.Text);
        Assert.Equal(2, sent.Text.Split("timestamp_granularities[]").Length - 1);
        Assert.DoesNotContain("evil.example", sent.Text);
        Assert.Equal((prompt, completion), Used(steps));
    }

    /// <summary>Forms with pictures and sounds: every part as it came, whatever its name, and a count where the reply has none.</summary>
    [Theory]
    [InlineData(
        "images/edits", "image[] image[] mask", """{"data":[{"b64_json":"AAAA"}],"usage":{"input_tokens":8,"output_tokens":90}}""", 8, 90)]
    [InlineData("images/edits", "image", """{"data":[{"url":"https://x.example/1.png"}]}""", 1_003, 1_000)]
    [InlineData("images/variations", "image", """{"data":[{"b64_json":"AAAA"}]}""", 1_000, 1_000)]
    [InlineData("audio/translations", "file", """{"text":"Good day"}""", 7, 4)]
    public async Task Forms_go_through_part_by_part(string path, string files, string reply, long prompt, long completion)
    {
        await using var steps = await CompatSteps.StartAsync(exchange => exchange.Reply(200, reply));
        await (await steps.Admin.PutJson($"/api/connections/{steps.Connection}", new { prefix = "mine" })).Expect(HttpStatusCode.OK);
        using var form = new MultipartFormDataContent { { new StringContent("mine.fake-model"), "model" } };
        var parts = files.Split(' ').Select((name, at) => (Name: name, Bytes: new byte[6_400 + at])).ToList();
        parts.ForEach(part => new Random(part.Bytes.Length).NextBytes(part.Bytes));
        parts.ForEach(part => form.Add(File(part.Bytes, path[0] == 'i' ? "image/png" : "audio/ogg"), part.Name, "a.bin"));
        form.Add(new StringContent("a red fox"), "prompt");
        form.Add(new StringContent("transparent"), "background");
        form.Add(new StringContent("http://evil.example"), "api_base");

        using var answer = await steps.Script.PostAsync($"/v1/{path}", form);

        Assert.Equal(reply, await answer.Content.ReadAsStringAsync());
        var sent = steps.Upstream.Chats()[^1].Request;
        Assert.Equal($"/v1/{path}", sent.Path);
        Assert.All(parts, part => Assert.True(sent.Body.AsSpan().IndexOf(part.Bytes) > 0));
        Assert.All(parts, part => Assert.Contains(part.Name, sent.Text));
        Assert.Contains("a red fox", sent.Text);
        Assert.Contains("transparent", sent.Text);
        Assert.Contains("fake-model", sent.Text);
        Assert.DoesNotContain("mine.fake-model", sent.Text);
        Assert.DoesNotContain("evil.example", sent.Text);
        Assert.Equal((prompt, completion), Used(steps));
        Assert.Equal(1, (await steps.Admin.GetJson("/api/auth/me")).GetProperty("quota").GetProperty("used").GetInt64());
        UsageLimitTests.AssertBalanced(steps.Server);
    }

    [Theory]
    [InlineData("images/edits")]
    [InlineData("images/variations")]
    [InlineData("audio/translations")]
    public async Task Forms_meet_the_gate_and_the_providers_refusals(string path)
    {
        await using var steps = await CompatSteps.StartAsync(
            exchange => exchange.Reply(400, """{"error":{"message":"Invalid image","type":"image_error","param":"image","code":"bad"}}"""));
        MultipartFormDataContent Form(string model) =>
            new() { { new StringContent(model), "model" }, { File(new byte[9], "image/png"), "image" } };

        var error = (await (await steps.Script.PostAsync($"/v1/{path}", Form("fake-model"))).Json(HttpStatusCode.BadRequest))
            .GetProperty("error");
        Assert.Equal(("Invalid image", "image_error", "bad"), (error.Text("message")!, error.Text("type")!, error.Text("code")!));
        Assert.Equal(1, UsageLimitTests.Number(steps.Server, "select count(*) from usage_entries where status = 'failed'"));

        await (await steps.Script.PostAsync($"/v1/{path}", Form("nobody"))).Expect(HttpStatusCode.NotFound);
        await (await steps.Script.PostJson($"/v1/{path}", new { model = "fake-model" })).Expect(HttpStatusCode.UnsupportedMediaType);
        var key = (await KeysTests.Make(steps.Admin, new { name = "k", scopes = new[] { "models" } })).Text("key")!;
        await (await KeysTests.With(steps.Server, key).PostAsync($"/v1/{path}", Form("fake-model"))).Expect(HttpStatusCode.Forbidden);
        Assert.Single(steps.Upstream.Chats());
    }

    [Fact]
    public async Task Sound_comes_while_it_is_made_and_a_broken_one_never_looks_whole()
    {
        var heard = new TaskCompletionSource();
        await using var steps = await CompatSteps.StartAsync(async exchange =>
        {
            await exchange.StartAsync(200, "audio/mpeg");
            await exchange.Send(new byte[] { 1, 2, 3 });
            await heard.Task;
            exchange.Reset();
        });
        using var request = new HttpRequestMessage(HttpMethod.Post, "/v1/audio/speech")
        {
            Content = System.Net.Http.Json.JsonContent.Create(new { model = "fake-model", input = "hi" }),
        };
        using var answer = await steps.Script.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);
        await using var sound = await answer.Content.ReadAsStreamAsync();
        var bytes = new byte[3];
        await sound.ReadExactlyAsync(bytes);
        Assert.Equal([1, 2, 3], bytes);
        heard.SetResult();

        await Assert.ThrowsAnyAsync<Exception>(async () => Assert.Equal(0, await sound.ReadAsync(bytes)));
        await Eventually.Holds(() => UsageLimitTests.Number(
            steps.Server, "select count(*) from usage_entries where status = 'failed' and prompt_tokens > 0") == 1);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_stream_of_completions_counts_itself_whether_the_client_asks_or_not(bool asks)
    {
        await using var steps = await CompatSteps.StartAsync(async exchange =>
        {
            await exchange.StartSse();
            await exchange.Send("data: {\"choices\":[{\"text\":\"a\"}],\"usage\":null}\r\n\r\n");
            await exchange.Send("data: {\"choices\":[],\"usage\":{\"prompt_tokens\":5,\"completion_tokens\":1}}\r\n\r\n");
            await exchange.Send("data: [DONE]\r\n\r\n");
        });
        object body = asks
            ? new { model = "fake-model", prompt = "x", stream = true, stream_options = new { include_usage = true } }
            : new { model = "fake-model", prompt = "x", stream = true };
        await using var stream = await steps.Script.PostStream("/v1/completions", body);

        var frames = await stream.ReadAllAsync();

        Assert.Equal(asks ? 3 : 2, frames.Count);
        Assert.Equal("a", frames[0].Json.GetProperty("choices")[0].Text("text"));
        Assert.Equal("[DONE]", frames[^1].Data);
        Assert.True(steps.Sent.GetProperty("stream_options").GetProperty("include_usage").GetBoolean());
        Assert.Equal((5, 1), Used(steps));
    }

    [Fact]
    public async Task A_server_that_cannot_count_a_stream_is_asked_without()
    {
        await using var steps = await CompatSteps.StartAsync(async exchange =>
        {
            if (exchange.Request.Text.Contains("stream_options", StringComparison.Ordinal))
            {
                await exchange.Reply(400, """{"error":{"message":"Unrecognized request argument supplied: stream_options"}}""");
                return;
            }

            await exchange.StartSse();
            await exchange.Send("data: {\"choices\":[{\"text\":\"a\"}]}\n\ndata: {\"choices\":[{\"text\":\"b\"}]}\n\n");
            exchange.Reset();
        });
        await using var stream = await steps.Script.PostStream(
            "/v1/completions", new { model = "fake-model", prompt = "four words are here", stream = true });
        var frames = await stream.ReadAllAsync();
        Assert.Equal("provider_connection_lost", frames[^1].Json.GetProperty("error").Text("code"));
        Assert.Equal((5, 2), Used(steps));
    }

    [Fact]
    public async Task A_picture_of_many_megabytes_is_counted_as_it_passes()
    {
        var picture = new string('A', 24 << 20);
        await using var steps = await CompatSteps.StartAsync(exchange => exchange.Reply(
            200, $$$"""{"data":[{"b64_json":"{{{picture}}}"}],"usage":{"input_tokens":3,"output_tokens":4000}}"""));
        var before = steps.Server.ResetPeak();
        using var request = new HttpRequestMessage(HttpMethod.Post, "/v1/images/generations")
        {
            Content = System.Net.Http.Json.JsonContent.Create(new { model = "fake-model", prompt = "fox" }),
        };
        using var answer = await steps.Script.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);
        await answer.Content.CopyToAsync(Stream.Null);
        await Eventually.Holds(() => UsageLimitTests.Number(
            steps.Server, "select count(*) from usage_entries where prompt_tokens = 3 and completion_tokens = 4000") == 1);
        if (before is { } idle)
        {
            Assert.InRange(steps.Server.GrownSince(idle), 0, 12L << 20);
        }
    }

    [Theory]
    [InlineData("anthropic", "completions", null)]
    [InlineData("google_genai", "images/generations", null)]
    [InlineData("ollama", "audio/speech", null)]
    [InlineData("ollama", "completions", "/v1/completions")]
    [InlineData("azure_openai", "audio/speech", "/openai/v1/audio/speech")]
    [InlineData("openai_responses", "moderations", "/v1/moderations")]
    public async Task A_provider_without_the_endpoint_is_not_asked(string provider, string path, string? asked)
    {
        await using var steps = await CompatSteps.StartAsync(exchange => exchange.Reply(200, "{}"), provider);
        using var answer = await steps.Script.PostJson($"/v1/{path}", new { model = "fake-model", input = "x", prompt = "x" });
        if (asked is not null)
        {
            await answer.Expect(HttpStatusCode.OK);
            Assert.Contains(steps.Upstream.Chats(), exchange => exchange.Request.Path == asked);
            return;
        }

        var error = (await answer.Json(HttpStatusCode.BadRequest)).GetProperty("error");
        Assert.Contains($"/v1/{path}", error.Text("message"));
        Assert.DoesNotContain(steps.Upstream.Chats(), exchange => exchange.Request.Path.EndsWith(path, StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_failure_comes_in_the_providers_words_and_costs_nothing()
    {
        var reply = (Status: 400, Text: """{"error":{"message":"No voice x","type":"t","param":"voice","code":"bad_voice"}}""");
        await using var steps = await CompatSteps.StartAsync(exchange => exchange.Reply(reply.Status, reply.Text));
        var body = new { model = "fake-model", input = "x", voice = "x" };
        var error = (await (await steps.Script.PostJson("/v1/audio/speech", body)).Json(HttpStatusCode.BadRequest)).GetProperty("error");
        Assert.Equal(
            ("No voice x", "t", "voice", "bad_voice"),
            (error.Text("message")!, error.Text("type")!, error.Text("param")!, error.Text("code")!));

        reply = (200, """{"error":{"message":"busy","code":503}}""");
        await (await steps.Script.PostJson("/v1/audio/speech", body)).Json(HttpStatusCode.ServiceUnavailable);
        Assert.Equal(2, UsageLimitTests.Number(steps.Server, "select count(*) from usage_entries where status = 'failed'"));
        Assert.Equal(0, (await steps.Admin.GetJson("/api/auth/me")).GetProperty("quota").GetProperty("used").GetInt64());
    }

    [Theory]
    [InlineData("application/json", "{\"model\":\"fake-model\"}", HttpStatusCode.UnsupportedMediaType)]
    [InlineData("multipart/form-data; boundary=x", "--x\r\n\r\nfake-model\r\n--x--\r\n", HttpStatusCode.BadRequest)]
    [InlineData("multipart/form-data; boundary=x", "--x\r\nContent-Disposition: form-data; name=model\r\n\r\nfak",
        HttpStatusCode.BadRequest)]
    [InlineData("multipart/form-data; boundary=x", "--x\r\nContent-Disposition: form-data; name=a\r\n\r\nb\r\n--x--\r\n",
        HttpStatusCode.BadRequest)]
    [InlineData("multipart/form-data; boundary=x",
        "--x\r\nContent-Disposition: form-data; name=model; filename=f\r\n\r\nfake-model\r\n--x--\r\n", HttpStatusCode.BadRequest)]
    [InlineData("multipart/form-data; boundary=x",
        "--x\r\nContent-Disposition: form-data; name=model\r\n\r\nfake-model\r\n--x\r\n"
        + "Content-Disposition: form-data; name=model\r\n\r\ndemo\r\n--x--\r\n", HttpStatusCode.BadRequest)]
    public async Task A_form_that_is_none_is_refused(string type, string body, HttpStatusCode status)
    {
        await using var steps = await CompatSteps.StartAsync(exchange => exchange.Reply(200, "{}"));
        var error = (await (await steps.Script.PostRaw("/v1/audio/transcriptions", body, type)).Json(status)).GetProperty("error");
        Assert.Equal("invalid_request_error", error.Text("type"));
        Assert.Empty(steps.Upstream.Chats());
    }

    [Fact]
    public async Task A_file_over_the_limit_and_another_models_key_are_refused()
    {
        await using var steps = await CompatSteps.StartAsync(exchange => exchange.Reply(200, "{}"));
        using var large = new HttpRequestMessage(HttpMethod.Post, "/v1/audio/transcriptions")
        {
            Content = new MultipartFormDataContent { { File(new byte[33 << 20], "audio/wav"), "file", "a.wav" } },
        };
        large.Headers.ExpectContinue = true;
        var error = (await (await steps.Script.SendAsync(large)).Json(HttpStatusCode.RequestEntityTooLarge)).GetProperty("error");
        Assert.Equal("too_large", error.Text("code"));

        foreach (var (form, status) in new[]
        {
            (new { name = "k", scopes = new[] { "chat" }, models = new[] { "demo" } }, HttpStatusCode.NotFound),
            (new { name = "k", scopes = new[] { "models" }, models = new[] { "fake-model" } }, HttpStatusCode.Forbidden),
        })
        {
            var script = KeysTests.With(steps.Server, (await KeysTests.Make(steps.Admin, form)).Text("key")!);
            await (await script.PostJson("/v1/rerank", new { model = "fake-model", query = "x", documents = new[] { "y" } }))
                .Expect(status);
        }

        Assert.Empty(steps.Upstream.Chats());
    }

    [Fact]
    public async Task Members_unknown_here_reach_a_provider_of_the_same_protocol_with_embeddings_too()
    {
        await using var steps = await CompatSteps.StartAsync(exchange => exchange.Reply(200, """{"data":[{"embedding":[1]}]}"""));
        await (await steps.Script.PostJson(
            "/v1/embeddings", new { model = "fake-model", input = "x", input_type = "query", encoding_format = "base64", api_base = "x" }))
            .Expect(HttpStatusCode.OK);
        Assert.Equal("query", steps.Sent.Text("input_type"));
        Assert.False(steps.Sent.TryGetProperty("encoding_format", out _));
        Assert.False(steps.Sent.TryGetProperty("api_base", out _));
    }

    private static (long Prompt, long Completion) Used(CompatSteps steps) => (
        UsageLimitTests.Number(steps.Server, "select prompt_tokens from usage_entries order by id desc limit 1"),
        UsageLimitTests.Number(steps.Server, "select completion_tokens from usage_entries order by id desc limit 1"));

    private static ByteArrayContent File(byte[] bytes, string type)
    {
        var content = new ByteArrayContent(bytes);
        content.Headers.ContentType = new MediaTypeHeaderValue(type);
        return content;
    }
}
