using System.Net;
using System.Text.Json;

namespace AiChat.Tests.Chat;

/// <summary>What providers send beside plain text reaches the stored answer, the reader and the next request.</summary>
public sealed class ProviderFormsTests
{
    [Fact]
    public async Task Text_before_a_closing_tag_alone_becomes_reasoning_for_reader_row_and_replay()
    {
        await using var upstream = ChatSteps.Provider(
            exchange => OpenAiScript.Stream(exchange, "They greet. ", "I greet.\n</th", "ink>\n\nHello ", "there"));
        await using var server = await TestServer.StartAsync();
        var admin = await server.RegisterAdminAsync();
        var session = await admin.NewSession(await admin.Connect(upstream));
        await using var stream = await admin.Ask(session, "hi");

        var events = await stream.ReadAllAsync();

        var (content, reasoning) = Applied(events);
        Assert.Equal(("Hello there", "They greet. I greet.\n"), (content, reasoning));
        var answer = (await admin.Messages(session))[^1];
        Assert.Equal(("Hello there", "They greet. I greet.\n"), (answer.Text("content"), Optional(answer, "reasoning")));
        await using var again = await SseStream.OpenAsync(
            await admin.GetAsync($"/api/chat/stream/{answer.Id()}?after=0", HttpCompletionOption.ResponseHeadersRead));
        var replayed = await again.ReadAllAsync();
        Assert.Equal(("Hello there", "They greet. I greet.\n"), Applied(replayed));
        Assert.Equal(events[^1].Id, replayed[^1].Id);
    }

    [Fact]
    public async Task Nothing_is_lost_where_reasoning_is_not_kept()
    {
        var replies = new Queue<string>(
            ["<think>\nFour, because two and two.", "Use <think> and </think> as marks.", "Hm.\n</think>\nFour."]);
        await using var upstream = ChatSteps.Provider(exchange => OpenAiScript.Stream(exchange, replies.Dequeue()));
        await using var server = await TestServer.StartAsync();
        var admin = await server.RegisterAdminAsync();
        await (await admin.PatchJson("/api/settings/system", new { reasoningSaveToDb = false })).Expect(HttpStatusCode.OK);
        var session = await admin.NewSession(await admin.Connect(upstream));

        foreach (var expected in (string[])["Four, because two and two.", "Use <think> and </think> as marks.", "Four."])
        {
            var answer = await admin.AskAndWait(session, "how much");
            Assert.Equal((expected, null), (answer.Text("content"), Optional(answer, "reasoning")));
        }
    }

    [Fact]
    public async Task A_picture_of_the_model_is_kept_shown_and_sent_again()
    {
        var png = Convert.ToBase64String(SampleImages.Png());
        var picture = new { inlineData = new { mimeType = "image/png", data = png } };
        await using var upstream = FakeUpstream.Start(async exchange =>
        {
            await exchange.StartSse();
            object[] parts = exchange.Request.Text.Contains("draw", StringComparison.Ordinal) && !exchange.Request.Text.Contains(png)
                ? [new { text = "Here." }, picture] : [new { text = "A cat." }];
            await exchange.SendEvent(new { candidates = new[] { new { content = new { role = "model", parts }, finishReason = "STOP" } } });
        });
        await using var server = await TestServer.StartAsync();
        var admin = await server.RegisterAdminAsync();
        var connection = await Connect(admin, upstream, "google_genai", "gemini-x");
        await (await admin.PutJson(
            "/api/catalog/models", new { connectionId = connection, model = "gemini-x", capabilities = new { vision = true } }))
            .Expect(HttpStatusCode.OK);
        var session = await admin.NewSession(connection, "gemini-x");

        await using var stream = await admin.Ask(session, "draw");
        var done = (await stream.ReadAllAsync())[^1].Json;

        var answer = (await admin.Messages(session))[^1];
        var image = Assert.Single(answer.GetProperty("images").EnumerateArray());
        Assert.Equal(image.Text("id"), Assert.Single(done.GetProperty("images").EnumerateArray()).Text("id"));
        Assert.Equal(("Here.", "image/png"), (answer.Text("content"), image.Text("mime")));
        Assert.Equal(SampleImages.Png(), await admin.GetByteArrayAsync(image.Text("url")));
        await admin.AskAndWait(session, "what is it");
        var sent = upstream.Chats().MaxBy(chat => chat.Request.Text.Length)!.Request.Json.GetProperty("contents")[1];
        Assert.Equal("model", sent.Text("role"));
        Assert.Equal(png, sent.GetProperty("parts")[0].GetProperty("inlineData").Text("data"));
    }

    [Fact]
    public async Task Citations_of_the_provider_are_numbered_sources()
    {
        await using var upstream = ChatSteps.Provider(async exchange =>
        {
            await exchange.StartSse();
            await exchange.SendEvent(new
            {
                citations = new[] { "https://a.example/x", "https://b.example/" },
                choices = new[] { new { index = 0, delta = new { content = "So [2]." }, finish_reason = "stop" } },
            });
            await exchange.Send("data: [DONE]\n\n");
        });
        await using var server = await TestServer.StartAsync();
        var admin = await server.RegisterAdminAsync();
        var session = await admin.NewSession(await admin.Connect(upstream));

        var answer = await admin.AskAndWait(session, "why");

        var call = Assert.Single(answer.GetProperty("toolCalls").EnumerateArray());
        var pages = JsonDocument.Parse(call.Text("result")!).RootElement;
        Assert.Equal(
            ("succeeded", 2, "https://b.example/"),
            (call.Text("status"), pages[1].GetProperty("number").GetInt32(), pages[1].Text("url")));
    }

    [Theory]
    [InlineData("openai", "messages")]
    [InlineData("google_genai", "contents")]
    [InlineData("ollama", "messages")]
    [InlineData("anthropic", "messages")]
    public async Task The_question_after_a_failed_answer_joins_the_one_before(string provider, string member)
    {
        await using var upstream = FakeUpstream.Start(exchange => exchange.Reply(400, """{"error":{"message":"bad"}}"""));
        await using var server = await TestServer.StartAsync();
        var admin = await server.RegisterAdminAsync();
        var session = await admin.NewSession(await Connect(admin, upstream, provider, "m"), "m");

        await admin.AskAndWait(session, "first");
        await admin.AskAndWait(session, "second");

        var turns = upstream.Chats().MaxBy(chat => chat.Request.Text.Length)!.Request.Json.GetProperty(member).EnumerateArray().ToList();
        Assert.Contains("first\\n\\nsecond", Assert.Single(turns).GetRawText());
    }

    [Fact]
    public async Task A_model_without_a_place_for_a_system_message_gets_it_in_the_question()
    {
        await using var upstream = ChatSteps.Provider(exchange => exchange.Request.Text.Contains("\"system\"", StringComparison.Ordinal)
            ? exchange.Reply(500, """{"error":{"code":500,"message":"System role not supported"}}""")
            : OpenAiScript.Stream(exchange, "ok"));
        await using var server = await TestServer.StartAsync();
        var admin = await server.RegisterAdminAsync();
        var session = await admin.NewSession(await admin.Connect(upstream));
        await (await admin.PatchJson($"/api/sessions/{session}", new { systemPrompt = "Be brief." })).Expect(HttpStatusCode.OK);

        Assert.Equal("ok", (await admin.AskAndWait(session, "hi")).Text("content"));

        var sent = upstream.Chats().Single(chat => !chat.Request.Text.Contains("\"system\"", StringComparison.Ordinal));
        var turn = Assert.Single(sent.Request.Json.GetProperty("messages").EnumerateArray());
        Assert.Equal(("user", "Be brief.\n\nhi"), (turn.Text("role"), turn.Text("content")));
    }

    [Fact]
    public async Task Ollama_is_told_the_limit_in_force_and_how_long_to_keep_the_model()
    {
        await using var upstream = FakeUpstream.Start(exchange => exchange.Reply(
            200, """{"message":{"role":"assistant","content":"ok"},"done":true,"done_reason":"stop"}""", "application/x-ndjson"));
        await using var server = await TestServer.StartAsync();
        var admin = await server.RegisterAdminAsync();
        var connection = await Connect(admin, upstream, "ollama", "m");
        await (await admin.PutJson("/api/catalog/models", new { connectionId = connection, model = "m", contextLimit = 12_345 }))
            .Expect(HttpStatusCode.OK);
        await (await admin.PatchJson("/api/settings/system", new { ollamaKeepAlive = "30m" })).Expect(HttpStatusCode.OK);

        await admin.AskAndWait(await admin.NewSession(connection, "m"), "hi");

        var sent = upstream.Chats().MaxBy(chat => chat.Request.Text.Length)!.Request.Json;
        Assert.Equal((12_345, "30m"), (sent.GetProperty("options").GetProperty("num_ctx").GetInt32(), sent.Text("keep_alive")));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Anthropic_prompts_are_marked_for_the_cache_where_that_is_on(bool on)
    {
        await using var upstream = FakeUpstream.Start(exchange => exchange.Reply(
            200, """{"type":"message","content":[{"type":"text","text":"ok"}],"stop_reason":"end_turn","usage":{"input_tokens":1,"output_tokens":1}}"""));
        await using var server = await TestServer.StartAsync();
        var admin = await server.RegisterAdminAsync();
        await (await admin.PatchJson("/api/settings/system", new { promptCaching = on })).Expect(HttpStatusCode.OK);
        var session = await admin.NewSession(await Connect(admin, upstream, "anthropic", "claude-x"), "claude-x");
        await (await admin.PatchJson($"/api/sessions/{session}", new { systemPrompt = "Be brief." })).Expect(HttpStatusCode.OK);

        await admin.AskAndWait(session, "hi");

        var sent = upstream.Chats().MaxBy(chat => chat.Request.Text.Length)!.Request.Json;
        Assert.Equal(on, sent.GetProperty("system").GetRawText().Contains("ephemeral", StringComparison.Ordinal));
        Assert.Equal(on, sent.GetProperty("messages")[0].GetRawText().Contains("ephemeral", StringComparison.Ordinal));
    }

    private static async Task<long> Connect(HttpClient admin, FakeUpstream upstream, string provider, string model) =>
        (await (await admin.PostJson("/api/connections", new
        {
            name = provider,
            provider,
            baseUrl = provider == "openai" ? upstream.BaseUrl : $"http://127.0.0.1:{upstream.Port}",
            key = "key-1-for-this-test",
            local = true,
            modelIds = new[] { model },
        })).Json(HttpStatusCode.Created)).Id();

    private static string? Optional(JsonElement element, string name) =>
        element.TryGetProperty(name, out var value) ? value.GetString() : null;

    /// <summary>What a page makes of the events.</summary>
    private static (string Content, string Reasoning) Applied(IEnumerable<ServerEvent> events)
    {
        var (content, reasoning) = ("", "");
        foreach (var next in events)
        {
            content += next.Event == "delta" ? next.Json.Text("text") : "";
            reasoning += next.Event == "reasoning" ? Optional(next.Json, "text") : "";
            if (next.Event == "reasoning" && next.Json.TryGetProperty("contentLength", out var length))
            {
                reasoning += content[length.GetInt32()..];
                content = content[..length.GetInt32()];
            }
        }

        return (content, reasoning);
    }
}
