using System.Net;
using System.Text.Json;

namespace AiChat.Tests.Chat;

/// <summary>
/// Nothing is forgotten in silence: what a model reads is known or learnt from its provider's refusal, and what no longer fits may be
/// replaced by a summary.
/// </summary>
public sealed class ContextLimitTests
{
    private static readonly string Long = string.Concat(Enumerable.Repeat("word ", 800)); // about 1,000 tokens

    [Fact]
    public async Task A_model_that_nobody_knows_remembers_the_beginning()
    {
        await using var upstream = FakeUpstream.Start(OpenAiScript.Answer(["fake-model"], Long));
        await using var server = await TestServer.StartAsync();
        var admin = await server.RegisterAdminAsync();
        var session = await admin.NewSession(await admin.Connect(upstream));
        await admin.AskAndWait(session, "My name is Ann. " + Long + Long + Long);
        await admin.AskAndWait(session, "second " + Long + Long);

        await admin.AskAndWait(session, "What is my name?");

        Assert.Contains("My name is Ann", Sent(upstream, "What is my name?")[0].Text("content"));
        var context = (await admin.GetJson($"/api/sessions/{session}/usage")).GetProperty("context");
        Assert.Equal((120_000, 0), (context.GetProperty("contextLimit").GetInt32(), context.GetProperty("trimmedMessages").GetInt32()));
    }

    [Theory]
    [InlineData(400, """{"error":{"message":"This model's maximum context length is 8192 tokens. However, you sent more."}}""", 8_192)]
    [InlineData(400, """{"error":{"code":"context_length_exceeded","message":"Too long."}}""", null)]
    [InlineData(500, """{"error":{"message":"big","type":"exceed_context_size_error","n_prompt_tokens":9000,"n_ctx":8192}}""", 8_192)]
    [InlineData(200, """{"error":{"type":"invalid_request_error","message":"prompt is too long: 9000 tokens > 8192 maximum"}}""", 8_192)]
    public async Task A_refusal_teaches_the_limit_and_the_chat_is_asked_again_with_less(int status, string body, int? limit)
    {
        await using var upstream = ChatSteps.Provider(exchange =>
            exchange.Request.Text.Length > 30_000 ? exchange.Reply(status, body) : Say(exchange, "yes"));
        await using var server = await TestServer.StartAsync();
        var admin = await server.RegisterAdminAsync();
        var connection = await admin.Connect(upstream);
        var session = await admin.NewSession(connection);
        for (var i = 0; i < 7; i++)
        {
            await admin.AskAndWait(session, $"q{i} {Long}");
        }

        await using var stream = await admin.Ask(session, "last " + Long);
        var events = await stream.ReadAllAsync();

        Assert.Equal("done", events[^1].Json.Text("status"));
        Assert.True(events[^1].Json.GetProperty("trimmedMessages").GetInt32() >= 2);
        var retry = Assert.Single(events, e => e.Event == "retry").Json;
        Assert.Equal(("provider_context_too_long", "Fake"), (retry.Text("code"), retry.Text("connectionName")));
        Assert.Equal(9, upstream.Chats().Count);
        Assert.True(Sent(upstream, "last " + Long).Count < 12);
        await NodesHost.Shows(async () => await Limit(admin) < 120_000);
        var learnt = await Limit(admin);
        Assert.True(limit is null ? learnt is > 2_000 and < 10_000 : learnt == limit, $"{learnt}");

        // It is known from now on, also after a restart, and no request is refused again.
        await server.RestartAsync();
        await admin.AskAndWait(session, "one more");
        Assert.Equal((10, learnt), (upstream.Chats().Count, await Limit(admin)));

        // What an administrator enters is believed again.
        var form = new { connectionId = connection, model = "fake-model", contextLimit = 50_000 };
        await (await admin.PutJson("/api/catalog/models", form)).Expect(HttpStatusCode.OK);
        Assert.Equal(50_000, await Limit(admin));
    }

    [Fact]
    public async Task A_question_that_is_too_long_alone_is_not_asked_twice()
    {
        await using var upstream = ChatSteps.Provider(exchange =>
            exchange.Reply(400, """{"error":{"message":"This model's maximum context length is 1024 tokens."}}"""));
        await using var server = await TestServer.StartAsync();
        var admin = await server.RegisterAdminAsync();
        var session = await admin.NewSession(await admin.Connect(upstream));

        var answer = await admin.AskAndWait(session, Long + Long);

        Assert.Equal("provider_context_too_long", answer.GetProperty("error").Text("code"));
        Assert.Single(upstream.Chats());
        Assert.Equal(1_024, await Limit(admin));
    }

    [Fact]
    public async Task A_client_of_the_api_gets_the_refusal_and_no_other_prompt()
    {
        await using var steps = await Api.CompatSteps.StartAsync(exchange => exchange.Request.Method == "GET"
            ? OpenAiScript.Models(exchange, ["fake-model"])
            : exchange.Reply(400, """{"error":{"message":"maximum context length is 4096 tokens"}}"""));

        var refused = await steps.Chat(Api.CompatSteps.Ask(Long));

        await refused.Expect(HttpStatusCode.BadRequest);
        Assert.Single(steps.Upstream.Chats());
        Assert.Equal(4_096, await Limit(steps.Admin));
    }

    [Fact]
    public async Task A_longer_answer_than_has_room_is_not_asked_for()
    {
        await using var upstream = FakeUpstream.Start(OpenAiScript.Answer(["fake-model"], "yes"));
        await using var server = await TestServer.StartAsync();
        var admin = await server.RegisterAdminAsync();
        var connection = await admin.Connect(upstream);
        var limits = new { connectionId = connection, model = "fake-model", contextLimit = 4_000 };
        await (await admin.PutJson("/api/catalog/models", limits)).Expect(HttpStatusCode.OK);
        var session = await admin.NewSession(connection);
        await (await admin.PatchJson($"/api/sessions/{session}", new { parameters = new { maxOutputTokens = 3_900 } })).Json();

        await admin.AskAndWait(session, Long + Long);

        var asked = upstream.Chats()[^1].Request.Json;
        var max = asked.TryGetProperty("max_completion_tokens", out var value) ? value : asked.GetProperty("max_tokens");
        Assert.InRange(max.GetInt32(), 1_000, 2_000);
    }

    [Fact]
    public async Task Older_messages_become_a_summary_that_can_be_changed_and_taken_back()
    {
        await using var upstream = ChatSteps.Provider(exchange => OpenAiScript.Stream(
            exchange, exchange.Request.Text.Contains("You condense", StringComparison.Ordinal) ? "Ann likes tea." : "yes"));
        await using var server = await TestServer.StartAsync();
        var admin = await server.RegisterAdminAsync();
        var session = await admin.NewSession(await admin.Connect(upstream));
        await admin.AskAndWait(session, "My name is Ann.");
        await admin.AskAndWait(session, "I like tea.");
        await admin.AskAndWait(session, "The newest stays.");

        var written = await (await admin.PostJson($"/api/sessions/{session}/summary", new { })).Json();
        var rows = await admin.Messages(session);
        await admin.AskAndWait(session, "Go on");

        Assert.Equal(("Ann likes tea.", rows[3].Id()), (written.Text("summary"), written.GetProperty("messageId").GetInt64()));
        Assert.Equal((6, "Ann likes tea."), (rows.Count, rows[3].Text("summary")));
        var sent = Sent(upstream, "Go on");
        Assert.Equal(3, sent.Count);
        Assert.EndsWith("Ann likes tea.\n\nThe newest stays.", sent[0].Text("content"));
        var path = $"/api/sessions/{session}/messages/{rows[3].Id()}/summary";

        // A person's words, in every later branch too.
        await (await admin.PutJson(path, new { summary = "Ann likes coffee." })).Expect(HttpStatusCode.NoContent);
        await admin.AskAndWait(session, "And now");
        Assert.Contains("coffee", Sent(upstream, "And now")[0].Text("content"));

        // A copy of the chat has it too, and a file.
        var forking = await admin.PostJson($"/api/sessions/{session}/fork", new { messageId = rows[5].Id() });
        var fork = await forking.Json(HttpStatusCode.Created);
        Assert.Equal("Ann likes coffee.", (await admin.Messages(fork.Id()))[3].Text("summary"));
        Assert.Contains("> Ann likes coffee.", await admin.GetStringAsync($"/api/sessions/{session}/export?format=md"));

        // Nothing at all: a fresh start; and everything as it was.
        await (await admin.PutJson(path, new { summary = "" })).Expect(HttpStatusCode.NoContent);
        await admin.AskAndWait(session, "Fresh");
        Assert.Equal("The newest stays.", Sent(upstream, "Fresh")[0].Text("content"));
        await (await admin.PutJson(path, new { summary = (string?)null })).Expect(HttpStatusCode.NoContent);
        await admin.AskAndWait(session, "All");
        Assert.Equal("My name is Ann.", Sent(upstream, "All")[0].Text("content"));

        // Nobody else may.
        var other = await server.RegisterUserAsync(admin, "other");
        await (await other.PutJson(path, new { summary = "x" })).Expect(HttpStatusCode.NotFound);
        await (await other.PostJson($"/api/sessions/{session}/summary", new { })).Expect(HttpStatusCode.NotFound);
    }

    /// <summary>Answers without usage, which would change the measure of tokens.</summary>
    private static async Task Say(FakeExchange exchange, string text)
    {
        await exchange.StartSse();
        await OpenAiScript.Piece(exchange, text);
        await exchange.Send("data: [DONE]\n\n");
    }

    private static async Task<int> Limit(HttpClient admin) =>
        (await admin.GetJson("/api/catalog/models")).GetProperty("items").EnumerateArray()
            .Single(model => model.Text("model") == "fake-model").GetProperty("contextLimit").GetInt32();

    /// <summary>The messages of the last request that ended with this question.</summary>
    private static List<JsonElement> Sent(FakeUpstream upstream, string question) =>
        upstream.Chats().ConvertAll(chat => chat.Request.Json.GetProperty("messages").EnumerateArray().ToList())
            .Where(turns => turns[^1].Text("content") == question).MinBy(turns => turns.Count)!;
}
