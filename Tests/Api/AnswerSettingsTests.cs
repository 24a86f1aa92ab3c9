using System.Net;
using System.Text.Json;
using AiChat.Tests.Chat;
using Microsoft.Extensions.Time.Testing;

namespace AiChat.Tests.Api;

/// <summary>The administrator's settings for answers apply to everybody.</summary>
public sealed class AnswerSettingsTests
{
    [Fact]
    [Trait("Mode", "InProcess")]
    public async Task Text_is_gathered_for_as_long_as_the_setting_says_and_none_is_lost()
    {
        var clock = new FakeTimeProvider(DateTimeOffset.UnixEpoch.AddYears(56));
        await using var server = await TestServer.StartAsync(new TestServerOptions { Clock = clock });
        var more = new TaskCompletionSource();
        await using var upstream = ChatSteps.Provider(async exchange =>
        {
            await exchange.StartSse();
            await OpenAiScript.Piece(exchange, "one ");
            await more.Task;
            await OpenAiScript.Piece(exchange, "two ");
            await OpenAiScript.Piece(exchange, "three");
            await OpenAiScript.Finish(exchange, 3);
        });
        var admin = await server.RegisterAdminAsync();
        await (await admin.PatchJson("/api/settings/system", new { streamDeltaFlushIntervalMs = 500 })).Expect(HttpStatusCode.OK);
        var session = await admin.NewSession(await admin.Connect(upstream));

        // The first piece is not delayed.
        await using var stream = await admin.Ask(session, "Count");
        var transcript = new Transcript();
        await transcript.ReadFirst(stream);

        more.SetResult();
        await Eventually.Holds(async () => (await admin.Messages(session))[^1].Text("status") == "done");

        var next = stream.NextAsync();
        await Task.WhenAny(next, Task.Delay(200));
        Assert.False(next.IsCompleted);
        while (!next.IsCompleted)
        {
            clock.Advance(TimeSpan.FromMilliseconds(500));
            await Task.WhenAny(next, Task.Delay(50));
        }

        var gathered = (await next)!;
        Assert.Equal("two three", gathered.Json.Text("text"));
        transcript.Take(gathered);
        await transcript.ReadAll(stream);
        Assert.Equal("one two three", transcript.Content);
        Assert.Equal("done", transcript.Done!.Json.Text("status"));
    }

    [Fact]
    public async Task What_is_set_for_reasoning_holds_for_ordinary_users()
    {
        await using var server = await TestServer.StartAsync();
        await using var upstream = FakeUpstream.Start(OpenAiScript.Answer(["o3"], "hi"));
        var admin = await server.RegisterAdminAsync();
        var user = await server.RegisterUserAsync(admin);
        var connection = await admin.Connect(upstream, "o3");
        await Set(new { openaiReasoningEffort = "high", reasoningMaxOutputTokensDefault = 4_000, reasoningDefaultExpand = true });

        var sent = await Sent(new { });
        Assert.Equal("high", sent.Text("reasoning_effort"));
        Assert.Equal(4_000, sent.GetProperty("max_completion_tokens").GetInt32());
        Assert.Equal("low", (await Sent(new { effort = "low" })).Text("reasoning_effort"));

        // A choice holds for one answer, and nobody can switch on what the administrator switched off.
        Assert.Equal("high", (await Sent(new { })).Text("reasoning_effort"));
        await Set(new { openaiReasoningEffort = "unset" });
        Assert.False((await Sent(new { })).TryGetProperty("reasoning_effort", out _));
        await Set(new { reasoningEnabled = false });
        Assert.False((await Sent(new { enabled = true, effort = "high" })).TryGetProperty("reasoning_effort", out _));

        var told = await user.GetJson("/api/settings/system");
        Assert.False(told.GetProperty("reasoningEnabled").GetBoolean());
        Assert.True((await server.Client().GetJson("/api/settings/branding")).GetProperty("reasoningOpen").GetBoolean());

        async Task Set(object change) => await (await admin.PatchJson("/api/settings/system", change)).Expect(HttpStatusCode.OK);

        async Task<JsonElement> Sent(object reasoning)
        {
            var id = ChatSteps.NewId();
            await using var stream = await user.PostStream(
                "/api/chat/stream",
                new { sessionId = await user.NewSession(connection, "o3"), content = id, clientMessageId = id, reasoning });
            await stream.ReadAllAsync();
            return upstream.Chats().Single(chat => chat.Request.Text.Contains(id, StringComparison.Ordinal)).Request.Json;
        }
    }
}
