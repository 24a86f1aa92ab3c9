using System.Net;
using AiChat.Providers.Protocol;
using Microsoft.Extensions.Time.Testing;

namespace AiChat.Tests.Chat;

/// <summary>
/// Nothing runs or grows without a limit: the time limits of the settings, the length of an answer, the answers and readers of one user.
/// </summary>
public sealed class LimitTests
{
    [Theory]
    [InlineData("providerInitialGraceMs", "", "provider_first_byte_timeout")]
    [InlineData("providerMaxIdleMs", "text", "provider_idle_timeout")]
    [InlineData("providerReasoningIdleMs", "reasoning", "provider_idle_timeout")]
    public async Task Silence_ends_an_answer_and_comments_are_silence(string setting, string said, string code)
    {
        await using var upstream = ChatSteps.Provider(async exchange =>
        {
            await exchange.StartSse();
            if (said == "text")
            {
                await OpenAiScript.Piece(exchange, "so far");
            }
            else if (said == "reasoning")
            {
                await exchange.SendEvent(new { choices = new[] { new { index = 0, delta = new { reasoning_content = "hm" } } } });
            }

            while (!exchange.ClientGone.IsCompleted)
            {
                await exchange.Send(": still here\n\n");
                await Task.WhenAny(exchange.ClientGone, Task.Delay(50));
            }
        });
        await using var server = await TestServer.StartAsync();
        var admin = await server.RegisterAdminAsync();
        await (await admin.PatchJson("/api/settings/system", new Dictionary<string, int> { [setting] = 400 })).Json();
        var session = await admin.NewSession(await admin.Connect(upstream));

        var answer = await admin.AskAndWait(session, "go");

        Assert.Equal(("failed", code), (answer.Text("status"), answer.GetProperty("error").Text("code")));
        Assert.Equal(said == "text" ? "so far" : "", answer.Text("content"));
        Assert.Single(upstream.Chats());
    }

    [Fact]
    [Trait("Mode", "InProcess")]
    public async Task A_drip_that_never_ends_is_ended_by_the_total()
    {
        var clock = new FakeTimeProvider(DateTimeOffset.UnixEpoch.AddYears(56));
        await using var upstream = ChatSteps.Provider(async exchange =>
        {
            await exchange.StartSse();
            while (!exchange.ClientGone.IsCompleted)
            {
                await OpenAiScript.Piece(exchange, "drip ");
                await Task.WhenAny(exchange.ClientGone, Task.Delay(20));
                clock.Advance(TimeSpan.FromSeconds(1));
            }
        });
        await using var server = await TestServer.StartAsync(new TestServerOptions { Clock = clock });
        var admin = await server.RegisterAdminAsync();
        await (await admin.PatchJson("/api/settings/system", new { providerTimeoutMs = 10_000 })).Json();
        var session = await admin.NewSession(await admin.Connect(upstream));

        var answer = await admin.AskAndWait(session, "go");

        Assert.Equal("provider_total_timeout", answer.GetProperty("error").Text("code"));
        Assert.StartsWith("drip drip", answer.Text("content"));
    }

    [Fact]
    public async Task An_endless_answer_is_cut_at_two_mebibytes()
    {
        var piece = new string('x', 64 * 1024);
        await using var upstream = ChatSteps.Provider(async exchange =>
        {
            await exchange.StartSse();
            while (!exchange.ClientGone.IsCompleted)
            {
                await OpenAiScript.Piece(exchange, piece);
            }
        });
        await using var server = await TestServer.StartAsync();
        var admin = await server.RegisterAdminAsync();
        var session = await admin.NewSession(await admin.Connect(upstream));

        var answer = await admin.AskAndWait(session, "go");

        Assert.Equal("provider_too_large", answer.GetProperty("error").Text("code"));
        Assert.InRange(answer.Text("content")!.Length, 1_900_000, DeltaWriter.MaxText);
    }

    [Fact]
    [Trait("Nodes", "One")] // each server counts its readers
    public async Task A_user_holds_eight_answers_and_their_readers_plus_sixteen_and_others_notice_nothing()
    {
        var release = new TaskCompletionSource();
        await using var upstream = ChatSteps.Provider(async exchange =>
        {
            await exchange.StartSse();
            await OpenAiScript.Piece(exchange, "text");
            if (!exchange.Request.Text.Contains("other", StringComparison.Ordinal))
            {
                await release.Task;
            }

            await OpenAiScript.Finish(exchange, 1);
        });
        await using var server = await TestServer.StartAsync();
        var admin = await server.RegisterAdminAsync();
        var connection = await admin.Connect(upstream);
        var other = await server.RegisterUserAsync(admin);
        var streams = new List<SseStream>();
        long running = 0;
        for (var i = 0; i < 8; i++)
        {
            streams.Add(await admin.Ask(await admin.NewSession(connection), "mine"));
            running = (await streams[^1].ReadUntilAsync(e => e.Event == "start"))[0].AssistantId();
        }

        await (await admin.PostJson(
            "/api/chat/stream",
            new { sessionId = await admin.NewSession(connection), content = "ninth", clientMessageId = ChatSteps.NewId() }))
            .ExpectProblem(HttpStatusCode.TooManyRequests, "too_many_runs");
        for (var i = 0; i < 16; i++)
        {
            streams.Add(await admin.GetStream($"/api/chat/stream/{running}"));
        }

        await (await admin.GetAsync($"/api/chat/stream/{running}")).ExpectProblem(HttpStatusCode.TooManyRequests, "too_many_runs");
        Assert.Equal("done", (await other.AskAndWait(await other.NewSession(connection), "other")).Text("status"));

        release.SetResult();
        foreach (var stream in streams)
        {
            Assert.Equal("done", (await stream.ReadAllAsync())[^1].Event);
            await stream.DisposeAsync();
        }

        Assert.Equal("done", (await admin.AskAndWait(await admin.NewSession(connection), "other again")).Text("status"));
    }

    [Fact]
    public async Task Providers_that_say_nothing_hold_up_nobody_else()
    {
        await using var upstream = ChatSteps.Provider(exchange => exchange.Stall());
        await using var server = await TestServer.StartAsync();
        var admin = await server.RegisterAdminAsync();
        var connection = await admin.Connect(upstream);
        await UsageLimitTests.Set(admin, new { maxRunsPerUser = 0, requestsPerMinute = 0 });
        var streams = await Task.WhenAll(Enumerable.Range(0, 16 * Environment.ProcessorCount).Select(async _ =>
        {
            var stream = await admin.Ask(await admin.NewSession(connection), "go");
            await stream.ReadUntilAsync(e => e.Event == "start");
            return stream;
        }));

        var stranger = server.Client();
        for (var i = 0; i < 20; i++)
        {
            foreach (var path in new[] { "/api/health", "/api/settings/health" })
            {
                await (await stranger.GetAsync(path).WaitAsync(TimeSpan.FromSeconds(1))).Expect(HttpStatusCode.OK);
            }
        }

        foreach (var stream in streams)
        {
            await stream.DisposeAsync();
        }
    }
}
