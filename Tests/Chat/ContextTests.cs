using System.Net;
using System.Text.Json;

namespace AiChat.Tests.Chat;

/// <summary>
/// Which messages of a chat a model gets: as many of the active branch as fit beside the answer, counted in the model's own tokens.
/// </summary>
public sealed class ContextTests
{
    private static readonly string Long = string.Concat(Enumerable.Repeat("word ", 160)); // about 200 tokens

    [Fact]
    public async Task The_oldest_turns_are_left_out_and_their_number_is_told()
    {
        await using var upstream = ChatSteps.Provider(async exchange =>
        {
            await exchange.StartSse();
            await OpenAiScript.Piece(exchange, Long);
            await exchange.Send("data: [DONE]\n\n"); // without usage, which would change the count
        });
        await using var server = await TestServer.StartAsync();
        var admin = await server.RegisterAdminAsync();
        var connection = await admin.Connect(upstream);
        await SetLimits(admin, connection, contextLimit: 2_000, maxOutputTokens: 500);
        var session = await admin.NewSession(connection);
        for (var i = 0; i < 5; i++)
        {
            await admin.AskAndWait(session, $"q{i} {Long}");
        }

        var (start, turns) = await AskAndSee(admin, upstream, session, "last question");

        // Seven of these turns fit into 1,500 tokens, and a prompt begins with a user's turn.
        Assert.Equal(4, start.GetProperty("trimmedMessages").GetInt32());
        Assert.Equal(7, turns.Count);
        Assert.Equal("user", turns[0].Text("role"));
        Assert.StartsWith("q2 ", turns[0].Text("content"));
        Assert.True(start.GetProperty("promptTokens").GetInt32() is > 1_000 and <= 1_500);
        Assert.Equal(2_000, start.GetProperty("contextLimit").GetInt32());

        // A later reader gets the same numbers.
        var answer = (await admin.Messages(session))[^1];
        await using (var later = await admin.GetStream($"/api/chat/stream/{answer.Id()}"))
        {
            var replay = await later.ReadAllAsync();
            Assert.Equal(4, replay[0].Json.GetProperty("trimmedMessages").GetInt32());
            Assert.Equal(4, replay[^1].Json.GetProperty("trimmedMessages").GetInt32());
        }

        // A shorter answer leaves more tokens for the turns, and the longest no less than three quarters.
        await (await admin.PatchJson($"/api/sessions/{session}", new { parameters = new { maxOutputTokens = 100 } })).Json();
        Assert.Equal(11, (await AskAndSee(admin, upstream, session, "another")).Turns.Count);
        await (await admin.PatchJson($"/api/sessions/{session}", new { parameters = new { maxOutputTokens = 100_000 } })).Json();
        Assert.InRange((await AskAndSee(admin, upstream, session, "a third")).Turns.Count, 7, 10);
    }

    [Fact]
    public async Task A_model_that_stands_in_tells_what_it_did_not_get_live_and_later()
    {
        await using var broken = ChatSteps.Provider(exchange => exchange.Reply(500, """{"error":{"message":"down"}}"""));
        await using var small = ChatSteps.Provider(async exchange =>
        {
            await exchange.StartSse();
            await OpenAiScript.Piece(exchange, "short");
            await exchange.Send("data: [DONE]\n\n"); // without usage, which would change the count
        });
        await using var server = await TestServer.StartAsync();
        var admin = await server.RegisterAdminAsync();
        var first = await admin.Connect(broken);
        var second = await admin.Connect(small, "small-model");
        var limits = new { connectionId = second, model = "small-model", contextLimit = 1_000, maxOutputTokens = 100 };
        await (await admin.PutJson("/api/catalog/models", limits)).Expect(HttpStatusCode.OK);
        await (await admin.PatchJson("/api/settings/system", new { providerMaxRetries = 0, fallbackModels = new[] { "small-model" } }))
            .Expect(HttpStatusCode.OK);
        var session = await admin.NewSession(first);
        for (var i = 0; i < 6; i++)
        {
            await admin.AskAndWait(session, $"q{i} {Long}");
            await (await admin.PatchJson($"/api/sessions/{session}", new { connectionId = first, model = "fake-model" }))
                .Expect(HttpStatusCode.OK);
        }

        await using var stream = await admin.Ask(session, "last question");
        var events = await stream.ReadAllAsync();
        await using var later = await admin.GetStream($"/api/chat/stream/{events[0].AssistantId()}");
        var replay = await later.ReadAllAsync();

        Assert.Equal(("fake-model", 0), (events[0].Json.Text("model"), events[0].Json.GetProperty("trimmedMessages").GetInt32()));
        var left = events[^1].Json.GetProperty("trimmedMessages").GetInt32();
        Assert.InRange(left, 2, 12);
        Assert.Equal(("small-model", left), (replay[0].Json.Text("model"), replay[0].Json.GetProperty("trimmedMessages").GetInt32()));
        Assert.Equal(events[^1].Data, replay[^1].Data);
    }

    [Fact]
    public async Task Without_context_only_the_question_is_sent()
    {
        await using var upstream = FakeUpstream.Start(OpenAiScript.Answer(["fake-model"], "yes"));
        await using var server = await TestServer.StartAsync();
        var admin = await server.RegisterAdminAsync();
        var session = await admin.NewSession(await admin.Connect(upstream));
        await admin.AskAndWait(session, "before");

        await using var stream = await admin.PostStream(
            "/api/chat/stream",
            new { sessionId = session, content = "alone", clientMessageId = ChatSteps.NewId(), contextEnabled = false });
        var events = await stream.ReadAllAsync();

        Assert.Equal(0, events[0].Json.GetProperty("trimmedMessages").GetInt32());
        var request = upstream.Chats().Single(exchange => exchange.Request.Text.Contains("alone", StringComparison.Ordinal)).Request.Json;
        Assert.Equal("alone", Assert.Single(request.GetProperty("messages").EnumerateArray()).Text("content"));
    }

    [Fact]
    public async Task Only_the_branch_of_the_question_is_sent()
    {
        await using var upstream = FakeUpstream.Start(OpenAiScript.Answer(["fake-model"], "yes"));
        await using var server = await TestServer.StartAsync();
        var admin = await server.RegisterAdminAsync();
        var session = await admin.NewSession(await admin.Connect(upstream));
        await admin.AskAndWait(session, "one way");
        await using (var edited = await admin.PostStream(
            "/api/chat/stream",
            new { sessionId = session, content = "the other way", parentId = (long?)null, clientMessageId = ChatSteps.NewId() }))
        {
            await edited.ReadAllAsync();
        }

        var (_, turns) = await AskAndSee(admin, upstream, session, "further");

        Assert.Equal(["the other way", "yes", "further"], turns.Select(turn => turn.Text("content")));
    }

    [Fact]
    [Trait("Nodes", "One")] // the other server learns it a moment later
    public async Task Estimates_follow_what_the_provider_counts_also_after_a_restart()
    {
        await using var upstream = ChatSteps.Provider(async exchange =>
        {
            await exchange.StartSse();
            await OpenAiScript.Piece(exchange, "yes");
            await exchange.SendEvent(new { choices = new[] { new { index = 0, delta = new { }, finish_reason = "stop" } } });
            await exchange.SendEvent(
                new { choices = Array.Empty<object>(), usage = new { prompt_tokens = Words(exchange) * 3, completion_tokens = 1 } });
            await exchange.Send("data: [DONE]\n\n");
        });
        await using var server = await TestServer.StartAsync();
        var admin = await server.RegisterAdminAsync();
        var session = await admin.NewSession(await admin.Connect(upstream));
        await using var first = await admin.Ask(session, Long + Long);
        var guess = (await first.ReadAllAsync())[0].Json.GetProperty("promptTokens").GetInt32();

        var learnt = (await AskAndSee(admin, upstream, session, "second")).Start.GetProperty("promptTokens").GetInt32();
        await server.RestartAsync();
        var kept = (await AskAndSee(admin, upstream, session, "third")).Start.GetProperty("promptTokens").GetInt32();

        Assert.InRange(guess, 380, 450);
        Assert.InRange(learnt, 900, 1_100);
        Assert.InRange(kept, 900, 1_100);

        static int Words(FakeExchange exchange) => exchange.Request.Text.Split(' ').Length;
    }

    private static async Task SetLimits(HttpClient admin, long connectionId, int contextLimit, int maxOutputTokens) =>
        await (await admin.PutJson("/api/catalog/models", new { connectionId, model = "fake-model", contextLimit, maxOutputTokens }))
            .Expect(HttpStatusCode.OK);

    /// <summary>Asks, and returns the start event and the turns that the provider got.</summary>
    private static async Task<(JsonElement Start, List<JsonElement> Turns)> AskAndSee(
        HttpClient admin, FakeUpstream upstream, long session, string question)
    {
        await using var stream = await admin.Ask(session, question);
        var events = await stream.ReadAllAsync();
        var request = upstream.Chats().Single(exchange => exchange.Request.Text.Contains($"\"{question}\"", StringComparison.Ordinal)
            && exchange.Request.Json.GetProperty("messages").EnumerateArray().Last().Text("content") == question).Request.Json;
        return (events[0].Json, [.. request.GetProperty("messages").EnumerateArray()]);
    }
}
